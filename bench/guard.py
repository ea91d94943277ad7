#!/usr/bin/env python3
"""What `whorl guard` costs a program: CPU time of an echo server for a message, with and without it, side by side.

The server is pinned to one core and the load to another, the guard itself where the load is. In every round each server
runs once alone and once watched; a ratio compares the two of one round.

usage: guard.py [--build DIR] [--rounds N] [--seconds S] [--load CONNECTIONSxBYTES] [--limit RATIO]
Exits 1 if a watched server takes more than RATIO times what it takes alone.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SERVERS = {
    "epoll bare": ("bench_echo_epoll_bare", None),
    "whorl epoll": ("bench_echo_whorl", "epoll"),
    "whorl uring": ("bench_echo_whorl", "uring"),
}


def pinned_to(core):
    return lambda: os.sched_setaffinity(0, {core})


def watched(build, report):
    """The words before a command that has it watched."""
    return [os.path.join(build, "whorl"), "guard", "--output", report, "--"]


def child_of(process):
    return int(pathlib.Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()[0])


def measure(command, server, load, seconds, cores):
    """Nanoseconds of the server's CPU a message, messages a second."""
    program, back_end = server
    environment = dict(os.environ, **({"WHORL_BACKEND": back_end} if back_end else {}))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                          preexec_fn=pinned_to(cores[0])) as serving:
        try:
            port = serving.stdout.readline().decode().strip()
            if not port:
                sys.exit(f"guard.py: {program} did not start: run it by hand to see why")
            process = serving.pid
            if "guard" in command:
                process = child_of(serving.pid)
                os.sched_setaffinity(serving.pid, {cores[-1]})
            connections, size = load.split("x")
            loading = subprocess.run([os.path.join(os.path.dirname(command[-1]), "bench_echo_load"), port, str(process),
                                      connections, size, str(seconds)], stdout=subprocess.PIPE, check=True,
                                     timeout=30 + 2 * seconds, preexec_fn=pinned_to(cores[-1]))
        finally:
            serving.stdin.close()
            try:
                serving.wait(timeout=10)
            except subprocess.TimeoutExpired:
                serving.kill()
    _, _, cpu_nanoseconds, a_second = loading.stdout.split()
    return float(cpu_nanoseconds), float(a_second)


def compare(chosen, server, cores, report):
    """Prints a row; returns the ratio."""
    program = os.path.join(chosen.build, server[0])
    alone, with_guard = [], []
    for number in range(chosen.rounds):
        for prefix, into in [([], alone), (watched(chosen.build, report), with_guard)][::1 if number % 2 else -1]:
            into.append(measure([*prefix, program], server, chosen.load, chosen.seconds, cores)[0])
    ratio = statistics.median(after / before for before, after in zip(alone, with_guard))
    print(f"{statistics.median(alone) / 1000:9.3f} us {statistics.median(with_guard) / 1000:9.3f} us {ratio:8.3f}", flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("WHORL_BUILD_DIR", "build/release"))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--load", default="64x64")
    parser.add_argument("--limit", type=float, default=1.02)
    chosen = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print(f"TCP echo, {chosen.load}: CPU of the server a message, medians of {chosen.rounds} interleaved rounds of "
          f"{chosen.seconds} s; server on core {cores[0]}, load and guard on core {cores[-1]}")
    print(f"{'server':<12} {'alone':>12} {'watched':>12} {'ratio':>8}")
    worst = 0.0
    with tempfile.NamedTemporaryFile() as report:
        for name, server in SERVERS.items():
            print(f"{name:<12}", end=" ", flush=True)
            worst = max(worst, compare(chosen, server, cores, report.name))
        stalls = pathlib.Path(report.name).read_text(encoding="utf-8").count("is held up")
    print(f"the last one was reported to be held up {stalls} times")
    return 1 if worst > chosen.limit else 0


if __name__ == "__main__":
    sys.exit(main())
