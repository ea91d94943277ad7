#!/usr/bin/env python3
"""How long a file with the headers of deferreds and the reactor and three coroutines takes to compile at -O2, beside a
file of nothing but the standard headers that it needs: CPU time, the least of several rounds.

usage: compile_time.py [--compiler PROGRAM] [--rounds N] [--limit SECONDS]
Exits 1 above the limit.
"""

import argparse
import os
import pathlib
import re
import resource
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent / "include"


def command_of(compiler, name):
    return [compiler, "-std=c++2b", "-O2", f"-I{INCLUDE}", "-c", str(HERE / "compile_time" / name), "-o", os.devnull]


def seconds(command):
    """CPU time of the command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def parts(compiler, name):
    """What -ftime-report says: {part: seconds of CPU time}."""
    report = subprocess.run(command_of(compiler, name) + ["-ftime-report"], stderr=subprocess.PIPE, check=True, timeout=300,
                            text=True).stderr
    told = {}
    for part, meaning in (("Clang front-end timer", "front end"), ("LLVM IR Generation Time", "its part for IR"),
                          ("Optimizer", "optimizer"), ("Machine Code Generation Time", "machine code")):
        found = re.findall(r"([\d.]+) \(\s*[\d.]+%\)\s+[\d.]+ \(\s*[\d.]+%\)\s+" + re.escape(part) + r"\s*$", report, re.M)
        if found:
            told[meaning] = float(found[-1])
    return told


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--compiler", default="clang++-19")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=float, default=1.5)
    asked = parser.parse_args()
    least = {}
    for _ in range(asked.rounds):
        for name in ("three_coroutines.cpp", "standard_headers.cpp"):
            least[name] = min(least.get(name, 1e9), seconds(command_of(asked.compiler, name)))
    took = least["three_coroutines.cpp"]
    print(f"three coroutines: {took:.2f} s, of it the standard headers {least['standard_headers.cpp']:.2f} s; "
          f"limit {asked.limit} s; load average {os.getloadavg()[0]:.1f}")
    print("; ".join(f"{part} {spent:.2f} s" for part, spent in parts(asked.compiler, "three_coroutines.cpp").items()))
    return 1 if took > asked.limit else 0


if __name__ == "__main__":
    sys.exit(main())
