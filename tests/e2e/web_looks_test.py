# SPDX-License-Identifier: Apache-2.0
"""How the dashboard looks: a picture of every page and state in both themes and on a telephone,
compared with those that are kept in web/looks.

usage: web_looks_test.py [--update | --docs]

--update takes what it sees now as what has to be seen; look at each before it is committed.
--docs makes the pictures of README.md and docs/dashboard.md anew, of a demo machine.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import ROOT, Server, wait_for
from web_kit import CHROMIUM, SCRIPTS, TREE, post, token

KEPT = SCRIPTS / "looks"
MOST_OTHER = 0.004  # of the pixels: fonts are drawn a little differently elsewhere
LIMIT = 400


def node(script, *args, **config):
    environment = {**os.environ, "GPUVIGIL_WEB_TREE": str(TREE), "GPUVIGIL_CHROMIUM": CHROMIUM,
                   "GPUVIGIL_CONFIG": json.dumps(config)}
    return subprocess.run(["node", "--no-warnings", str(SCRIPTS / script), *map(str, args)],
                          env=environment, timeout=LIMIT, capture_output=True, text=True)


class Steady:
    """A machine of four devices that says the same each second, while it is open."""

    def __init__(self, server):
        self.stop = threading.Event()
        self.server = server
        self.bearer = token("ingest")
        post(server, "/api/v1/gpu/executions", {"executions": [
            {"name": name, "duration_ms": ms * (1 + i % 4), "device": i % 4, "memory_mb": 64}
            for name, ms in (("ampere_sgemm_128x64_tn", 2), ("ncclDevKernel_AllReduce_Sum_f32", 5),
                             ("void flash_fwd_kernel<Flash_fwd_kernel_traits<128, 64>>", 3),
                             ("triton_poi_fused_add_0", 0.2), ("at::native::vectorized_add", 0.04))
            for i in range(40)]}, self.bearer)
        self.tell()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def tell(self):
        post(self.server, "/api/v1/gpu/samples", {"samples": [
            {"device": device, "gpu_utilization": 20 + 20 * device,
             "memory_used_mb": 20000 * (device + 1), "memory_total_mb": 81920,
             "power_watts": 200 + 100 * device, "power_limit_watts": 700,
             "temperature_celsius": 40 + 10 * device} for device in range(4)]}, self.bearer)

    def run(self):
        while not self.stop.wait(0.5):
            self.tell()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(timeout=30)


def take(folder):
    """Takes all pictures of the dashboard as it is."""
    with Server("--db", "memory") as server, Server("--db", "memory") as empty, Steady(server):
        wait_for(lambda: server.json("/api/v1/gpu/alerts")["active_alerts"] > 0, "an alert")
        wait_for(lambda: server.json("/api/v1/system")["history"]["rows_total"] >= 3, "history")
        done = node("looks.mjs", folder, url=server.url, empty=empty.url)
        assert done.returncode == 0, done.stdout + done.stderr


class LooksTest(unittest.TestCase):
    def test_every_page_looks_as_it_is_kept(self):
        with tempfile.TemporaryDirectory(prefix="gpuvigil-looks-") as folder:
            take(folder)
            done = node("differ.mjs", KEPT, folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            other = []
            for line in done.stdout.splitlines():
                name, said = line.split("\t")
                share = float(said) if said[0].isdigit() else 1
                print(f"{name}: {said}")
                if share > MOST_OTHER:
                    other.append(f"{name} {said}")
            if other:  # to be looked at beside the kept ones
                shown = ROOT / "build/web/looks"
                shutil.rmtree(shown, ignore_errors=True)
                shutil.copytree(folder, shown)
            self.assertEqual(other, [], "look at build/web/looks; --update takes them")
            self.assertGreater(len(done.stdout.splitlines()), 40)


def docs():
    """The pictures of the documents."""
    with Server("--demo") as server:
        done = node("pictures.mjs", server.url, ROOT / "docs/images", url=server.url)
        assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    if "--update" in sys.argv:
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir()
        take(KEPT)
    elif "--docs" in sys.argv:
        docs()
    else:
        unittest.main(verbosity=2)
