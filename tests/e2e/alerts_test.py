# SPDX-License-Identifier: Apache-2.0
"""Alerts from end to end: rules, silences and channels set by API and file, notices at real
receivers, and what a kill -9 leaves of it."""
import hashlib
import hmac
import http.server
import json
import pathlib
import shutil
import signal
import socket
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

    def serve(self, config=""):
        server = Server("--state-dir", str(self.state), "--config", self.write_config(config))
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

    def test_silence_and_acknowledgement_outlast_a_restart(self):
        config = self.RULE + self.hook()
        server = self.serve(config)
        status, silence = self.call(server, "POST", "/api/v1/gpu/silences",
                                    {"matchers": ["rule=bus*"], "for": "1h", "comment": "work"})
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
                ("silences", {"matchers": [], "for": "1h"}, "matchers"),
                ("silences", {"matchers": ["x"], "for": "1h"}, "matchers[0]"),
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
        self.write_config(self.RULE.replace("busy", "busier"))
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
        self.assertIn("busy", run("alerts", *client)[1])

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
                            f'url = "smtp://127.0.0.1:{port}"\nfrom = "gpu@example.org"\n'
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
