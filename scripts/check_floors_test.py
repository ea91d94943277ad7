#!/usr/bin/env python3
"""Tests of check_floors.py: it finds planted faults and leaves good files alone."""

import pathlib
import shutil
import tempfile
import unittest

import check_floors

TABLE = pathlib.Path(__file__).resolve().parent.parent / "cmake/floors.cmake"


class CheckFloors(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "cmake").mkdir()
        shutil.copy(TABLE, self.root / "cmake/floors.cmake")

    def faults(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return list(check_floors.check(self.root))

    def assert_fault(self, name, text, line, words):
        faults = self.faults(name, text)
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(f"{name}:{line}: ", faults[0])
        self.assertIn(words, faults[0])

    def test_a_floor_may_use_itself_and_what_is_below(self):
        text = "#include <whorl/net/a.h>\n#include <whorl/deferred/b.h>\n#include <vector>\n#include <fmt/format.h>\n"
        self.assertEqual(self.faults("src/net/a.cpp", text), [])

    def test_a_floor_may_not_use_what_is_above(self):
        self.assert_fault("src/deferred/a.cpp", "// x\n#include <whorl/reactor/b.h>\n", 2, "reactor/ is not below it")

    def test_a_floor_may_not_use_its_neighbour(self):
        self.assert_fault("include/whorl/places/a.h", "#include <whorl/net/b.h>\n", 1, "net/ is not below it")

    def test_a_protocol_never_sees_a_socket(self):
        self.assert_fault("src/protocols/a.cpp", '#include "reactor/b.h"\n', 1, "reactor/ is not below it")

    def test_a_way_round_by_the_parent_folder_is_seen(self):
        self.assert_fault("src/net/a.cpp", '#include "../web/b.h"\n', 1, "web/ is not below it")

    def test_tests_may_use_more(self):
        text = "#include <whorl/testing/a.h>\n"
        self.assertEqual(self.faults("src/web/a_test.cpp", text), [])
        self.assert_fault("src/web/a.cpp", text, 1, "testing/ is not below it")

    def test_heavy_headers_are_not_public(self):
        for header in ("nlohmann/json.hpp", "CLI/CLI.hpp", "simdjson.h", "sqlite3.h", "udunits2.h", "llhttp.h", "fmt/format.h"):
            self.assert_fault("include/whorl/jobs/a.h", f"#include <{header}>\n", 1, "every user would pay for it")

    def test_only_the_testing_kit_shows_its_users_googletest(self):
        text = "#include <gmock/gmock.h>\n"
        self.assertEqual(self.faults("include/whorl/testing/a.h", text), [])
        self.assert_fault("include/whorl/net/a.h", text, 1, "every user would pay for it")

    def test_public_headers_include_nothing_private(self):
        self.assert_fault("include/whorl/net/a.h", '#include "ring.h"\n', 1, "quoted files are not installed")

    def test_the_command_line_stays_in_cli(self):
        self.assert_fault("src/jobs/a.cpp", "#include <CLI/CLI.hpp>\n", 1, "belongs to cli/ alone")

    def test_a_folder_without_an_entry_is_named(self):
        self.assert_fault("src/attic/a.cpp", "", 1, "is no floor")


if __name__ == "__main__":
    unittest.main()
