#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of CONTRIBUTING.md that a machine can keep, one function each.

usage: check_style.py [ROOT]

Exceptions that are known stand in tools/ratchet.txt, a line `rule path count` each. They only fall:
more findings than stand there are an error, and so are fewer, until the line is lowered.
"""
import collections
import pathlib
import re
import sys

import sources

MAX_COLUMNS = 100
MAX_LINES = {".cc": 500, ".c": 500, ".h": 300}
MAX_FUNCTION_LINES = 70

CXX = (".h", ".cc", ".c")
SCRIPTS = (".py", ".sh", "")


class File:
    """One file, read once: its path below the root, text, lines, and code without literals."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.code = sources.code_only(self.text) if path.suffix in CXX else self.text
        self.code_lines = self.code.splitlines()

    def below(self, *folders):
        return self.path.parts[0] in folders


# ---- rules on one file: each yields (line, what is wrong) ----


def spdx(file):
    if file.path.suffix in CXX and "SPDX-License-Identifier: Apache-2.0" not in file.text[:60]:
        yield 1, "the first line is not the SPDX line"
    if file.text.startswith("#!") and "SPDX-License-Identifier: Apache-2.0" not in file.text[:90]:
        yield 2, "the second line is not the SPDX line"


def pragma_once(file):
    # What C and strangers' compilers read has it too: all of them know it.
    if file.path.suffix == ".h" and "#pragma once" not in file.lines[:12]:
        yield 1, "no #pragma once at its top"


def columns(file):
    if file.path.suffix not in (*CXX, ".py", ".cmake") and file.path.name != "CMakeLists.txt":
        return
    for number, line in enumerate(file.lines, 1):
        if len(line) > MAX_COLUMNS:
            yield number, f"{len(line)} columns, at most {MAX_COLUMNS}"


def file_length(file):
    most = MAX_LINES.get(file.path.suffix)
    if most and len(file.lines) > most:
        yield most + 1, f"{len(file.lines)} lines, at most {most}"


def functions(code):
    """(first line, last line) of each outermost function body in C++ without literals."""
    stack = []  # True for a brace that opens a namespace, class or other scope of declarations
    start = 0   # where the current declaration begins
    opened = None
    for match in re.finditer(r"[{};]|^[ \t]*#[^\n]*", code, re.MULTILINE):
        token = match[0]
        if token == "{":
            head = code[start:match.start()]
            scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()=]*$", head)
            if opened is None and not scope and "(" in head:
                first = start + len(head) - len(head.lstrip())
                opened = (len(stack), code.count("\n", 0, first) + 1)
            stack.append(bool(scope))
            if scope:
                start = match.end()
        elif token == "}" and stack:
            stack.pop()
            goes_on = re.match(r"\s*[,{]", code[match.end():])  # the b{2} of a member initialiser
            if opened and opened[0] == len(stack):
                if not goes_on:
                    yield opened[1], code.count("\n", 0, match.start()) + 1
                opened = None
            if all(stack) and not goes_on:
                start = match.end()
        elif all(stack):
            start = match.end()


def function_length(file):
    if file.path.suffix not in CXX:
        return
    for first, last in functions(file.code):
        if last - first + 1 > MAX_FUNCTION_LINES:
            yield first, f"function of {last - first + 1} lines, at most {MAX_FUNCTION_LINES}"


# (what, pattern, files it is banned in). Written so that this file does not break its own rules.
BANNED = [
    ("std::cout outside apps/", r"\bstd::cout\b",
     lambda f: f.path.suffix in CXX and f.path.parts[:2] != ("src", "apps")),
    ("sleeping: wait for an event, or take a Clock", r"\bsleep_(?:for|until)\b|\busleep\s*\(",
     lambda f: f.path.suffix in CXX),
    ("only base/clock.cc reads the wall clock", r"\bsystem_clock::now\b",
     lambda f: f.below("src") and f.path.suffix in CXX
     and f.path != pathlib.Path("src/base/clock.cc") and not f.path.stem.endswith("_bench")),
    ("using namespace in a header", r"\busing\s+namespace\b", lambda f: f.path.suffix == ".h"),
    ("list sources by name", r"\bfile\s*\(\s*GLOB",
     lambda f: f.path.suffix == ".cmake" or f.path.name == "CMakeLists.txt"),
]


def banned(file):
    for what, pattern, applies in BANNED:
        if not applies(file):
            continue
        for number, line in enumerate(file.code_lines, 1):
            if re.search(pattern, line):
                yield number, what


# Words that promise work instead of doing it, and what belongs to the machine of the author.
TEXT = [
    ("a note to do it later: do it, or open an issue", r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b"),
    ("an absolute path of one machine", r"(?<![\w.~$}/*-])/(?:work|root|home|Users|tmp)/\w"),
    ("the address of a package registry",
     r"\b(?:registry\.npmjs|pypi|files\.pythonhosted|proxy\.golang|crates)\.(?:org|io)\b"
     r"|\b(?:deb|snapshot)\.debian\.org\b|\bdocker\.io\b"),
]


def text(file):
    if file.path.parts[:2] == ("tools", "check_test.py") or file.below("fuzz"):
        return  # samples of what is forbidden
    for number, line in enumerate(file.lines, 1):
        for what, pattern in TEXT:
            if re.search(pattern, line) and "TEXT = [" not in line:
                yield number, what


def trailing_space(file):
    for number, line in enumerate(file.lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line"
    if file.text and not file.text.endswith("\n"):
        yield len(file.lines), "no newline at the end of the file"


def without_fences(lines):
    """(number, line) of Markdown that is not inside a ``` block."""
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def one_h1(file):
    if file.path.suffix != ".md":
        return
    titles = [number for number, line in without_fences(file.lines) if line.startswith("# ")]
    if len(titles) != 1:
        yield (titles[1] if titles else 1), f"{len(titles)} first-level headings instead of one"


# ---- rules on all files together: each yields (path, line, what is wrong) ----


def anchors(file):
    """The anchors that a Markdown page's headings get."""
    found = set()
    for _, line in without_fences(file.lines):
        if re.match(r"#{1,6} ", line):
            title = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(title.replace(" ", "-"))
    return found


def links(files, root):
    pages = {file.path: file for file in files if file.path.suffix == ".md"}
    for page in pages.values():
        for number, line in without_fences(page.lines):
            for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                to = (root / page.path.parent / name).resolve() if name else root / page.path
                if not to.exists() or not to.is_relative_to(root.resolve()):
                    yield page.path, number, f"link to nowhere: {target}"
                    continue
                other = pages.get(to.relative_to(root.resolve()) if name else page.path)
                if anchor and other and anchor not in anchors(other):
                    yield page.path, number, f"link to no heading: {target}"


def unused_headers(files, _root):
    included = {}
    for file in files:
        if file.path.suffix in (*CXX, ".c"):
            for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', file.text, re.MULTILINE):
                included.setdefault(pathlib.PurePath(name).name, set()).add(file.path)
    for file in files:
        if file.path.suffix == ".h" and file.below("src"):
            if not included.get(file.path.name, set()) - {file.path}:
                yield file.path, 1, "no file includes this header"


FILE_RULES = [spdx, pragma_once, columns, file_length, function_length, banned, text,
              trailing_space, one_h1]
REPOSITORY_RULES = [links, unused_headers]


def readable(root, path):
    """Files that the rules are about: text that people write."""
    known = {*CXX, ".c", ".py", ".sh", ".md", ".cmake", ".txt", ".json", ".yaml", ".yml", ".toml"}
    if path.parts[0] == "fuzz" and "corpus" in path.parts or "fixtures" in path.parts:
        return False
    if path.suffix in known or path.name in ("Makefile", "LICENSE", ".gitignore"):
        return True
    return path.suffix == "" and (root / path).read_bytes()[:2] == b"#!"


def findings(root):
    """Every (rule, path, line, what) in the files below root."""
    files = [File(root, path) for path in sources.tracked(root) if readable(root, path)]
    for file in files:
        for rule in FILE_RULES:
            for line, what in rule(file):
                yield rule.__name__, file.path, line, what
    for rule in REPOSITORY_RULES:
        for path, line, what in rule(files, root):
            yield rule.__name__, path, line, what


def read_ratchet(path):
    allowed = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            rule, name, count = line.split()
            allowed[rule, pathlib.Path(name)] = int(count)
    return allowed


def problems(root):
    """What is to be printed: findings beyond the ratchet, and ratchet lines that are too high."""
    grouped = collections.defaultdict(list)
    for rule, path, line, what in findings(root):
        grouped[rule, path].append(f"{path}:{line}: {what} [{rule}]")
    allowed = read_ratchet(root / "tools" / "ratchet.txt")
    for key, lines in sorted(grouped.items()):
        if len(lines) > allowed.get(key, 0):
            yield from lines
    for key, count in sorted(allowed.items()):
        if len(grouped.get(key, [])) < count:
            now = len(grouped.get(key, []))
            yield f"tools/ratchet.txt: {key[0]} {key[1]} is {now} now: lower its {count}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else sources.ROOT
    found = list(problems(root))
    print("\n".join(found) or "style: ok")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
