# SPDX-License-Identifier: Apache-2.0
"""Programs that report a million kernels of different names: memory stays bounded, nothing is
dropped from the totals, what has no row of its own counts under __other__."""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import SANITIZED, Server, wait_for

PROBE = os.environ["GPUVIGIL_PROBE"]
ALL = 1_000_000
PROGRAMS = 20  # each brings as many names as its segment holds, a thousand: too many together
MOST_KERNELS = 10_000
MOST_GROWTH = 64 << 20
MOST_ANSWER = 2 << 20  # bytes of a page of a thousand kernels


class NamesTest(unittest.TestCase):
    def report(self, path, count, first):
        """Starts a program that reports so many kernels, each once; it stays."""
        env = {"GPUVIGIL_SOCKET": str(path), "PATH": os.environ["PATH"]}
        program = subprocess.Popen([PROBE, str(count), f"gemm_{first}_", str(first)], text=True,
                                   env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(program.stdout.readline(), "0 0 connected\n")
        return program

    def kernels(self, server):
        """{name: calls} of ours over all pages; None where rows moved from one to another."""
        found, offset = {}, 0
        while True:
            status, _, body = server.get("/api/v1/gpu/kernels", kind="all", limit=1000,
                                         offset=offset, name=["gemm_*", "__other__"])
            self.assertEqual(status, 200)
            self.assertLess(len(body), MOST_ANSWER)
            page = json.loads(body)["kernels"]
            for row in page:
                if row["name"] in found:
                    return None
                found[row["name"]] = row["total_calls"]
            if len(page) < 1000:
                return found
            offset += 1000

    def check(self, programs):
        with tempfile.TemporaryDirectory(prefix="gpuvigil.") as folder, \
                contextlib.ExitStack() as stack:
            path = pathlib.Path(folder) / "sockets" / "agent.sock"
            server = stack.enter_context(Server("--socket", str(path), "--demo"))
            server.json("/api/v1/gpu/report")
            before = server.resident_bytes()
            each = ALL // programs
            for number in range(programs):
                program = self.report(path, each, number * each)
                stack.callback(program.communicate)

            def counted():
                found = self.kernels(server)
                return found if found and sum(found.values()) >= ALL else None
            ours = wait_for(counted, "a million executions")
            grown = server.resident_bytes() - before
            print(f"\n{programs} programs, {ALL} names: {len(ours)} rows, "
                  f"{ours['__other__']} calls under __other__, {grown / (1 << 20):.1f} MiB more")
            self.assertEqual(sum(ours.values()), ALL)
            kept = {name: calls for name, calls in ours.items() if name != "__other__"}
            self.assertEqual(set(kept.values()), {1})
            self.assertEqual(ours["__other__"], ALL - len(kept))
            self.assertGreater(len(kept), 500)
            self.assertLessEqual(len(ours), MOST_KERNELS)
            if not SANITIZED:
                self.assertLess(grown, MOST_GROWTH)
            self.assertEqual(server.stop(), 0)

    def test_of_one_program(self):
        self.check(1)

    def test_of_many_programs(self):
        self.check(PROGRAMS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
