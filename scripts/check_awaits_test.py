#!/usr/bin/env python3
"""Tests of check_awaits.py: the four shapes pass, every planted bad shape is found and called by its rule."""

import unittest

import check_awaits

GOOD = [
    "co_await x;",
    "co_await f(a, b);",
    "co_await *p;",
    "co_await std::move(d).result();",
    "auto v = co_await x;",
    "const auto v = co_await x.read();",
    "auto&& v = co_await x;",
    "std::vector<int> v = co_await f<int>(x);",
    "std::map<std::string, std::vector<int>> v = co_await f(x);",
    "result<std::string>& v = co_await f<std::pair<int, int>>(x, y);",
    "v = co_await x;",
    "this->v_ = co_await x;",
    "a.b[i] = co_await x;",
    "*out = co_await x;",
    "std::ignore = co_await x;",
    "co_return co_await x;",
    "co_return co_await f(a)->b();",
    "if (ready) co_await x;",
    "if constexpr (ready) { co_await x; } else co_await y;",
    "for (int i = 0; i < 3; ++i) co_await x;",
    "for (auto& y : list) { co_await y; }",
    "while (more()) { auto v = co_await x; more(v); }",
    "do { v = co_await x; } while (v);",
    "switch (v) { case 1: co_await x; break; default: co_await y; }",
    "again: co_await x;",
    "[[maybe_unused]] auto v = co_await x;",
    "co_await defer_to(pool, [](int a) { return a > 1 ? pair{a, 2} : pair{1, 2}; }, 3);",
    "co_await f([](int a) -> deferred<int> { auto v = co_await g(a); co_return v; });",
    "auto f = [](int a) -> deferred<int> { co_return co_await g(a); };",
    "auto f = [a] { return a; };",
    "co_await f(a[i], b[0]);",
    "co_await f(a < b, c > d);",
    "co_await sleep(loop, 10ms);",
    'co_await f("a ? b : {c} co_await", \'?\', R"x(co_await {"?"})x");',
    "// if (co_await x)\nco_await x; /* f(co_await y) */",
    "try { co_await x; } catch (const std::exception& e) { log(e); }",
    "auto operator co_await() && noexcept { return awaiter{*this}; }",
    "deferred<int> f(int a = 1, std::string b = std::string());",
    "deferred<int> f(options o); int g(options o = {});",
    "co_await f(1'000'000);",
    '#define SENTENCE "use co_await, " \\\n  "then co_await again"  // co_await\n',
]

BAD = [
    ("shape", "if (co_await x) y();"),
    ("shape", "while (co_await x) {}"),
    ("shape", "do {} while (co_await x);"),
    ("shape", "for (; co_await x;) {}"),
    ("shape", "for (auto v : co_await x) {}"),
    ("shape", "switch (co_await x) {}"),
    ("shape", "if (auto v = co_await x; v) y();"),
    ("shape", "f(co_await x);"),
    ("shape", "EXPECT_EQ(co_await x, 3);"),
    ("shape", "auto v = (co_await x).size();"),
    ("shape", "throw E(co_await x);"),
    ("shape", "T v(co_await x);"),
    ("operator", "T v{co_await x};"),
    ("operator", "v = {co_await x};"),
    ("operator", "f({co_await x, co_await y});"),
    ("operator", "f(options{co_await x});"),
    ("shape", "co_return 1 + co_await x;"),
    ("operator", "co_return co_await x + 1;"),
    ("operator", "auto v = co_await x == 3;"),
    ("operator", "bool v = co_await x && y;"),
    ("operator", "auto v = co_await x, w = 2;"),
    ("operator", "co_await a < b;"),
    ("shape", "auto v = !co_await x;"),
    ("shape", "auto v = 1 + co_await x;"),
    ("shape", "v += co_await x;"),
    ("shape", "auto [a, b] = co_await x;"),
    ("shape", "c ? co_await a : co_await b;"),
    ("shape", "auto v = c ? co_await a : b;"),
    ("choice", "auto v = co_await a ? b : c;"),
    ("choice", "co_await (c ? a() : b());"),
    ("choice", "co_await f(c ? a : b);"),
    ("twice", "co_await f(co_await x);"),
    ("twice", "co_await co_await x;"),
    ("shape", "return co_await x;"),
    ("shape", "co_yield co_await x;"),
    ("shape", "co_yield f(co_await x);"),
    ("shape", "(void)co_await x;"),
    ("shape", "static_cast<void>(co_await x);"),
    ("shape", "v[co_await x] = 1;"),
    ("capture", "co_await f([owned] { return owned; });"),
    ("capture", "co_await f(a, [&](int b) mutable noexcept -> int { return b; });"),
    ("capture", "auto v = co_await f([p = std::move(p)] {});"),
    ("capture", "co_await [=]() { return g(); }();"),
    ("braces", "co_await f({.a = s});"),
    ("braces", "co_await f(options{s});"),
    ("braces", "co_await options{s};"),
    ("braces", "co_return co_await f(std::string{s});"),
    ("coroutine lambda", "auto f = [a]() -> deferred<int> { co_return a; };"),
    ("coroutine lambda", "run([&](reactor& loop) -> deferred<void> { co_await g(loop); });"),
    ("coroutine lambda", "auto f = [this]() -> deferred<void> { if (x) { co_await g(); } };"),
    ("default", "deferred<int> f(options o = {});"),
    ("default", "whorl::deferred<std::vector<int>> a::f(int b, options o = options{1}, int c = 2);"),
    ("macro", "#define WAIT(x) \\\n  co_await x\n"),
]


def rules(body):
    text = body if body.startswith("#") or "deferred" in body[:20] else "deferred<int> c(int q) {\n" + body + "\n}\n"
    return {rule for _, rule in check_awaits.faults_of(text)}


class CheckAwaits(unittest.TestCase):
    def test_the_four_shapes_pass(self):
        for body in GOOD:
            with self.subTest(body):
                self.assertEqual(rules(body), set())

    def test_every_planted_shape_is_found(self):
        for rule, body in BAD:
            with self.subTest(body):
                self.assertIn(rule, rules(body))

    def test_every_rule_has_a_planted_shape(self):
        self.assertEqual({rule for rule, _ in BAD}, set(check_awaits.RULES))

    def test_the_line_is_right(self):
        text = "// one\n/* two\n three */\n#define A \\\n  b\nR\"(six\nseven)\";\nvoid f() {\n  g(co_await x);\n}\n"
        self.assertEqual([line for line, _ in check_awaits.faults_of(text)], [9])


if __name__ == "__main__":
    unittest.main()
