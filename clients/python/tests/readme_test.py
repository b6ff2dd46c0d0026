# SPDX-License-Identifier: Apache-2.0
"""Every example of README.md, as it is printed, against the real server."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

import gpuvigil

from live_test import token

from harness import PATIENCE, ROOT, Server, wait_for

PAGE = ROOT / "clients/python/README.md"

# What the example of PyTorch needs of it. It is not among the tests' packages.
TORCH = '''
class ProfilerActivity:
    CPU = CUDA = None

def schedule(*, wait, warmup, active):
    return wait + warmup + active

class profile:
    def __init__(self, *, activities, schedule, on_trace_ready):
        self._left, self._ready = schedule, on_trace_ready

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def step(self):
        self._left -= 1
        if self._left == 0:
            self._ready(self)

    def export_chrome_trace(self, path):
        import json, time
        event = {"ph": "X", "cat": "kernel", "name": "of_torch", "ts": time.time_ns() // 1000 - 9,
                 "dur": 2.5, "args": {"device": 0}}
        with open(path, "w") as file:
            json.dump({"traceEvents": [event]}, file)
'''


def examples():
    """(heading, text) of each example."""
    heading = ""
    for part in re.split(r"(?m)^(?=## |```)", PAGE.read_text()):
        if part.startswith("## "):
            heading = part.splitlines()[0][3:]
        elif part.startswith("```python\n"):
            yield heading, part[len("```python\n"):]


class ReadmeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo", "--auth", "token")
        cls.token = token("write")
        with gpuvigil.Client(cls.server.url, token=cls.token) as client:
            wait_for(lambda: client.status()["gpu_utilization"], "the demo to run")
            wait_for(lambda: client.kernels()["kernels"], "its kernels")
        cls.folder = tempfile.TemporaryDirectory()
        os.makedirs(f"{cls.folder.name}/torch")
        for name, text in (("__init__", ""), ("profiler", TORCH)):
            with open(f"{cls.folder.name}/torch/{name}.py", "w", encoding="utf-8") as file:
                file.write(text)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.folder.cleanup()

    def run_example(self, text):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", text], capture_output=True, text=True,
            timeout=PATIENCE, check=False,
            env={**os.environ, "GPUVIGIL_SERVER": self.server.url, "GPUVIGIL_TOKEN": self.token,
                 "PYTHONPATH": f"{ROOT / 'clients/python'}:{self.folder.name}"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_each_example_says_what_it_should(self):
        says = {
            "Ask": r"GPU 0: [\d.]+ %\n(.*\n)+.*calls, .* ms\n(.*\n)*gpuvigil report",
            "What can go wrong": r"400 Bad Request .* None\nlimit must",
            "The live stream": r"(\d{4}-.*Z [\d.]+\n){4}",
            "asyncio": r"[\d.]+ \[.*\]\ngpu_metrics\n",
            "Report kernels": r"recorded=11, posted=11, waiting=0, dropped=0",
            "PyTorch": r"^$",
        }
        found = dict(examples())
        self.assertEqual(list(found), list(says))
        for heading, text in found.items():
            with self.subTest(heading=heading):
                self.assertRegex(self.run_example(text), says[heading])

    def test_what_they_report_is_there(self):
        found = dict(examples())
        self.run_example(found["Report kernels"])
        self.run_example(found["PyTorch"])
        with gpuvigil.Client(self.server.url, token=self.token) as client:
            for name, least in (("conv2d", 10), ("relu", 1), ("of_torch", 1)):
                row = wait_for(lambda: client.kernels(name=name)["kernels"], name)[0]
                self.assertGreaterEqual(row["total_calls"], least)
