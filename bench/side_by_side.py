#!/usr/bin/env python3
"""Runs a benchmark whose names are operation/contestant and prints one table: a row an operation, a column a contestant.

Repetitions of all of them are interleaved, so that whatever slows the machine down slows all; the median is told, of CPU
time where the benchmark did not choose otherwise. The counter "allocations" is shown in brackets.

usage: side_by_side.py PROGRAM [--also SCRIPT] [--rounds N] [--seconds S] [--against CONTESTANT] [--limit RATIO]
  --also     a program that prints {"operation": nanoseconds, ...}; its column is named after its last "_" word
  --against  tell the ratio of whorl to this contestant; without it, to the fastest of the others
Exits 1 if a ratio is above the limit, or if whorl allocates.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys


def run_program(program, rounds, seconds):
    """{operation: {contestant: (nanoseconds, allocations)}}"""
    command = [program, "--benchmark_format=json", f"--benchmark_repetitions={rounds}", f"--benchmark_min_time={seconds}",
               "--benchmark_enable_random_interleaving=true"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=3600)
    times, allocations = collections.defaultdict(list), {}
    for each in json.loads(done.stdout)["benchmarks"]:
        if each["run_type"] != "iteration":
            continue
        operation, contestant, *how = each["name"].split("/")
        times[operation, contestant].append(each["real_time" if "manual_time" in how else "cpu_time"])
        allocations[operation, contestant] = each.get("allocations")
    table = collections.OrderedDict()
    for (operation, contestant), seen in sorted(times.items()):
        table.setdefault(operation, {})[contestant] = (statistics.median(seen), allocations[operation, contestant])
    return table


def add_script(table, script):
    done = subprocess.run([script], stdout=subprocess.PIPE, check=True, timeout=600)
    contestant = os.path.splitext(os.path.basename(script))[0].split("_")[-1]
    for operation, nanoseconds in json.loads(done.stdout).items():
        table[operation][contestant] = (nanoseconds, None)


def judge(row, against):
    """The ratio of whorl to the contestant that it is measured against, and its name."""
    others = {name: seen[0] for name, seen in row.items() if name != "whorl"}
    name = against or min(others, key=others.get)
    return row["whorl"][0] / others[name], name


def text_of(seen):
    if seen is None:
        return "-"
    nanoseconds, allocations = seen
    return f"{nanoseconds:,.1f}" + ("" if allocations is None else f" ({allocations:g})")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("--also")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--against")
    parser.add_argument("--limit", type=float)
    asked = parser.parse_args()

    table = run_program(asked.program, asked.rounds, asked.seconds)
    if asked.also:
        add_script(table, asked.also)
    contestants = ["whorl"] + sorted({name for row in table.values() for name in row} - {"whorl"})
    print(f"ns an operation, median of {asked.rounds} interleaved rounds (general-purpose allocations); "
          f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'':18}" + "".join(f"{name:>18}" for name in contestants) + "   whorl is")
    failed = False
    for operation, row in table.items():
        ratio, name = judge(row, asked.against)
        missed = (asked.limit is not None and ratio > asked.limit) or bool(row["whorl"][1])
        failed |= missed
        print(f"{operation:18}" + "".join(f"{text_of(row.get(each)):>18}" for each in contestants)
              + f"   {ratio:.2f} of {name}" + (" MISSED" if missed else ""), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
