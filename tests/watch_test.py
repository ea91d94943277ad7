#!/usr/bin/env python3
# unguarded: it provokes reports
"""scripts/watch_test.sh fails a test for every kind of report, whatever becomes of the log, and for nothing else.

usage: watch_test.py      needs WHORL_BUILD_DIR and WHORL_SOURCE_DIR in the environment
"""

import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(os.environ["WHORL_BUILD_DIR"]) / "calls_test"
WATCH = pathlib.Path(os.environ["WHORL_SOURCE_DIR"]) / "scripts/watch_test.sh"
REPORTED = {
    "Waits": "call=usleep",
    "Computes": "the loop is held up",
    "ChangesTheProcessBesideAThread": "the working directory changed beside other threads",
}


def run(test, *before, guarded=True):
    """Its exit status, and what is written to standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHORL_GUARD")}
    if guarded:
        environment["WHORL_GUARDED"] = "1"
    done = subprocess.run([WATCH, *before, TESTS, "--gtest_also_run_disabled_tests", f"--gtest_filter=Watched.DISABLED_{test}"],
                          env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "[  PASSED  ] 1 test." in done.stdout or before, (test, done.stdout, done.stderr)
    return done.returncode, done.stderr


def main():
    if not TESTS.exists():
        print("skipped: there is no calls_test: builds with sanitizers leave it out")
        sys.exit(77)
    for test in ("DoesNotWait", "WaitsWithPermission"):
        assert run(test) == (0, ""), (test, run(test))
    for test, told in REPORTED.items():
        status, errors = run(test)
        assert status == 1 and told in errors and "call_watch_test.cpp:" in errors, (test, status, errors)
        assert run(test, guarded=False) == (0, ""), test
    status, errors = run("Waits", "sh", "-c", '"$@" >/dev/null 2>&1', "sh")
    assert status == 1 and "calls_test (" in errors and "call=usleep" in errors, (status, errors)
    assert run("DoesNotWait", "sh", "-c", "exit 3")[0] == 3
    print(f"each of {len(REPORTED)} kinds of report fails a test, also in a program that it starts")


main()
