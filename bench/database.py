#!/usr/bin/env python3
"""Transactions and rows a second on PostgreSQL, whorl beside pgbench: the same statements, prepared, the same server,
connections and time, in interleaved rounds. Starts a server of its own and ends it. Tells the median of the rounds.

usage: database.py [--seconds S] [--rounds N] [--connections N]       wants bench_database in $WHORL_BUILD_DIR
"""

import argparse
import glob
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile

SCRIPTS = {
    "one_row": r"""\set aid random(1, 99000)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
""",
    "many_rows": r"""\set aid random(1, 99000)
SELECT aid, bid, abalance FROM pgbench_accounts WHERE aid BETWEEN :aid AND :aid + 999;
""",
    "transaction": r"""\set aid random(1, 99000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
INSERT INTO pgbench_history (aid, delta, mtime) VALUES (:aid, 1, CURRENT_TIMESTAMP);
COMMIT;
""",
}
ROWS = {"one_row": 1, "many_rows": 1000, "transaction": 0}


class Server:
    """A PostgreSQL server in a folder of its own, run by the user postgres where this is root."""

    def __init__(self):
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.folder = tempfile.mkdtemp(prefix="whorl-postgres-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.own = ["setpriv", "--pdeathsig=QUIT"]
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.own += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = self.folder + "/data"
        subprocess.run([*self.own, f"{self.programs}/initdb", "-D", data, "-U", "whorl", "-A", "trust", "--no-locale",
                        "--no-sync"], check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([*self.own, f"{self.programs}/postgres", "-D", data, "-k", self.folder, "-h", "",
                                         "-p", self.port, "-c", "fsync=off", "-c", "log_min_messages=panic"],
                                        stderr=subprocess.DEVNULL)

    def pgbench(self, *words):
        command = ["pgbench", "-h", self.folder, "-p", self.port, "-U", "whorl", *words, "postgres"]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder)


def with_pgbench(server, kind, asked):
    script = f"{server.folder}/{kind}.sql"
    with open(script, "w", encoding="utf-8") as file:
        file.write(SCRIPTS[kind])
    os.chmod(server.folder, 0o755)
    done = server.pgbench("-n", "-M", "prepared", "-c", str(asked.connections), "-j", "1", "-T", str(asked.seconds), "-f", script)
    return float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))


def with_whorl(server, kind, asked):
    program = os.path.join(os.environ.get("WHORL_BUILD_DIR", "build/release"), "bench_database")
    where = f"host={server.folder} port={server.port} user=whorl dbname=postgres"
    done = subprocess.run([program, where, str(asked.seconds), str(asked.connections), kind], stdout=subprocess.PIPE,
                          text=True, check=True, timeout=120)
    count, _, seconds = done.stdout.split()
    return int(count) / float(seconds)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    asked = parser.parse_args()
    server = Server()
    try:
        for _ in range(100):  # each refused attempt comes back at once; the server needs a moment
            if server.pgbench("-i", "-q").returncode == 0:
                break
            subprocess.run(["pg_isready", "-q", "-t", "1", "-h", server.folder, "-p", server.port], check=False)
        else:
            raise SystemExit("the PostgreSQL server did not start")
        print(f"{asked.connections} connections, one client thread each, median of {asked.rounds} interleaved rounds of "
              f"{asked.seconds} s; load average {os.getloadavg()[0]:.1f}")
        print(f"{'':14}{'whorl /s':>12}{'pgbench /s':>12}{'whorl rows/s':>14}{'pgbench rows/s':>16}   whorl is")
        for kind, rows in ROWS.items():
            seen = [(with_whorl(server, kind, asked), with_pgbench(server, kind, asked)) for _ in range(asked.rounds)]
            ours, theirs = (statistics.median(column) for column in zip(*seen))
            ratio = statistics.median(mine / other for mine, other in seen)
            print(f"{kind:14}{ours:12,.0f}{theirs:12,.0f}{ours * rows:14,.0f}{theirs * rows:16,.0f}   {ratio:.2f} of pgbench",
                  flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
