#!/usr/bin/env python3
"""What the guard costs: CPU time of whorl's TCP echo server for a message, without and with it, in interleaved rounds.

    unrecorded   a whorl that was compiled to keep no record of what its loops run
    recorded     as everybody has it: heartbeat, names and times of callbacks
    watched      that, and a stall_watch
    strict       that, and strict_mode instead: every system call of a callback is trapped

The server is pinned to one core and the load to another. In every round each server meets the load once; a ratio compares
two servers of one round, and the least of a server's times is the one that was disturbed least.

usage: record.py [--build DIR] [--rounds N] [--seconds S] [--load CONNECTIONSxBYTES] [--limit RATIO]
Exits 1 if "watched" takes more than RATIO times what "unrecorded" does on a back end.
"""

import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echo  # noqa: E402

WITHOUT = "unrecorded"
COMMANDS = {
    WITHOUT: ["bench_echo_unrecorded"],
    "recorded": ["bench_echo_whorl"],
    "watched": ["bench_echo_whorl", "watch"],
    "strict": ["bench_echo_whorl", "strict"],
}


def compare(chosen, back_end, cores):
    """Prints the rows of one back end; returns the median ratio of "watched" to "unrecorded"."""
    seen = {name: [] for name in COMMANDS}
    for number in range(chosen.rounds):
        names = list(COMMANDS)
        for name in names if number % 2 == 0 else reversed(names):
            server = (COMMANDS[name], back_end)
            seen[name].append(echo.measure(chosen.build, server, chosen.load, chosen.seconds, cores)[0])
    ratios = {}
    for name, times in seen.items():
        ratios[name] = statistics.median(mine / without for mine, without in zip(times, seen[WITHOUT]))
        least = min(times) / min(seen[WITHOUT])
        print(f"{back_end:<6} {name:<11} {statistics.median(times):8.0f} ns {ratios[name]:8.4f} {min(times):8.0f} ns "
              f"{least:8.4f}", flush=True)
    return ratios["watched"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("WHORL_BUILD_DIR", "build/release"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--load", default="64x64")
    parser.add_argument("--limit", type=float, default=1.01)
    chosen = parser.parse_args()

    cores = sorted(os.sched_getaffinity(0))
    print(f"TCP echo at {chosen.load}, {chosen.rounds} interleaved rounds of {chosen.seconds} s; server on core {cores[0]}, "
          f"load on core {cores[-1]}")
    print(f"{'':<6} {'':<11} {'median':>11} {'to without':>10} {'least':>9} {'to without':>12}")
    too_slow = [back_end for back_end in ("epoll", "uring") if compare(chosen, back_end, cores) > chosen.limit]
    for back_end in too_slow:
        print(f"with {back_end} the guard takes more than {chosen.limit} times the CPU time without it")
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
