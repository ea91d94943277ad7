#!/usr/bin/env python3
"""Checks the shape of every co_await: one a statement, in one of four shapes, because g++ 12 miscompiles others without a word.

    co_await x;     auto v = co_await x;     v = co_await x;     co_return co_await x;

where x holds no closure that captures, no braces and no ?:. The rules, each with the sentence that is printed, are in RULES.
It reads tokens, not a syntax tree: the rules are about how a statement is written, a tree of every file costs minutes on a small
machine and this takes a second, and a file needs not compile to be checked. The price is that it is stricter in one point: all
braces in x are refused, since only a compiler knows which of them build an aggregate.

A line that must break a rule says so: // NOLINT(await-shape): reason
usage: check_awaits.py [FILE...]    prints file:line, what is wrong and what to do; exits 1 if anything is
"""

import pathlib
import re
import subprocess
import sys

RULES = {
    "shape": "co_await stands in a bigger expression or a condition; give it a statement of its own, `auto v = co_await x;`, and use v",
    "operator": "co_await x is only part of an expression here; give it a statement of its own, `auto v = co_await x;`, and use v",
    "twice": "two co_await in one statement; give each a statement of its own",
    "capture": "what is awaited holds a lambda with captures, which g++ 12 destroys twice; pass arguments instead: f(place, function, args...)",
    "braces": "what is awaited holds braces, and g++ 12 destroys an aggregate built there twice; write parentheses, f(options(x)), or build it in a statement before",
    "choice": "what is awaited holds ?:, where g++ 12 corrupts memory; choose in a statement before",
    "coroutine lambda": "a lambda with captures is a coroutine: its captures die with the closure while the frame lives; pass them as arguments, by value",
    "default": "a function returning a deferred has a parameter whose default is built with braces, which g++ 12 destroys twice when awaited; "
               "write parentheses, `= options()`",
    "macro": "co_await in a macro hides a suspension; write it out",
}

TOKEN = re.compile(
    r'(?P<space>\s+|//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<text>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"|(?:u8|[uUL])?\'(?:\\.|[^\'\\\n])*\')'
    r"|(?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign>::|->|\+\+|--|<<=|<=>|&&|\|\||[-+*/%&|^!=<>]=|<<|\.\.\.|.)",
    re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)
CLOSER = {"(": ")", "[": "]", "{": "}"}
OPENER = {closer: opener for opener, closer in CLOSER.items()}
COROUTINE_WORDS = {"co_await", "co_return", "co_yield"}
BEFORE_LAMBDA = {"return", "co_return", "co_await", "co_yield", "throw", "case", "else", "do", "typename", "delete"}


class Token(str):
    """A piece of source text that knows its line and kind, and the indices of a bracket's partner and of the bracket around it."""
    line = 0
    kind = "sign"
    mate = None
    around = None


def blank(match):
    """The same number of lines without anything on them."""
    return "\n" * match.group().count("\n")


def tokenise(source):
    """The tokens outside comments and preprocessor lines, brackets paired."""
    tokens, open_brackets, line = [], [], 1
    for match in TOKEN.finditer(DIRECTIVE.sub(blank, source)):
        if match.lastgroup != "space" and match.group("space") is None:
            token = Token(match.group())
            token.line, token.kind = line, "word" if match.group("word") else "sign"
            token.around = open_brackets[-1] if open_brackets else None
            if match.group("number") or match.group("text") or match.group("raw"):
                token.kind = "literal"
            elif token in CLOSER:
                open_brackets.append(len(tokens))
            elif token in OPENER and open_brackets:
                token.mate = open_brackets.pop()
                tokens[token.mate].mate = len(tokens)
            tokens.append(token)
        line += match.group().count("\n")
    return tokens


def lambda_body(tokens, start):
    """If tokens[start] opens the brackets of a lambda: the index of the brace that opens its body."""
    before = tokens[start - 1] if start else Token(";")
    if tokens[start] != "[" or tokens[start].mate is None:
        return None
    if before.kind == "literal" or before in (")", "]", "[", "operator") or (before.kind == "word" and before not in BEFORE_LAMBDA):
        return None
    if tokens[start + 1] == "[":  # an attribute
        return None
    at = tokens[start].mate + 1
    while at < len(tokens) and tokens[at] not in ("{", ";", ",", ")", "}"):
        at = tokens[at].mate + 1 if tokens[at] in ("(", "[") and tokens[at].mate else at + 1
    return at if at < len(tokens) and tokens[at] == "{" and tokens[at].mate else None


def statement_start(tokens, at):
    """The index of the first token of the statement around tokens[at], or None inside ( or [."""
    around = tokens[at].around
    if around is not None and tokens[around] != "{":
        return None
    at -= 1
    while at >= 0 and tokens[at] not in (";", "{", "}"):
        at = tokens[at].mate if tokens[at] in OPENER and tokens[at].mate is not None else at
        at -= 1
    return at + 1


def strip_control(words):
    """Removes labels, attributes and `if (...)`, `else` and the like that stand before a statement without braces."""
    while words:
        if words[0] in ("else", "do"):
            words = words[1:]
        elif words[0] in ("if", "while", "for", "switch") and "(" in words[:3]:
            depth = 0
            for at, word in enumerate(words):
                depth += (word == "(") - (word == ")")
                if word == ")" and depth == 0:
                    break
            words = words[at + 1:]
        elif words[:2] == ["[", "["] and "]" in words:
            words = words[words.index("]") + 2:]
        elif words[0] in ("case", "default") and ":" in words:
            words = words[words.index(":") + 1:]
        elif len(words) > 1 and words[1] == ":":
            words = words[2:]
        else:
            break
    return words


def is_target(words):
    """Whether words are `auto v`, `some::type<x>& v` or `v`, `this->a.v`, `v[i]`, `*v`: what may stand before `= co_await`."""
    if not words or words[-1] == "]" and "auto" in words:  # structured bindings
        return False
    if words[-1] != "]" and not re.fullmatch(r"[A-Za-z_]\w*", words[-1]):
        return False
    return all(re.fullmatch(r"[A-Za-z_]\w*|\d+|::|\.|->|[<>,&*\[\]]|&&|>>", word) for word in words)


def good_prefix(words):
    words = strip_control(words)
    return not words or words == ["co_return"] or (words[-1] == "=" and is_target(words[:-1]))


def closing_angle(tokens, at):
    """The index of the > that closes the template arguments opened at tokens[at], or None when it means less-than."""
    depth = 0
    while at < len(tokens) and tokens[at] not in (";", "{", "&&", "||"):
        depth += (tokens[at] == "<") - (tokens[at] == ">")
        if depth == 0:
            return at if tokens[at + 1] in ("(", "::", ")", ",", ";", "{") else None
        at = tokens[at].mate + 1 if tokens[at] in ("(", "[") and tokens[at].mate else at + 1
    return None


def operand_end(tokens, at):
    """The index after the operand of the co_await at tokens[at - 1]: a unary expression with its calls and members."""
    while tokens[at] in ("*", "&", "!", "~", "-"):
        at += 1
    while at < len(tokens):
        token = tokens[at]
        if token in CLOSER and token.mate is not None:
            at = token.mate + 1
        elif token == "<" and closing_angle(tokens, at) is not None:
            at = closing_angle(tokens, at) + 1
        elif token.kind in ("word", "literal") or token in ("::", ".", "->"):
            at += 1
        else:
            return at
    return at


def operand_faults(tokens, start, end):
    """Yields (token, rule) for what must not be inside an operand; the bodies of lambdas without captures are code apart."""
    at = start
    while at < end:
        token = tokens[at]
        body = lambda_body(tokens, at)
        if body is not None:
            if token.mate > at + 1:
                yield token, "capture"
            at = tokens[body].mate
        elif token == "co_await":
            yield token, "twice"
        elif token == "{":
            yield token, "braces"
        elif token == "?":
            yield token, "choice"
        at += 1


def await_faults(tokens, at):
    """Yields (token, rule) for the co_await at tokens[at]."""
    start = statement_start(tokens, at)
    if start is None or not good_prefix(tokens[start:at]):
        yield tokens[at], "shape"
        return
    end = operand_end(tokens, at + 1)
    yield from operand_faults(tokens, at + 1, end)
    if end >= len(tokens) or tokens[end] != ";":
        chosen = end < len(tokens) and tokens[end] == "?"
        yield tokens[at], "choice" if chosen else "operator"


def own_words(tokens, opening):
    """The words in the body that opens at tokens[opening], without those of lambdas inside."""
    at, end = opening + 1, tokens[opening].mate
    while at < end:
        body = lambda_body(tokens, at)
        if body is not None:
            at = tokens[body].mate
        elif tokens[at].kind == "word":
            yield tokens[at]
        at += 1


def default_faults(tokens, at):
    """Yields (token, rule) for parameters defaulted with braces, where tokens[at] is the `deferred` of a return type."""
    if tokens[at + 1] != "<":
        return
    close = closing_angle_of_type(tokens, at + 1)
    while close is not None and close < len(tokens) and (tokens[close].kind == "word" or tokens[close] == "::"):
        close += 1
    if close is None or close >= len(tokens) or tokens[close] != "(" or tokens[close].mate is None:
        return
    inside, default = close + 1, False
    while inside < tokens[close].mate:
        token = tokens[inside]
        default = (default or token == "=") and token != ","
        if token == "{" and default:
            yield token, "default"
        inside = token.mate + 1 if token in CLOSER and token.mate else inside + 1


def closing_angle_of_type(tokens, at):
    """The index after the > that closes a type's arguments opened at tokens[at]."""
    depth = 0
    while at < len(tokens) and tokens[at] not in (";", "{"):
        depth += (tokens[at] == "<") - (tokens[at] == ">")
        at += 1
        if depth == 0:
            return at
    return None


def faults_of(source):
    """Yields (line, rule) for everything in a source text that breaks a rule."""
    for match in DIRECTIVE.finditer(source):
        body = match.group().replace("#", " ", 1)
        if re.match(r"\s*define\b", body) and "co_await" in tokenise(body.replace("\\\n", " \n")):
            yield source.count("\n", 0, match.start()) + 1, "macro"
    tokens = tokenise(source)
    for at, token in enumerate(tokens):
        if token == "co_await" and (at == 0 or tokens[at - 1] != "operator"):
            yield from ((where.line, rule) for where, rule in await_faults(tokens, at))
        elif token == "deferred":
            yield from ((where.line, rule) for where, rule in default_faults(tokens, at))
        elif token == "[":
            body = lambda_body(tokens, at)
            if body is not None and token.mate > at + 1 and COROUTINE_WORDS & set(own_words(tokens, body)):
                yield token.line, "coroutine lambda"


def check(path):
    source = path.read_text(encoding="utf-8")
    lines = source.split("\n")
    for line, rule in sorted(set(faults_of(source))):
        if not re.search(r"NOLINT\(await-shape\): \S", lines[line - 1]):
            yield f"{path}:{line}: {RULES[rule]}"


def all_files():
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.cpp"], cwd=root, capture_output=True, text=True, check=True)
    return [path for path in map(pathlib.Path, listed.stdout.split()) if (root / path).exists()]


def main():
    faults = [fault for path in map(pathlib.Path, sys.argv[1:] or all_files()) for fault in check(path)]
    print("\n".join(faults) if faults else "awaits: every co_await has one of the four shapes")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
