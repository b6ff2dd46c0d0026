# SPDX-License-Identifier: Apache-2.0
"""libgpuvigil_rocm.so in a program of ROCm, on the double of rocprofiler-sdk: everything that was
handed over is counted once, and whatever is missing disturbs nobody."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import Server, wait_for
from segment import Segment

AGENT = os.environ["GPUVIGIL_ROCM_AGENT"]
PROGRAM = os.environ["GPUVIGIL_ROCM_PROGRAM"]
COMPUTE, COLLECTIVE, MEMCPY = 1, 2, 3  # numbers of segment.h
BLIND_REFUSED, BLIND_UNSUPPORTED = 2, 4


class RocmAgentTest(unittest.TestCase):
    def start(self, socket, dispatches, **more):
        env = {"PATH": os.environ["PATH"], "GPUVIGIL_SOCKET": str(socket),
               "GPUVIGIL_BUDGET_PERCENT": "100", "ROCP_TOOL_LIBRARIES": AGENT, **more}
        program = subprocess.Popen([PROGRAM, str(dispatches), "wait"], env=env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        self.assertEqual(program.stdout.readline(), "ran\n")
        return program

    def end(self, program, dispatches):
        out, err = program.communicate("\n", timeout=30)
        self.assertEqual((program.returncode, out, err), (0, f"{dispatches}\n", ""))

    def shown(self, program):
        def found():
            try:
                return Segment(program.pid)
            except (StopIteration, OSError):
                return None
        return wait_for(found, "a segment")

    def counted(self, segment, calls):
        def all_of_them():
            copy = segment.read()
            kernels = [r for r in copy["rows"] if r["kind"] in (COMPUTE, COLLECTIVE)]
            return copy if sum(r["calls"] for r in kernels) == calls else None
        return wait_for(all_of_them, f"{calls} kernels")

    def check(self, **more):
        program = self.start("/nonexistent/agent.sock", 1000, **more)
        copy = self.counted(self.shown(program), 1000)
        rows = {row["name"]: row for row in copy["rows"] if row["calls"]}
        self.assertEqual({n: (r["kind"], r["calls"], r["sum_ns"]) for n, r in rows.items()}, {
            "gemm_kernel": (COMPUTE, 500, 500_000),
            "ncclDevKernel_Generic_1(ncclDevKernelArgsStorage<4096ul>)":
                (COLLECTIVE, 500, 500_000),
            "Memcpy HtoD": (MEMCPY, 10, 1_000)})
        self.assertEqual([(d["uuid"], d["name"]) for d in copy["devices"]],
                         [("PCI-0001:fe:00.0", "gfx942")])
        self.assertEqual(copy["writer"], "rocm")
        self.assertEqual(copy["shapes"][-1]["grid"], (16, 1, 1))
        self.assertEqual(copy["shapes"][-1]["block"], (64, 1, 1))
        # What no server has read yet is no loss of counts.
        self.assertEqual([copy["losses"][k] for k in ("refused", "uncounted", "untimed")], [0] * 3)
        self.assertEqual(copy["blind_reason"], 0)
        self.end(program, 1000)
        return copy

    def test_everything_is_counted_once(self):
        self.assertEqual(self.check()["runtime"], "rocprofiler-sdk 0.5.0")

    def test_records_of_1_0_are_read_too_whatever_numbers_kinds_have(self):
        copy = self.check(FAKE_ROCP_VERSION="10100", FAKE_ROCP_SHIFT="7")
        self.assertEqual(copy["runtime"], "rocprofiler-sdk 1.1.0")

    def test_a_server_shows_them(self):
        with tempfile.TemporaryDirectory(prefix="gpuvigil.") as folder:
            path = pathlib.Path(folder) / "agent.sock"
            with Server("--socket", str(path), "--demo") as server:
                program = self.start(path, 400)

                def row():
                    answer = server.json("/api/v1/gpu/kernels", name="gemm_kernel")["kernels"]
                    return answer[0] if answer and answer[0]["total_calls"] == 200 else None
                wait_for(row, "the kernels of the program")
                self.end(program, 400)

    def test_what_refuses_is_told_and_disturbs_nobody(self):
        for what in ("create_context", "start_context", "buffer_tracing"):
            with self.subTest(what):
                program = self.start("/nonexistent/agent.sock", 0, FAKE_ROCP_FAIL=what)
                segment = self.shown(program)
                wait_for(lambda: segment.read()["blind_reason"] == BLIND_REFUSED, what)
                self.end(program, 0)

    def test_a_release_that_is_too_old_is_left_alone(self):
        program = self.start("/nonexistent/agent.sock", 10, FAKE_ROCP_VERSION="200")
        segment = self.shown(program)
        wait_for(lambda: segment.read()["blind_reason"] == BLIND_UNSUPPORTED, "blindness")
        self.end(program, 0)

    def test_it_does_nothing_where_it_is_off(self):
        program = self.start("/nonexistent/agent.sock", 10, GPUVIGIL_AGENT="off")
        with self.assertRaises(StopIteration):
            Segment(program.pid)
        self.end(program, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
