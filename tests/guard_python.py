#!/usr/bin/env python3
# ctest serial
"""`whorl guard` on Twisted and asyncio programs that know nothing of it: what sleeps, waits for a slow server, waits for a
locked database or computes in a callback is named with its line of Python; what the program prints and its exit status are
its own."""

import os
import pathlib
import socket
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from guarded import need, run, told  # noqa: E402

PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's Twisted
PROGRAMS = pathlib.Path(__file__).parent / "programs"
EXPECTED = {  # what is called: the call, and the function of the program
    "time.sleep": (("clock_nanosleep",), "sleeps", "time.sleep"),
    "urllib": (("recv", "poll", "read"), "fetches", "urlopen"),
    "database": (None, "asks_database", "sqlite3.connect"),
    "computing": ((), "computes", "while"),
}


def serve_slowly(listening):
    """Answers an HTTP request after a while."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            time.sleep(0.25)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")


def check(program, slow, locked):
    source = (PROGRAMS / program).read_text(encoding="utf-8").split("\n")
    seen = run(PYTHON, str(PROGRAMS / program), slow, locked)
    assert seen.status == 0 and seen.output == "database: database is locked\ndone\n", (seen.status, seen.output, seen.errors)
    print(program)
    for what, (calls, function, text) in EXPECTED.items():
        cause = next(each for each in seen.causes() if any(frame["function"] == function for frame in each["python_stack"]))
        told(what, cause)
        frame = next(each for each in cause["python_stack"] if each["function"] == function)
        assert frame["file"].endswith(program) and (text in source[frame["line"] - 1] or what == "computing"), frame
        assert cause["asleep"] == (calls != ()) and cause["ms_longest"] >= 190, cause
        assert bool(cause["call"]) == cause["asleep"] and (not calls or cause["call"] in calls), cause
        assert cause["instead"], cause
    assert len(seen.causes()) == len(EXPECTED), [each["python_stack"][:1] for each in seen.causes()]
    assert [loop["waits_in"] for loop in seen.summary["loops"]] == ["epoll_wait"], seen.summary["loops"]
    assert max(stall["ms"] for stall in seen.stalls) >= 240
    changed = {each["call"]: each["effect"] for each in seen.summary["process_state"]}
    assert changed == {"chdir": "cwd"}, seen.summary["process_state"]
    waited = [each for each in seen.summary["blocking_calls"] if each["call"] == "clock_nanosleep"]
    assert waited and waited[0]["count"] >= 2 and "call_later" in waited[0]["instead"], seen.summary["blocking_calls"]
    print(f"  calls in turns: {', '.join(each['call'] for each in seen.summary['blocking_calls'])}; changes: chdir")
    instead = next(each["instead"] for each in seen.causes() if each["call"] == "clock_nanosleep")
    assert "asyncio.sleep" in instead, instead


def main():
    need(PYTHON)
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_slowly, args=[listening], daemon=True).start()
    slow = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with tempfile.TemporaryDirectory() as folder:
        locked = os.path.join(folder, "locked.db")
        holder = sqlite3.connect(locked, isolation_level=None)
        holder.execute("CREATE TABLE t(x)")
        holder.execute("BEGIN EXCLUSIVE")
        check("asyncio_stalls.py", slow, locked)
        check("twisted_stalls.py", slow, locked)


main()
