#!/usr/bin/env python3
# ctest serial
"""`whorl guard` on servers that nobody here wrote: Redis with a command that sleeps, nginx that is well, Node with a slow FIFO
and a callback that computes, and on whorl's own server."""

import json
import os
import pathlib
import re
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from guarded import BINARY, Guarded, need, told  # noqa: E402

PROGRAMS = pathlib.Path(__file__).parent / "programs"


def until(works, why):
    """Tries again until it works: a server that starts is looked for from outside."""
    last = None
    for _ in range(400):
        try:
            return works()
        except OSError as failed:
            last = failed
            time.sleep(0.02)
    raise AssertionError(f"{why}: {last}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def ask(address, text):
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(kind) as connection:
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(text.encode())
        return connection.recv(65536).decode()


def check_redis(folder):
    """Redis' binary is in redis-tools, under another name; it becomes the server by its own."""
    program, place = os.path.join(folder, "redis-server"), os.path.join(folder, "redis.socket")
    os.symlink("/usr/bin/redis-check-rdb", program)
    seen = Guarded(program, "--port", "0", "--unixsocket", place, "--enable-debug-command", "yes", "--save", "", "--dir", folder)
    until(lambda: ask(place, "PING\r\n"), "redis did not start")
    assert ask(place, "DEBUG SLEEP 0.2\r\n") == "+OK\r\n"
    seen.process.send_signal(signal.SIGTERM)
    assert seen.wait().status == 0, (seen.status, seen.output)
    cause = seen.cause_with("nanosleep")
    told("redis, DEBUG SLEEP", cause)
    assert cause["asleep"] and cause["ms_longest"] >= 190 and any("debugCommand" in f["function"] for f in cause["stack"]), cause
    assert len(seen.causes()) == 1, seen.causes()


def check_nginx(folder):
    port = free_port()
    pathlib.Path(folder, "page.txt").write_text("hello\n", encoding="utf-8")
    configuration = pathlib.Path(folder, "nginx.conf")
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr; {'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{}} http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; "
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n", encoding="utf-8")
    seen = Guarded("/usr/sbin/nginx", "-c", str(configuration))
    url = f"http://127.0.0.1:{port}/page.txt"
    until(lambda: urllib.request.urlopen(url).read(), "nginx did not start")
    for _ in range(100):
        assert urllib.request.urlopen(url).read() == b"hello\n"
    seen.process.send_signal(signal.SIGQUIT)
    assert seen.wait().status == 0, (seen.status, seen.errors)
    assert not seen.causes() and not seen.stalls and not seen.summary["blocking_calls"], seen.summary
    turns = sum(loop["turns"] for loop in seen.summary["loops"])
    assert turns >= 100, seen.summary
    print(f"  nginx: nothing to report in {turns} turns of {len(seen.summary['loops'])} loop")


def check_node(folder):
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)

    def write_late():
        with open(fifo, "w", encoding="utf-8") as writing:  # Node has opened it when this goes on
            time.sleep(0.25)
            writing.write("hello")

    threading.Thread(target=write_late, daemon=True).start()
    seen = Guarded("node", str(PROGRAMS / "node_stalls.js"), fifo).wait()
    assert (seen.status, seen.output) == (0, "hello\ndone\n"), (seen.status, seen.output, seen.errors)
    reading = next(each for each in seen.causes() if each["asleep"])
    told("node, readFileSync of a FIFO", reading)
    assert reading["ms_longest"] >= 190 and "read" in reading["call"], reading
    computing = next(each for each in seen.causes() if not each["asleep"])
    told("node, computing", computing)
    assert len(seen.causes()) == 2, [each["doing"] for each in seen.causes()]


def check_whorl(folder):
    seen = Guarded(BINARY, "serve", "--listen", "tcp:127.0.0.1:0", "--store", os.path.join(folder, "jobs.db"), "--files", folder)
    url = re.search(r"http://[\d.:]+", seen.process.stdout.readline()).group(0)
    request = urllib.request.Request(url + "/jobs", json.dumps({"calc": "prime.count", "args": {"below": 1000}}).encode(),
                                     {"Content-Type": "application/json"})
    for _ in range(20):
        try:
            urllib.request.urlopen(request).read()
        except urllib.error.HTTPError:
            pass  # whatever it says of the calculation, its loop has turned
    seen.process.send_signal(signal.SIGTERM)
    seen.wait()
    assert not seen.causes(), seen.causes()
    waits = {loop["waits_in"] for loop in seen.summary["loops"]}
    assert waits <= {"io_uring_enter", "epoll_wait"} and waits, seen.summary["loops"]
    print(f"  whorl serve: nothing to report in {seen.summary['turns']} turns in {', '.join(sorted(waits))}")


def main():
    need("redis-check-rdb", "/usr/sbin/nginx", "node")
    for check in (check_redis, check_nginx, check_node, check_whorl):
        with tempfile.TemporaryDirectory() as folder:
            check(folder)


main()
