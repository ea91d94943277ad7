#!/usr/bin/env python3
"""Tests of check_hygiene.py: it finds planted faults and leaves good files alone."""

import pathlib
import shutil
import tempfile
import unittest

import check_hygiene


class CheckHygiene(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp()) / "checkout"
        self.root.mkdir()
        self.addCleanup(shutil.rmtree, self.root.parent)

    def faults(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return list(check_hygiene.check(self.root, [name]))

    def assert_fault(self, name, text, words):
        faults = self.faults(name, text)
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(words, faults[0])

    def test_a_tidy_header_passes(self):
        self.assertEqual(self.faults("include/whorl/a.h", "// A thing is a thing.\n#pragma once\n\nint a();\n"), [])

    def test_paths_of_the_machine_are_found(self):
        self.assert_fault("a.md", f"see {self.root.parent}/x\n", "a path of one machine")
        self.assert_fault("a.sh", "cd /ho" + "me/ada\n", "a path of one machine")

    def test_system_paths_pass(self):
        self.assertEqual(self.faults("a.md", "see /usr/share/include and /etc/passwd\n"), [])

    def test_loose_ends_are_found(self):
        self.assert_fault("a.cpp", "// TO" + "DO later\n", "a loose end")

    def test_white_space_is_found(self):
        self.assert_fault("a.cpp", "int a; \n", "white space")
        self.assert_fault("a.cpp", "\tint a;\n", "a tab")
        self.assert_fault("a.cpp", "int a;", "no end")
        self.assert_fault("a.py", "a\rb\n", "carriage return")

    def test_banners_are_found(self):
        self.assert_fault("a.cpp", "//---------- private\n", "a banner")

    def test_a_header_says_what_it_is(self):
        self.assert_fault("include/whorl/a.h", "#pragma once\n", "opens with a sentence")
        self.assert_fault("include/whorl/a.h", "// A thing.\n", "#pragma once")

    def test_huge_files_are_found(self):
        self.assert_fault("a.bin", "x" * 1_000_001, "large data")


if __name__ == "__main__":
    unittest.main()
