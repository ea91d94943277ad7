#!/usr/bin/env python3
"""Prints what Clang's real-time sanitizer found, each distinct stack once.

usage: realtime_findings.py FOLDER      a file a process, as its log_path writes them; exits 1 if there is any finding
"""

import collections
import pathlib
import re
import sys

WHAT_TO_DO = """
Each is a call that may wait, in a callback of a loop, which holds up everything else there. Do one of these:
  - move it: defer_to(pool, ...), a timer, a stream, or what `whorl explain FUNCTION` tells to use instead;
  - where the program knows that it is short: const permit_blocking because("..."); around it (whorl/guard/permit_blocking.h);
  - where it cannot wait at all: a line in cmake/rtsan.supp with the reason, as narrow as can be."""


def findings(text):
    """(the function that was called, its stack without addresses) of each report."""
    for report in re.split(r"^==\d+==ERROR: RealtimeSanitizer", text, flags=re.MULTILINE)[1:]:
        called = re.search(r"function `([^`]*)`", report)
        frames = re.findall(r"^ *#\d+ 0x[0-9a-f]+ (?:in )?(.*)$", report, flags=re.MULTILINE)
        yield (called.group(1) if called else "?", tuple(re.sub(r" \(BuildId: \w+\)$", "", frame) for frame in frames))


def collect(folder):
    seen = collections.Counter()
    for path in sorted(pathlib.Path(folder).glob("*")):
        seen.update(findings(path.read_text(encoding="utf-8", errors="replace")))
    return seen


def report(seen):
    for (called, frames), processes in sorted(seen.items()):
        yield f"\n{called}, in {processes} process{'es' if processes > 1 else ''}"
        yield from (f"    {frame}" for frame in frames)
    by_call = collections.Counter(called for called, _ in seen)
    yield "\ndistinct stacks: " + ", ".join(f"{called} {stacks}" for called, stacks in by_call.most_common())
    yield WHAT_TO_DO


def main():
    seen = collect(sys.argv[1])
    print("\n".join(report(seen)) if seen else "no call that may wait was found in a callback")
    sys.exit(1 if seen else 0)


if __name__ == "__main__":
    main()
