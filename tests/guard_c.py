#!/usr/bin/env python3
# ctest serial
"""`whorl guard` on loops in C: libuv, libevent and poll with callbacks that sleep or compute, a child that is forked before it
has a loop, a loop for each of thousands of threads and children, one in a container, callbacks that were inlined, and a
program that is well and of which nothing must be said. The programs are built here, as anybody builds them."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from guarded import BINARY, Guarded, need, run, told  # noqa: E402

SOURCE = pathlib.Path(__file__).parent / "programs" / "loops.c"
LIBRARIES = {"uv": ("uv.h", "-luv"), "event": ("event2/event.h", "-levent_core")}


def build(folder):
    """The program, with those of the libraries that have their headers here."""
    there = {name: library for name, (header, library) in LIBRARIES.items() if pathlib.Path("/usr/include", header).exists()}
    compiler = next(path for path in map(shutil.which, ("clang-19", "cc", "gcc")) if path)
    program = os.path.join(folder, "loops")
    subprocess.run([compiler, "-g", "-pthread", "-o", program, str(SOURCE), *[f"-DWITH_{name.upper()}" for name in there],
                    *there.values()], check=True)
    return program, [*there, "poll"]


def check_stalls(program, which):
    seen = run(program, which)
    assert seen.status == 0 and not seen.output and not seen.errors, (seen.status, seen.output, seen.errors)
    print(which)
    asleep = seen.cause_with("usleep")
    told("usleep", asleep)
    assert asleep["asleep"] and asleep["call"] == "usleep" and "call_later" in asleep["instead"], asleep
    assert asleep["ms_longest"] >= 190, asleep
    computing = next(each for each in seen.causes() if not each["asleep"])
    told("computing", computing)
    assert computing["call"] is None and any(
        frame["file"] and frame["file"].endswith("loops.c") and frame["line"] for frame in computing["stack"]), computing
    assert len(seen.causes()) == 2 and seen.summary["count"] == 2, seen.causes()
    assert {loop["waits_in"] for loop in seen.summary["loops"]} == {"poll" if which == "poll" else "epoll_wait"}
    assert seen.summary["loops"][0]["turns_over_limit"] >= 1


def check_healthy(program):
    seen = run(program, "healthy")
    assert seen.status == 7 and not seen.stalls and not seen.causes(), (seen.status, seen.causes())
    assert len(seen.summary["loops"]) == 2, seen.summary["loops"]
    assert not seen.summary["blocking_calls"] and not seen.summary["process_state"], seen.summary
    print("healthy: nothing is reported, its exit status is its own")


def check_forked(program):
    seen = run(program, "forked")
    assert seen.status == 0 and [each["call"] for each in seen.causes()] == ["usleep"], seen.causes()
    print("forked: the child's loop is watched")


def check_clients(program, which, count):
    seen = run(program, which)
    assert seen.status == 0 and [each["call"] for each in seen.causes()] == ["usleep"], seen.causes()
    loops = seen.summary["loops"]
    assert sum(each["loops"] for each in loops) == count and seen.summary["loops_not_watched"] == 0, seen.summary
    assert seen.summary["turns"] == 2 * count and len(loops) <= 128, (seen.summary["turns"], len(loops))
    print(f"{which}: {count} loops come and go, and are told in {len(loops)} lines; the last one's stall is seen")


def check_inlined(folder):
    """What an optimising compiler puts into main() is told as the function it was, with its own line."""
    program = os.path.join(folder, "inlined")
    compiler = next(path for path in map(shutil.which, ("clang++-19", "c++", "g++")) if path)
    subprocess.run([compiler, "-g", "-O2", "-std=c++20", "-pthread", "-o", program, str(SOURCE.parent / "inlined.cpp")], check=True)
    seen = run(program)
    assert seen.status == 0, (seen.status, seen.errors)
    for call, function, text in (("pthread_mutex_lock", "add_to_total", "lock(total_lock);  // add"), ("nanosleep", "rest", "sleep_for")):
        cause = next(each for each in seen.causes() if each["call"] == call)
        frame = next(each for each in cause["stack"] if each["file"] and each["file"].endswith("inlined.cpp"))
        line = (SOURCE.parent / "inlined.cpp").read_text(encoding="utf-8").splitlines()[frame["line"] - 1]
        assert frame["function"] == function and text in line, (frame, line)
    print("inlined: functions that main() swallowed have their frames and lines")


def check_contained(program):
    seen = run(program, "contained")
    if seen.status == 77:
        print("contained: not checked, this user may not make a PID namespace")
        return
    assert seen.status == 0 and not seen.stalls and not seen.causes(), (seen.status, seen.causes())
    assert len(seen.summary["loops"]) == 1 and seen.summary["loops_not_watched"] == 2, seen.summary
    print("contained: loops that have other numbers outside are not watched, and disturb none that are")


def check_policy_and_ends(program):
    aborted = run(program, "poll", options=["--policy", "abort"])
    assert aborted.status == -signal.SIGABRT and len(aborted.causes()) == 1, (aborted.status, aborted.causes())
    killed = Guarded(sys.executable, "-c", "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); "
                     "print('ready', flush=True); signal.pause()")
    assert killed.process.stdout.readline() == "ready\n"
    killed.process.send_signal(signal.SIGTERM)
    assert killed.wait().status == 5, killed.status
    assert run("/bin/sh", "-c", "kill -SEGV $$").status == -signal.SIGSEGV
    echoed = run("/bin/echo", "guard", "--", "serve", "--policy")
    assert (echoed.status, echoed.output, echoed.errors) == (0, "guard -- serve --policy\n", ""), echoed.output
    print("ends: aborted by policy; signals are handed on; exit status and signals are the program's")


def check_nobody_reads(program):
    with tempfile.TemporaryDirectory() as folder:
        done = os.path.join(folder, "done")
        reading, writing = os.pipe()
        os.close(reading)
        with subprocess.Popen([BINARY, "guard", "--", "/bin/sh", "-c", f"{program} poll && echo > {done}"], stdout=writing,
                              stderr=writing) as guarded:
            os.close(writing)
            guarded.wait(timeout=30)
        assert os.path.exists(done), "the program ended with the reader of its report"
    print("nobody reads the report: the program goes on")


def check_awkward_folder(program):
    with tempfile.TemporaryDirectory(prefix="a folder: ") as folder:
        for name in (BINARY, os.path.join(os.path.dirname(BINARY), "libwhorl_guard.so")):
            shutil.copy(name, folder)
        report = os.path.join(folder, "report")
        done = subprocess.run([os.path.join(folder, os.path.basename(BINARY)), "guard", "--output", report, "--", program, "poll"],
                              capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == done.stderr == "" and "usleep" in pathlib.Path(report).read_text(encoding="utf-8"), done
    print("a folder with a space and a colon: the library is found")


def check_outputs(program):
    with tempfile.TemporaryDirectory() as folder:
        page, folded, text = (os.path.join(folder, name) for name in ("page.html", "folded", "text"))
        done = subprocess.run([BINARY, "guard", "--html", page, "--folded", folded, "--output", text, "--", program, "poll"],
                              capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == done.stderr == "", (done.stdout, done.stderr)
        written = pathlib.Path(text).read_text(encoding="utf-8")
        assert "is taken for a loop: it waits in poll" in written and "asleep in clock_nanosleep" in written, written
        assert "instead  whorl::defer_later" in written and "turns; half under" in written, written
        lines = pathlib.Path(folded).read_text(encoding="utf-8").splitlines()
        assert any("main" in line and "usleep" in line and int(line.rsplit(" ", 1)[1]) >= 190 for line in lines), lines
        content = pathlib.Path(page).read_text(encoding="utf-8")
        assert "usleep" in content and "</html>" in content and "http" not in content.replace("http-equiv", ""), content
    print("outputs: text, folded stacks and a page")


def check_usage():
    def refused(*arguments, status=2):
        done = subprocess.run([BINARY, "guard", *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == status and done.stderr.startswith("whorl: "), (done.returncode, done.stderr)
        return done.stderr

    assert "50ms" in refused("--threshold", "soon", "--", "true")
    assert "json" in refused("--format", "xml", "--", "true")
    assert "program" in refused()
    assert "no/such/program" in refused("--", "/no/such/program", status=127)
    assert "write" in refused("--output", "/no/such/folder/file", "--", "true", status=1)
    print("usage: wrong arguments are answered with what is right")


def main():
    need()
    with tempfile.TemporaryDirectory() as folder:
        program, kinds = build(folder)
        for which in kinds:
            check_stalls(program, which)
        check_healthy(program)
        check_forked(program)
        check_clients(program, "threads", 2400)
        check_clients(program, "children", 1200)
        check_contained(program)
        check_inlined(folder)
        check_policy_and_ends(program)
        check_nobody_reads(program)
        check_awkward_folder(program)
        check_outputs(program)
    check_usage()


main()
