#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each check can fail: small trees with one mistake each, and what it says of them."""
import pathlib
import tempfile
import unittest

import check_headers
import check_layers
import check_style

LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = LICENSE + "#pragma once\n"


class Tree:
    """A repository of a few files that exists as long as the test."""

    def __init__(self, test, files):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


class Layers(unittest.TestCase):
    def f(self, path, include, want):
        tree = Tree(self, {path: LICENSE + f'#include "{include}"\n'})
        self.assertEqual(list(check_layers.problems(tree.root)), want)

    def test_table(self):
        self.f("src/alert/a.cc", "model/device.h", [])
        self.f("src/alert/a.cc", "alert/a.h", [])
        self.f("src/apps/a.cc", "trace/a.h", [])
        self.f("src/alert/a.cc", "api/a.h", ["src/alert/a.cc:2: 'alert' may not include 'api'"])
        self.f("src/alert/a.cc", "trace/a.h", ["src/alert/a.cc:2: 'alert' may not include 'trace'"])
        self.f("src/base/a.h", "model/a.h", ["src/base/a.h:2: 'base' may not include 'model'"])
        self.f("src/engine/a.h", "api/a.h", ["src/engine/a.h:2: 'engine' may not include 'api'"])
        self.f("src/new/a.cc", "base/a.h",
               ["src/new/a.cc:1: module 'new' is not in the table of tools/check_layers.py"])


class Style(unittest.TestCase):
    def f(self, files, *want):
        found = list(check_style.problems(Tree(self, files).root))
        self.assertEqual(len(found), len(want), found)
        for line, part in zip(found, want):
            self.assertIn(part, line)

    def test_a_clean_tree_has_no_findings(self):
        self.f({"src/a/a.h": HEADER, "src/a/a.cc": LICENSE + '#include "a/a.h"\n',
                "README.md": "# One\n\n[a](src/a/a.cc) [b](#one)\n```\n# not a title\n```\n"})

    def test_files(self):
        self.f({"a.cc": "int x;\n"}, "a.cc:1: the first line is not the SPDX line")
        self.f({"tool": "#!/bin/bash\necho\n"}, "tool:2: the second line is not the SPDX line")
        self.f({"a.h": LICENSE}, "a.h:1: no #pragma once")
        self.f({"a.cc": LICENSE + "int x;  \n"}, "a.cc:2: space at the end")
        self.f({"a.cc": LICENSE + "int x;"}, "a.cc:2: no newline")
        self.f({"a.cc": LICENSE + "/" * 101 + "\n"}, "a.cc:2: 101 columns")
        self.f({"a.cc": LICENSE + "//é" + "-" * 97 + "\n"})
        self.f({"a.cc": LICENSE + "int x;\n" * 500}, "a.cc:501: 501 lines, at most 500")
        self.f({"a.h": HEADER + "int x;\n" * 299}, "a.h:301: 301 lines, at most 300")

    def test_functions(self):
        def body(lines):
            return "{\n" + "  x();\n" * lines + "}\n"
        long = "function of 72 lines, at most 70"
        self.f({"a.cc": LICENSE + "void f() " + body(68)})
        self.f({"a.cc": LICENSE + "void f() " + body(70)}, "a.cc:2: " + long)
        self.f({"a.cc": LICENSE + "namespace n {\nvoid f() " + body(70) + "}\n"}, "a.cc:3: " + long)
        self.f({"a.cc": LICENSE + "class C {\n C() : a(1), b{2} " + body(70) + "};\n"},
               "a.cc:3: " + long)
        self.f({"a.cc": LICENSE + "enum E {\n" + "  kA,\n" * 90 + "};\n"})
        self.f({"a.cc": LICENSE + "int table[] = {\n" + "  1,\n" * 90 + "};\n"})
        braces = "void f() {\n  // {{{\n  g('{', \"{\");\n}\n"
        self.f({"a.cc": LICENSE + braces + "void g() " + body(70)}, "a.cc:6: " + long)

    def test_banned(self):
        self.f({"src/a/a.cc": LICENSE + "void f() { std::cout << 1; }\n"}, "a.cc:2: std::cout")
        self.f({"src/apps/a.cc": LICENSE + "void f() { std::cout << 1; }\n"})
        self.f({"a.cc": LICENSE + "// never sleep_for\n"})
        self.f({"a.cc": LICENSE + "void f() { sleep_" + "for(1s); }\n"}, "a.cc:2: sleeping")
        self.f({"src/a/a.cc": LICENSE + "auto t = std::chrono::system_clock::now();\n"},
               "a.cc:2: only base/clock.cc")
        self.f({"src/base/clock.cc": LICENSE + "auto t = std::chrono::system_clock::now();\n"})
        self.f({"a.h": HEADER + "using namespace std;\n"}, "a.h:3: using namespace")
        self.f({"CMakeLists.txt": "file(GLOB x *.cc)\n"}, "CMakeLists.txt:1: list sources by name")

    def test_text(self):
        self.f({"a.cc": LICENSE + "// TO" + "DO later\n"}, "a.cc:2: a note to do it later")
        self.f({"a.md": "# A\nsee /wo" + "rk/x\n"}, "a.md:2: an absolute path")
        self.f({"a.md": "# A\nsee /proc/self, $HOME/work/x and a/tmp/b\n"})
        self.f({"a.md": "# A\nhttps://py" + "pi.org/x\n"}, "a.md:2: the address of a package reg")

    def test_markdown(self):
        self.f({"a.md": "text\n"}, "a.md:1: 0 first-level headings")
        self.f({"a.md": "# A\n# B\n"}, "a.md:2: 2 first-level headings")
        self.f({"a.md": "# A\n[x](b.md)\n"}, "a.md:2: link to nowhere: b.md")
        self.f({"a.md": "# A\n[x](#b)\n"}, "a.md:2: link to no heading: #b")
        self.f({"a.md": "# A\n[x](../b.md)\n"}, "a.md:2: link to nowhere: ../b.md")
        self.f({"a.md": "# A\n[x](https://example.org)\n"})

    def test_unused_header(self):
        self.f({"src/a/a.h": HEADER}, "src/a/a.h:1: no file includes this header")

    def test_ratchet(self):
        bad = {"a.cc": LICENSE + "int x; \nint y; \n"}
        def ratchet(count):
            return {"tools/ratchet.txt": f"# known\ntrailing_space a.cc {count}\n"}
        self.f({**bad, **ratchet(2)})
        self.f({**bad, **ratchet(1)}, "a.cc:2: space", "a.cc:3: space")
        self.f({**bad, **ratchet(3)}, "trailing_space a.cc is 2 now: lower its 3")


class Headers(unittest.TestCase):
    def f(self, text, want):
        tree = Tree(self, {"src/a/a.h": text})
        found = check_headers.problems(tree.root, ["c++", "-std=c++20"])
        self.assertEqual([line.splitlines()[0] for line in found], want)

    def test_alone(self):
        self.f(HEADER + "#include <string>\nstruct S { std::string s; };\n", [])
        self.f(HEADER + "struct S { std::string s; };\n",
               ["src/a/a.h:1: does not compile alone"])
        self.f(LICENSE + "struct S {};\n", ["src/a/a.h:1: does not compile alone"])


if __name__ == "__main__":
    unittest.main()
