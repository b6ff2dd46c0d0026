# SPDX-License-Identifier: Apache-2.0
"""The five core endpoints and the stream of a running server, as a client sees them."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from harness import PROGRAM, Server, Stream, run, wait_for


def with_kernels(server):
    """Waits until the demo machine has run something of each kind and was sampled; the kernels."""
    wait_for(lambda: server.json("/api/v1/gpu/kernels", kind="collective")["kernels"],
             "a collective")
    wait_for(lambda: server.json("/api/v1/gpu/kernels")["total_kernels"] > 2, "a third kernel")
    wait_for(lambda: server.json("/api/v1/gpu/status")["gpu_utilization"] is not None, "a sample")
    return server.json("/api/v1/gpu/kernels")["kernels"]


class EndpointTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        with_kernels(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def bad(self, path, parameter, **query):
        status, headers, body = self.server.get(path, **query)
        self.assertEqual(status, 400, body)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        problem = json.loads(body)
        self.assertEqual(problem["status"], 400)
        self.assertIn(parameter, [error["parameter"] for error in problem["errors"]])

    def test_status_has_devices_in_range(self):
        status = self.server.json("/api/v1/gpu/status")
        self.assertEqual(len(status["devices"]), 4)
        self.assertTrue(0 <= status["gpu_utilization"] <= 100)
        memory = status["memory"]
        self.assertAlmostEqual(memory["percent"],
                               100 * memory["used_mb"] / memory["total_mb"], places=1)
        for device in status["devices"]:
            self.assertEqual(device["source"], "demo")
            self.assertTrue(0 <= device["gpu_utilization"] <= 100)
            self.assertLessEqual(device["memory"]["used_mb"], device["memory"]["total_mb"])

    def test_status_selects_devices_by_index_and_uuid(self):
        second = self.server.json("/api/v1/gpu/status")["devices"][1]
        for reference in ("1", second["uuid"]):
            devices = self.server.json("/api/v1/gpu/status", device=reference)["devices"]
            self.assertEqual([d["index"] for d in devices], [1])
        both = self.server.json("/api/v1/gpu/status", device=["0", "2"])["devices"]
        self.assertEqual([d["index"] for d in both], [0, 2])
        self.bad("/api/v1/gpu/status", "device", device="9")
        self.bad("/api/v1/gpu/status", "devcie", devcie="0")

    def test_kernels_are_sorted_filtered_and_paged(self):
        for sort_by, field in (("avg_time", "avg_time_ms"), ("total_time", "total_time_ms"),
                               ("calls", "total_calls"), ("max_time", "max_time_ms"),
                               ("p50_time", "p50_time_ms"), ("p95_time", "p95_time_ms"),
                               ("p99_time", "p99_time_ms"), ("last_execution", "last_execution")):
            for order in ("desc", "asc"):
                rows = self.server.json("/api/v1/gpu/kernels", sort_by=sort_by, order=order,
                                        kind="all")["kernels"]
                values = [row[field] for row in rows]
                self.assertEqual(values, sorted(values, reverse=order == "desc"), sort_by)
        names = [r["name"] for r in self.server.json("/api/v1/gpu/kernels",
                                                     sort_by="name")["kernels"]]
        self.assertEqual(names, sorted(names))
        two = self.server.json("/api/v1/gpu/kernels", limit=2, sort_by="name")
        self.assertEqual([r["name"] for r in two["kernels"]], names[:2])
        self.assertGreater(two["total_kernels"], 2)
        nccl = self.server.json("/api/v1/gpu/kernels", kind="collective")["kernels"]
        self.assertTrue(nccl and all(row["kind"] == "collective" for row in nccl))
        found = self.server.json("/api/v1/gpu/kernels", name="*GEMM*")["kernels"]
        self.assertTrue(found and all("gemm" in row["name"].lower() for row in found))
        one = self.server.json("/api/v1/gpu/kernels", device=3)["kernels"]
        self.assertTrue(all(row["devices"] == [3] for row in one))

    def test_kernel_detail_has_a_histogram_that_adds_up(self):
        row = self.server.json("/api/v1/gpu/kernels", limit=1, sort_by="calls")["kernels"][0]
        detail = self.server.json(f"/api/v1/gpu/kernels/{row['id']}")
        self.assertEqual(detail["name"], row["name"])
        counted = sum(bucket["count"] for bucket in detail["histogram"]["buckets"])
        self.assertGreaterEqual(counted, row["total_calls"])
        self.assertEqual(self.server.get("/api/v1/gpu/kernels/0123456789abcdef")[0], 404)
        self.assertEqual(self.server.get("/api/v1/gpu/kernels/xyz")[0], 400)

    def test_since_answers_a_window(self):
        answer = self.server.json("/api/v1/gpu/kernels", since="10s")
        self.assertIn("from", answer["window"])
        self.assertTrue(0 <= answer["window"]["coverage"] <= 1)

    def test_bad_parameters_are_named(self):
        kernels = "/api/v1/gpu/kernels"
        self.bad(kernels, "sort_by", sort_by="avgtime")
        self.bad(kernels, "order", order="up")
        for limit in ("0", "1001", "-1", "x", "1.5", "", "99999999999999999999"):
            self.bad(kernels, "limit", limit=limit)
        self.bad(kernels, "offset", offset="-1")
        self.bad(kernels, "kind", kind="cpu")
        self.bad(kernels, "name", name="x" * 257)
        self.bad(kernels, "name", name=["a"] * 9)
        self.bad(kernels, "since", since="yesterday")
        self.bad(kernels, "limit", limit=["1", "2"])
        self.bad(kernels, "pid", pid="0")
        self.bad(kernels, "pid", pid="4194305")
        self.bad(kernels, "since", pid="1", since="15m")
        self.bad("/api/v1/gpu/alerts", "severity", severity="bad")
        self.bad("/api/v1/gpu/alerts", "state", state="bad")
        self.bad("/api/v1/gpu/report", "format", format="pdf")
        problem = json.loads(self.server.get(kernels, sort_by="x", order="y")[2])
        self.assertEqual(len(problem["errors"]), 2)

    def test_alerts_and_report(self):
        alerts = self.server.json("/api/v1/gpu/alerts", state="all", limit=5)
        self.assertLessEqual(len(alerts["alerts"]), 5)
        self.assertIn("total_alerts_today", alerts)
        report = self.server.json("/api/v1/gpu/report")
        self.assertLessEqual(len(report["top_kernels"]), 10)
        self.assertGreater(report["summary"]["total_kernel_calls"], 0)
        status, headers, text = self.server.get("/api/v1/gpu/report", format="text")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; charset=utf-8"))
        self.assertIn("DEMO", text)
        status, headers, html = self.server.get("/api/v1/gpu/report", format="html")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("DEMO", html)

    def test_paths_and_methods(self):
        self.assertEqual(self.server.get("/nope")[0], 404)
        self.assertEqual(self.server.get("/api/v1/gpu/kernels/a/b")[0], 404)
        for path in ("/healthz", "/readyz", "/version", "/", "/api/v1/gpu/status"):
            self.assertEqual(self.server.get(path)[0], 200, path)
        self.assertEqual(self.server.get("/api/v1/gpu/stream")[0], 426)
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(b"POST /api/v1/gpu/status HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            answer = connection.makefile().read()
            self.assertIn(" 405 ", answer.splitlines()[0])
            self.assertIn("allow: get, head", answer.lower())

    def test_window_and_seq_move_on(self):
        first = self.server.json("/api/v1/gpu/status")["seq"]
        wait_for(lambda: self.server.json("/api/v1/gpu/status")["seq"] > first, "the next frame")


class StreamTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        with_kernels(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def stream(self, query=""):
        stream = Stream(self.server, query)
        self.addCleanup(stream.close)
        self.assertEqual(stream.status, 101)
        return stream

    def test_one_message_a_second(self):
        stream = self.stream()
        stream.message()
        began = time.monotonic()
        messages = [stream.message() for _ in range(3)]
        self.assertTrue(1.5 < time.monotonic() - began < 4.5)
        for message in messages:
            self.assertEqual(message["type"], "gpu_metrics")
            self.assertEqual(len(message["devices"]), 4)
            self.assertLessEqual(len(message["recent_kernels"]), 5)
            self.assertEqual(message["dropped"], 0)
        self.assertEqual(len({message["seq"] for message in messages}), 3)

    def test_a_subscription_narrows_what_comes(self):
        stream = self.stream()
        stream.send({"type": "subscribe", "kernels": ["*gemm*"], "devices": [1],
                     "interval_ms": 120, "recent": 3, "channels": ["metrics"]})
        answer = stream.message()
        while answer["type"] != "subscribed":
            answer = stream.message()
        self.assertEqual(answer["interval_ms"], 150)
        self.assertEqual(answer["devices"], [1])
        for _ in range(4):
            message = stream.message()
            self.assertEqual([d["index"] for d in message["devices"]], [1])
            self.assertLessEqual(len(message["recent_kernels"]), 3)
            for kernel in message["recent_kernels"]:
                self.assertIn("gemm", kernel["name"].lower())
                self.assertEqual(kernel["device"], 1)

    def test_the_upgrade_takes_the_same_subscription(self):
        stream = self.stream("?kernels=*nccl*&recent=2&interval_ms=200")
        message = stream.message()
        self.assertTrue(all("nccl" in k["name"].lower() for k in message["recent_kernels"]))
        refused = Stream(self.server, "?interval_ms=5")
        self.addCleanup(refused.close)
        self.assertEqual(refused.status, 400)

    def test_bad_messages_are_answered_and_the_connection_stays(self):
        stream = self.stream("?channels=alerts")
        for text, code in (("{", "bad_json"), ("[]", "bad_json"), ('{"type":"x"}', "unknown_type"),
                           ('{"type":"subscribe","recent":101}', "bad_subscription"),
                           ('{"type":"subscribe","kernels":[{}]}', "bad_subscription"),
                           ('{"type":"subscribe","what":1}', "bad_subscription")):
            stream.send(text)
            answer = stream.message()
            self.assertEqual((answer["type"], answer["code"]), ("error", code), text)
        stream.send({"type": "ping"})
        self.assertEqual(stream.message(), {"type": "pong"})

    def test_a_python_client_nobody_here_wrote(self):
        try:
            from websockets.sync.client import connect  # version 11 and later
        except ImportError:
            import asyncio
            import websockets

            async def first():
                uri = f"ws://127.0.0.1:{self.server.port}/api/v1/gpu/stream"
                async with websockets.connect(uri) as client:
                    return json.loads(await client.recv())
            message = asyncio.run(first())
        else:
            with connect(f"ws://127.0.0.1:{self.server.port}/api/v1/gpu/stream") as client:
                message = json.loads(client.recv())
        self.assertEqual(message["type"], "gpu_metrics")


class LifeTest(unittest.TestCase):
    def test_signals_end_it_within_five_seconds_and_close_streams(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with Server("--demo") as server:
                stream = Stream(server)
                stream.message()
                idle = socket.create_connection(("127.0.0.1", server.port))
                began = time.monotonic()
                server.process.send_signal(how)
                with self.assertRaises(ConnectionError) as closed:
                    while True:
                        stream.message()
                self.assertEqual(closed.exception.args[0], 1001)
                self.assertEqual(server.stop(how), 0)
                self.assertLess(time.monotonic() - began, 5)
                idle.close()
                stream.close()

    def test_a_port_in_use_is_told_in_one_line(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, out, err = run("serve", "--listen", f"127.0.0.1:{port}")
            self.assertEqual((code, out), (9, ""))
            line = [x for x in err.splitlines() if x.startswith("gpuvigil: ")]
            self.assertEqual(len(line), 1, err)
            self.assertIn(str(port), line[0])

    def test_another_address_than_loopback_needs_authorization(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            code, _, err = run("serve", "--auth", "off", "--listen", address)
            self.assertEqual(code, 2, err)
            self.assertIn("127.0.0.1", err)

    def test_a_recording_that_cannot_be_read_ends_the_start(self):
        code, _, err = run("serve", "--listen", "127.0.0.1:0", "--replay", "/nonexistent.json")
        self.assertEqual(code, 5, err)

    def test_the_reader_that_reads_nothing_disturbs_nobody(self):
        with Server("--demo") as server:
            slow = socket.create_connection(("127.0.0.1", server.port))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(b"GET /api/v1/gpu/stream?interval_ms=100 HTTP/1.1\r\nHost: localhost\r\n"
                         b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                         b"\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
            fast = Stream(server, "?interval_ms=100")
            for _ in range(15):
                fast.message()
            self.assertEqual(server.get("/healthz")[0], 200)
            fast.close()
            slow.close()


class LogTest(unittest.TestCase):
    def test_json_lines_are_objects_from_the_first_to_the_last(self):
        with Server("--demo", "--log-format", "json") as server:
            server.stop()
        records = [json.loads(line) for line in server.log]
        self.assertEqual([r["event"] for r in records],
                         ["history.opened", "server.listening", "server.stopping",
                          "server.stopped"])
        self.assertEqual(records[1]["url"], server.url + "/")
        self.assertEqual(records[2]["signal"], int(signal.SIGTERM))
        for record in records:
            self.assertEqual(list(record)[:3], ["ts", "level", "event"])

    def test_a_start_that_fails_is_a_record_too(self):
        code, _, err = run("serve", "--config", "/nonexistent\n\x1b[2J",
                           env={"GPUVIGIL_LOG_FORMAT": "json"})
        self.assertEqual(code, 5, err)
        record = json.loads(err)
        self.assertEqual((record["level"], record["event"]), ("error", "program.failed"))
        self.assertIn("/nonexistent\n\x1b[2J", record["error"])

    def test_the_text_of_a_failed_start_cannot_act_on_a_terminal(self):
        code, _, err = run("serve", "--config", "/nonexistent\x1b[2J")
        self.assertEqual(code, 5, err)
        self.assertNotIn("\x1b", err)

    def test_level_comes_from_the_command_line_then_the_configuration(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[log]\nlevel = "error"\nformat = "json"\n')
            file.flush()
            with Server("--demo", "--config", file.name, "--log-level", "info") as server:
                server.stop()
            self.assertIn("server.stopped", json.loads(server.log[-1])["event"])

    def test_a_log_that_nobody_reads_stops_nobody(self):
        # A pipe that is full from the start: the lines are lost, the server serves and ends.
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen([PROGRAM, "serve", "--demo", "--listen", f"127.0.0.1:{port}"],
                                   stderr=writer)
        self.addCleanup(process.kill)

        def answers():
            with contextlib.suppress(OSError):
                url = f"http://127.0.0.1:{port}/healthz"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return answer.status == 200
        wait_for(answers, "an answer")
        process.terminate()
        self.assertEqual(process.wait(timeout=20), 0)
        os.close(reader)
        os.close(writer)


class QuietTest(unittest.TestCase):
    def test_stdout_of_serve_is_empty_and_the_log_is_one_line_each(self):
        process = subprocess.Popen([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--demo"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "server.listening" in line:
                break
        process.terminate()
        out, _ = process.communicate(timeout=20)
        self.assertEqual(out, "")
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
