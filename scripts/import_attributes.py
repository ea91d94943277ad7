#!/usr/bin/env python3
"""Writes the records that come from the Linux man-pages: facts/man_attributes.facts from the ATTRIBUTES table of every page,
facts/posix_lists.facts from the lists in pthreads(7) and signal-safety(7). Only facts are taken (a function's name and the
labels of attributes(7)), no sentences, and every record names its page and version.

usage: import_attributes.py [--check] [--man DIRECTORY]
  --check   writes nothing; exits 1 and shows the difference if the committed files are not what the pages give, and 77
            if the pages are not installed (Debian: manpages and manpages-dev)
"""

import argparse
import difflib
import gzip
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "facts"
LIBRARY = "glibc"
STANDARD = "POSIX.1-2008"

# What attributes(7) says of a keyword after MT-Safe: under which condition the function is safe.
SAFE_WHILE = {
    "env": "no thread changes the environment meanwhile",
    "locale": "no thread changes the locale meanwhile",
    "cwd": "no thread changes the working directory meanwhile",
    "hostid": "no thread calls sethostid meanwhile",
    "sigintr": "no thread calls siginterrupt meanwhile",
}
# MT-Unsafe with one of these: no lock that callers could take covers what it touches.
PROCESS_WIDE = ("const", "init", "sig", "timer", "term")
# MT-Unsafe because of an argument alone: other objects may be used meanwhile.
ARGUMENTS = ["race:dirstream"]


def page_text(path):
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def title(path, text):
    """(page, version) of a page of the Linux man-pages, or None; the file's name, for titles are in capitals now and then"""
    found = re.search(r'^\.TH \S+ \d\S* \S+ "Linux man-pages ([\d.]+)"', text, re.MULTILINE)
    name, section, _ = path.name.rsplit(".", 2)
    return (f"{name}({section})", f"Linux man-pages {found[1]}") if found else None


def plain(roff):
    roff = re.sub(r"\\f[BIRP]|\\f\(..|\\:|\\&|\\c", "", roff)
    return re.sub(r"\\ ", " ", roff).replace("\\-", "-")


def table_rows(section):
    """The rows of the tables in a section, each a list of cells of plain text."""
    for table in re.findall(r"^\.TS\n(.*?)^\.TE", section, re.MULTILINE | re.DOTALL):
        body = table.split("Interface\t", 1)[-1].split("\n", 1)[-1]
        body = re.sub(r"T\{\n(.*?)\nT\}", lambda block: re.sub(r"\n", "\v", block[1]), body, flags=re.DOTALL)
        for line in body.split("\n"):
            if "\t" in line:
                yield [plain(cell) for cell in line.split("\t")]


def functions_of(cell):
    cell = re.sub(r"\.(BR?|IR?|RB|I) ", "", cell).replace("\v", " ")
    return re.findall(r"([A-Za-z_]\w*)\s*\(", cell)


def label_of(cell):
    """ "MT-Unsafe race:utent env" of a cell, which may go on with a remark that is not ours to copy."""
    words = re.sub(r"\.(BR?|IR?|RB|I|na|nh) ?", "", cell).replace("\v", " ").replace("race: ", "race:").split()
    label = []
    for word in words:
        word = word.rstrip(",;")
        if not re.fullmatch(r"MT-(Safe|Unsafe)|(race|const|init|sig|timer|term|env|locale|cwd|hostid|sigintr)([:/].*)?", word):
            break
        label.append(word)
    return label


def null_argument(reasons):
    """The argument that must not be null for the race to be gone, of race:wcrtomb/!ps."""
    found = {match[1] for match in (re.search(r"^race:\w+/!(ps|s|string)$", reason) for reason in reasons) if match}
    return found.pop() if len(found) == 1 else None


def thread_lines(label):
    verdict, *reasons = label
    kinds = {reason.split(":")[0] for reason in reasons}
    if verdict == "MT-Safe":
        level = "distinct" if "race" in kinds else "shared"
        conditions = [SAFE_WHILE[reason] for reason in reasons if reason in SAFE_WHILE]
        if level == "distinct":
            objects = [reason.removeprefix("race:") for reason in reasons if reason.startswith("race:")]
            conditions.insert(0, "no other thread uses the same " + " or ".join(objects) + " meanwhile")
    else:
        hard = kinds.intersection(PROCESS_WIDE) or "race" not in kinds
        level = "incompatible" if hard else "distinct" if reasons == ARGUMENTS else "compatible"
        argument = null_argument(reasons)
        conditions = [f"the argument {argument} is not null"] if argument else []
        if level == "distinct":
            conditions = ["no other thread uses the same dirstream meanwhile"]
    yield " ".join(["thread:", level, *reasons])
    if conditions:
        yield "thread_if: " + ", and ".join(conditions)


def evidence(page, version, place, says):
    return f"evidence: documented | {page} | {version} | {place} | {says}"


def attribute_records(pages):
    """A record a function and label; pages that agree share it."""
    found = {}
    for name, version, text in pages:
        section = re.search(r"^\.SH ATTRIBUTES\n(.*?)(?=^\.SH )", text, re.MULTILINE | re.DOTALL)
        for row in table_rows(section[1]) if section else ():
            if len(row) < 3 or "Thread safety" not in row[1]:
                continue
            label = label_of(row[2])
            for function in functions_of(row[0]) if label else ():
                found.setdefault((function, tuple(label)), set()).add((name, version))
    for (function, label), sources in sorted(found.items()):
        yield [f"symbol: {function}", f"platform: {LIBRARY}", *thread_lines(label),
               *(evidence(name, version, "ATTRIBUTES", " ".join(label)) for name, version in sorted(sources))]


def listed(text, after, before):
    """(function, remark) of an example block between two marks"""
    block = text.split(after, 1)[1].split(before, 1)[0]
    block = re.search(r"^\.EX\n(.*?)^\.EE", block, re.MULTILINE | re.DOTALL)[1]
    for line in re.sub(r"\n\s+", " ", plain(block)).split("\n"):
        found = re.match(r"(\w+)\(\)\s*(.*)", line)
        if found:
            yield found[1], found[2]


def thread_list_records(text, version):
    for function, remark in listed(text, ".SS Thread-safe functions", ".SS Async-cancel-safe"):
        lines = ["thread: compatible"]
        if remark.startswith("if passed a non-NULL"):
            lines.append("thread_if: its argument is null")
        elif remark.startswith("if its final argument is NULL"):
            lines.append("thread_if: its final argument is not null")
        yield function, [*lines, evidence("pthreads(7)", version, "Thread-safe functions", "need not be thread-safe")]


def wait_list_records(text, version):
    block = text.split(".SS Cancellation points", 1)[1]
    both = re.findall(r"^\.EX\n(.*?)^\.EE", block, re.MULTILINE | re.DOTALL)
    for part, says in zip(both[:2], ("must be a cancellation point: it may wait", "may be a cancellation point: it may wait")):
        for function in re.findall(r"^(\w+)\(\)", plain(part), re.MULTILINE):
            yield function, [evidence("pthreads(7)", version, "Cancellation points", says)]


def signal_list_records(text, version):
    table = re.search(r"^Function\tNotes\n(.*?)^\.TE", text, re.MULTILINE | re.DOTALL)[1]
    for function in re.findall(r"^(\w+)\(\d\)", plain(table), re.MULTILINE):
        yield function, [evidence("signal-safety(7)", version, "list of functions", "async-signal-safe: takes no lock that its caller may hold")]


def list_records(pages):
    found = {}
    for name, version, text in pages:
        if name == "pthreads(7)":
            parts = [*thread_list_records(text, version), *wait_list_records(text, version)]
        elif name == "signal-safety(7)":
            parts = list(signal_list_records(text, version))
        else:
            continue
        for function, lines in parts:
            found.setdefault(function, []).extend(lines)
    for function, lines in sorted(found.items()):
        claims = [line for line in lines if not line.startswith("evidence:")]
        yield [f"symbol: {function}", f"platform: {STANDARD}", *claims, *(line for line in lines if line.startswith("evidence:"))]


def written(area, about, records):
    head = f"# {about}\n# Written by scripts/import_attributes.py; not to be edited. Licence: names and labels are facts, the pages are named.\narea: {area}\n"
    return head + "".join("\n" + "\n".join(record) + "\n" for record in records)


def read_pages(man):
    for path in sorted([*man.glob("man[237]*/*.gz")]):
        if path.is_symlink():
            continue
        text = page_text(path)
        named = title(path, text)
        if named:
            yield *named, text


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--check", action="store_true")
    options.add_argument("--man", type=pathlib.Path, default=pathlib.Path("/usr/share/man"))
    asked = options.parse_args()
    pages = list(read_pages(asked.man))
    names = {name for name, _, _ in pages}
    if not {"pthreads(7)", "signal-safety(7)", "strtok(3)"} <= names:
        print("the Linux man-pages are not installed; install Debian's manpages and manpages-dev")
        sys.exit(77)
    files = {
        "man_attributes.facts": written("libc", "How functions of glibc behave with threads: the ATTRIBUTES tables of the Linux man-pages.",
                                        attribute_records(pages)),
        "posix_lists.facts": written("posix", "What POSIX lets functions do: the lists of pthreads(7) and signal-safety(7).",
                                     list_records(pages)),
    }
    differ = False
    for name, text in files.items():
        path = FOLDER / name
        if not asked.check:
            path.write_text(text, encoding="utf-8")
            print(f"{name}: {text.count(chr(10) + 'symbol: ')} records")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            differ = True
            have = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            print("\n".join(list(difflib.unified_diff(have, text.splitlines(), f"committed {name}", f"imported {name}", lineterm=""))[:40]))
        else:
            print(f"{name}: {text.count(chr(10) + 'symbol: ')} records, as committed")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
