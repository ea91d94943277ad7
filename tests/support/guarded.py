"""Runs a program under `whorl guard --format json` and reads what it reported."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BINARY = os.environ["WHORL_BINARY"]
SKIPPED = 77


def need(*programs):
    """Skips the test where the library that is preloaded was not built, or one of these programs is not installed."""
    if not (pathlib.Path(BINARY).parent / "libwhorl_guard.so").exists():
        skip("there is no libwhorl_guard.so: builds with sanitizers leave it out")
    for program in programs:
        if shutil.which(program) is None:
            skip(f"{program} is not installed; scripts/packages.txt has its package")


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


class Guarded:
    """A program that runs under the guard. wait() ends it, and then stalls, summary, output and status are there."""

    def __init__(self, *command, threshold="50ms", options=(), environment=None, **popen):
        self._report = tempfile.NamedTemporaryFile("r", suffix=".json")
        self.process = subprocess.Popen(
            [BINARY, "guard", "--threshold", threshold, "--format", "json", "--output", self._report.name, *options, "--",
             *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
            env=dict(os.environ, **(environment or {})), **popen)

    def wait(self, timeout=30):
        try:
            self.output, self.errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output, self.errors = self.process.communicate()
            raise AssertionError(f"it did not end: {self.output} {self.errors}") from None
        self.status = self.process.returncode
        lines = [json.loads(line) for line in self._report]
        self.stalls = [line for line in lines if line["kind"] == "stall"]
        self.summary = next((line for line in lines if line["kind"] == "summary"), None)
        assert self.summary, (self.output, self.errors)
        return self

    def causes(self):
        return self.summary["stalls"]

    def cause_with(self, text):
        """The cause whose call, or one of whose functions, has this in its name."""
        for cause in self.causes():
            names = [cause["call"] or ""] + [each["function"] for each in cause["stack"] + cause["python_stack"]]
            if any(text in name for name in names):
                return cause
        raise AssertionError(f"nothing about {text} in {json.dumps(self.causes(), indent=1)}\n{self.errors}")


def run(*command, **options):
    return Guarded(*command, **options).wait()


def told(what, cause):
    """What was caught, for whoever reads the output of the test."""
    place = (cause["python_stack"] or cause["stack"] or [{"function": "?", "line": None}])[0]
    print(f"  {what}: {cause['doing']}; call {cause['call']}, {place['function']} line {place['line']}, "
          f"{cause['ms_longest']:.0f} ms, {cause['count']} times")


def compiled(source, folder, *arguments):
    """A program in C, built as anybody builds one."""
    compiler = next(path for path in map(shutil.which, ("clang-19", "cc", "gcc")) if path)
    program = os.path.join(folder, pathlib.Path(source).stem)
    subprocess.run([compiler, "-g", "-pthread", "-o", program, str(source), *arguments], check=True)
    return program
