# SPDX-License-Identifier: Apache-2.0
"""The dashboard as people use it: Debian's Chromium against the real server. Each journey is a
function of web/journeys.mjs; what a journey wants done to its server, it says on a line."""
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

from harness import DATA, ROOT, SANITIZED, Server, run

TREE = ROOT / "build/web/tree"
CHROMIUM = shutil.which("chromium")
SCRIPTS = pathlib.Path(__file__).resolve().parent / "web"
LIMIT = 240  # seconds of a journey
SCRIPT_BYTES = 180_000
ALL_BYTES = 450_000
DEVICES = 64
RECORDING = "kineto/tl_h100_timesformer.json.gz"

for there, what in ((CHROMIUM, "chromium is not installed"),
                    (shutil.which("node"), "node is not installed"),
                    ((TREE / "web/node_modules/playwright-core").is_dir(),
                     f"the dashboard has not been built into {TREE.relative_to(ROOT)}")):
    if not there:
        print(f"skipped: {what}; tools/bootstrap run test and a build bring it")
        sys.exit(77)


def token(scope):
    code, out, errors = run("token", "create", "--scope", scope)
    assert code == 0, errors
    return out.split()[0]


def post(server, path, body, bearer):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {
        "Content-Type": "application/json", "Authorization": f"Bearer {bearer}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


class Reporter:
    """Tells of readings of many devices, once a second, while it is open."""

    def __init__(self, server, bearer):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(server, bearer), daemon=True)
        self.thread.start()

    def _run(self, server, bearer):
        turn = 0
        while not self.stop.is_set():
            post(server, "/api/v1/gpu/samples", {"samples": [
                {"device": device, "gpu_utilization": (7 * device + 3 * turn) % 101,
                 "memory_used_mb": 400 * device + 10 * turn, "memory_total_mb": 81920,
                 "power_watts": 100 + 5 * device, "power_limit_watts": 700,
                 "temperature_celsius": 40 + device % 40} for device in range(DEVICES)]}, bearer)
            turn += 1
            self.stop.wait(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(timeout=30)


class WebTest(unittest.TestCase):
    def journey(self, name, server, orders=None, **config):
        """Runs one; `orders` are what it may ask for, by name. Gives what it printed."""
        environment = {**os.environ, "GPUVIGIL_WEB_TREE": str(TREE), "GPUVIGIL_CHROMIUM": CHROMIUM,
                       "GPUVIGIL_CONFIG": json.dumps({"url": server.url, **config})}
        said = []
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                ["node", "--no-warnings", str(SCRIPTS / "journeys.mjs"), name], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment)
            killer = threading.Timer(LIMIT, process.kill)
            killer.start()
            try:
                for line in process.stdout:
                    said.append(line)
                    if line.startswith("please "):
                        (orders or {})[line.split()[1]]()
                        process.stdin.write("done\n")
                        process.stdin.flush()
                code = process.wait(timeout=LIMIT)
            finally:
                killer.cancel()
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()
            errors.seek(0)
            self.assertEqual(code, 0, "".join(said) + errors.read())
        print("".join(said), end="", flush=True)
        return "".join(said)

    def test_overview_is_live_at_once_and_marked_as_a_demo(self):
        with Server("--demo") as server:
            self.journey("overview", server, sanitized=SANITIZED)

    def test_kernels_are_searched_sorted_opened_and_shared(self):
        with Server("--demo") as server:
            self.journey("kernels", server)

    def test_the_keyboard_does_everything(self):
        with Server("--demo") as server:
            self.journey("keyboard", server)

    def test_pause_holds_and_a_range_is_in_the_address(self):
        with Server("--demo") as server:
            self.journey("time", server)

    def test_devices_say_what_they_do_not_know_and_why(self):
        with Server("--demo") as server:
            self.journey("devices", server)

    def test_names_of_strangers_are_only_text(self):
        with Server("--demo") as server:
            names = json.loads((SCRIPTS / "hostile_names.json").read_text())
            post(server, "/api/v1/gpu/executions", {"executions": [
                {"name": name, "duration_ms": 100000 + i} for i, name in enumerate(names)]},
                token("ingest"))
            self.journey("hostile", server, names=len(names))

    def test_it_comes_back_when_the_server_does(self):
        servers = [Server("--demo")]
        listen = f"127.0.0.1:{servers[0].port}"

        def stop():
            servers[-1].stop()

        def start():
            servers.append(Server("--demo", listen=listen))
        try:
            self.journey("reconnect", servers[0], {"stop": stop, "start": start})
        finally:
            for server in servers:
                server.__exit__()

    def test_a_server_that_wants_a_token_gets_one(self):
        with Server("--demo", "--auth", "token") as server:
            said = self.journey("login", server, token=token("read"))
            self.assertNotIn("gpuvigil_", "".join(server.log))
            self.assertNotIn("gpuvigil_", said)

    def test_without_a_gpu_it_says_the_next_command(self):
        with Server() as server:
            self.journey("empty", server)

    def test_a_recording_is_marked_as_one(self):
        trace = DATA / RECORDING
        if not trace.is_file():
            self.skipTest(f"no {RECORDING} in GPUVIGIL_DATA")
        with Server("--replay", str(trace), "--loop") as server:
            self.journey("replay", server)

    def test_sixty_four_devices_cost_a_tick_at_most_twelve_milliseconds(self):
        with Server() as server, Reporter(server, token("ingest")):
            self.journey("many", server, devices=DEVICES)

    def test_axe_finds_nothing_at_any_width_in_any_theme(self):
        with Server("--demo") as server:
            self.journey("audit", server)

    def test_all_it_loads_is_small(self):
        sizes = {}
        for file in sorted((ROOT / "build/web/dist").rglob("*")):
            if file.is_file():
                sizes[file.name] = len(gzip.compress(file.read_bytes(), 9))
        print("\ngzipped:", sizes, "together", sum(sizes.values()))
        self.assertLessEqual(sizes["app.js"], SCRIPT_BYTES)
        self.assertLessEqual(sum(sizes.values()), ALL_BYTES)
        # Nothing is there beside what the server gives.
        self.assertEqual(set(sizes), {"index.html", "app.js", "app.css", "inter.woff2"})

    def test_its_sources_never_make_html_or_code_of_text(self):
        for folder in ("web/src", "clients/typescript/src"):
            for file in (ROOT / folder).rglob("*.ts*"):
                text = file.read_text()
                for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                             "dangerouslySetInnerHTML", "DOMParser", "createContextualFragment",
                             "eval(", "new Function", "http://", "https://"):
                    if file.name == "client.ts" and door == "http://":
                        continue  # an example in a comment
                    self.assertNotIn(door, text, file)


if __name__ == "__main__":
    began = time.monotonic()
    unittest.main(verbosity=2)
