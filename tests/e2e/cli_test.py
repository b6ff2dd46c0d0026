# SPDX-License-Identifier: Apache-2.0
"""The verbs of the program: what they print, how they fail, which exit code says so."""
import http.server
import json
import os
import socket
import subprocess
import tarfile
import tempfile
import threading
import unittest

from harness import PROGRAM, Server, run, wait_for

EVENTS = {"traceEvents": [
    {"ph": "X", "cat": "kernel", "name": "sgemm", "ts": 10, "dur": 4, "args": {"device": 0}},
    {"ph": "X", "cat": "kernel", "name": "sgemm", "ts": 20, "dur": 6.5, "args": {"device": 0}},
    {"ph": "X", "cat": "kernel", "name": "softmax", "ts": 22, "dur": 2, "args": {"device": 1}},
    {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD", "ts": 1, "dur": 3,
     "args": {"device": 0}},
    {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "ts": 0, "dur": 40}]}


class OfflineTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = os.path.join(scratch.name, "trace.json")
        with open(self.path, "w") as file:
            json.dump(EVENTS, file)

    def kernels(self, *args):
        code, out, err = run("kernels", "--trace", self.path, "--json", *args)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_json_has_the_shape_of_the_api(self):
        answer = self.kernels("--limit", "0")
        self.assertEqual(answer["total_kernels"], 2)
        self.assertEqual([row["name"] for row in answer["kernels"]], ["sgemm", "softmax"])
        row = answer["kernels"][0]
        self.assertEqual((row["total_calls"], row["total_time_ms"], row["min_time_ms"]),
                         (2, 0.0105, 0.004))
        self.assertIsNone(row["avg_memory_mb"])

    def test_options_are_the_parameters_of_the_api(self):
        f = lambda want, *args: self.assertEqual(
            [row["name"] for row in self.kernels(*args)["kernels"]], want, args)
        f(["Memcpy HtoD"], "--kind", "memcpy")
        f(["softmax"], "--device", "1")
        f(["softmax"], "--name", "soft*")
        f(["sgemm"], "--limit", "1")
        f(["softmax", "sgemm"], "--sort-by", "calls", "--order", "asc")
        f(["sgemm"], "--min-calls", "2")

    def test_text_is_a_table(self):
        code, out, _ = run("kernels", "--trace", self.path)
        self.assertEqual(code, 0)
        self.assertEqual(len(out.splitlines()), 4, out)
        self.assertIn("sgemm", out)

    def test_report_has_exact_busy_time_and_three_formats(self):
        code, out, _ = run("report", "--trace", self.path, "--json")
        self.assertEqual(code, 0)
        device = json.loads(out)["devices"][0]
        self.assertEqual((device["kernel_busy_ms"], device["gpu_busy_ms"], device["span_ms"]),
                         (0.0105, 0.0135, 0.0255))
        self.assertIn("sgemm", run("report", "--trace", self.path)[1])
        html = run("report", "--trace", self.path, "--format", "html")[1]
        self.assertIn("<!doctype html>", html.lower())

    def test_bad_options_exit_2_and_are_named(self):
        for args in (("--limit", "1001"), ("--sort-by", "x"), ("--device", "7"),
                     ("--kind", "cpu"), ("--since", "never")):
            code, out, err = run("kernels", "--trace", self.path, *args)
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn(args[0].strip("-").replace("-", "_"), err)


class UsageTest(unittest.TestCase):
    def test_wrong_command_lines_exit_2(self):
        for args in ((), ("fly",), ("serve", "--speed", "0"), ("serve", "--what"),
                     ("completion", "tcsh"), ("kernels", "--limit"), ("config",)):
            self.assertEqual(run(*args)[0], 2, args)

    def test_help_and_version(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        for verb in ("serve", "kernels", "report", "status", "alerts", "watch", "config",
                     "version", "completion", "doctor", "ps", "ls", "events", "topo", "run",
                     "trace"):
            self.assertIn(verb, out)
            self.assertEqual(run(verb, "--help")[0], 0)
        self.assertTrue(run("--version")[1].startswith("gpuvigil "))
        self.assertIn("version", json.loads(run("version", "--json")[1]))

    def test_no_server_is_exit_3_with_what_to_do(self):
        for verb in ("status", "kernels", "alerts", "report", "watch", "ps", "ls", "events",
                     "topo"):
            code, out, err = run(verb, "--server", "http://127.0.0.1:9")
            self.assertEqual((code, out), (3, ""), err)
            self.assertIn("gpuvigil serve", err)

    def test_completion_scripts_are_valid(self):
        script = run("completion", "bash")[1]
        subprocess.run(["bash", "-n"], input=script.encode(), check=True)
        self.assertIn("kernels", script)
        for shell in ("zsh", "fish"):
            self.assertIn("--trace" if shell == "zsh" else "-l trace",
                          run("completion", shell)[1])

    def test_a_closed_pipe_is_quiet(self):
        shell = f"{PROGRAM} completion bash | true"
        done = subprocess.run(["bash", "-c", shell], capture_output=True)
        self.assertEqual(done.stderr, b"")


class ConfigTest(unittest.TestCase):
    def file(self, text):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        path = os.path.join(scratch.name, "c.toml")
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_every_mistake_is_told_with_its_line(self):
        path = self.file('[server]\nlisten = "nowhere"\n[frames]\nperiod = "1h"\n'
                         '[alerts]\nutilisation_percent = 5\nmemory_percent = "x"\n')
        for args in (("config", "validate", path), ("serve", "--config", path)):
            code, _, err = run(*args)
            self.assertEqual(code, 2, err)
            for place in (":2: server.listen", ":4: frames.period",
                          ":6: alerts.utilisation_percent", ":7: alerts.memory_percent"):
                self.assertIn(path + place, err)
            self.assertIn("did you mean", err)

    def test_print_is_what_validate_accepts(self):
        printed = run("config", "print", env={"XDG_CONFIG_HOME": "/nonexistent"})[1]
        code, _, err = run("config", "validate", self.file(printed))
        self.assertEqual(code, 0, err)

    def test_bad_syntax_and_missing_files(self):
        self.assertIn(":1:", run("config", "validate", self.file("[[[\n"))[2])
        self.assertEqual(run("config", "validate", "/nonexistent.toml")[0], 5)


class DoctorTest(unittest.TestCase):
    def config(self, text):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        path = os.path.join(scratch.name, "c.toml")
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def checks(self, *args, env=None):
        code, out, err = run("doctor", "--json", *args, env=env)
        self.assertEqual(err, "")
        report = json.loads(out)
        return code, report["status"], {c["name"]: c for c in report["checks"]}

    def test_nothing_that_fails_is_exit_0_and_what_fails_is_exit_1(self):
        path = self.config(f'[server]\nlisten = "127.0.0.1:{self.free_port()}"\n')
        code, status, checks = self.checks("--config", path)
        self.assertEqual(code, 0, checks)
        self.assertIn(status, ("ok", "warn"))
        self.assertEqual(checks["configuration"]["found"], path)
        code, status, checks = self.checks("--config", self.config("what = 1\n"))
        self.assertEqual((code, status), (1, "fail"))
        self.assertIn("what: unknown key", checks["configuration"]["found"])
        self.assertTrue(checks["configuration"]["advice"])

    def test_a_running_server_is_found_on_its_port(self):
        with Server("--demo") as server:
            path = self.config(f'[server]\nlisten = "127.0.0.1:{server.port}"\n')
            code, _, checks = self.checks("--config", path)
            self.assertEqual(code, 0, checks)
            self.assertIn("answers at", checks["port"]["found"])
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            path = self.config(f'[server]\nlisten = "127.0.0.1:{other.getsockname()[1]}"\n')
            code, _, checks = self.checks("--config", path)
            self.assertEqual((code, checks["port"]["status"]), (1, "fail"))

    def test_no_secret_is_printed(self):
        canary = "canary-5f1d2c"
        path = self.config(f'token = "{canary}"\n[alerts]\nwebhook = "http://u:{canary}@h/"\n'
                           f'memory_percent = "{canary}"\n[log]\nlevel = "{canary}"\n')
        for args in ((), ("--json",)):
            code, out, err = run("doctor", "--config", path, *args,
                                 env={"GPUVIGIL_TOKEN": canary, "SOME_SECRET": canary})
            self.assertEqual(code, 1)
            self.assertNotIn(canary, out + err)

    def test_a_bundle_has_what_helps_and_no_secret(self):
        canary = "canary-5f1d2c"
        with Server("--demo") as server, tempfile.TemporaryDirectory() as folder:
            path = self.config(f'[server]\nlisten = "127.0.0.1:{server.port}"\n')
            log, bundle = os.path.join(folder, "log"), os.path.join(folder, "b.tar.gz")
            with open(log, "w") as file:
                file.write(f"event=one token={canary}\nevent=two url=http://u:{canary}@h/\n")
            code, out, err = run("doctor", "--config", path, "--bundle", bundle, "--log", log,
                                 env={"SOME_SECRET": canary, "GPUVIGIL_PASSWORD": canary})
            self.assertEqual((code, err), (0, ""))
            self.assertIn(bundle, out)
            with tarfile.open(bundle) as archive:
                files = {os.path.basename(m.name): archive.extractfile(m).read().decode()
                         for m in archive.getmembers()}
        for name, text in files.items():
            self.assertNotIn(canary, text, name)
        self.assertIn("event=two", files["log.txt"])
        self.assertIn("losses", json.loads(files["system.json"]))
        checks = json.loads(files["doctor.json"])["checks"]
        self.assertIn(("port", "ok"), [(c["name"], c["status"]) for c in checks])
        self.assertIn(str(server.port), files["config.toml"])


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--demo")
        wait_for(lambda: cls.server.json("/api/v1/gpu/kernels")["kernels"], "kernels")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def ask(self, verb, *args):
        code, out, err = run(verb, "--server", self.server.url, *args)
        self.assertEqual(code, 0, err)
        return out

    def test_each_verb_prints_text_and_json(self):
        for verb in ("status", "kernels", "alerts", "report", "ps", "ls", "events", "topo"):
            self.assertTrue(self.ask(verb).strip(), verb)
            self.assertIn("timestamp", json.loads(self.ask(verb, "--json")), verb)
        self.assertIn("demo", self.ask("status"))

    def test_what_the_machine_is_and_who_uses_it(self):
        devices = json.loads(self.ask("ls", "--json"))["devices"]
        table = self.ask("ls")
        for device in devices:
            self.assertIn(device["uuid"] + "\n", table)
        self.assertEqual(len(json.loads(self.ask("ls", "--json", "--device", "1"))["devices"]), 1)
        links = json.loads(self.ask("topo", "--json"))["links"]
        rows = [line for line in self.ask("topo").splitlines() if line.startswith("  GPU ")]
        self.assertEqual(len(rows), len(devices))
        self.assertEqual(bool(links), "not known" not in self.ask("topo"))
        processes = json.loads(self.ask("ps", "--json", "--sort-by", "pid"))["processes"]
        for process in processes:
            self.assertIn(str(process["pid"]), self.ask("ps"))
        nobody = json.loads(self.ask("ps", "--json", "--user", "nobody at all"))
        self.assertEqual(nobody["processes"], [])
        self.assertIn("happened", self.ask("events", "--severity", "critical"))
        for args in (("ps", "--sort-by", "x"), ("events", "--severity", "x"),
                     ("ls", "--device", "99")):
            code, out, err = run(*args, "--server", self.server.url)
            self.assertEqual((code, out), (2, ""), err)

    def test_watch_prints_a_line_a_message(self):
        lines = self.ask("watch", "--count", "2", "--interval-ms", "200").splitlines()
        self.assertEqual(len(lines), 2)
        for line in self.ask("watch", "--json", "--count", "2").splitlines():
            self.assertEqual(json.loads(line)["type"], "gpu_metrics")

    def test_the_servers_refusal_is_passed_on(self):
        code, _, err = run("kernels", "--server", self.server.url, "--sort-by", "x")
        self.assertEqual(code, 2, err)
        self.assertIn("sort_by", err)


class HostileServerTest(unittest.TestCase):
    """What calls itself a server may answer anything; nothing of it acts on a terminal."""

    BAD = "\x1b[2J\x07\u202e\u009bx"
    ANSWER = {
        "devices": [{"index": BAD, "uuid": BAD, "name": BAD, "health": BAD, "cpu_affinity": BAD,
                     "findings": [{"code": BAD, "detail": BAD, "advice": BAD}]}],
        "links": [{"from": 0, "to": 1, "path": BAD}, 5],
        "processes": [{"pid": 1, "user": BAD, "command": BAD, "unit": BAD,
                       "no_kernels_reason": BAD, "captures": [{"by": BAD, "detail": BAD}],
                       "devices": [{"device": 0, "memory_mb": -1e300}]}],
        "events": [{"timestamp": BAD, "kind": BAD, "severity": BAD, "message": BAD,
                    "advice": BAD}]}

    def serve(self, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}"

    def test_no_escape_sequence_reaches_the_terminal(self):
        url = self.serve(json.dumps(self.ANSWER).encode())
        for verb in ("ps", "ls", "events", "topo"):
            code, out, err = run(verb, "--server", url)
            self.assertEqual((code, err), (0, ""), verb)
            self.assertIn("x", out)
            for bad in "\x1b\x07\u202e\u009b":
                self.assertNotIn(bad, out, verb)

    def test_what_is_no_answer_is_an_error(self):
        for body, want in ((b"{", 70), (b"[]", 0)):
            url = self.serve(body)
            for verb in ("ps", "ls", "events", "topo"):
                self.assertEqual(run(verb, "--server", url)[0], want, (verb, body))


if __name__ == "__main__":
    unittest.main(verbosity=2)
