# SPDX-License-Identifier: Apache-2.0
"""Alerts from end to end: rules, silences and channels set by API and file, notices at real
receivers, and what a kill -9 leaves of it."""
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from harness import Server, run, wait_for


class Receiver:
    """Takes POSTs and keeps them; answers what `status` says."""

    def __init__(self):
        self.got = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((time.monotonic(), self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def notices(self):
        return [json.loads(body) for _, _, _, body in self.got]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Misbehaver:
    """Treats one connection after the other as `script` says, and well when that is at its end."""

    WELL = b"HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    ANSWERS = {
        "well": WELL,
        "500": WELL.replace(b"200", b"500"),
        "503": WELL.replace(b"200", b"503"),
        "429": WELL.replace(b"200 x", b"429 x\r\nRetry-After: 2"),
        "hang up": b"",
        "nonsense": b"220 mail here\r\n\r\n",
        "cut": b"HTTP/1.1 5",
    }

    def __init__(self, *script):
        self.script = list(script)
        self.got = []  # (when, how it was treated, body)
        self.held = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            how = self.script.pop(0) if self.script else "well"
            threading.Thread(target=self.treat, args=(connection, how), daemon=True).start()

    def treat(self, connection, how):
        try:
            self.answer(connection, how)
        except OSError:
            pass  # the other side had enough
        finally:
            if how != "silence":
                connection.close()

    def answer(self, connection, how):
        text = b""
        while b"\r\n\r\n" not in text:
            text += connection.recv(65536)
        head, body = text.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += connection.recv(65536)
        self.got.append((time.monotonic(), how, json.loads(body)))
        if how == "silence":
            self.held.append(connection)
            return
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "drip":
            for byte in self.WELL:
                connection.sendall(bytes([byte]))
                time.sleep(1)
        elif how == "flood":
            connection.sendall(b"HTTP/1.1 503 x\r\nConnection: close\r\n\r\n")
            for _ in range(160):
                connection.sendall(bytes(1 << 16))  # ten gigabytes would not fit a test
        else:
            connection.sendall(self.ANSWERS[how])

    def close(self):
        self.listener.close()
        for connection in self.held:
            connection.close()


class AlertsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil-alerts-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.state = self.folder / "state"
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        code, out, err = run("token", "create", "--scope", "admin", "--json", "--state-dir",
                             str(self.state))
        self.assertEqual(code, 0, err)
        self.token = json.loads(out)["token"]

    def write_config(self, text):
        path = self.folder / "config.toml"
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def hook(self, secret="hunter2"):
        return ('[[channels]]\nname = "hook"\nkind = "webhook"\n'
                f'url = "{self.receiver.url}/path-secret"\n'
                f'secret = "{secret}"\nallow = ["loopback"]\n')

    # What these tests tell of devices once grows old, and the disk is whoever's it is.
    CALM = '[alerts]\ndisabled = ["no_data", "disk_low"]\n'

    def serve(self, config=""):
        server = Server("--state-dir", str(self.state), "--config",
                        self.write_config(self.CALM + config))
        self.addCleanup(server.__exit__)
        return server

    def call(self, server, method, path, body=None):
        request = urllib.request.Request(
            server.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read().decode())

    def tell(self, server, utilization):
        status, answer = self.call(server, "POST", "/api/v1/gpu/samples",
                                   {"samples": [{"device": 0, "gpu_utilization": utilization}]})
        self.assertEqual(status, 200, answer)

    RULE = '[[rules]]\nname = "busy"\nwhen = "gpu_utilization above 50 %"\nseverity = "critical"\n'

    def test_fires_once_over_restarts_and_kill_nine(self):
        config = self.RULE + self.hook()
        server = self.serve(config)
        self.tell(server, 10)
        self.tell(server, 99)
        began = time.monotonic()
        wait_for(lambda: self.receiver.got, "the notice")
        self.assertLess(self.receiver.got[0][0] - began, 10)  # 2 s on a machine that is not busy
        first = self.receiver.notices()[0]
        self.assertEqual((first["status"], first["alerts"][0]["rule"]), ("firing", "busy"))
        _, path, headers, body = self.receiver.got[0]
        self.assertEqual(path, "/path-secret")
        want = hmac.new(b"hunter2", headers["X-Gpuvigil-Timestamp"].encode() + b"." + body,
                        hashlib.sha256).hexdigest()
        self.assertEqual(headers["X-Gpuvigil-Signature"], "sha256=" + want)

        for how in (signal.SIGTERM, signal.SIGKILL):
            # What was taken is in the file a moment later.
            kept = self.state / "alerts.json"
            wait_for(lambda kept=kept: '"outgoing":[]' in kept.read_text(), "the file")
            server.stop(how)
            server = self.serve(config)
            self.tell(server, 99)
            alerts = wait_for(lambda: server.json("/api/v1/gpu/alerts")["alerts"], "the alert")
            self.assertEqual(alerts[0]["id"], first["alerts"][0]["id"])
            time.sleep(3)
            self.assertEqual(len(self.receiver.got), 1, "nobody is called twice")
        self.tell(server, 10)
        wait_for(lambda: len(self.receiver.got) == 2, "the end")
        last = self.receiver.notices()[1]
        self.assertEqual((last["status"], last["key"]), ("resolved", first["key"]))

    def test_a_notice_that_was_not_taken_is_sent_by_the_next_life(self):
        self.receiver.status = 503
        config = self.RULE + self.hook()
        server = self.serve(config)
        self.tell(server, 99)
        wait_for(lambda: self.receiver.got, "a try")
        server.stop(signal.SIGKILL)
        self.receiver.got.clear()
        self.receiver.status = 200
        server = self.serve(config)
        wait_for(lambda: self.receiver.got, "the notice")
        time.sleep(2)
        self.assertEqual(len(self.receiver.got), 1)

    def test_a_kill_in_every_state_loses_nothing_and_calls_nobody_twice(self):
        config = self.RULE.replace("50 %", "50 % for 2 s") + 'keep = "2s"\n' + self.hook()
        server = self.serve(config)

        def state():
            alerts = [alert for alert in server.json("/api/v1/gpu/alerts", state="all")["alerts"]
                      if alert["rule"] == "busy"]
            self.assertLessEqual(len(alerts), 1, "one life, however often it was cut")
            return alerts[0] if alerts else {"state": "none"}

        def kill(utilization):
            nonlocal server
            server.stop(signal.SIGKILL)
            server = self.serve(config)
            self.tell(server, utilization)

        def told(status):
            """The different deliveries there were; a kill may have sent one of them again."""
            return {headers["X-Gpuvigil-Delivery"] for _, _, headers, body in self.receiver.got
                    if json.loads(body)["status"] == status}

        self.tell(server, 99)
        wait_for(lambda: state()["state"] == "pending", "pending")
        kill(99)
        alert = wait_for(lambda: state()["state"] == "firing" and state(), "firing")
        kill(99)  # before or after it was told, as it comes
        wait_for(lambda: told("firing"), "the notice")
        kill(99)  # before or after that was noted
        self.assertEqual(state()["id"], alert["id"])
        status, answer = self.call(server, "POST", f"/api/v1/gpu/alerts/{alert['id']}/ack")
        self.assertEqual(status, 204, answer)
        kill(99)
        wait_for(lambda: state()["state"] == "firing" and state()["acknowledged"], "the mark")
        kill(10)  # while it is about to be over
        wait_for(lambda: state()["state"] == "resolved", "resolved")
        kill(10)  # before or after its end was told
        wait_for(lambda: told("resolved"), "the end")
        kill(10)
        time.sleep(3)
        self.assertEqual((len(told("firing")), len(told("resolved"))), (1, 1))
        self.assertLessEqual(len(self.receiver.got), 6, "at least once, and seldom twice")
        self.assertEqual(len({one["key"] for one in self.receiver.notices()}), 1)

    def test_whatever_receivers_do_all_is_told_in_order_and_nobody_waits_for_another(self):
        rude = ("500", "429", "hang up", "reset")
        slow = ("nonsense", "cut", "drip", "flood")
        ways = {"dead": ["silence"] * 1000, "rude": rude, "slow": slow, "good": ()}
        receivers = {name: Misbehaver(*script) for name, script in ways.items()}
        for one in receivers.values():
            self.addCleanup(one.close)
        dead, good = receivers["dead"], receivers["good"]
        kinds = {"dead": "slack", "good": "pagerduty"}
        channels = "".join(
            f'[[channels]]\nname = "{name}"\nkind = "{kinds.get(name, "webhook")}"\n'
            f'url = "{one.url}"\nallow = ["loopback"]\n'
            + ('secret = "key"\n' if name == "good" else "") for name, one in receivers.items())
        server = self.serve(self.RULE + channels)
        began = time.monotonic()
        self.tell(server, 99)
        wait_for(lambda: good.got, "the notice")
        self.assertLess(good.got[0][0] - began, 10)  # 2 s on a machine that is not busy
        self.tell(server, 10)
        wait_for(lambda: len(good.got) == 2, "its end")
        trigger, resolve = (body for _, _, body in good.got)
        self.assertEqual((trigger["event_action"], resolve["event_action"]), ("trigger", "resolve"))
        self.assertEqual(trigger["dedup_key"], resolve["dedup_key"])
        for name in ("rude", "slow"):
            got = receivers[name].got
            wait_for(lambda got=got: got and got[-1][2]["status"] == "resolved", name)
            self.assertEqual([how for _, how, _ in got], [*ways[name], "well", "well"])
            self.assertEqual([body["status"] for _, _, body in got],
                             ["firing"] * 5 + ["resolved"], "in order")
        rude_times = [when for when, _, _ in receivers["rude"].got]
        self.assertGreaterEqual(rude_times[2] - rude_times[1], 2, "Retry-After")
        self.assertEqual({body["attachments"][0]["color"] for _, _, body in dead.got}, {"#e01e5a"})
        rows = {row["name"]: row for row in
                self.call(server, "GET", "/api/v1/gpu/channels")[1]["channels"]}
        self.assertEqual((rows["dead"]["delivered"], rows["dead"]["queued"]), (0, 2))
        self.assertEqual((rows["good"]["delivered"], rows["good"]["retries"]), (2, 0))
        self.assertEqual((rows["rude"]["retries"], rows["slow"]["retries"]), (4, 4))

    def test_a_storm_is_at_most_five_notices(self):
        rules = "".join(f'[[rules]]\nname = "storm_{i}"\n'
                        f'when = "gpu_utilization above {i + 50} %"\n'
                        f'severity = "{"critical" if i % 2 else "warning"}"\n'
                        for i in range(20))
        server = self.serve(rules + self.hook())
        samples = [{"device": i, "gpu_utilization": 99} for i in range(64)]
        status, answer = self.call(server, "POST", "/api/v1/gpu/samples", {"samples": samples})
        self.assertEqual(status, 200, answer)
        wait_for(lambda: sum(one["total"] for one in self.receiver.notices()) >= 64 * 20,
                 "all of it")
        self.assertEqual(sum(one["total"] for one in self.receiver.notices()), 64 * 20)
        self.assertLessEqual(len(self.receiver.got), 5)
        began = time.monotonic()
        server.json("/api/v1/gpu/status")
        self.assertLess(time.monotonic() - began, 5, "it still answers")

    def test_rules_are_tried_on_what_the_server_remembers(self):
        server = self.serve()
        self.tell(server, 99)
        time.sleep(3)
        self.tell(server, 10)
        time.sleep(3)
        path = self.write_config(self.RULE + '[[rules]]\nname = "slow"\n'
                                 'when = "p95 of kernel \\"gemm*\\" above 2 ms"\n')
        token = self.folder / "token"
        token.write_text(self.token)
        token.chmod(0o600)
        code, out, err = run("alerts", "rules", "test", path, "--since", "10m",
                             "--server", server.url, "--token-file", str(token))
        self.assertEqual(code, 0, err)
        self.assertIn("slow: left out, history does not tell of it", out)
        self.assertRegex(out, r"(?m)^\d{4}-.*Z  firing    critical  busy  ")
        self.assertRegex(out, r"(?m)^\d{4}-.*Z  resolved  critical  busy  ")

    def test_silence_and_acknowledgement_outlast_a_restart(self):
        config = self.RULE + self.hook()
        server = self.serve(config)
        status, silence = self.call(server, "POST", "/api/v1/gpu/silences",
                                    {"matchers": ["rule=bus*"], "duration": "1h",
                                     "comment": "work"})
        self.assertEqual(status, 200, silence)
        self.tell(server, 99)
        wait_for(lambda: [a for a in server.json("/api/v1/gpu/alerts")["alerts"] if a["silenced"]],
                 "the mark")
        server.stop(signal.SIGKILL)
        server = self.serve(config)
        self.tell(server, 99)
        _, listed = self.call(server, "GET", "/api/v1/gpu/silences")
        self.assertEqual([one["id"] for one in listed["silences"]], [silence["id"]])
        time.sleep(2)
        self.assertEqual(self.receiver.got, [])
        alert = server.json("/api/v1/gpu/alerts")["alerts"][0]
        status, answer = self.call(server, "POST", f"/api/v1/gpu/alerts/{alert['id']}/ack")
        self.assertEqual((status, answer), (204, None))
        self.assertTrue(server.json("/api/v1/gpu/alerts")["alerts"][0]["acknowledged"])
        self.assertEqual(
            self.call(server, "DELETE", f"/api/v1/gpu/silences/{silence['id']}")[0], 204)
        time.sleep(2)
        self.assertEqual(self.receiver.got, [], "somebody sees to it")
        self.assertEqual(self.call(server, "POST", "/api/v1/gpu/alerts/nobody/ack")[0], 404)

    def test_rules_and_channels_of_the_api(self):
        server = self.serve()
        rule = {"name": "hot", "when": "gpu_utilization above 50 % for 1 s",
                "labels": {"team": "ml"}}
        self.assertEqual(self.call(server, "POST", "/api/v1/gpu/rules", rule)[0], 200)
        channel = {"name": "hook", "kind": "webhook", "url": self.receiver.url + "/hunter2",
                   "secret": "hunter2", "allow": ["loopback"], "matchers": ["team=ml"]}
        status, made = self.call(server, "POST", "/api/v1/gpu/channels", channel)
        self.assertEqual(status, 200, made)
        self.assertNotIn("hunter2", json.dumps(made))
        self.assertEqual(self.call(server, "POST", "/api/v1/gpu/channels/hook/test")[0], 204)
        self.assertTrue(self.receiver.notices()[0]["test"])
        server.stop(signal.SIGKILL)
        server = self.serve()
        self.tell(server, 99)
        wait_for(lambda: len(self.receiver.got) == 2, "the notice")
        _, channels = self.call(server, "GET", "/api/v1/gpu/channels")
        self.assertNotIn("hunter2", json.dumps(channels))
        self.assertNotIn("hunter2", "".join(server.log))
        self.assertEqual(self.call(server, "DELETE", "/api/v1/gpu/rules/hot")[0], 204)
        wait_for(lambda: len(self.receiver.got) == 3, "its end")
        self.assertEqual(self.receiver.notices()[2]["status"], "resolved")
        self.assertEqual(self.call(server, "DELETE", "/api/v1/gpu/channels/hook")[0], 204)
        self.assertEqual(self.call(server, "DELETE", "/api/v1/gpu/rules/hot")[0], 404)
        self.assertEqual(self.call(server, "DELETE", "/api/v1/gpu/rules/device_lost")[0], 409)

    def test_mistakes_are_named_and_change_nothing(self):
        server = self.serve()
        for path, body, field in (
                ("rules", {"name": "a b", "when": "gpu_utilization above 1"}, "name"),
                ("rules", {"name": "a", "when": "joy above 1"}, "when"),
                ("rules", {"name": "a", "when": "power above 1 W", "keep": "soon"}, "keep"),
                ("rules", {"name": "a", "when": "power above 1 W", "severity": "page"}, "severity"),
                ("rules", {"name": "a", "when": "power above 1 W", "joy": 1}, "joy"),
                ("rules", {"name": 1, "when": "power above 1 W"}, "name"),
                ("silences", {"matchers": [], "duration": "1h"}, "matchers"),
                ("silences", {"matchers": ["x"], "duration": "1h"}, "matchers[0]"),
                ("silences", {"matchers": ["a=b"]}, "ends_at"),
                ("silences", {"matchers": ["a=b"], "ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
                ("channels", {"name": "a", "kind": "fax"}, "kind"),
                ("channels", {"name": "a", "kind": "command"}, "kind"),
                ("channels", {"name": "a", "kind": "webhook", "url": "ftp://x"}, "url")):
            with self.subTest(path=path, body=body):
                status, answer = self.call(server, "POST", f"/api/v1/gpu/{path}", body)
                self.assertEqual(status, 400, answer)
                self.assertIn(field, [error["parameter"] for error in answer["errors"]])
        self.assertEqual(self.call(server, "GET", "/api/v1/gpu/channels")[1]["channels"], [])

    def test_private_addresses_are_refused_unless_allowed(self):
        server = self.serve()
        for number, host in enumerate((f"127.0.0.1:{self.receiver.server.server_address[1]}",
                                       "169.254.169.254", "2130706433", "0x7f.1", "[::1]",
                                       "[::ffff:127.0.0.1]", "localhost", "10.0.0.1")):
            body = {"name": f"c{number}", "kind": "webhook", "url": f"http://{host}/"}
            self.assertEqual(self.call(server, "POST", "/api/v1/gpu/channels", body)[0], 200)
            status, answer = self.call(server, "POST", f"/api/v1/gpu/channels/c{number}/test")
            with self.subTest(host=host):
                self.assertEqual(status, 502)
                self.assertIn("not allowed", answer["detail"])
        self.assertEqual(self.receiver.got, [])

    def test_reload_takes_what_is_sound_and_keeps_the_old_else(self):
        server = self.serve(self.RULE)
        names = lambda: {rule["name"] for rule in server.json("/api/v1/gpu/rules")["rules"]}
        self.assertIn("busy", names())
        self.write_config(self.CALM + self.RULE.replace("busy", "busier"))
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "busier" in names(), "the new rule")
        self.assertNotIn("busy", names())
        self.write_config('[[rules]]\nname = "x"\nwhen = "joy above 1"\n')
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "config.not_reloaded" in "".join(server.log), "the refusal")
        self.assertIn("no such metric: joy", "".join(server.log))
        self.assertIn("busier", names())

    def test_a_command_and_its_verbs(self):
        out = self.folder / "told"
        script = self.folder / "tell"
        script.write_text(f"#!/bin/sh\ncat >> {out}\n")
        script.chmod(0o700)
        server = self.serve(self.RULE + '[[channels]]\nname = "shell"\nkind = "command"\n'
                            f'command = ["{script}"]\n')
        token = self.folder / "token"
        token.write_text(self.token)
        token.chmod(0o600)
        client = ("--server", server.url, "--token-file", str(token))
        code, text, err = run("alerts", "channels", "test", "shell", *client)
        self.assertEqual((code, text), (0, "the test was taken\n"), err)
        self.assertIn('"test":true', out.read_text())
        self.tell(server, 99)
        wait_for(lambda: '"busy"' in out.read_text(), "the notice")
        code, text, err = run("alerts", "silence", "rule=busy", "--for", "1h", *client)
        self.assertEqual(code, 0, err)
        silence = text.split()[0]
        self.assertIn(silence, run("alerts", "silences", *client)[1])
        self.assertEqual(run("alerts", "unsilence", silence, *client)[0], 0)
        alert = server.json("/api/v1/gpu/alerts")["alerts"][0]["id"]
        self.assertEqual(run("alerts", "ack", alert, *client)[1], "acknowledged\n")
        self.assertNotEqual(run("alerts", "ack", "nobody", *client)[0], 0)
        self.assertIn("busy", run("alerts", "rules", "list", *client)[1])
        self.assertIn("shell", run("alerts", "channels", "list", *client)[1])
        self.assertIn("gpu_utilization above 50", run("alerts", *client)[1])

    def test_rules_are_linted_and_tried_on_a_recording(self):
        good = self.write_config('[[rules]]\nname = "slow"\n'
                                 'when = "max of kernel \\"gemm*\\" over 2 s above 1 ms"\n')
        self.assertEqual(run("alerts", "rules", "lint", good)[:2],
                         (0, "1 rules and 0 channels are sound\n"))
        events = [{"ph": "X", "cat": "kernel", "name": "gemm", "ts": 1e6 * i,
                   "dur": 5000 if 10 <= i < 20 else 100, "args": {"device": 0}} for i in range(30)]
        recording = self.folder / "trace.json"
        recording.write_text(json.dumps({"traceEvents": events}))
        code, out, err = run("alerts", "rules", "test", good, "--trace", str(recording))
        self.assertEqual(code, 0, err)
        lines = out.splitlines()
        self.assertEqual(len(lines), 2, out)
        self.assertIn("firing", lines[0])
        self.assertIn("resolved", lines[1])
        bad = self.write_config('[[rules]]\nname = "slow"\nwhen = "joy above 1"\n')
        code, _, err = run("alerts", "rules", "lint", bad)
        self.assertNotEqual(code, 0)
        self.assertIn(":3: rules[0].when: no such metric: joy", err)

    def test_a_mail_is_taken_by_a_server(self):
        taken = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve_one():
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb", buffering=0) as stream:
                stream.write(b"220 here\r\n")
                in_data = False
                for line in stream:
                    taken.append(line)
                    if in_data:
                        if line == b".\r\n":
                            in_data = False
                            stream.write(b"250 taken\r\n")
                        continue
                    word = line[:4].upper()
                    if word == b"DATA":
                        in_data = True
                        stream.write(b"354 go on\r\n")
                    elif word == b"QUIT":
                        stream.write(b"221 bye\r\n")
                        return
                    else:
                        stream.write(b"250 fine\r\n")

        threading.Thread(target=serve_one, daemon=True).start()
        port = listener.getsockname()[1]
        server = self.serve('[[channels]]\nname = "mail"\nkind = "email"\n'
                            f'url = "smtp://127.0.0.1:{port}"\nsender = "gpu@example.org"\n'
                            'to = ["ops@example.org"]\nallow = ["loopback"]\n')
        status, answer = self.call(server, "POST", "/api/v1/gpu/channels/mail/test")
        self.assertEqual(status, 204, answer)
        text = b"".join(taken)
        self.assertIn(b"RCPT TO:<ops@example.org>", text)
        self.assertIn(b"Subject: [gpuvigil] test: ", text)


@unittest.skipUnless(shutil.which("prometheus-alertmanager") and shutil.which("amtool"),
                     "prometheus-alertmanager is not installed; tools/bootstrap test installs it")
class AlertmanagerTest(AlertsTest):
    """A real one: it shows what fires, is silenced by amtool, and hears of the end."""

    def setUp(self):
        super().setUp()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = self.folder / "alertmanager.yml"
        config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        self.manager = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={config}", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{self.port}", f"--storage.path={self.folder}/am"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.manager.wait)
        self.addCleanup(self.manager.kill)
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for(self.ready, "the Alertmanager")

    def ready(self):
        try:
            return urllib.request.urlopen(self.url + "/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def amtool(self, *args):
        done = subprocess.run(["amtool", f"--alertmanager.url={self.url}", *args], check=True,
                              capture_output=True, text=True)
        return done.stdout

    def alerts(self):
        with urllib.request.urlopen(self.url + "/api/v2/alerts", timeout=5) as answer:
            return json.load(answer)

    def test_fires_is_silenced_and_resolves(self):
        server = self.serve(self.RULE + '[[channels]]\nname = "am"\nkind = "alertmanager"\n'
                            f'url = "{self.url}"\nallow = ["loopback"]\n')
        self.tell(server, 99)
        alert = wait_for(self.alerts, "the alert")[0]
        self.assertEqual(alert["labels"]["alertname"], "busy")
        self.assertEqual(alert["labels"]["severity"], "critical")
        self.assertEqual(alert["status"]["state"], "active")
        self.amtool("silence", "add", "alertname=busy", "--duration=1h", "--comment=test",
                    "--author=test")
        wait_for(lambda: self.alerts()[0]["status"]["state"] == "suppressed", "the silence")
        self.tell(server, 10)
        wait_for(lambda: not self.alerts(), "the end")


def load_tests(loader, _tests, _pattern):
    suite = unittest.TestSuite()
    suite.addTests(loader.loadTestsFromTestCase(AlertsTest))
    suite.addTest(AlertmanagerTest("test_fires_is_silenced_and_resolves"))
    return suite


if __name__ == "__main__":
    if not shutil.which("prometheus-alertmanager"):
        print("SKIPPED in part: prometheus-alertmanager is not installed; "
              "tools/bootstrap test installs it")
    unittest.main(verbosity=2)
