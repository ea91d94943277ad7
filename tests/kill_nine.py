#!/usr/bin/env python3
# ctest timeout: 600
"""Kills the server with SIGKILL at random moments while jobs are submitted, then looks whether a job was lost.

Every client keeps trying each of its jobs, under one idempotency key, until it is accepted, whatever happens to the
server meanwhile. At the end every accepted job must be done, with the right result, and must be in the store once.

    WHORL_ROUNDS=200 WHORL_SEED=1 WHORL_BINARY=build/release/whorl tests/kill_nine.py
"""

import http.client
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from served import Refused, Server  # noqa: E402

ROUNDS = int(os.environ.get("WHORL_ROUNDS", "20"))
SEED = int(os.environ.get("WHORL_SEED", str(random.randrange(1 << 30))))
CLIENTS = 4


class Load:
    """Clients that submit jobs without end, and remember what was accepted."""

    def __init__(self, seed):
        self.server = None
        self.stopping = False
        self.accepted = {}  # id -> (key, value)
        self.again = 0      # submissions that were repeated because the answer did not come
        self.wrong = []
        self.threads = [threading.Thread(target=self.submit_jobs, args=(i, seed)) for i in range(CLIENTS)]

    def submit_jobs(self, client, seed):
        chance = random.Random(f"{seed}-{client}")
        number = 0
        while not self.stopping:
            number += 1
            self.submit_until_accepted(f"client-{client}-job-{number}", self.new_job(chance))

    @staticmethod
    def new_job(chance):
        if chance.random() < 0.1:
            return "stats.bootstrap", {"input": {"text": "x\n1\n2\n4\n8\n"}, "column": "x",
                                       "resamples": 20000, "seed": chance.randrange(1000)}
        return "units.convert", {"value": chance.randrange(100000), "from": "degC", "to": "degF"}

    def submit_until_accepted(self, key, job):
        tries = 0
        while not self.stopping:
            server = self.server
            tries += 1
            try:
                identity = server.submit(*job, key=key)
            except Refused as why:
                if why.status not in (429, 503):
                    self.wrong.append(f"{key}: {why}")
                    return
                time.sleep(0.01)
            except (OSError, http.client.HTTPException, AttributeError):
                time.sleep(0.005)
            else:
                self.again += tries > 1
                self.accepted[identity] = (key, job)
                return


def run_rounds(directory, load, chance):
    for thread in load.threads:
        thread.start()
    for number in range(ROUNDS):
        load.server = server = Server(directory)
        time.sleep(chance.uniform(0.02, 0.35))
        server.kill()
        if number % 20 == 19:
            print(f"  {number + 1} kills, {len(load.accepted)} jobs accepted", flush=True)
    load.server = server = Server(directory)
    load.stopping = True
    for thread in load.threads:
        thread.join()
    return server


def wait_until_idle(server, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(server.ask("GET", f"/jobs?state={state}&limit=1")["jobs"] for state in ("queued", "running")):
            return True
        time.sleep(0.1)
    return False


def expected(job):
    calc, arguments = job
    return arguments["value"] * 1.8 + 32 if calc == "units.convert" else None


def check_results(server, load):
    wrong = []
    attempts = {}
    connection = server.connect()
    for identity, (key, job) in load.accepted.items():
        told = server.ask("GET", f"/jobs/{identity}", connection=connection)
        attempts[told["attempts"]] = attempts.get(told["attempts"], 0) + 1
        if told["state"] != "done":
            wrong.append(f"job {identity} ({key}) is {told['state']}: {told.get('error')}")
            continue
        right = expected(job)
        if right is not None and abs(told["result"]["value"] - right) > 1e-9 * abs(right):
            wrong.append(f"job {identity}: {job[1]} gave {told['result']}, not {right}")
    print(f"  attempts a job: {dict(sorted(attempts.items()))}")
    return wrong


def check_store(path, load):
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    wrong = []
    if store.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        wrong.append("the store's file is damaged")
    keys = [row[0] for row in store.execute("SELECT idempotency_key FROM jobs WHERE idempotency_key <> ''")]
    if len(keys) != len(set(keys)):
        wrong.append("a key has two jobs")
    missing = {key for key, _ in load.accepted.values()} - set(keys)
    wrong += [f"{key} was accepted and is not in the store" for key in sorted(missing)]
    return wrong


def main():
    print(f"seed {SEED}, {ROUNDS} kills")
    with tempfile.TemporaryDirectory() as directory:
        load = Load(SEED)
        server = run_rounds(directory, load, random.Random(SEED))
        wrong = load.wrong
        if not wait_until_idle(server, 120):
            wrong.append("jobs were still queued or running after 120 s")
        wrong += check_results(server, load)
        status = server.stop()
        if status != 0:
            wrong.append(f"the server ended with status {status}: {server.messages()[-2000:]}")
        wrong += check_store(os.path.join(directory, "jobs.db"), load)
        print(f"  {len(load.accepted)} jobs accepted, {load.again} of them after trying again; {len(wrong)} wrong")
        for line in wrong[:20]:
            print("  " + line)
        return 1 if wrong or not load.accepted else 0


if __name__ == "__main__":
    sys.exit(main())
