#!/usr/bin/env python3
"""Writes the reference of whorl's public headers as one page: for each header what it opens with, then every declaration
that has a comment, with that comment. The headers are the source; what is missing on the page is missing there.

usage: docs.py FOLDER       writes FOLDER/index.html
"""

import html
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXED_WORDS = ("Thread", "Lifetime", "Fails", "Cancel", "Cost", "Shape", "Source")
STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dde3ea; --paper: #fbfcfd; --mark: #0b6e75; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe6ee; --soft: #93a1b2; --line: #2b3542; --paper: #12171e; --mark: #5cc8cf; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); } h3 { margin: 2.2rem 0 .3rem; font-family: ui-monospace, monospace; font-size: 1rem; color: var(--mark); }
pre { margin: .2rem 0; padding: .6rem .8rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; font-size: .85rem; }
p { margin: .4rem 0; } .said { margin: 1rem 0 1.2rem 0; } .word { font-weight: 600; } .word + span { color: var(--soft); }
nav a { margin-right: .9rem; } a { color: var(--mark); text-decoration: none; } a:hover { text-decoration: underline; }
"""


def floors():
    """The floors in the order of the table, from the bottom up."""
    table = (ROOT / "cmake/floors.cmake").read_text(encoding="utf-8")
    return re.findall(r"^whorl_floor\((\w+)", table, re.MULTILINE)


def comment_text(lines):
    return [re.sub(r"^\s*// ?", "", line) for line in lines]


def prose(lines):
    """A comment as HTML: paragraphs, indented code, and the fixed words set apart."""
    out, paragraph, code = [], [], []

    def flush():
        if code:
            out.append("<pre>" + html.escape(textwrap.dedent("\n".join(code).rstrip())) + "</pre>")
        if paragraph:
            text = html.escape(" ".join(paragraph))
            text = re.sub(rf"^({'|'.join(FIXED_WORDS)}):\s*(.*)$", r'<span class="word">\1:</span> <span>\2</span>', text)
            text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
            out.append(f"<p>{text}</p>")
        paragraph.clear()
        code.clear()

    fixed = False  # within a fixed word's text, indentation continues it
    for line in lines:
        opens_word = re.match(rf"({'|'.join(FIXED_WORDS)}):", line)
        if not line.strip() or opens_word:
            flush()
            fixed = bool(opens_word)
        if line.startswith("  ") and not fixed:
            if paragraph:
                flush()
            code.append(line)
        elif line.strip():
            if code:
                flush()
            paragraph.append(line.strip())
    flush()
    return "\n".join(out)


def declaration(lines, at):
    """The declaration that starts at lines[at]: up to its semicolon or the brace that opens its body."""
    taken = []
    for line in lines[at:at + 12]:
        if not line.strip():
            break
        taken.append(re.sub(r"\s*//.*$", "", line))
        if re.search(r"[;{]\s*(\}.*)?$", taken[-1]):
            break
    if not taken:
        return ""
    return re.sub(r"\s*\{[^{\n]*$", "", textwrap.dedent("\n".join(taken)).rstrip())  # without the body


def documented(lines):
    """Yields (comment, declaration) for every comment that stands before a declaration, outside `detail` and private parts."""
    at, detail, private = 0, False, False
    while at < len(lines):
        line = lines[at].strip()
        if line.startswith("namespace") or re.match(r"\}\s*// namespace", line):
            detail = bool(re.match(r"namespace (\w+::)*detail\b", line))
        private = line in ("private:", "protected:") or (private and line != "public:" and not re.match(r"[a-z}]", lines[at]))
        if line.startswith("//"):
            start = at
            while at < len(lines) and lines[at].strip().startswith("//"):
                at += 1
            words = declaration(lines, at)
            if words and not detail and not private and not re.match(r"(public|private|protected):|#|\}|namespace", words):
                yield comment_text(lines[start:at]), words
        else:
            at += 1


def header_page(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    end = next((at for at, line in enumerate(lines) if not line.startswith("//")), len(lines))
    name = path.relative_to(ROOT / "include").as_posix()
    parts = [f'<h3 id="{name}">&lt;{name}&gt;</h3>', prose(comment_text(lines[:end]))]
    for comment, words in documented(lines[end:]):
        parts.append(f"<pre>{html.escape(words)}</pre>\n<div class=\"said\">{prose(comment)}</div>")
    return "\n".join(parts)


def page():
    links, parts = [], []
    for floor in floors():
        headers = sorted((ROOT / "include/whorl" / floor).glob("*.h"))
        if headers:
            links.append(f'<a href="#{floor}">{floor}</a>')
            parts.append(f'<h2 id="{floor}">{floor}</h2>\n' + "\n".join(map(header_page, headers)))
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>whorl: reference</title>"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            f"<style>{STYLE}</style></head>\n<body><h1>whorl</h1><nav>{''.join(links)}</nav>\n" + "\n".join(parts) + "\n</body></html>\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page(), encoding="utf-8")
    print(f"wrote {folder / 'index.html'}")


if __name__ == "__main__":
    main()
