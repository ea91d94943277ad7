#!/usr/bin/env python3
"""`whorl explain` and `whorl facts` as a person or a script uses them: shape of the JSON, exit status, speed, the answer to
a name that nobody knows, that what a record tells to use instead exists, and that each function the guard tells of has one.

usage: explain.py      needs WHORL_BINARY and WHORL_SOURCE_DIR in the environment
"""

import gzip
import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile

WHORL = os.environ["WHORL_BINARY"]
SOURCE = pathlib.Path(os.environ["WHORL_SOURCE_DIR"])
PLACES = ["loop", "pool", "lane", "process", "jobs"]
MOST_MILLISECONDS = 20  # of processor time, since it waits for nothing: so other work on the machine does not decide


def run(*arguments, expect=0):
    done = subprocess.run([WHORL, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def explain(*names, expect=0):
    return json.loads(run("explain", "--json", *names, expect=expect))


SHAPE = {
    "symbol": str, "found": bool, "known_as": str, "places": dict, "blocking": dict, "thread": dict, "process_effects": list,
    "replacement": dict, "evidence": list, "disagreement": str, "candidates": list, "definitive": bool, "look_at": list,
}
PARTS = {
    "blocking": {"class", "argument", "condition"},
    "thread": {"class", "reasons", "condition", "platform"},
    "replacement": {"loop", "thread"},
}
GRADES = {"guessed", "documented", "inferred", "demonstrated"}
WAITS = {"unknown", "never", "cpu", "alloc", "lock", "file", "descriptor", "timed", "wait", "resolver", "process", "tty", "loop"}
LEVELS = {"unknown", "atomic", "shared", "distinct", "compatible", "incompatible"}


def check_shape():
    asked = ["strtok", "nobody_knows_this", "getaddrinfo", "std::filesystem::current_path", "python:random.gauss",
             "python:urllib.request.urlopen", "ut_parse", "read", "std::cout"]
    answered = explain(*asked, expect=1)
    assert [each["symbol"] for each in answered] == asked
    assert [each["symbol"] for each in answered if not each["found"]] == ["nobody_knows_this"]
    for each in answered:
        check_one(each)
    print(f"shape: as promised, of {len(asked)} names in their order")


def check_one(given):
    assert {name: type(part) for name, part in given.items()} == SHAPE, given
    assert list(given["places"]) == PLACES
    for place in given["places"].values():
        assert list(place) == ["may", "why", "condition"]
        assert place["may"] in ("yes", "if", "no", "unknown") and place["why"], place
        assert bool(place["condition"]) == (place["may"] == "if"), place
    for name, keys in PARTS.items():
        assert set(given[name]) == keys, given[name]
    assert given["blocking"]["class"] in WAITS and given["thread"]["class"] in LEVELS
    assert given["look_at"] and all(isinstance(text, str) for text in given["look_at"] + given["thread"]["reasons"])
    for seen in given["evidence"]:
        assert set(seen) == {"source", "version", "place", "says", "grade"} and all(seen.values())
        assert seen["grade"] in GRADES
    assert bool(given["evidence"]) == given["found"]


def check_verdicts():
    """What a stranger would ask first, and what issue and standard say of it."""
    may = {each["symbol"]: {name: place["may"] for name, place in each["places"].items()} for each in explain(
        "strtok", "getaddrinfo", "std::filesystem::current_path", "python:random.gauss", "python:urllib.request.urlopen",
        "ut_parse", "rand", "std::normal_distribution")}
    assert may["strtok"]["pool"] == "no" and may["strtok"]["lane"] == "yes"
    assert may["getaddrinfo"]["loop"] == may["getaddrinfo"]["pool"] == "if"
    assert may["std::filesystem::current_path"] == dict(zip(PLACES, ["no", "no", "no", "yes", "if"]))
    assert may["python:random.gauss"]["pool"] == "no" and may["python:urllib.request.urlopen"]["loop"] == "no"
    assert may["ut_parse"]["pool"] == "no" and may["ut_parse"]["lane"] == may["ut_parse"]["process"] == "yes"
    assert may["std::normal_distribution"]["pool"] == "if"
    [rand] = explain("rand")
    assert "glibc says shared, POSIX.1-2008 says compatible" in rand["disagreement"] and "musl" in rand["disagreement"]
    assert {"glibc", "musl"} <= {seen["version"].split()[0] for seen in rand["evidence"]} | {"glibc"} and not rand["definitive"]
    [descriptor] = explain("recv")
    assert descriptor["blocking"] == {"class": "descriptor", "argument": "1", "condition": "argument 1 is a non-blocking descriptor"}
    print("verdicts: as documented, and contradictions shown")


def check_spellings():
    known = {"strtok()": "strtok", "strtok(3)": "strtok", "random.gauss": "python:random.gauss",
             "filesystem::current_path": "std::filesystem::current_path",
             "_ZNSt10filesystem12current_pathB5cxx11Ev": "std::filesystem::current_path"}
    for spelled, symbol in known.items():
        [given] = explain(spelled)
        assert (given["symbol"], given["known_as"]) == (spelled, symbol), given
    print(f"spellings: {len(known)} others find their record")


def check_unknown():
    text = run("explain", "getadrinfo", expect=1)
    assert "not known" in text and "treat it as blocking" in text and "getaddrinfo" in text, text
    for way in ("whorl facts grep", "ThreadSanitizer", "strace", "whorl guard"):
        assert way in text, way
    [given] = explain("no_such_function_here", expect=1)
    assert not any(way.startswith("man ") for way in given["look_at"]), "names a page only if there is one"
    assert {place["may"] for place in given["places"].values()} == {"unknown"}
    run("explain", expect=2)
    print("unknown names: an honest answer and candidates")


def check_wrong():
    """What is no name is refused in one short line, and so is what is no command or no number."""
    def refused(*arguments, status=2):
        done = subprocess.run([WHORL, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status and done.stderr.startswith("whorl: ") and not done.stdout, (arguments, done)
        assert len(done.stderr) < 500, done.stderr
        return done.stderr

    for name in ("", "  ", "strtok\n", "\x1b[2J", "caf\u00e9", "a" * 100_000):
        refused("explain", name)
    assert "not known" in run("explain", "a" * 4000, expect=1)
    assert '"facts cuont"' in refused("facts", "cuont") and "whorl facts sample --help" in refused("facts", "sample")
    refused("facts", "sample", "--seed", "-1")
    refused("facts", "sample", "--seed", "1", "--count", "-1")
    assert "directory" in refused("facts", "check", "/", status=1)
    assert "directory" in refused("facts", "grep", "/dev/null", status=1)
    print("wrong names, commands and numbers: refused in a line")


def check_speed():
    best = min(timed() for _ in range(10))
    print(f"speed: {best:.1f} ms of processor time at best")
    assert best < MOST_MILLISECONDS or sanitized(), best


def timed():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run("explain", "--json", "strtok", "getaddrinfo", "nobody_knows_this", expect=1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def sanitized():
    cache = pathlib.Path(os.environ.get("WHORL_BUILD_DIR", ".")) / "CMakeCache.txt"
    return cache.exists() and re.search(r"^WHORL_SANITIZE:\w+=.+", cache.read_text(encoding="utf-8"), re.MULTILINE)


def check_files():
    files = sorted(map(str, (SOURCE / "facts").glob("*.facts")))
    assert "all sound" in run("facts", "check", *files)
    with tempfile.NamedTemporaryFile("w", suffix=".facts") as wrong:
        wrong.write("area: a\n\nsymbol: f\nplatform: p\nblocking: maybe\n")
        wrong.flush()
        said = run("facts", "check", wrong.name, expect=1)
        assert f"{wrong.name}:5: \"maybe\" is no blocking class" in said and f"{wrong.name}:3: the record has no evidence" in said, said
    with tempfile.TemporaryDirectory() as folder:
        def checked(text, expect):
            path = pathlib.Path(folder, "some.facts")
            path.write_bytes(text)
            return run("facts", "check", str(path), expect=expect)

        sound = b"area: a\n\nsymbol: f\nplatform: p\nblocking: never\nevidence: guessed | a | b | c | d\n"
        assert "1 records, all sound" in checked(sound.replace(b"\n", b"\r\n"), 0)
        assert ":6: \"wrong\" is no field" in checked(sound.replace(b"platform", b"# note\n# more\nwrong\nplatform"), 1)
        assert "no record" in checked(b"", 1) and "no text" in checked(b"\x7fELF\0\n" * 1000, 1)
        assert checked(b"x\n" * 1000, 1).count("\n") < 110
        said = run("facts", "check", "/no/such/file", files[0], expect=1)
        assert f"{files[0]}: " in said, said
    counted = run("facts", "count")
    assert re.search(r"^all +\d+ +\d+", counted, re.MULTILINE) and "evidence by source" in counted
    drawn = run("facts", "sample", "--seed", "7", "--count", "20")
    assert drawn == run("facts", "sample", "--seed", "7", "--count", "20") and drawn.count("\nsymbol: ") == 20
    assert drawn != run("facts", "sample", "--seed", "8", "--count", "20")
    print(f"files: {len(files)} sound, faults are named with their lines")


def check_scanner():
    """Proposals for a header and a compressed page are records that the check takes."""
    with tempfile.TemporaryDirectory() as folder:
        below = pathlib.Path(folder)
        (below / "units.h").write_text("/* Not thread-safe. */\nint parse_unit(const char* text);\n", encoding="utf-8")
        with gzip.open(below / "waiter.3.gz", "wt") as page:
            page.write("It blocks until there is an answer.\n")
        proposed = run("facts", "grep", folder)
        assert "symbol: parse_unit" in proposed and "thread: compatible" in proposed, proposed
        assert "symbol: waiter" in proposed and "blocking: wait" in proposed, proposed
        assert proposed.count("evidence: guessed") == 2
        written = below / "proposed.facts"
        written.write_text(proposed, encoding="utf-8")
        assert "2 records, all sound" in run("facts", "check", str(written))
        (below / "broken.gz").write_text("no gzip", encoding="utf-8")
        assert "symbol: parse_unit" in run("facts", "grep", folder, expect=1), "what cannot be read is left out"
    run("facts", "grep", "/no/such/place", expect=1)
    print("scanner: proposes sound records from headers and compressed pages")


def check_replacements():
    """Every whorl::name that a record tells to use stands in a public header."""
    headers = "".join(path.read_text(encoding="utf-8") for path in (SOURCE / "include").rglob("*.h"))
    named = set()
    for path in (SOURCE / "facts").glob("*.facts"):
        for line in re.findall(r"^on_loop: (.*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            named.update(re.findall(r"(?:whorl|reactor)(?:::\w+)+", line))
    missing = [name for name in sorted(named) if not re.search(rf"\b{name.rsplit('::', 1)[1]}\b", headers)]
    assert named and not missing, missing
    print(f"replacements: {len(named)} names, all in the public headers")


TELLS_AS = {  # where the name that the guard tells stands in a wrapper's definition
    "": 1, "_ALIAS": 0, "_SLEEP": 1, "_SLEEP_ALIAS": 0, "_LOCK": 1, "_CHANGE": 1,
    "_CHANGE_ALIAS": 0,
}


def wrapped_functions():
    """The functions that the guard tells of, with their effect on the process; "" of those that wait."""
    for path in sorted((SOURCE / "src/calls").glob("wrap_*.cpp")):
        text = path.read_text(encoding="utf-8")
        for kind, given in re.findall(r"^WHORL_WRAP(\w*)\((.*)$", text, re.MULTILINE):
            if kind in TELLS_AS:
                effect = re.findall(r'"(\w+)"', given)[-1] if kind.startswith("_CHANGE") else ""
                yield given.split(",")[TELLS_AS[kind]].strip(), effect
        yield from ((name, "") for name in re.findall(r'\.function = "(\w+)"', text))


def check_wrapped():
    """The guard says of each call that it tells of what it waits for or changes, and what to use instead."""
    effects = dict(wrapped_functions())
    assert len(effects) > 100, effects
    for known in explain(*effects):
        name = known["symbol"]
        assert known["found"] and known["evidence"] and known["replacement"]["loop"], known
        assert known["thread"]["class"] != "unknown", known
        if effects[name]:
            assert effects[name] in known["process_effects"], known
        else:
            assert known["blocking"]["class"] not in ("unknown", "never", "cpu", "alloc"), known
    print(f"guard: what it tells of {len(effects)} functions has evidence and a replacement")


def main():
    check_shape()
    check_verdicts()
    check_spellings()
    check_unknown()
    check_wrong()
    check_speed()
    check_files()
    check_scanner()
    check_replacements()
    check_wrapped()
    print(run("facts", "count").split("\n", 1)[0])


main()
