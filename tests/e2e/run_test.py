#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpuvigil run: what a program launched is counted exactly, and the program is none the wiser."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import PATIENCE, PROGRAM, expect_no_report, run

OPENCL_PROBE = os.environ.get("GPUVIGIL_OPENCL_PROBE")
CUDA_PROGRAM = os.environ.get("GPUVIGIL_CUDA_PROGRAM")
DOUBLES = os.environ.get("GPUVIGIL_DOUBLES", "")
TRANSFERS = ("Memcpy HtoD", "Memcpy DtoH", "Memcpy DtoD", "Memcpy map", "Memcpy unmap", "Memset")
SH = ("sh", "-c")


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.env = {"XDG_RUNTIME_DIR": str(self.folder), "GPUVIGIL_BUDGET_PERCENT": "100"}

    def run_it(self, *args, options=(), stdin=subprocess.DEVNULL, **more):
        return run("run", *options, "--", *args, stdin=stdin, env={**self.env, **more})

    def report(self, *args, options=(), **more):
        """(exit code, standard output, the report)"""
        path = self.folder / "report.json"
        code, out, err = self.run_it(*args, options=("--json", "-o", str(path), *options), **more)
        self.assertEqual(err, "", args)
        return code, out, json.loads(path.read_text())

    def tearDown(self):
        self.assertEqual(list(self.folder.glob("gpuvigil-run.*")), [], "directories left behind")


class ProgramTest(RunTest):
    """What holds of any program."""

    def test_its_output_and_its_exit_code_are_its_own(self):
        for code in (0, 1, 37, 255):
            got, out, err = self.run_it(*SH, f"cat; echo two >&2; exit {code}")
            self.assertEqual((got, out), (code, ""))
            self.assertIn("two\n", err)
            self.assertIn(f"ended with exit code {code} after", err)
        with open(__file__, "rb") as itself:
            _, out, _ = self.run_it("cat", stdin=itself)
        self.assertEqual(out, pathlib.Path(__file__).read_text(encoding="utf-8"))

    def test_arguments_are_passed_as_they_are(self):
        words = ["--json", "-n", "--", "a b", "", "$x", "--output"]
        _, out, _ = self.run_it(sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)
        self.assertEqual(out, f"{words}\n")

    def test_a_program_that_launches_nothing_is_told_so(self):
        code, out, report = self.report("true")
        self.assertEqual((code, out), (0, ""))
        self.assertEqual(report["kernels"], [])
        self.assertEqual(report["run"]["programs"], 0)
        self.assertIn("no agent was loaded", report["run"]["no_kernels_reasons"][0])
        _, _, err = self.run_it("true")
        self.assertIn("no kernel was seen\n", err)

    def test_what_cannot_be_run_is_127_or_126(self):
        plain = self.folder / "plain"
        plain.write_text("#!/bin/sh\n")
        for command, code in (("gpuvigil-no-such-program", 127), ("/nonexistent/x", 127),
                              (str(plain), 126), (str(self.folder), 126)):
            got, out, err = self.run_it(command)
            self.assertEqual((got, out), (code, ""), err)
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertIn(f"cannot run {command}: ", err)

    def test_what_is_wrong_before_it_starts_is_told_and_it_does_not_start(self):
        for options, code in ((("--output", "/nonexistent/x"), 125), (("--socket", "x"), 125),
                              (("--trace-out", "/nonexistent/x"), 125), (("--sort-by", "x"), 125),
                              (("--what",), 2)):
            got, out, err = self.run_it("echo", "started", options=options)
            self.assertEqual((got, out), (code, ""), err)
            self.assertTrue(err)
        self.assertEqual(run("run")[0], 2)

    def test_a_signal_that_ends_it_is_128_and_its_number(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            code, _, report = self.report(*SH, f"kill -{int(number)} $$")
            self.assertEqual(code, 128 + number)
            self.assertEqual(report["run"]["signal"], number)

    def test_signals_are_passed_on(self):
        script = ("import signal, sys, time\n"
                  "def told(number, _): print(number, flush=True)\n"
                  "for n in (1, 2, 3, 10, 12, 15, 28): signal.signal(n, told)\n"
                  "print('ready', flush=True)\n"
                  "while True: time.sleep(0.05)\n")
        with subprocess.Popen([PROGRAM, "run", "--", sys.executable, "-c", script], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, **self.env}, process_group=0) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            for number in (1, 2, 3, 10, 12, 15, 28):
                process.send_signal(number)
                self.assertEqual(process.stdout.readline(), f"{number}\n")
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
            os.kill(int(children.read_text()), signal.SIGKILL)
            self.assertEqual(process.wait(PATIENCE), 128 + signal.SIGKILL)
            err = process.stderr.read()
        expect_no_report(err)
        self.assertIn("was ended by signal 9", err)

    def test_signals_that_were_ignored_stay_ignored_and_none_is_held_back(self):
        script = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
        ignoring = ["sh", "-c", f"trap '' HUP; exec {PROGRAM} run -- sh -c \"$0\"", script]
        done = subprocess.run(ignoring, capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, **self.env})
        self.assertRegex(done.stdout, r"SigBlk:\s+0{16}\n")
        ignored = int(re.search(r"SigIgn:\s+(\w+)", done.stdout)[1], 16)
        self.assertTrue(ignored & 1, done.stdout)

    def test_the_environment_is_set_up_beside_what_is_there(self):
        _, out, _ = self.run_it("env", OPENCL_LAYERS="/x/other.so")
        self.assertRegex(out, r"(?m)^OPENCL_LAYERS=/x/other.so:/.*/libgpuvigil_opencl.so$")
        self.assertRegex(out, r"(?m)^CUDA_INJECTION64_PATH=/.*/libgpuvigil_cuda.so$")
        self.assertRegex(out, r"(?m)^ROCP_TOOL_LIBRARIES=/.*/libgpuvigil_rocm.so$")
        self.assertRegex(out, rf"(?m)^GPUVIGIL_SOCKET={self.folder}/gpuvigil-run\..*/agent.sock$")
        code, out, err = self.run_it("env", CUDA_INJECTION64_PATH="/x/nsys.so")
        self.assertEqual(code, 0)
        self.assertIn("CUDA_INJECTION64_PATH=/x/nsys.so\n", out)
        self.assertIn("is left alone", err)

    def test_the_socket_may_be_elsewhere_and_nobody_else_may_enter_its_own(self):
        path = self.folder / "s"
        _, out, _ = self.run_it(*SH, "echo $GPUVIGIL_SOCKET; test -S $GPUVIGIL_SOCKET && echo is",
                                options=("--socket", str(path)))
        self.assertEqual(out, f"{path}\nis\n")
        self.assertFalse(path.exists())
        _, out, _ = self.run_it(*SH, "stat -c %a $(dirname $GPUVIGIL_SOCKET)")
        self.assertEqual(out, "700\n")

    def test_a_report_that_nobody_takes_does_not_change_the_exit_code(self):
        code, _, err = self.run_it(*SH, "exit 5", options=("--output", "/dev/full"))
        self.assertEqual(code, 5)
        self.assertIn("/dev/full", err)


def rows(report):
    return {row["name"]: row["total_calls"] for row in report["kernels"]}


@unittest.skipUnless(OPENCL_PROBE, "no program that uses OpenCL")
class OpenclTest(RunTest):
    ALL = ("--kind", "all", "--limit", "0")

    def expect(self, out, report):
        want = {}
        for line in out.splitlines():
            for name, calls in json.loads(line).items():
                if calls and not name.endswith(" ns"):
                    want[name] = want.get(name, 0) + calls
        self.assertEqual(rows(report), want)
        return want

    def test_every_command_is_counted(self):
        code, out, report = self.report(OPENCL_PROBE, "plain", "300", options=self.ALL)
        self.assertEqual(code, 0)
        want = self.expect(out, report)
        told = report["run"]
        self.assertEqual((told["programs"], told["programs_still_running"]), (1, 0))
        self.assertEqual(told["executions"], sum(want.values()))
        self.assertEqual(told["no_kernels_reasons"], [])
        self.assertTrue(told["devices"][0]["name"])

    def test_the_table_is_told_after_its_end(self):
        code, out, err = self.run_it(OPENCL_PROBE, "plain", "100")
        self.assertEqual(code, 0)
        calls = json.loads(out)["saxpy"]
        self.assertRegex(err, rf"(?m)^ .* {calls} .* saxpy$")
        for name in TRANSFERS:
            self.assertNotIn(name, err)
        self.assertIn("1 programs reported", err)

    def test_children_count_too(self):
        script = f"{OPENCL_PROBE} plain 100 & {OPENCL_PROBE} plain 50; wait; " \
                 f"exec {OPENCL_PROBE} plain 10"
        code, out, report = self.report(*SH, script, options=self.ALL)
        self.assertEqual(code, 0)
        self.expect(out, report)
        self.assertEqual(report["run"]["programs"], 3)

    def test_a_trace_has_what_is_known_singly_and_says_what_is_missing(self):
        path = self.folder / "trace.json"
        options = ("--trace-out", str(path), *self.ALL)
        _, out, report = self.report(OPENCL_PROBE, "plain", "100", options=options)
        self.expect(out, report)
        trace = json.loads(path.read_text())
        events = [one for one in trace["traceEvents"] if one["ph"] == "X"]
        said = trace["otherData"]
        self.assertGreater(len(events), 0)
        self.assertEqual(said["executions_in_this_file"], len(events))
        self.assertEqual(said["executions"], report["run"]["executions"])
        self.assertEqual(said["executions_not_in_this_file"], said["executions"] - len(events))
        # What we write we can read.
        code, out, err = run("kernels", "--trace", str(path), "--json", *self.ALL)
        self.assertEqual(code, 0, err)
        self.assertEqual(sum(row["total_calls"] for row in json.loads(out)["kernels"]),
                         len(events))


@unittest.skipUnless(CUDA_PROGRAM, "no program that uses CUDA")
class CudaTest(RunTest):
    def test_every_launch_is_counted_of_children_too(self):
        one = f"{CUDA_PROGRAM} init kernels:5000 copies:30 sets:10"
        code, out, report = self.report(*SH, f"{one} & {one}; wait; exec {one}; exit 3",
                                        options=("--kind", "all", "--limit", "0"),
                                        LD_LIBRARY_PATH=DOUBLES)
        self.assertEqual(code, 0, out)
        calls = {}
        for row in report["kernels"]:
            calls[row["kind"]] = calls.get(row["kind"], 0) + row["total_calls"]
        self.assertEqual(calls, {"compute": 15000, "memcpy": 90, "memset": 30})
        self.assertEqual((report["run"]["programs"], report["run"]["kernel_calls"]), (3, 15000))

    def test_a_driver_that_cannot_be_watched_is_told(self):
        _, _, report = self.report(CUDA_PROGRAM, "init", "kernels:10", LD_LIBRARY_PATH=DOUBLES,
                                   GPUVIGIL_CUPTI_POLICY="off")
        self.assertEqual(report["run"]["kernel_calls"], 0)
        self.assertTrue(report["run"]["no_kernels_reasons"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
