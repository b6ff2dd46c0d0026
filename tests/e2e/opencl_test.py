#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that use OpenCL and know nothing of being watched: what they did is counted exactly, and
nothing of it is different for them. Runs on PoCL, where there is no GPU."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from harness import PATIENCE, Server, wait_for
from opencl_kit import PROBE, Probe, environment

LONG = "--long" in sys.argv and not sys.argv.remove("--long")
TRANSFERS = {"Memcpy HtoD": "memcpy", "Memcpy DtoH": "memcpy", "Memcpy DtoD": "memcpy",
             "Memcpy map": "memcpy", "Memcpy unmap": "memcpy", "Memset": "memset"}

# Kernels that pyopencl brings along; what ran is told by its own events.
PYOPENCL = """
import json, sys
import numpy
import pyopencl as cl
import pyopencl.algorithm, pyopencl.array, pyopencl.clrandom, pyopencl.reduction, pyopencl.scan
context = cl.create_some_context(interactive=False)
queue = cl.CommandQueue(context)
assert queue.properties == 0, queue.properties
total = cl.reduction.ReductionKernel(context, numpy.int64, neutral="0", reduce_expr="a+b",
    map_expr="x[i]", arguments="__global long* x", name="watched_sum")
scan = cl.scan.InclusiveScanKernel(context, numpy.int64, "a+b", neutral="0")
double = cl.elementwise.ElementwiseKernel(context, "long* x", "x[i] = 2*x[i]", "watched_double")
for i in range(7):
    array = cl.array.to_device(queue, numpy.arange(10000, dtype=numpy.int64))
    double(array)
    scanned = array.copy()
    scan(scanned)
    assert int(total(array).get()) == 99990000
    assert int(scanned.get()[-1]) == 99990000
sort = cl.algorithm.RadixSort(context, "int *keys", key_expr="keys[i]", sort_arg_names=["keys"])
keys = numpy.random.default_rng(1).integers(0, 1 << 20, 5000, dtype=numpy.int32)
(result,), event = sort(cl.array.to_device(queue, keys), key_bits=20)
assert (result.get() == numpy.sort(keys)).all()
queue.finish()
print(json.dumps({"watched_double": 7}))
"""


class OpenclTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "agent.sock"

    def server(self):
        return Server("--socket", str(self.path))

    def rows(self, server):
        """Every row of what programs told, by name; the demo machine has others."""
        found = server.json("/api/v1/gpu/kernels", limit=1000, kind="all")["kernels"]
        return {row["name"]: row for row in found}

    def expect(self, server, want):
        """Exactly these calls by name, and never more on the way there."""
        want = {name: calls for name, calls in want.items() if calls and not name.endswith(" ns")}
        seen = {}

        def arrived():
            rows = self.rows(server)
            for name, calls in want.items():
                seen[name] = rows[name]["total_calls"] if name in rows else 0
                self.assertLessEqual(seen[name], calls, name)
            return seen == want
        try:
            wait_for(arrived, "exact counts")
        except AssertionError as error:
            raise AssertionError(f"{error}; want {want}, see {seen}") from error
        return self.rows(server)

    # ---- what it counts ----

    def test_every_command_is_counted_and_the_program_sees_no_difference(self):
        with self.server() as server, Probe(self.path, "plain", 1000) as probe:
            rows = self.expect(server, probe.ran)
            for name in probe.ran:
                if name in rows:
                    self.assertEqual(rows[name]["kind"], TRANSFERS.get(name, "compute"), name)
            devices = server.json("/api/v1/gpu/status")["devices"]
            device = devices[rows["saxpy"]["devices"][0]]
            self.assertEqual(device["source"], "opencl")
            self.assertRegex(device["uuid"], r"^(CL|GPU|PCI)-")
            self.assertEqual(probe.end(), 0)
            self.assertTrue(any("writer=opencl" in line for line in server.log))
            # Twice as much: the names of handles that were used before are right.
        with self.server() as server, Probe(self.path, "reuse", 500) as probe:
            probe.ask("again")
            self.expect(server, probe.said())

    def test_times_are_those_of_the_programs_own_events(self):
        with self.server() as server, Probe(self.path, "timed", 300) as probe:
            rows = self.expect(server, probe.ran)
            for name in ("saxpy", "heavy", "Memcpy HtoD", "Memset"):
                own_ms = probe.ran[name + " ns"] / 1e6
                self.assertAlmostEqual(rows[name]["total_time_ms"], own_ms, delta=2e-6, msg=name)
            self.assertGreater(rows["heavy"]["min_time_ms"], 0)
            last = rows["heavy"]["last_execution"]
            age = time.time() - time.mktime(time.strptime(last[:19], "%Y-%m-%dT%H:%M:%S")) \
                + time.timezone
            self.assertLess(abs(age), PATIENCE)

    def test_threads_and_programs_add_up(self):
        with self.server() as server:
            with Probe(self.path, "plain", 400, "4") as one, \
                    Probe(self.path, "plain", 300, "2") as other:
                self.expect(server, {name: calls + other.ran[name]
                                     for name, calls in one.ran.items()})

    def test_more_shapes_than_are_kept_apart_lose_no_count(self):
        with self.server() as server, Probe(self.path, "shapes", 2000) as probe:
            self.expect(server, probe.ran)

    # ---- how programs and servers end ----

    def test_a_server_that_is_killed_is_followed_by_one_that_counts_on(self):
        with self.server() as first, Probe(self.path, "plain", 200) as probe:
            ran = probe.ran
            self.expect(first, ran)
            first.stop(signal.SIGKILL)
            with self.server() as second:
                probe.ask("again")
                again = probe.said()
                self.expect(second, {name: again[name] - ran[name] for name in again})
                self.assertEqual(probe.end(), 0)

    def test_a_server_may_come_late(self):
        with Probe(self.path, "plain", 200) as probe:
            with self.server() as server:
                self.expect(server, probe.ran)

    def test_however_a_program_ends_what_it_told_stays(self):
        for end, code in (("exit", 0), ("_exit", 3), ("kill", -signal.SIGKILL)):
            with self.subTest(end), self.server() as server:
                with Probe(self.path, "plain", 200) as probe:
                    self.expect(server, probe.ran)
                    if end == "kill":
                        probe.process.kill()
                    elif end == "_exit":
                        probe.ask(end)
                    else:
                        probe.process.stdin.close()
                    self.assertEqual(probe.process.wait(PATIENCE), code)
                    wait_for(lambda: any("agents.left" in line for line in server.log), "its end")
                    self.expect(server, probe.ran)

    def test_a_program_that_ends_at_once_is_told_of_whole(self):
        with self.server() as server:
            done = subprocess.run([PROBE, "plain", "300"], env=environment(self.path), text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=True)
            self.assertEqual(done.stderr, "")
            self.expect(server, json.loads(done.stdout))

    def test_children_are_silent_and_end_at_once(self):
        with self.server() as server, Probe(self.path, "fork", 100) as probe:
            probe.ask("again")
            self.expect(server, probe.said())
            self.assertEqual(sum("agents.attached" in line for line in server.log), 1)
            self.assertEqual(probe.end(), 0)

    def test_exec_makes_it_another_program(self):
        with self.server() as server, Probe(self.path, "plain", 100) as probe:
            ran = probe.ran
            self.expect(server, ran)
            probe.ask("exec")
            again = probe.said()
            self.assertEqual(again, ran)
            self.expect(server, {name: 2 * calls for name, calls in ran.items()})

    # ---- what it does not do ----

    def test_it_can_be_switched_off_and_says_nothing_by_itself(self):
        for more in ({"GPUVIGIL_AGENT": "off"}, {}):
            done = subprocess.run([PROBE, "plain", "50"], env=environment(self.path, **more),
                                  stdin=subprocess.DEVNULL, capture_output=True, check=True)
            self.assertEqual(done.stderr, b"")
        log = self.folder / "log"
        subprocess.run([PROBE, "plain", "50"], stdin=subprocess.DEVNULL, capture_output=True,
                       env=environment(self.path, GPUVIGIL_AGENT_LOG=str(log)), check=True)
        self.assertIn("device 0:", log.read_text())
        with self.server() as server, Probe(self.path, "plain", 50, GPUVIGIL_AGENT="off"):
            self.assertFalse(any("agents.attached" in line for line in server.log))

    def test_set_user_id_programs_are_left_alone(self):
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("NOT TESTED: set-user-ID programs need root to be made, and setpriv")
        self.folder.chmod(0o755)

        def copy(name, owner, mode):
            shutil.copy(PROBE, self.folder / name)
            os.chown(self.folder / name, *owner)
            (self.folder / name).chmod(mode)
            return str(self.folder / name)

        # PoCL compiles only where the real user may write what the effective one did: so root runs
        # what is another's, and an ordinary user what is of another group.
        by = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"]
        self.expect_attached([*by, copy("own", (12345, 12345), 0o755)], True)
        self.expect_attached([copy("user", (65534, 65534), 0o4755)], False)
        self.expect_attached([*by, copy("group", (12345, 65534), 0o2755)], False)

    def expect_attached(self, command, attached):
        """A program that launches 20 kernels says of an agent only where there is one."""
        home = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        home.chmod(0o777)
        with self.server() as server:
            ran = subprocess.run([*command, "plain", "20"], stdin=subprocess.DEVNULL, text=True,
                                 capture_output=True, timeout=PATIENCE,
                                 env=environment(self.path, GPUVIGIL_AGENT_LOG="stderr",
                                                 HOME=str(home)))
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual("gpuvigil opencl" in ran.stderr, attached, (command, ran.stderr))
            server.get("/healthz")
            told = any("agents.attached" in line for line in server.log)
            self.assertEqual(told, attached, (command, server.log))

    def test_it_counts_without_times_when_it_would_cost_too_much(self):
        log = self.folder / "log"
        env = {"GPUVIGIL_AGENT_LOG": str(log), "GPUVIGIL_BUDGET_PERCENT": "0.01"}
        with self.server(), Probe(self.path, "plain", 100, **env) as probe:
            def stepped_down():
                probe.ask("again")
                probe.said()
                return "detail" in log.read_text()
            wait_for(stepped_down, "a step down")

    # ---- programs of others ----

    def program(self, name):
        found = shutil.which(name)
        if not found:
            self.skipTest(f"no {name}")
        return found

    def watched(self, *command, timeout=300, **more):
        done = subprocess.run(command, env=environment(self.path, **more), capture_output=True,
                              text=True, timeout=timeout, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_clpeak(self):
        program = self.program("clpeak")
        with self.server() as server:
            said = self.watched(program, "--kernel-latency")
            self.assertRegex(said, r"Kernel launch latency : [\d.]+ us")
            row = wait_for(lambda: self.rows(server).get("global_bandwidth_v1_local_offset"),
                           "the kernel by which it measures the latency")
            self.assertGreater(row["total_calls"], 1)

    def test_pyopencl(self):
        code = "import pyopencl"
        if subprocess.run([sys.executable, "-c", code], capture_output=True).returncode != 0:
            self.skipTest("no pyopencl")
        with self.server() as server:
            said = self.watched(sys.executable, "-c", PYOPENCL, PYOPENCL_NO_CACHE="1",
                                XDG_CACHE_HOME=str(self.folder))
            rows = self.expect(server, json.loads(said))
            self.assertEqual(rows["watched_sum_stage1"]["total_calls"], 7)

    def test_clblast(self):
        program = self.program("clblast_tuner_xdot")
        with self.server() as server:
            said = self.watched(program, "-n", "65536", "-runs", "3")
            wait_for(lambda: any("agents.left" in line for line in server.log), "its end")
            parts = said.split("Completed tuning process")
            for name, part in zip(("Xdot", "XdotEpilogue"), parts):
                times = [float(ms) for ms in re.findall(r"\|\s+([\d.]+) ms \|\s+[-\d]", part)]
                self.assertTrue(times, said)
                least = 3 * len(times)
                wait_for(lambda: name in self.rows(server) and
                         self.rows(server)[name]["total_calls"] >= least, f"{least} of {name}")
                row = self.rows(server)[name]
                # It tells the least of three runs by its own clock, to a hundredth.
                self.assertLessEqual(row["min_time_ms"], min(times) + 0.005)

    @unittest.skipUnless(LONG, "its kernels take minutes to compile")
    def test_hashcat(self):
        program = self.program("hashcat")
        (self.folder / "hash").write_text("fcea920f7412b5da7be0cf42b8c93759\n")
        with self.server() as server:
            said = self.watched(program, "-m", "0", "-a", "3", "hash", "?d" * 7, "--force",
                                "--potfile-disable", "-D", "1", "--backend-vector-width", "4",
                                timeout=1500, HOME=str(self.folder),
                                XDG_DATA_HOME=str(self.folder), XDG_CACHE_HOME=str(self.folder))
            self.assertIn("fcea920f7412b5da7be0cf42b8c93759:1234567", said)
            wait_for(lambda: any("agents.left" in line for line in server.log), "its end")
            rows = self.rows(server)
            kernels = [row for name, row in rows.items() if name.startswith("m00000_")]
            self.assertTrue(kernels, rows.keys())
            for row in kernels:
                self.assertGreater(row["total_time_ms"], 0, row)


if __name__ == "__main__":
    unittest.main()
