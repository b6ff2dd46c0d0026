#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gpu_check where there is no GPU: it says so, and checks what needs none."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness

TOOL = harness.ROOT / "tools/gpu_check"


class GpuCheckTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.addCleanup(shutil.rmtree, self.folder)

    def check(self, *arguments, **more):
        environment = {**os.environ, "GPUVIGIL_PROGRAM": harness.PROGRAM,
                       "GPUVIGIL_GPU_PROGRAM": "/nonexistent", **more}
        done = subprocess.run([sys.executable, TOOL, "--out", self.folder, *arguments],
                              capture_output=True, text=True, check=False, env=environment)
        path = self.folder / "result.json"
        return done, json.loads(path.read_text()) if path.exists() else None

    def test_without_a_gpu_it_checks_what_needs_none(self):
        if shutil.which("nvidia-smi"):
            self.skipTest("here may be a GPU")
        done, result = self.check()
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("there is no GPU", done.stdout)
        self.assertIsNone(result["device"])
        self.assertEqual([part["part"] for part in result["parts"]], ["doubles"])
        lines = result["parts"][0]["lines"]
        self.assertGreater(len(lines), 4)
        self.assertTrue(all(line["ok"] for line in lines), lines)
        page = (self.folder / "result.md").read_text()
        self.assertIn("# gpuvigil on no GPU", page)
        self.assertEqual(page.count("| ok |"), len(lines))

    def test_what_is_wrong_is_said(self):
        # An agent that is not there counts nothing.
        done, result = self.check("--only", "doubles", GPUVIGIL_CUDA_AGENT="/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("WRONG", (self.folder / "result.md").read_text())
        self.assertFalse(any(line["ok"] for line in result["parts"][0]["lines"]))

    def test_parts_are_known_by_name(self):
        done, _ = self.check("--only", "tea")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no such part: tea", done.stderr)


if __name__ == "__main__":
    unittest.main()
