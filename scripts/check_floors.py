#!/usr/bin/env python3
"""Checks that every floor includes only itself and floors below it, and that public headers stay light.

The table of floors is cmake/floors.cmake, the one that the build uses.
usage: check_floors.py [ROOT]       prints file:line, what is wrong and what to do; exits 1 if anything is
"""

import pathlib
import re
import sys

# Headers that cost their includers seconds, or tie a user of whorl to our choice of library.
HEAVY = re.compile(r"(nlohmann/|CLI/|simdjson|sqlite3|udunits2|llhttp|fmt/|spdlog/|openssl/|ares|libpq|postgresql/|nghttp2/|curl/|gtest/|gmock/)")
TESTS_WITH = re.compile(r"g(test|mock)/")  # what public headers of testing/ are for
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
FLOOR = re.compile(r"^whorl_floor\((\w+)([^)]*)\)", re.MULTILINE)


def read_floors(root):
    """Returns {floor: (floors it may use, floors its tests may use too)}, with all that is reached through others."""
    text = (root / "cmake/floors.cmake").read_text(encoding="utf-8")
    floors = {}
    for name, rest in FLOOR.findall(text):
        words = {"USES": set(), "TESTS_USE": set()}
        current = None
        for word in rest.split():
            if word.isupper():
                current = words.get(word)
            elif current is not None:
                current |= {word} | floors[word][0]
        floors[name] = (words["USES"], words["USES"] | words["TESTS_USE"])
    return floors


def included_floor(bracket, header, floors):
    """The floor that an include names, or None when it is not one of ours."""
    parts = pathlib.PurePosixPath(header).parts
    if parts[0] == "whorl" and len(parts) > 2:
        return parts[1]
    ours = [part for part in parts[:-1] if part in floors]
    return ours[0] if bracket == '"' and ours else None


def check_file(path, name, floor, floors):
    """Yields one sentence for each include that must not be."""
    public = name.startswith("include/")
    text = path.read_text(encoding="utf-8")
    may_use, tests_may_use = floors[floor]
    allowed = {floor} | (tests_may_use if name.endswith("_test.cpp") else may_use)
    for match in INCLUDE.finditer(text):
        bracket, header = match.groups()
        where = f"{name}:{text.count(chr(10), 0, match.start(2)) + 1}"
        other = included_floor(bracket, header, floors)
        if other is not None and other not in allowed:
            yield (f"{where}: {floor}/ may not include {header}: {other}/ is not below it; it may use "
                   f"{', '.join(sorted(may_use)) or 'nothing of ours'}. Move what you need down, or turn the dependency round "
                   f"with an interface that {floor}/ declares.")
        elif floor == "testing" and TESTS_WITH.match(header):
            continue
        elif public and other is None and HEAVY.match(header):
            yield (f"{where}: a public header may not include {header}: every user would pay for it. Include it in a .cpp of src/{floor}/ "
                   f"and keep its types behind a pointer to a type that is only declared here.")
        elif public and bracket == '"':
            yield f'{where}: a public header includes by <whorl/...> only, not "{header}": quoted files are not installed.'
        elif header.startswith("CLI/") and floor != "cli":
            yield f"{where}: {header} belongs to cli/ alone; take what you need as arguments."


def check(root):
    floors = read_floors(root)
    for folder in ("include/whorl", "src"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            parts = path.relative_to(root / folder).parts
            if path.suffix not in (".h", ".cpp") or len(parts) < 2:
                continue
            if parts[0] not in floors:
                yield f"{name}:1: {parts[0]}/ is no floor; add it to cmake/floors.cmake with what it may use."
            else:
                yield from check_file(path, name, parts[0], floors)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    faults = list(check(root))
    print("\n".join(faults) if faults else "floors: every include points down")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
