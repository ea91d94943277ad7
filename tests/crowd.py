#!/usr/bin/env python3
# ctest timeout: 300
"""10,000 idle connections, 1,000 slow clients and 100 that vanish mid-request, all at once: the server goes on answering.

    WHORL_CROWD=10000 WHORL_BINARY=build/release/whorl tests/crowd.py
"""

import os
import resource
import select
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from served import BINARY, Server  # noqa: E402

with open(BINARY, "rb") as program:
    code = program.read()
SANITIZED = any(start in code for start in (b"__asan_init", b"__tsan_init", b"__rtsan_init"))  # book-keeping dwarfs a connection
IDLE = int(os.environ.get("WHORL_CROWD", "1000" if SANITIZED else "10000"))
SLOW = max(1, IDLE // 10)
VANISHING = max(1, IDLE // 100)
SECONDS = 8
DESCRIPTORS = IDLE + SLOW + VANISHING + 200
REQUEST = b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 64\r\n\r\n" + b" " * 64


def connect(server):
    made = socket.create_connection((server.host, server.port), timeout=30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def vanish(made):
    """Goes without a word: what was not read is thrown away and the peer gets a reset."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()


def idle_connections(server):
    """Each has had one answer, so that what a connection keeps between requests is what is measured."""
    crowd = [connect(server) for _ in range(IDLE)]
    for made in crowd:
        made.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    for made in crowd:
        while b"\r\n\r\n" not in made.recv(65536):
            pass
    return crowd


def one_byte_each(slow, position):
    for made in slow:
        try:
            made.send(REQUEST[position:position + 1])
        except OSError:
            pass  # the server has lost patience with it, as it may


def live_through(server, slow, vanishing):
    times = []
    for second in range(SECONDS):
        one_byte_each(slow, second)
        for made in vanishing[second * len(vanishing) // SECONDS:(second + 1) * len(vanishing) // SECONDS]:
            vanish(made)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            began = time.monotonic()
            server.ask("GET", "/health")
            times.append(time.monotonic() - began)
            select.select([], [], [], 0.02)
    return sorted(times)


def wait_for_descriptors(server, most):
    deadline = time.monotonic() + 30
    while server.descriptors() > most and time.monotonic() < deadline:
        select.select([], [], [], 0.1)
    return server.descriptors()


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        print(f"needs {DESCRIPTORS} descriptors, the limit is {hard}")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        server.ask("GET", "/health")
        at_first, descriptors_at_first = server.resident_bytes(), server.descriptors()
        crowd = idle_connections(server)
        with_crowd = server.resident_bytes()
        print(f"{IDLE} idle connections: {(with_crowd - at_first) / IDLE:.0f} resident bytes each")

        slow = [connect(server) for _ in range(SLOW)]
        vanishing = [connect(server) for _ in range(VANISHING)]
        for made in vanishing:
            made.sendall(REQUEST[:70])
        times = live_through(server, slow, vanishing)
        at_most = server.resident_bytes()
        print(f"with {SLOW} slow and {VANISHING} vanishing: /health answered {len(times)} times, "
              f"median {times[len(times) // 2] * 1000:.2f} ms, 99 % {times[len(times) * 99 // 100] * 1000:.2f} ms, "
              f"longest {times[-1] * 1000:.1f} ms; {at_most / 1e6:.0f} MB resident")
        for made in crowd + slow:
            made.close()
        left = wait_for_descriptors(server, descriptors_at_first + 2)
        print(f"descriptors: {descriptors_at_first} before, {left} after")
        status = server.stop()
        wrong = []
        if left > descriptors_at_first + 2:
            wrong.append("descriptors leak")
        if not SANITIZED and at_most - at_first > (IDLE + SLOW + VANISHING) * 16384 + 64e6:
            wrong.append("memory is not bounded")
        if status != 0:
            wrong.append(f"the server ended with status {status}: {server.messages()[-2000:]}")
        print("; ".join(wrong) or "all right")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
