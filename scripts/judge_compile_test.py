#!/usr/bin/env python3
"""Tests of judge_compile.py: each verdict is reached by what the compiler did."""

import unittest

from judge_compile import SKIPPED, judge


class JudgeCompile(unittest.TestCase):
    def status(self, source, said, compiled, compiler="clang"):
        return judge(source, said, compiled, compiler)[0]

    def test_refused_with_the_sentence_passes(self):
        self.assertEqual(self.status("// error: give it a copy\n", "a.cpp:1: error: give it a\n copy, please", False), 0)

    def test_refused_with_another_sentence_fails(self):
        self.assertEqual(self.status("// error: give it a copy\n", "a.cpp:1: error: no such file", False), 1)

    def test_every_fragment_is_wanted(self):
        self.assertEqual(self.status("// error: one\n// error: two\n", "one", False), 1)

    def test_compiled_fails_where_an_error_is_wanted(self):
        self.assertEqual(self.status("// error: one\n", "one", True), 1)

    def test_what_holds_for_the_other_compiler_is_skipped(self):
        self.assertEqual(self.status("// error (clang): one\n", "", True, "gcc"), SKIPPED)
        self.assertEqual(self.status("// error (clang): one\n", "one", False, "clang"), 0)

    def test_what_must_compile_must_compile_silently(self):
        self.assertEqual(self.status("// compiles\n", "", True), 0)
        self.assertEqual(self.status("// compiles\n", "warning: x", True), 1)
        self.assertEqual(self.status("// compiles\n", "error: x", False), 1)

    def test_a_file_without_expectation_fails(self):
        self.assertEqual(self.status("int a;\n", "", True), 1)


if __name__ == "__main__":
    unittest.main()
