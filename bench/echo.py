#!/usr/bin/env python3
"""TCP echo on whorl beside bare loops in C: CPU time of the server for a message, in interleaved rounds.

The server is pinned to one core and the load to another. In every round each server meets each load once, so that
whatever slows the machine down slows all of them; a ratio compares two servers of one round.

usage: echo.py [--build DIR] [--rounds N] [--seconds S] [--load CONNECTIONSxBYTES ...] [--limit RATIO]
Exits 1 if whorl takes more than RATIO times the bare epoll loop's time at 64 connections with 64 bytes.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys

BARE = "epoll bare"
SERVERS = {  # a command, and the back end that it is told to use
    BARE: (["bench_echo_epoll_bare"], None),
    "whorl epoll": (["bench_echo_whorl"], "epoll"),
    "uring bare": (["bench_echo_uring_bare"], None),
    "whorl uring": (["bench_echo_whorl"], "uring"),
}
GATED = ("64x64", ("whorl epoll", "whorl uring"))


def pinned_to(core):
    return lambda: os.sched_setaffinity(0, {core})


def measure(build, server, load, seconds, cores):
    """Nanoseconds of the server's CPU a message, messages a second."""
    (program, *arguments), back_end = server
    environment = dict(os.environ, **({"WHORL_BACKEND": back_end} if back_end else {}))
    connections, size = load.split("x")
    with subprocess.Popen([os.path.join(build, program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=environment, preexec_fn=pinned_to(cores[0])) as serving:
        try:
            port = serving.stdout.readline().decode().strip()
            if not port:
                sys.exit(f"echo.py: {program} did not start: run it by hand to see why")
            command = [os.path.join(build, "bench_echo_load"), port, str(serving.pid), connections, size, str(seconds)]
            loading = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=30 + 2 * seconds,
                                     preexec_fn=pinned_to(cores[-1]))
        finally:
            serving.stdin.close()
            try:
                serving.wait(timeout=10)
            except subprocess.TimeoutExpired:
                serving.kill()
    _, _, cpu_nanoseconds, a_second = loading.stdout.split()
    return float(cpu_nanoseconds), float(a_second)


def compare(build, load, rounds, seconds, cores):
    """Prints the rows of one load; returns {server: median ratio to the bare epoll loop}."""
    seen = {server: [] for server in SERVERS}
    for _ in range(rounds):
        for server in SERVERS:
            seen[server].append(measure(build, SERVERS[server], load, seconds, cores))
    ratios = {}
    for server, rows in seen.items():
        ratios[server] = statistics.median(row[0] / bare[0] for row, bare in zip(rows, seen[BARE]))
        cpu = statistics.median(row[0] for row in rows) / 1000
        a_second = statistics.median(row[1] for row in rows)
        print(f"{load:>10}  {server:<12} {cpu:8.2f} us {a_second:11.0f}/s {ratios[server]:7.3f}", flush=True)
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("WHORL_BUILD_DIR", "build/release"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--load", nargs="+", default=["64x64", "1024x64", "64x16384"])
    parser.add_argument("--limit", type=float, default=1.15)
    chosen = parser.parse_args()

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cores = sorted(os.sched_getaffinity(0))
    print(f"TCP echo, medians of {chosen.rounds} interleaved rounds of {chosen.seconds} s; server on core {cores[0]}, "
          f"load on core {cores[-1]}")
    print(f"{'load':>10}  {'server':<12} {'CPU a message':>11} {'messages':>11} {'to bare epoll':>14}")
    too_slow = []
    for load in chosen.load:
        ratios = compare(chosen.build, load, chosen.rounds, chosen.seconds, cores)
        if load == GATED[0]:
            too_slow = [server for server in GATED[1] if ratios[server] > chosen.limit]
    for server in too_slow:
        print(f"{server} takes more than {chosen.limit} times the bare epoll loop's time at {GATED[0]}")
    return 1 if too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
