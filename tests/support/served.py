"""A calculation server under test: started on a free port, asked over HTTP, killed or stopped."""

import http.client
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import urllib.parse

BINARY = os.environ.get("WHORL_BINARY", "build/release/whorl")


class Refused(Exception):
    """The server answered with an error status."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Server:
    def __init__(self, directory, *options, files=None):
        self.log = tempfile.TemporaryFile()
        command = [BINARY, "serve", "--listen", "tcp:127.0.0.1:0", "--store", os.path.join(directory, "jobs.db"),
                   "--files", files or directory, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        if not found:
            self.process.wait(10)
            raise RuntimeError(f"the server did not start: {line!r} {self.messages()}")
        self.host, self.port = found.group(1), int(found.group(2))

    def connect(self, timeout=30):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, connection=None):
        asked = connection or self.connect()
        text = None if body is None else json.dumps(body)
        asked.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        answer = asked.getresponse()
        content = answer.read()
        if connection is None:
            asked.close()
        if answer.status >= 400:
            raise Refused(answer.status, content.decode())
        return json.loads(content) if "json" in answer.headers.get("Content-Type", "") else content.decode()

    def submit(self, calc, arguments, key=None, connection=None):
        headers = {"Idempotency-Key": key} if key else {}
        return self.ask("POST", "/jobs", {"calc": calc, "args": arguments}, headers, connection)["id"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self, timeout=90):
        """SIGTERM, then the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout)
        self.process.stdout.close()
        return status

    def messages(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def quote(text):
    return urllib.parse.quote(text, safe="")
