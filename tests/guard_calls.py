#!/usr/bin/env python3
# ctest serial
"""`whorl guard` on calls that wait in a turn, too shortly to be a stall: each is told of once, with the line that makes it and
what to use instead; of the same calls where they need not wait, nothing is."""

import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from guarded import compiled, need, run  # noqa: E402

SOURCE = pathlib.Path(__file__).parent / "programs" / "waits.c"
TOLD = {"connect", "accept", "flock", "fcntl", "sem_wait", "pthread_join", "poll", "epoll_wait", "select", "msgrcv", "semop",
        "usleep", "mq_receive", "getaddrinfo", "waitpid", "pclose"}
NOT_LONG = {"connect", "usleep", "getaddrinfo"}  # and told of all the same


def in_turns(program, which):
    seen = run(program, which, threshold="200ms")
    assert seen.status == 0 and not seen.errors, (seen.status, seen.errors)
    return seen.summary["blocking_calls"], seen.output


def check_waiting(program):
    calls, output = in_turns(program, "waiting")
    lines = SOURCE.read_text(encoding="utf-8").split("\n")
    expected = TOLD - {name for name in TOLD if f"{name}: no" in output}
    took = int(re.search(r"fsync: (\d+) us", output).group(1))
    if took > 1500:
        expected.add("fsync")
    found = {each["call"] for each in calls} - ({"fsync"} if 500 < took <= 1500 else set())
    assert found == expected and len(calls) == len({each["call"] for each in calls}), (found ^ expected, output)
    for each in calls:
        name = each["call"]
        frame = next(frame for frame in each["stack"] if frame["file"] and frame["file"].endswith("waits.c"))
        assert f"{name}(" in lines[frame["line"] - 1], (name, frame)
        assert {f"test_{name}", "main"} <= {frame["function"] for frame in each["stack"]}, each
        assert each["count"] == 1 and each["instead"] and each["asleep"], each
        assert each["ms"] >= 10 or name in NOT_LONG or name == "fsync", each
        print(f"  {name}: {frame['function']} line {frame['line']}, {each['ms']:.1f} ms; instead {each['instead']}")
    print(f"waiting: {len(calls)} calls are told of")


def check_at_once(program):
    calls, _ = in_turns(program, "at-once")
    assert not calls, calls
    print("at once: nothing is told")


def check_shortly(program):
    calls, _ = in_turns(program, "shortly")
    assert not calls, calls
    print("reads and conditions: told of where they last, as stalls")


def main():
    need()
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(SOURCE, folder)
        check_waiting(program)
        check_at_once(program)
        check_shortly(program)


main()
