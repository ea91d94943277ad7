#!/usr/bin/env python3
"""Compiles one file of tests/compile/ and judges the outcome by the comment lines at its top.

    // error: <fragment>           it must not compile, and what the compiler says must contain the fragment;
                                   several such lines: it must contain each
    // error (clang): <fragment>   the same, for one compiler only (clang or gcc); with the other the test is skipped
                                   unless a line without a compiler's name is there too
    // compiles                    it must compile without a warning

usage: judge_compile.py FILE -- COMPILER FLAG...
"""

import re
import subprocess
import sys

SKIPPED = 77
EXPECTATION = re.compile(r"^// error(?: \((clang|gcc)\))?: (.+)$", re.MULTILINE)


def judge(source, said, compiled, compiler):
    """Returns (exit status, what to print)."""
    expected = EXPECTATION.findall(source)
    if re.search(r"^// compiles$", source, re.MULTILINE):
        if expected:
            return 1, "says both '// compiles' and '// error:'; keep one"
        return (0, "compiles, as it must") if compiled and not said else (1, f"must compile without a word, but:\n{said}")
    if not expected:
        return 1, "has neither a '// error: <fragment>' line nor '// compiles'; add one that says what must happen"
    fragments = [fragment.strip() for name, fragment in expected if name in ("", compiler)]
    if not fragments:
        return SKIPPED, f"says nothing about {compiler}"
    if compiled:
        return 1, "compiles, and must not"
    one_line = " ".join(said.split())
    missing = [fragment for fragment in fragments if " ".join(fragment.split()) not in one_line]
    if missing:
        return 1, "is refused, but the message lacks:\n  " + "\n  ".join(missing) + f"\nThe compiler said:\n{said}"
    return 0, "is refused with the sentence it must be refused with"


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit(__doc__)
    path, command = sys.argv[1], sys.argv[3:]
    compiler = "clang" if "clang" in command[0] else "gcc"
    with open(path, encoding="utf-8") as file:
        source = file.read()
    run = subprocess.run([*command, "-fsyntax-only", path], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    status, verdict = judge(source, run.stdout + run.stderr, run.returncode == 0, compiler)
    print(f"{path}: {verdict}")
    sys.exit(status)


if __name__ == "__main__":
    main()
