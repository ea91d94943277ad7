#!/usr/bin/env python3
"""Checks what a repository should not hold: paths of the machine it was written on, loose ends, stray white space,
huge files, headers that do not say what they are.

usage: check_hygiene.py [ROOT]      prints file:line, what is wrong and what to do; exits 1 if anything is
"""

import pathlib
import re
import subprocess
import sys

LARGEST_BYTES = 1_000_000
SOURCE = (".h", ".cpp", ".c")
PROSE_OR_CODE = SOURCE + (".py", ".sh", ".cmake", ".txt", ".md", ".json", ".yml", ".in", ".html", ".css", ".js", "")


def line_rules(root):
    """(pattern, what is wrong and what to do, the kinds of file it holds for)"""
    # Written in pieces, so that this file passes its own check.
    # A checkout right below / or /tmp says nothing about a path: those stand in every program.
    parent = root.resolve().parent.as_posix().rstrip("/")
    own = [re.escape(parent + "/")] if parent not in ("", "/tmp") else []
    here = "|".join([*own, "/ho" + r"me/\w", "/ro" + "ot/"])
    loose_ends = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"])
    return [
        (rf"(?<![\w./-])({here})", "a path of one machine; use one relative to the repository", PROSE_OR_CODE),
        (rf"\b({loose_ends})\b", "a loose end; do it, or open an issue and say nothing here", PROSE_OR_CODE),
        (r"^(<<<<<<<|>>>>>>>) ", "a merge was left half done; finish it", PROSE_OR_CODE),
        (r"[ \t]+$", "white space at the end of a line; remove it", PROSE_OR_CODE),
        (r"\r", "a carriage return; lines end with a line feed alone", PROSE_OR_CODE),
        (r"\t", "a tab; indent with spaces", SOURCE + (".py", ".cmake")),
        (r"^\s*//\s*[-=*#]{4,}", "a banner; let a blank line and a sentence do", SOURCE),
        (r"^\s*using namespace std;", "`using namespace std`; name what you use", SOURCE),
    ]


def check_header(name, text):
    if not text.startswith("// "):
        yield f"{name}:1: a public header opens with a sentence that says what the thing is; write it."
    if "#pragma once" not in text:
        yield f"{name}:1: the header has no #pragma once; add it after the opening comment."


def check_file(root, name, rules):
    path = root / name
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        yield f"{name}:1: {size} bytes; keep large data out of the repository, or make it when it is needed."
        return
    if path.suffix not in PROSE_OR_CODE or name == "LICENSE":
        return
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return
    for pattern, fault, kinds in rules:
        if path.suffix in kinds:
            for match in re.finditer(pattern, text, re.MULTILINE):
                yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {fault}."
    if text and not text.endswith("\n"):
        yield f"{name}:{text.count(chr(10)) + 1}: the last line has no end; add a line feed."
    if name.startswith("include/") and path.suffix == ".h":
        yield from check_header(name, text)


def check(root, names):
    rules = line_rules(root)
    for name in names:
        if (root / name).is_file() and not (root / name).is_symlink():
            yield from check_file(root, name, rules)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True, check=True)
    faults = list(check(root, filter(None, listed.stdout.split("\0"))))
    print("\n".join(faults) if faults else "hygiene: nothing to tidy")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
