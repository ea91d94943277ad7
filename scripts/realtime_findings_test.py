#!/usr/bin/env python3
"""Tests of realtime_findings.py: what is found is told, once a stack."""

import pathlib
import shutil
import tempfile
import unittest

import realtime_findings

REPORT = """==71==ERROR: RealtimeSanitizer: unsafe-library-call
Intercepted call to real-time unsafe function `usleep` in real-time context!
    #0 0x5581 in usleep (/build/server+0x1) (BuildId: 12ab)
    #1 0x%s in answer(int) server.cpp:%d

SUMMARY: RealtimeSanitizer: unsafe-library-call
"""


class RealtimeFindings(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def collect(self, **reports):
        for process, text in reports.items():
            (self.folder / f"found.{process}").write_text(text)
        return realtime_findings.collect(self.folder)

    def test_no_report_is_no_finding(self):
        self.assertFalse(self.collect())
        self.assertFalse(realtime_findings.collect(self.folder / "that_nobody_made"))

    def test_a_stack_is_told_once_with_what_to_do(self):
        told = "\n".join(realtime_findings.report(self.collect(a=REPORT % ("71", 31), b=REPORT % ("72", 31))))
        self.assertEqual(told.count("answer(int) server.cpp:31"), 1, told)
        self.assertIn("usleep, in 2 processes", told)
        self.assertIn("permit_blocking", told)

    def test_other_stacks_are_told_too(self):
        told = "\n".join(realtime_findings.report(self.collect(a=REPORT % ("71", 31) + REPORT % ("71", 32))))
        self.assertIn("distinct stacks: usleep 2", told)


if __name__ == "__main__":
    unittest.main()
