#!/usr/bin/env python3
"""Tests of check_rules.py: it misses no rule and takes only names of tests."""

import pathlib
import tempfile
import unittest

import check_rules


class CheckRules(unittest.TestCase):
    def test_names_of_tests_and_of_compile_tests_pin_rules(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {
                "src/a/a_test.cpp": "TEST(A, S07_Queues) {}\nTEST_P(B, S97b_Pauses) {}\n// S9\nTEST(C, Plain) {}\n",
                "src/a/a.cpp": "TEST(A, S08_NoTest) {}\n",
                "tests/compile/S13_no.cpp": "",
            }.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            self.assertEqual(check_rules.pinned(root), {7, 97, 13})

    def test_a_rule_without_a_test_is_named(self):
        self.assertEqual([fault[:3] for fault in check_rules.faults({1, 3}, wanted=[1, 2, 3], meaningless={})], ["S2:"])

    def test_a_rule_that_is_meaningless_needs_none_and_may_have_none(self):
        self.assertEqual(list(check_rules.faults({1, 3}, wanted=[1, 2, 3], meaningless={2: "why"})), [])
        self.assertEqual(len(list(check_rules.faults({1, 2, 3}, wanted=[1, 2, 3], meaningless={2: "why"}))), 1)


if __name__ == "__main__":
    unittest.main()
