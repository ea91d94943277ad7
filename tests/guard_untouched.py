#!/usr/bin/env python3
"""What runs under `whorl guard` does not notice: its environment, descriptors and output are what they would be without, and so
are those of what it executes; where it executes another program in its own place, that is watched too. And loops that are
easily taken for something else: one after another, or one that waits in several places."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from guarded import BINARY, compiled, need, run  # noqa: E402

SOURCE = pathlib.Path(__file__).parent / "programs" / "places.c"
SHOWS = "import os, subprocess, sys; print(sorted(os.environ.items())); print(sorted(os.listdir('/proc/self/fd')), flush=True); " \
    "subprocess.run(['env'], check=True)"


def lines_of(done):
    return [line for line in done.stdout.split("\n") if not line.startswith("_=")], done.stderr, done.returncode


def check_environment(folder):
    command = ["/usr/bin/python3", "-c", SHOWS]
    environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": "libpthread.so.0"}
    bare = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    outputs = [f"--{name}={os.path.join(folder, name)}" for name in ("output", "html", "folded")]
    seen = subprocess.run([BINARY, "guard", *outputs, "--", *command], env=environment, capture_output=True, text=True, timeout=30,
                          check=True)
    assert lines_of(bare) == lines_of(seen), (bare, seen)
    print("environment and descriptors: the program's own, its children's too")


def check_executed(program):
    """env makes a new environment and executes in its own place."""
    for command in (("/usr/bin/env", "-i", program, "sleeps"), ("/bin/sh", "-c", f"unset LD_PRELOAD; exec {program} sleeps")):
        seen = run(*command)
        assert seen.status == 0 and [each["call"] for each in seen.causes()] == ["nanosleep"], (command, seen.causes(), seen.errors)
    print("executed in its own place: it is watched, with an empty environment too")


def check_closed(program, folder):
    report = os.path.join(folder, "report")
    for number in (0, 1, 2):
        done = subprocess.run(["/bin/sh", "-c", f'exec "$0" guard --format json --output {report} -- {program} sleeps {number}>&-',
                               BINARY], capture_output=True, text=True, timeout=30, check=False)
        lines = [json.loads(line) for line in pathlib.Path(report).read_text(encoding="utf-8").splitlines()]
        assert done.returncode == 0 and lines[-1]["loops"] and not done.stdout and not done.stderr, (number, done, lines)
    print("closed descriptors: their numbers are nobody's")


def check_places(program):
    for which, turns in (("again", 4), ("alternates", 10)):
        seen = run(program, which)
        assert seen.status == 0 and not seen.stalls and not seen.summary["blocking_calls"], (which, seen.summary)
        [loop] = seen.summary["loops"]
        assert loop["turns"] >= turns and loop["turns_over_limit"] == 0 and loop["ms_longest"] < 50, (which, loop)
    print("loops one after another, and in several places of the code: nothing is told of their sleep")


def check_lost_report(program):
    done = subprocess.run([BINARY, "guard", "--output", "/dev/full", "--", program, "sleeps"], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 0 and "/dev/full" in done.stderr and "not complete" in done.stderr, done
    print("a report that cannot be written: it is said, the exit status is the program's")


def check_usage():
    def said(*arguments):
        done = subprocess.run([BINARY, "guard", *arguments], capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr

    assert said("--output", "/dev/null", "/bin/echo", "-n", "--policy")[:2] == (0, "--policy")
    status, _, errors = said("--fromat", "json", "--", "true")
    assert status == 2 and "--fromat" in errors, errors
    status, _, errors = said("--policy", "none", "--", "true")
    assert status == 2 and "{report,abort}" in errors, errors
    print("usage: options behind the program are the program's, misspelt ones are named")


def main():
    need("/usr/bin/python3")
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(SOURCE, folder)
        check_environment(folder)
        check_executed(program)
        check_closed(program, folder)
        check_places(program)
        check_lost_report(program)
    check_usage()


main()
