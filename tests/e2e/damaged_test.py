# SPDX-License-Identifier: Apache-2.0
"""Files that are damaged, absurd or no recordings at all: a clear line, never a crash, a hang, much
memory or a poisoned number."""
import gzip
import json
import os
import pathlib
import resource
import sqlite3
import subprocess
import tempfile
import unittest

from harness import DATA, PROGRAM, run

MAX_RESIDENT_KIB = 300 * 1024
SANITIZED = "sanitize" in os.environ.get("GPUVIGIL_BUILD", "")


def read(path, timeout=60):
    """Offline; gives (exit code, answer or None, standard error, peak KiB)."""
    with subprocess.Popen([PROGRAM, "kernels", "--trace", str(path), "--json", "--limit", "0"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=timeout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return process.returncode, json.loads(out) if out else None, err.decode(), peak


def calls(answer):
    return sum(row["total_calls"] for row in answer["kernels"]) if answer else 0


def one_line(text):
    return [line for line in text.splitlines() if line.startswith("gpuvigil: ")]


@unittest.skipUnless(DATA.is_dir(), f"no recordings at {DATA}; set GPUVIGIL_DATA")
class DerivedTest(unittest.TestCase):
    # Whole, so without a word on standard error; the others are told about in one line.
    WHOLE = {"merged_8devices.json.gz", "base.json.gz", "strings.json", "dup.json", "shuffled.json",
             "bom_crlf.json", "array.json", "traceEvents_last.json", "traceEvents_first.json",
             "multimember.json.gz", "names.json", "badutf8.json", "noargs.json",
             "array_unclosed.json", "deep.json", "events_mixed.json"}

    def test_each_file_gives_what_is_expected_of_it(self):
        expect = json.loads((DATA / "derived/EXPECT.json").read_text())
        for name, wanted in expect.items():
            with self.subTest(name):
                code, answer, err, peak = read(DATA / "derived" / name)
                self.assertIn(code, (0, 6), err)
                if wanted["kernel_calls"] is not None:
                    self.assertEqual(calls(answer), wanted["kernel_calls"], wanted["holds"])
                if name in self.WHOLE:
                    self.assertEqual(code, 0, err)
                if code != 0 or (answer and answer["dropped_executions"]):
                    self.assertEqual(len(one_line(err)), 1, err)
                    self.assertIn(name, err)
                if not SANITIZED:
                    self.assertLess(peak, MAX_RESIDENT_KIB)
        print(f"derived files as expected: {len(expect)}")

    def test_absurd_times_poison_nothing(self):
        base = read(DATA / "derived/base.json.gz")[1]
        for name in ("absurd.json", "nan.json"):
            _, answer, _, _ = read(DATA / "derived" / name)
            self.assertEqual(answer["dropped_executions"], 3, name)
            for row in answer["kernels"]:
                same = next(b for b in base["kernels"] if b["name"] == row["name"])
                self.assertLessEqual(row["max_time_ms"], same["max_time_ms"], name)
                self.assertGreaterEqual(row["min_time_ms"], same["min_time_ms"], name)

    def test_altered_files_have_the_statistics_of_their_base(self):
        base = read(DATA / "derived/base.json.gz")[1]["kernels"]
        keep = ("name", "total_calls", "total_time_ms", "min_time_ms", "max_time_ms", "p99_time_ms")
        want = [{k: row[k] for k in keep} for row in base]
        for name in ("strings.json", "shuffled.json", "bom_crlf.json", "array.json",
                     "array_unclosed.json", "traceEvents_last.json", "traceEvents_first.json",
                     "multimember.json.gz"):
            got = read(DATA / "derived" / name)[1]["kernels"]
            self.assertEqual([{k: row[k] for k in keep} for row in got], want, name)


class NoRecordingTest(unittest.TestCase):
    """Needs no data: these files are made here."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def file(self, name, content):
        path = pathlib.Path(self.scratch.name) / name
        path.write_bytes(content)
        return path

    def refused(self, path, code, *words):
        got, answer, err, _ = read(path)
        self.assertEqual(got, code, err)
        self.assertIsNone(answer)
        self.assertEqual(len(err.splitlines()), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_what_is_no_file_is_refused(self):
        self.refused("/nonexistent/trace.json", 5, "/nonexistent/trace.json")
        self.refused(self.scratch.name, 2, self.scratch.name, "directory")
        self.refused("/dev/zero", 2, "/dev/zero")
        pipe = pathlib.Path(self.scratch.name) / "pipe"
        os.mkfifo(pipe)
        self.refused(pipe, 2, "pipe")

    def test_what_is_no_recording_is_refused(self):
        self.refused(self.file("empty.json", b""), 6, "empty.json")
        self.refused(self.file("text.json", b"hello"), 6, "text.json", "byte")
        self.refused(self.file("x.json.gz", gzip.compress(b"{}")), 6, "x.json.gz")
        self.refused(self.file("bin", bytes(range(256)) * 100), 6, "bin")

    def test_databases_that_are_none(self):
        self.refused(self.file("fake.sqlite", b"SQLite format 3\0" + b"x" * 5000), 6, "fake.sqlite")
        path = pathlib.Path(self.scratch.name) / "other.sqlite"
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE people (name TEXT)")
        database.close()
        self.refused(path, 6, "other.sqlite")

    def test_a_good_file_beside_a_bad_one_is_not_half_an_answer(self):
        event = (b'{"traceEvents":[{"ph":"X","cat":"kernel","name":"k","ts":1,"dur":2,'
                 b'"args":{"device":0}}]}')
        good = self.file("good.json", event)
        code, out, err = run("kernels", "--trace", str(good), "/nonexistent", "--json")
        self.assertEqual(code, 5, err)
        self.assertEqual(out, "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
