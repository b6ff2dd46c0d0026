# SPDX-License-Identifier: Apache-2.0
"""Metrics that are pushed, into real receivers: Prometheus, VictoriaMetrics, InfluxDB, and one of
our own that speaks TLS. What is not installed is skipped loudly."""
import http.server
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from harness import Server, run, wait_for
from metrics_test import Prometheus, free_port


def ask(url, data=None):
    """The JSON of an answer, or nothing while there is none."""
    try:
        with urllib.request.urlopen(url, data, timeout=10) as answer:
            body = answer.read()
            return json.loads(body) if body else {}
    except (urllib.error.URLError, ConnectionError, ValueError):
        return None


class Pusher(Server):
    """A server with simulated GPUs and a state of its own that pushes by that section."""

    def __init__(self, folder, section):
        config = pathlib.Path(folder) / "config.toml"
        config.write_text(section)
        config.chmod(0o600)
        super().__init__("--demo", "--config", str(config), "--state-dir", f"{folder}/state")

    def export(self):
        """The state of the one exporter."""
        return self.json("/api/v1/system")["exports"][0]

    def memory(self):
        """{uuid: bytes} as the API tells it."""
        return {one["uuid"]: one["memory"]["total_mb"] * 2**20
                for one in self.json("/api/v1/gpu/status")["devices"]}


class Program:
    """Another program in a folder of its own, until it answers."""

    def __init__(self, command, ready, env=None, cwd=None):
        with open(f"{cwd}/program.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd,
                                            env={**os.environ, **(env or {})})
        wait_for(lambda: ask(ready) is not None, command[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class PushTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gpuvigil-push-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus_takes_what_the_api_says_and_what_waited(self):
        port = free_port()
        section = ("[export.remote_write]\ninterval = \"1s\"\n"
                   f"url = \"http://127.0.0.1:{port}/api/v1/write\"\n")
        with Pusher(self.folder, section) as server:
            # Nobody is there for a while.
            state = wait_for(lambda: server.export()["batches_waiting"] >= 5 and server.export(),
                             "batches to wait")
            self.assertEqual((state["state"], state["samples_sent_total"]), ("failing", 0))
            self.assertIn(str(port), state["problem"])
            self.assertTrue(any("export.failing" in line for line in server.log))
            _, _, text = server.get("/metrics")
            self.assertIn('\ngpuvigil_export_up{export="remote_write"} 0\n', text)
            with Prometheus("global: {}\n", "--web.enable-remote-write-receiver",
                            port=port) as prometheus:
                state = wait_for(lambda: server.export()["state"] == "ok" and
                                 server.export()["batches_waiting"] == 0 and server.export(),
                                 "everything to be sent")
                self.assertEqual((state["samples_refused_total"], state["batches_dropped_total"]),
                                 (0, 0))
                found = prometheus.query("gpuvigil_gpu_memory_total_bytes")
                self.assertEqual({labels["uuid"]: value for labels, value in found},
                                 server.memory())
                self.assertEqual({labels["job"] for labels, _ in found}, {"gpuvigil"})
                # An edge a second, without a hole where nobody was there.
                told = prometheus.query("gpuvigil_frame_timestamp_seconds[5m]")
                edges = [float(value) for _, value in told[0][1]]
                self.assertGreaterEqual(len(edges), 5)
                for before, after in zip(edges, edges[1:]):
                    self.assertAlmostEqual(after - before, 1, delta=0.6)

    @unittest.skipUnless(shutil.which("victoria-metrics"), "victoria-metrics is not installed")
    def test_victoria_metrics_takes_it(self):
        url = f"http://127.0.0.1:{free_port()}"
        command = ["victoria-metrics", f"-storageDataPath={self.folder}/data",
                   f"-httpListenAddr={url.removeprefix('http://')}"]
        query = url + "/api/v1/query?query=gpuvigil_gpu_memory_total_bytes&nocache=1"
        section = ("[export.remote_write]\ninterval = \"1s\"\n"
                   f"url = \"{url}/api/v1/write\"\n")
        with Program(command, url + "/api/v1/status/tsdb", cwd=self.folder), \
                Pusher(self.folder, section) as server:
            memory = server.memory()
            wait_for(lambda: {one["metric"]["uuid"]: float(one["value"][1])
                              for one in ask(query)["data"]["result"]} == memory,
                     "VictoriaMetrics to know the memory")
            self.assertEqual(server.export()["samples_refused_total"], 0)

    @unittest.skipUnless(shutil.which("influxd"), "influxdb is not installed")
    def test_influxdb_takes_it(self):
        url = f"http://127.0.0.1:{free_port()}"
        env = {"INFLUXDB_META_DIR": f"{self.folder}/meta", "INFLUXDB_DATA_DIR": f"{self.folder}/d",
               "INFLUXDB_DATA_WAL_DIR": f"{self.folder}/wal",
               "INFLUXDB_HTTP_BIND_ADDRESS": url.removeprefix("http://"),
               "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
               "INFLUXDB_REPORTING_DISABLED": "true"}
        section = f"[export.influx]\ninterval = \"1s\"\nurl = \"{url}/write?db=gpus\"\n"
        with Program(["influxd", "run"], url + "/query?q=SHOW+DATABASES", env, self.folder):
            ask(url + "/query", b"q=CREATE DATABASE gpus")
            with Pusher(self.folder, section) as server:
                memory = server.memory()
                query = url + "/query?db=gpus&q=" + urllib.parse.quote(
                    'SELECT last(value) FROM gpuvigil_gpu_memory_total_bytes GROUP BY "uuid"')
                wait_for(lambda: {one["tags"]["uuid"]: one["values"][0][1]
                                  for one in ask(query)["results"][0].get("series", [])} == memory,
                         "InfluxDB to know the memory")
                self.assertEqual(server.export()["samples_refused_total"], 0)

    def test_who_is_trusted_is_asked_over_tls_with_the_token(self):
        key, certificate = f"{self.folder}/key.pem", f"{self.folder}/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-keyout", key, "-out", certificate, "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        asked = []

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                asked.append((self.path, self.headers["Authorization"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        self.addCleanup(receiver.server_close)
        self.addCleanup(receiver.shutdown)

        token = pathlib.Path(self.folder) / "token"
        token.write_text("open-sesame\n")
        token.chmod(0o600)
        port = receiver.server_address[1]
        section = ("[export.otlp]\ninterval = \"1s\"\n"
                   f"url = \"https://127.0.0.1:{port}/v1/metrics\"\ntoken_file = \"{token}\"\n")
        with Pusher(self.folder, section) as server:
            wait_for(lambda: server.export()["state"] == "failing", "a stranger to be refused")
            self.assertIn("certificate", server.export()["problem"])
            self.assertNotIn("sesame", "".join(server.log))
        self.assertEqual(asked, [])
        with Pusher(self.folder, section + f"ca_file = \"{certificate}\"\n") as server:
            wait_for(lambda: server.export()["samples_sent_total"] > 0, "samples to be sent")
            self.assertEqual(server.export()["url"], f"https://127.0.0.1:{port}")
        self.assertEqual(set(asked), {("/v1/metrics", "Bearer open-sesame")})

    def test_mistakes_in_the_configuration_name_their_field(self):
        def refused(section, *words):
            config = pathlib.Path(self.folder) / "bad.toml"
            config.write_text(section)
            config.chmod(0o600)
            code, _, err = run("serve", "--demo", "--listen", "127.0.0.1:0", "--socket", "off",
                               "--config", str(config), "--state-dir", f"{self.folder}/state")
            self.assertNotEqual(code, 0)
            for word in words:
                self.assertIn(word, err)
        refused("[export.otlp]\nurl = \"ftp://x/\"\n", "export.otlp.url", "http or https")
        refused("[export.influx]\nurl = \"http://u:p@x/\"\n", "export.influx.url", "user")
        refused("[export.remote_write]\ninterval = \"1ms\"\n", "export.remote_write.interval")
        refused("[export.remotewrite]\nurl = \"http://x/\"\n", "export.remotewrite", "unknown")
        refused("[export.otlp]\nurl = \"http://x/\"\ntoken_file = \"/nowhere\"\n", "export.otlp",
                "/nowhere")


if __name__ == "__main__":
    unittest.main(verbosity=2)
