#!/usr/bin/env python3
"""The calculation server's HTTP interface and command line, from outside: what is answered, and what is refused."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from served import BINARY, Refused, Server  # noqa: E402

CSV = "day,temp,word\n1,0,a\n2,100,\"b, c\"\n3,,d\n"


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        with open(os.path.join(cls.directory.name, "table.csv"), "w") as table:
            table.write(CSV)
        cls.server = Server(cls.directory.name, "--threads", "2")

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.directory.cleanup()
        assert status == 0, f"the server ended with {status}: {cls.server.messages()}"

    def wait(self, identity, *states, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.server.ask("GET", f"/jobs/{identity}")
            if job["state"] in (states or ("done", "failed", "cancelled")):
                return job
            time.sleep(0.01)
        self.fail(f"job {identity} is still {job['state']}")

    def refused(self, status, method, path, body=None, headers=None):
        with self.assertRaises(Refused) as caught:
            self.server.ask(method, path, body, headers)
        self.assertEqual(caught.exception.status, status, caught.exception.body)
        said = json.loads(caught.exception.body)
        self.assertTrue(said["error"])
        return said

    def test_a_job_is_accepted_run_and_answered(self):
        connection = self.server.connect()
        connection.request("POST", "/jobs", json.dumps({"calc": "units.convert",
                                                        "args": {"value": 20, "from": "degC", "to": "degF"}}))
        answer = connection.getresponse()
        accepted = json.loads(answer.read())
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer.headers["Location"], accepted["url"])
        job = self.wait(accepted["id"])
        self.assertEqual(job["state"], "done")
        self.assertAlmostEqual(job["result"]["value"], 68)
        self.assertEqual(job["parts"][0]["thread"], "units")
        self.assertAlmostEqual(self.server.ask("GET", accepted["url"] + "/result")["value"], 68)

    def test_a_repeated_idempotency_key_gives_the_same_job(self):
        arguments = {"value": 1, "from": "m", "to": "ft"}
        first = self.server.submit("units.convert", arguments, key="the same")
        self.assertEqual(self.server.submit("units.convert", arguments, key="the same"), first)
        self.refused(409, "POST", "/jobs", {"calc": "units.convert", "args": {**arguments, "value": 2}},
                     {"Idempotency-Key": "the same"})

    def test_a_table_is_converted_and_sent_as_csv(self):
        job = self.wait(self.server.submit("units.convert_table", {
            "input": {"file": "table.csv"}, "columns": {"temp": {"from": "degC", "to": "degF"}}}))
        self.assertEqual(job["state"], "done", job.get("error"))
        rows = self.server.ask("GET", job["table"]).splitlines()
        self.assertEqual(rows[0], "day,temp,word")
        self.assertAlmostEqual(float(rows[1].split(",")[1]), 32)
        self.assertEqual(rows[2].split(",", 2)[2], '"b, c"')
        self.assertEqual(rows[3], "3,,d")
        self.assertEqual(self.server.ask("GET", job["table"] + "?rows=1").splitlines(), rows[:2])

    def test_a_bootstrap_is_the_same_for_the_same_seed(self):
        arguments = {"input": {"text": "x\n1\n2\n3\n10\n"}, "column": "x", "resamples": 500, "seed": 7}
        one, other = (self.wait(self.server.submit("stats.bootstrap", arguments))["result"] for _ in range(2))
        self.assertEqual(one, other)
        self.assertEqual(one["mean"], 4)
        self.assertLess(one["low"], one["high"])

    def test_a_running_job_is_cancelled(self):
        identity = self.server.submit("stats.bootstrap", {"input": {"text": "x\n" + "1\n2\n" * 2000}, "column": "x",
                                                          "resamples": 1000000})
        self.wait(identity, "running")
        self.assertEqual(self.server.ask("DELETE", f"/jobs/{identity}")["state"], "cancelling")
        self.assertEqual(self.wait(identity)["state"], "cancelled")
        self.refused(409, "DELETE", f"/jobs/{identity}")
        self.refused(409, "GET", f"/jobs/{identity}/result")

    def test_bad_input_is_refused_with_the_field_and_a_hint(self):
        for body, where in [
            ("[1]", "body"), ("{", "body"), ({}, "calc"), ({"calc": "no.such"}, "calc"), ({"calc": 7}, "calc"),
            ({"calc": "units.convert", "argz": {}}, "argz"),
            ({"calc": "units.convert", "args": {"value": 1, "from": "m"}}, "args.to"),
            ({"calc": "units.convert", "args": {"value": "x", "from": "m", "to": "ft"}}, "args.value"),
            ({"calc": "units.convert", "args": {"value": 1, "from": "m", "to": "ft", "more": 1}}, "args.more"),
            ({"calc": "stats.bootstrap", "args": {"input": {"text": "x\n1\n"}, "column": "x", "level": 2}}, "args.level"),
            ({"calc": "units.convert", "args": {}, "priority": "high"}, "args.value"),
        ]:
            with self.subTest(body=body):
                connection = self.server.connect()
                connection.request("POST", "/jobs", body if isinstance(body, str) else json.dumps(body))
                answer = connection.getresponse()
                said = json.loads(answer.read())
                self.assertEqual(answer.status, 400, said)
                self.assertEqual(said["where"], where, said)
                self.assertTrue(said["hint"])

    def test_what_is_not_there_is_404_or_405(self):
        self.refused(404, "GET", "/jobs/999999")
        self.refused(404, "GET", "/jobs/seven")
        self.refused(404, "GET", "/nothing")
        self.refused(405, "PUT", "/jobs", {})
        self.refused(400, "GET", "/jobs?state=tired")
        self.refused(400, "GET", "/jobs?limit=0")

    def test_files_outside_of_the_roots_are_refused(self):
        job = self.wait(self.server.submit("stats.bootstrap", {"input": {"file": "/etc/passwd"}, "column": "x"}))
        self.assertEqual(job["state"], "failed")
        self.assertIn("/etc/passwd", job["error"])

    def test_pages_of_other_origins_are_refused(self):
        self.refused(403, "POST", "/jobs", {}, {"Origin": "http://evil.example"})

    def test_arguments_that_are_too_large_are_refused(self):
        said = self.refused(413, "POST", "/jobs", {"calc": "units.convert", "args": {
            "value": [1.5] * 40000, "from": "m", "to": "ft"}})
        self.assertIn("file", said.get("hint", "") + said["error"])

    def test_lists_are_paged_newest_first(self):
        made = [self.server.submit("units.convert", {"value": i, "from": "m", "to": "ft"}) for i in range(3)]
        page = self.server.ask("GET", "/jobs?limit=2")
        self.assertEqual([job["id"] for job in page["jobs"]][0], made[-1])
        older = self.server.ask("GET", f"/jobs?limit=2&before={page['next']}")
        self.assertLess(int(older["jobs"][0]["id"]), int(page["jobs"][-1]["id"]))

    def test_events_tell_of_a_job(self):
        connection = self.server.connect()
        connection.request("GET", "/events")
        answer = connection.getresponse()
        self.assertTrue(answer.headers["Content-Type"].startswith("text/event-stream"))
        identity = self.server.submit("units.convert", {"value": 5, "from": "m", "to": "ft"})
        states = []
        while "done" not in states:
            line = answer.fp.readline().decode()
            if line.startswith("data:") or "data: {" in line:
                event = json.loads(line[line.index("{"):])
                if event["id"] == identity:
                    states.append(event["state"])
        self.assertEqual(states[0], "queued")
        connection.close()

    def test_health_metrics_and_calcs(self):
        health = self.server.ask("GET", "/health")
        self.assertEqual(health["status"], "ok")
        self.assertEqual({place["name"] for place in health["places"]}, {"pool", "files", "units", "processes"})
        metrics = self.server.ask("GET", "/metrics")
        self.assertIn("# TYPE whorl_loop_turn_seconds histogram", metrics)
        self.assertIn('whorl_jobs{state="done"}', metrics)
        offered = {calc["name"]: calc for calc in self.server.ask("GET", "/calcs")["calcs"]}
        self.assertEqual(offered["units.convert"]["places"][0]["place"], "lane")
        self.assertTrue(offered["units.convert"]["places"][0]["reason"])

    def test_the_page_loads_only_from_its_own_server(self):
        connection = self.server.connect()
        connection.request("GET", "/")
        answer = connection.getresponse()
        self.assertIn(b"<title>whorl", answer.read())
        self.assertIn("default-src 'self'", answer.headers["Content-Security-Policy"])

    def test_says_what_held_the_loop_up(self):
        found = self.server.ask("GET", "/guard")
        self.assertTrue(found["watched"])
        self.assertTrue(found["callbacks"] and all(each["what"] and each["longest_ms"] > 0 for each in found["callbacks"]))
        self.assertEqual(set(found), {"watched", "stalls", "callbacks", "permissions"})

    def test_explains_functions_and_finds_names(self):
        strtok, unknown = self.server.ask("GET", "/explain?name=strtok&name=nobody_knows_this")
        self.assertEqual((strtok["places"]["pool"]["may"], unknown["found"]), ("no", False))
        self.assertIn("getaddrinfo", self.server.ask("GET", "/explain?like=ADDRINFO"))
        connection = self.server.connect()
        connection.request("GET", "/explain")
        self.assertIn(b'<form id="search">', connection.getresponse().read())

    def test_the_reason_for_units_convert_is_the_record_of_its_function(self):
        offered = {calc["name"]: calc for calc in self.server.ask("GET", "/calcs")["calcs"]}
        [record] = self.server.ask("GET", "/explain?name=ut_parse")
        [chosen] = offered["units.convert"]["places"]
        self.assertIn(record["places"][chosen["place"]]["why"], chosen["reason"])
        self.assertIn(record["evidence"][0]["says"], chosen["reason"])

    def command(self, *arguments):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "WHORL_SERVER": f"http://{self.server.host}:{self.server.port}"})

    def test_the_command_submits_waits_and_saves(self):
        said = self.command("submit", "units.convert", "value=[1,2]", "from=km", "to=m", "--wait")
        self.assertEqual((said.returncode, json.loads(said.stdout)["value"]), (0, [1000, 2000]), said.stderr)
        output = os.path.join(self.directory.name, "out.csv")
        said = self.command("submit", "units.convert_table", "--input", os.path.join(self.directory.name, "table.csv"),
                            'columns={"temp":{"from":"degC","to":"K"}}', "--output", output)
        self.assertEqual(said.returncode, 0, said.stderr)
        with open(output) as saved:
            self.assertEqual(saved.readlines()[2].split(",")[1], "373.15")

    def test_exit_codes_and_json_of_the_command(self):
        self.assertEqual(self.command("submit", "no.such").returncode, 1)
        self.assertEqual(self.command("submit").returncode, 2)
        self.assertEqual(self.command("nonsense").returncode, 2)
        self.assertEqual(self.command("jobs", "999999").returncode, 1)
        self.assertEqual(self.command("--help").returncode, 0)
        for command in (["calcs", "--json"], ["jobs", "--json"]):
            said = self.command(*command)
            self.assertEqual(said.returncode, 0)
            json.loads(said.stdout)
        for command in ("serve", "calcs", "submit", "jobs", "demo"):
            self.assertEqual(self.command(command, "--help").returncode, 0)


class Processes(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.server = Server(self.directory.name, "--units", "process", "--allow", "sort=/usr/bin/sort")

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)
        self.directory.cleanup()

    def end_of(self, job):
        deadline = time.monotonic() + 60
        while True:
            state = self.server.ask("GET", f"/jobs/{job}")
            if state["state"] in ("done", "failed"):
                return state
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_units_are_converted_in_a_worker_process(self):
        job = self.end_of(self.server.submit("units.convert", {"value": 100, "from": "degC", "to": "degF"}))
        self.assertAlmostEqual(job["result"]["value"], 212)
        self.assertEqual((job["parts"][0]["place"], job["parts"][0]["thread"]), ("process", "whorl worker"))
        offered = {calc["name"]: calc for calc in self.server.ask("GET", "/calcs")["calcs"]}
        self.assertEqual(offered["units.convert"]["place"], "process")
        self.assertIn("exit", offered["units.convert"]["places"][0]["reason"])

    def test_programs_of_the_list_run_and_no_others(self):
        job = self.end_of(self.server.submit("exec.run", {"program": "sort", "arguments": ["-n"], "input": "10\n9\n"}))
        self.assertEqual(job["result"]["output"], "9\n10\n")
        job = self.end_of(self.server.submit("exec.run", {"program": "sh", "arguments": ["-c", "id"]}))
        self.assertEqual(job["state"], "failed")
        self.assertIn("choose one of sort", job["error"])


class Stopping(unittest.TestCase):
    def test_a_stop_drains_what_runs_and_keeps_what_waits(self):
        with tempfile.TemporaryDirectory() as directory:
            server = Server(directory, "--threads", "1")
            long = {"input": {"text": "x\n" + "1\n2\n" * 1000}, "column": "x", "resamples": 60000}
            jobs = [server.submit("stats.bootstrap", {**long, "seed": seed}) for seed in range(3)]
            self.assertEqual(server.stop(), 0)
            server = Server(directory, "--threads", "1")
            deadline = time.monotonic() + 60
            while any(server.ask("GET", f"/jobs/{job}")["state"] != "done" for job in jobs):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            self.assertEqual(server.ask("GET", f"/jobs/{jobs[0]}")["attempts"], 1)
            self.assertEqual(server.stop(), 0)

    def test_a_store_has_one_server(self):
        with tempfile.TemporaryDirectory() as directory:
            server = Server(directory)
            with self.assertRaises(RuntimeError) as caught:
                Server(directory)
            self.assertIn("jobs.db", str(caught.exception))
            self.assertEqual(server.stop(), 0)

    def test_the_demo_stops_by_itself_without_a_terminal(self):
        said = subprocess.run([BINARY, "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("2012-01-01", said.stdout)
        self.assertIn("between", said.stdout)


if __name__ == "__main__":
    unittest.main()
