#!/usr/bin/env python3
"""Checks that every rule of the engine's behaviour in PINNED is pinned: a test carries its number, S07, in its name.

Where C++ makes a rule meaningless, it stands in MEANINGLESS with the reason; then no test may carry its number.
usage: check_rules.py [ROOT]       prints what is missing and what to do; exits 1 if anything is
"""

import pathlib
import re
import sys

PINNED = [*range(1, 68), *range(98, 110), 120]  # deferreds, time, threads; child processes; transactions
MEANINGLESS = {}  # number: why no program in C++ can break or keep it

TEST_NAME = re.compile(r"^TEST(?:_[FP])?\(\w+,\s*S(\d+)[a-z]?_\w+\)", re.MULTILINE)
COMPILE_TEST = re.compile(r"^S(\d+)_")


def pinned(root):
    """The numbers that names of tests carry."""
    numbers = set()
    for path in sorted(root.glob("src/*/*_test.cpp")) + sorted(root.glob("src/*/*.h")):
        numbers |= {int(number) for number in TEST_NAME.findall(path.read_text(encoding="utf-8"))}
    for path in (root / "tests/compile").glob("*.cpp"):
        if match := COMPILE_TEST.match(path.name):
            numbers.add(int(match[1]))
    return numbers


def faults(found, wanted=None, meaningless=None):
    """What is wrong when these numbers have tests, a line each."""
    meaningless = MEANINGLESS if meaningless is None else meaningless
    for number in PINNED if wanted is None else wanted:
        if number not in found and number not in meaningless:
            yield (f"S{number}: no test carries its number: write TEST(..., S{number:02}_...), "
                   "or say in MEANINGLESS why none can")
        elif number in found and number in meaningless:
            yield f"S{number}: has a test, and is said to be meaningless: {meaningless[number]}"


def main():
    wrong = list(faults(pinned(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))))
    if wrong:
        print("\n".join(wrong))
        sys.exit(1)
    print(f"rules: {len(PINNED)} are pinned, up to S{PINNED[-1]}")


if __name__ == "__main__":
    main()
