#!/usr/bin/env python3
# ctest timeout: 120
"""The calculation server under load, every loop of it guarded: the guard has nothing to tell.

    cmake -B build/guarded -DWHORL_GUARD_TESTS=ON ... && ninja -C build/guarded whorl
    WHORL_SECONDS=3600 WHORL_BINARY=build/guarded/whorl tests/guarded_server.py

A program that is not linked with the wrappers (-DWHORL_GUARD_TESTS=ON) is watched for stalls only.
"""

import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from served import Server  # noqa: E402

SECONDS = float(os.environ.get("WHORL_SECONDS", "2"))
CLIENTS = 4


def ask_again_and_again(server, until, counts, mine):
    connection = server.connect()
    while time.monotonic() < until:
        job = server.submit("units.convert", {"value": mine, "from": "km", "to": "m"}, connection=connection)
        server.ask("GET", f"/jobs/{job}", connection=connection)
        server.ask("GET", "/health", connection=connection)
        counts[mine] += 1
    connection.close()


def main():
    os.environ["WHORL_GUARD"] = "report"
    counts = [0] * CLIENTS
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        until = time.monotonic() + SECONDS
        clients = [threading.Thread(target=ask_again_and_again, args=(server, until, counts, i)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        status = server.stop()
        told = [line for line in server.messages().splitlines() if " [guard] " in line]
    print(f"{sum(counts)} jobs in {SECONDS:.0f} s, exit status {status}, told by the guard: {len(told)}")
    print("\n".join(told[:20]))
    sys.exit(0 if not told and status == 0 and all(counts) else 1)


main()
