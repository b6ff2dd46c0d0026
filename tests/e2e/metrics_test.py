# SPDX-License-Identifier: Apache-2.0
"""GET /metrics, as other people's programs read it: the reference parsers of Prometheus and
OpenMetrics, promtool, and a Prometheus that scrapes. What is not installed is skipped loudly."""
import json
import math
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

from harness import Server, wait_for

try:
    from prometheus_client import openmetrics
    from prometheus_client.openmetrics import parser as open_parser
    from prometheus_client import parser as text_parser
except ImportError:
    openmetrics = None

OPEN = "application/openmetrics-text; version=1.0.0"


def scrape(server, accept="text/plain", **parameters):
    """The text of a scrape."""
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    request = urllib.request.Request(server.url + "/metrics" + query, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(families):
    """{(name, labels): value} of all samples; fails where one is there twice."""
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Prometheus:
    """A Prometheus with that configuration, and where it listens."""

    def __init__(self, config, *args):
        self.folder = tempfile.TemporaryDirectory(prefix="gpuvigil-prometheus-")
        folder = pathlib.Path(self.folder.name)
        (folder / "prometheus.yml").write_text(config)
        self.url = f"http://127.0.0.1:{free_port()}"
        with open(folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address={self.url.removeprefix('http://')}", *args],
                stdout=log, stderr=log)
        wait_for(self._is_ready, "Prometheus to be ready")

    def _is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        url = self.url + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        wait_for(lambda: cls.server.json("/api/v1/gpu/kernels")["kernels"], "kernels")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    @unittest.skipUnless(openmetrics, "python3-prometheus-client is not installed")
    def test_the_reference_parsers_read_all_of_it(self):
        for parameters in ({}, {"names": "dcgm"}, {"names": "all"}):
            kind, text = scrape(self.server, **parameters)
            self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
            plain = samples(text_parser.text_string_to_metric_families(text))
            kind, text = scrape(self.server, OPEN, **parameters)
            self.assertEqual(kind, f"{OPEN}; charset=utf-8")
            self.assertTrue(text.endswith("# EOF\n"))
            exact = samples(open_parser.text_string_to_metric_families(text))
            self.assertGreater(len(exact), 20)
            if parameters.get("names") == "dcgm":
                self.assertEqual(set(plain), set(exact))
            for (name, labels), value in exact.items():
                self.assertTrue(math.isfinite(value), (name, labels))

    @unittest.skipUnless(openmetrics, "python3-prometheus-client is not installed")
    def test_it_says_what_the_api_says(self):
        def both():
            """A status and a scrape of one frame."""
            before = self.server.json("/api/v1/gpu/status")
            _, text = scrape(self.server, OPEN)
            after = self.server.json("/api/v1/gpu/status")
            sampled = all(d["gpu_utilization"] is not None for d in before["devices"])
            return (before, text) if sampled and before["seq"] == after["seq"] else None
        status, text = wait_for(both, "a scrape within one frame")
        found = samples(open_parser.text_string_to_metric_families(text))
        by_name = {}
        for (name, labels), value in found.items():
            by_name.setdefault(name, {})[dict(labels).get("uuid")] = value
        for device in status["devices"]:
            uuid = device["uuid"]
            for name, value in (("utilization_ratio", device["gpu_utilization"] / 100),
                                ("memory_used_bytes", device["memory"]["used_mb"] * 2**20),
                                ("temperature_celsius", device["temperature_celsius"]),
                                ("power_watts", device["power_watts"]),
                                ("sm_clock_hertz", device["sm_clock_mhz"] * 1e6)):
                # JSON is rounded to a few places; the exposition is not.
                self.assertAlmostEqual(by_name[f"gpuvigil_gpu_{name}"][uuid], value,
                                       delta=max(abs(value) * 1e-3, 1e-3), msg=name)

    def test_hostile_names_stay_in_their_labels(self):
        names = ['a"} 1\n# EOF', "\\", "\x1b[31m", "x" * 8192, "{}", "\u202egnp", "=cmd|' /C'!A0"]
        with Server("--demo", "--auth", "off") as server:
            body = json.dumps({"executions": [{"name": name, "duration_ms": 1000.0 * 3600}
                                              for name in names]}).encode()
            request = urllib.request.Request(server.url + "/api/v1/gpu/executions", body,
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.assertEqual(answer.status, 200)
            _, text = scrape(server, OPEN)
            self.assertEqual(text.count("# EOF"), 1 + text.count("\ufffd# EOF"))
            self.assertNotIn("\x1b", text)
            if openmetrics:
                samples(open_parser.text_string_to_metric_families(text))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_has_nothing_to_say(self):
        _, text = scrape(self.server)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True, check=False, timeout=60)
        # Its advice on names is for libraries; "no counter" would be an error.
        self.assertNotIn("error while linting", done.stderr + done.stdout)
        self.assertNotIn("error", done.stderr.lower())

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus_scrapes_and_answers(self):
        target = self.server.url.removeprefix("http://")
        config = ("global: {scrape_interval: 1s}\nscrape_configs:\n"
                  "  - job_name: gpuvigil\n    static_configs:\n"
                  f"      - targets: ['{target}']\n"
                  "  - job_name: dcgm\n    params: {names: [dcgm]}\n    static_configs:\n"
                  f"      - targets: ['{target}']\n")
        with Prometheus(config) as prometheus:
            wait_for(lambda: len(prometheus.query("up == 1")) == 2, "both jobs to be up")
            devices = self.server.json("/api/v1/gpu/status")["devices"]
            found = wait_for(lambda: prometheus.query("gpuvigil_gpu_memory_total_bytes"), "memory")
            self.assertEqual({(labels["uuid"], value) for labels, value in found},
                             {(one["uuid"], one["memory"]["total_mb"] * 2**20) for one in devices})
            dcgm = wait_for(lambda: prometheus.query("DCGM_FI_DEV_FB_TOTAL"), "DCGM names")
            self.assertEqual({(labels["UUID"], value) for labels, value in dcgm},
                             {(one["uuid"], one["memory"]["total_mb"]) for one in devices})
            rates = wait_for(lambda: prometheus.query(
                "sum(rate(gpuvigil_kernel_calls_total[10s])) > 0"), "a rate of kernels")
            self.assertEqual(len(rates), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
