#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpuvigil trace: single executions of programs that run, on demand. What a program launches while
it is traced is in the file exactly, and what the file says can be read back."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from harness import PATIENCE, Server, run, wait_for

OPENCL_PROBE = os.environ.get("GPUVIGIL_OPENCL_PROBE")
CUDA_PROGRAM = os.environ.get("GPUVIGIL_CUDA_PROGRAM")
if OPENCL_PROBE:
    from opencl_kit import Probe
if CUDA_PROGRAM:
    from cuda_kit import Program

RING = "memfd:trace:gpuvigil"


def has_ring(pid):
    """Whether a program writes single executions just now."""
    return RING in pathlib.Path(f"/proc/{pid}/maps").read_text()


class Tracing:
    """gpuvigil trace while it runs."""

    def __init__(self, server, path, pid, duration="3s", *more):
        def work():
            self.result = run("trace", "--pid", str(pid), "-d", duration, "-o", str(path),
                              "--server", server.url.rstrip("/"), *more)
        self.result = None
        self.thread = threading.Thread(target=work)
        self.thread.start()

    def end(self):
        self.thread.join(PATIENCE + 60)
        return self.result


class TraceTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "agent.sock"
        self.file = self.folder / "t.json"

    def server(self):
        return Server("--socket", str(self.path), "--auth", "off")

    def executions(self, trace):
        """How many of each name; and that they are in order and in their window."""
        events = [one for one in trace["traceEvents"] if one["ph"] == "X"]
        starts = [one["ts"] for one in events]
        self.assertEqual(starts, sorted(starts))
        rows = {}
        for one in events:
            self.assertGreaterEqual(one["dur"], 0)
            end = rows.get((one["pid"], one["tid"]), 0)
            self.assertGreaterEqual(one["ts"], end - 0.0015, "two on one row at once")
            rows[one["pid"], one["tid"]] = one["ts"] + one["dur"]
        named = {(one["pid"], one["tid"]) for one in trace["traceEvents"]
                 if one["ph"] == "M" and one["name"] == "thread_name"}
        self.assertEqual(named, set(rows))
        counts = {}
        for one in events:
            counts[one["name"]] = counts.get(one["name"], 0) + 1
        return counts

    def read_back(self):
        """The same counts, by our own reader of recordings."""
        code, out, err = run("kernels", "--trace", str(self.file), "--kind", "all", "-n", "0",
                             "--json")
        self.assertEqual(code, 0, err)
        return {row["name"]: row["total_calls"] for row in json.loads(out)["kernels"]}

    def check(self, want):
        trace = json.loads(self.file.read_text())
        said = trace["otherData"]
        self.assertEqual(self.executions(trace), want)
        self.assertEqual(self.read_back(), want)
        self.assertEqual(said["executions_in_this_file"], sum(want.values()))
        self.assertEqual(said["executions_not_in_this_file"], 0, said)
        self.assertTrue(said["is_complete"])
        return trace

    # ---- errors ----

    def test_what_cannot_be_traced_is_said(self):
        with self.server() as server:
            url = server.url.rstrip("/")
            for args, code, why in (
                    (("--pid", "1", "-o", "/nonexistent/t"), 1, "/nonexistent/t"),
                    (("--pid", "1", "-d", "99ms"), 2, "--duration"),
                    (("--pid", "1", "-d", "1h"), 2, "--duration"),
                    (("--pid", "0"), 2, "--pid"), (("--pid", "x"), 2, "--pid"), ((), 2, "--pid"),
                    (("--pid", str(os.getpid())), 5, "no process of that pid")):
                got, out, err = run("trace", "--server", url, *args)
                self.assertEqual((got, out), (code, ""), (args, err))
                self.assertIn(why, err)
        got, _, _ = run("trace", "--server", "http://127.0.0.1:9", "--pid", "1")
        self.assertEqual(got, 3)

    # ---- OpenCL ----

    @unittest.skipUnless(OPENCL_PROBE, "no program that uses OpenCL")
    def test_an_opencl_program_is_traced_exactly(self):
        with self.server() as server, Probe(self.path, "plain", 200) as probe:
            before = probe.ran
            wait_for(lambda: any("agents.attached" in line for line in server.log), "it to attach")
            tracing = Tracing(server, self.file, probe.process.pid)
            wait_for(lambda: has_ring(probe.process.pid), "the trace to begin")
            probe.ask("again")
            after = probe.said()
            code, out, err = tracing.end()
            self.assertEqual((code, out), (0, ""), err)
            self.assertIn("executions", err)
            want = {name: after[name] - before[name] for name in after
                    if not name.endswith(" ns") and after[name] > before[name]}
            trace = self.check(want)
            self.assertEqual(trace["otherData"]["source"], "opencl")
            self.assertFalse(has_ring(probe.process.pid), "it is still on")
            # Nothing of it is counted twice.
            row = server.json("/api/v1/gpu/kernels", name="saxpy")["kernels"][0]
            self.assertEqual(row["total_calls"], after["saxpy"])
            self.assertEqual(probe.end(), 0)

    @unittest.skipUnless(OPENCL_PROBE, "no program that uses OpenCL")
    def test_a_client_or_a_server_that_goes_leaves_nothing_on(self):
        with Probe(self.path, "plain", 10) as probe:
            pid = probe.process.pid
            with self.server() as server:
                wait_for(lambda: any("agents.attached" in line for line in server.log), "attach")
                command = [os.environ["GPUVIGIL_PROGRAM"], "trace", "--pid", str(pid), "-d", "60s",
                           "--server", server.url.rstrip("/"), "-o", str(self.file)]
                with subprocess.Popen(command, stderr=subprocess.DEVNULL) as client:
                    wait_for(lambda: has_ring(pid), "the trace to begin")
                    code, _, err = run("trace", "--pid", str(pid), "--server",
                                       server.url.rstrip("/"))
                    self.assertEqual(code, 1, err)
                    self.assertIn("being traced already", err)
                    client.kill()
                wait_for(lambda: not has_ring(pid), "the trace to end with its client")
                self.assertFalse(self.file.exists())
                with subprocess.Popen(command, stderr=subprocess.DEVNULL) as client:
                    wait_for(lambda: has_ring(pid), "the trace to begin")
                    server.process.kill()
                    client.wait(PATIENCE)
                    wait_for(lambda: not has_ring(pid), "the trace to end with its server")
            self.assertEqual(probe.end(), 0)

    # ---- CUDA ----

    @unittest.skipUnless(CUDA_PROGRAM, "no program that uses CUDA")
    def test_a_cuda_program_is_traced_exactly(self):
        with self.server() as server, \
                Program(self.path, "init", "names:3", "kernels:1", "say:ready", "wait",
                        "kernels:3000", "copies:30", "sets:10", "say:done", "wait") as program:
            program.says("ready")
            wait_for(lambda: any("agents.attached" in line for line in server.log), "it to attach")
            time.sleep(0.5)  # the first kernel ends well before the trace begins
            tracing = Tracing(server, self.file, program.process.pid)
            wait_for(lambda: has_ring(program.process.pid), "the trace to begin")
            program.go_on()
            program.says("done")
            code, out, err = tracing.end()
            self.assertEqual((code, out), (0, ""), err)
            trace = json.loads(self.file.read_text())
            counts = self.executions(trace)
            kinds = {}
            for one in trace["traceEvents"]:
                if one["ph"] == "X":
                    kinds[one["cat"]] = kinds.get(one["cat"], 0) + 1
            self.assertEqual(kinds, {"kernel": 3000, "gpu_memcpy": 30, "gpu_memset": 10})
            self.assertEqual(self.read_back(), counts)
            copy = next(one for one in trace["traceEvents"] if one.get("cat") == "gpu_memcpy")
            self.assertEqual(copy["args"]["bytes"], 1 << 20)
            self.assertEqual(copy["args"]["stream"], 7)
            program.go_on()


if __name__ == "__main__":
    unittest.main()
