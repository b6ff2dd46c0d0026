#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who ran what: the kernels of real programs, split by process, on PoCL."""
import os
import pathlib
import pwd
import shutil
import tempfile
import unittest

from contract_test import check
from harness import Server, wait_for
from opencl_kit import Probe

KERNELS = ("saxpy", "heavy")


class ProcessesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "agent.sock"

    def kernels_of(self, server, pid):
        answer = server.json("/api/v1/gpu/kernels", pid=pid, limit=1000, kind="all")
        check(answer, "Kernels")
        return {row["name"]: row for row in answer["kernels"]}

    def wait_for_counts(self, server, probe):
        def exact():
            rows = self.kernels_of(server, probe.process.pid)
            return all(rows.get(name, {}).get("total_calls") == probe.ran[name]
                       for name in KERNELS)
        wait_for(exact, f"the exact counts {probe.ran}")
        return self.kernels_of(server, probe.process.pid)

    def process(self, server, pid):
        answer = server.json("/api/v1/gpu/processes", pid=pid)
        check(answer, "Processes")
        return answer["processes"][0] if answer["processes"] else None

    def test_each_process_has_its_own_counts_and_their_sum_is_the_machines(self):
        with Server("--socket", str(self.path)) as server, \
                Probe(self.path, "plain", 300) as one, Probe(self.path, "plain", 500) as other:
            split = [self.wait_for_counts(server, probe) for probe in (one, other)]
            all_rows = {row["name"]: row for row in server.json("/api/v1/gpu/kernels", limit=1000,
                                                                kind="all")["kernels"]}
            for name in KERNELS:
                for field in ("total_calls", "total_time_ms"):
                    self.assertAlmostEqual(sum(rows[name][field] for rows in split),
                                           all_rows[name][field], delta=1e-6)
                detail = server.json(f"/api/v1/gpu/kernels/{all_rows[name]['id']}")
                check(detail, "KernelDetail")
                shares = {share["pid"]: share for share in detail["per_process"]}
                self.assertEqual({probe.process.pid: probe.ran[name] for probe in (one, other)},
                                 {pid: share["total_calls"] for pid, share in shares.items()})
                self.assertEqual(sum(s["total_calls"] for s in detail["launch_shapes"]),
                                 all_rows[name]["total_calls"])
            devices = server.json("/api/v1/gpu/devices")
            check(devices, "Devices")
            self.assertEqual(devices["devices"][0]["source"], "opencl")

    def test_says_who_a_process_is_and_forgets_it_when_it_ends(self):
        with Server("--socket", str(self.path)) as server:
            with Probe(self.path, "plain", 100) as probe:
                pid = probe.process.pid
                rows = self.wait_for_counts(server, probe)
                wait_for(lambda: (self.process(server, pid) or {}).get("name"), "its name")
                row = self.process(server, pid)
                self.assertEqual(row["user"], pwd.getpwuid(os.getuid()).pw_name)
                self.assertEqual(row["parent_pid"], os.getpid())
                self.assertIn("plain 100", row["command"])
                self.assertEqual([c["by"] for c in row["captures"]], ["opencl"])
                self.assertEqual(row["captures"][0]["detail"], "full")
                self.assertIsNone(row["no_kernels_reason"])
                want = sum(r["total_calls"] for r in rows.values() if r["kind"] == "compute")
                self.assertEqual(sum(use["total_calls"] for use in row["devices"]), want)
            wait_for(lambda: not self.process(server, pid), "it to be gone")
            self.assertEqual(self.kernels_of(server, pid)["saxpy"]["total_calls"],
                             probe.ran["saxpy"])  # still there for those who ask

    def test_a_process_that_nobody_knows_has_no_kernels_and_a_reason(self):
        with Server("--socket", str(self.path)) as server:
            answer = server.json("/api/v1/gpu/kernels", pid=os.getpid())
            self.assertEqual(answer["kernels"], [])
            self.assertIn("no process of that pid", answer["reason"])
            self.assertIsNone(self.process(server, os.getpid()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
