# SPDX-License-Identifier: Apache-2.0
"""The server over TLS, as other people's clients and a scanner see it."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

from harness import PATIENCE, Server, run, wait_for

STATUS = "/api/v1/gpu/status"
SLOWED = os.environ.get("GPUVIGIL_SANITIZE") == "thread"
SCANNER = shutil.which("testssl") or shutil.which("testssl.sh")


def make_pair(folder, name="localhost"):
    """A new certificate that signs itself, and its key, moved into place like a renewed one."""
    fresh = pathlib.Path(folder, "fresh")
    fresh.mkdir(exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
                    "-keyout", fresh / "key.pem", "-out", fresh / "cert.pem"],
                   check=True, capture_output=True)
    for part in ("cert.pem", "key.pem"):
        os.replace(fresh / part, pathlib.Path(folder, part))


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        make_pair(cls.folder.name)
        cls.certificate = os.path.join(cls.folder.name, "cert.pem")
        cls.key = os.path.join(cls.folder.name, "key.pem")
        cls.server = Server("--demo", "--tls-cert", cls.certificate, "--tls-key", cls.key)
        cls.url = f"https://localhost:{cls.server.port}"

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.folder.cleanup()

    def connect(self, context=None):
        context = context or ssl.create_default_context(cafile=self.certificate)
        plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)
        return context.wrap_socket(plain, server_hostname="localhost")

    def ask(self, secure, path=STATUS):
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += secure.recv(65536)
        return answer.decode(errors="replace")

    def test_curl_and_the_command_line_verify_the_certificate(self):
        curl = ["curl", "-sS", "--max-time", str(PATIENCE), self.url + STATUS]
        trusted = subprocess.run([*curl, "--cacert", self.certificate], capture_output=True)
        self.assertEqual(trusted.returncode, 0, trusted.stderr)
        self.assertEqual(len(json.loads(trusted.stdout)["devices"]), 4)
        self.assertEqual(subprocess.run(curl, capture_output=True).returncode, 60)

        code, out, err = run("status", "--server", self.url, "--cacert", self.certificate)
        self.assertEqual(code, 0, err)
        self.assertIn("gpuvigil demo GPU", out)
        code, out, err = run("watch", "--server", self.url, "--count", "2",
                             env={"GPUVIGIL_CACERT": self.certificate})
        self.assertEqual(code, 0, err)
        code, out, err = run("status", "--server", self.url)
        self.assertEqual(code, 3, out)
        self.assertIn("self-signed certificate; name its authority with --cacert FILE", err)

    def test_python_speaks_1_2_and_1_3(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            context = ssl.create_default_context(cafile=self.certificate)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            with self.connect(context) as secure:
                self.assertEqual(secure.version(), name)
                self.assertEqual(secure.selected_alpn_protocol(), "http/1.1")
                self.assertTrue(self.ask(secure).startswith("HTTP/1.1 200"))

    def test_plain_http_is_told_what_to_write(self):
        done = subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE),
                               f"http://localhost:{self.server.port}/"], capture_output=True)
        self.assertIn(b"https://", done.stdout)
        code, _, err = run("status", "--server", f"http://localhost:{self.server.port}")
        self.assertEqual(code, 2)
        self.assertIn("https://", err)

    def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(self):
        def shown():
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with self.connect(context) as secure:
                return secure.getpeercert(binary_form=True)

        before = shown()
        with self.connect() as old:
            make_pair(self.folder.name)
            renewed = wait_for(lambda: (lambda now: now if now != before else None)(shown()),
                               "the renewed certificate")
            self.assertTrue(self.ask(old).startswith("HTTP/1.1 200"))
        on_disk = pathlib.Path(self.certificate).read_text(encoding="ascii")
        self.assertEqual(renewed, ssl.PEM_cert_to_DER_cert(on_disk))
        with open(self.key, "w", encoding="utf-8") as file:
            file.write("broken")
        wait_for(lambda: any("tls.reload_failed" in line for line in list(self.server.log)),
                 "the broken key to be told of")
        self.assertEqual(shown(), renewed)
        make_pair(self.folder.name)
        wait_for(lambda: shown() != renewed, "the next whole pair")

    def test_mistakes_are_told_before_anything_is_served(self):
        os.chmod(self.key, 0o644)
        code, _, err = run("serve", "--demo", "--listen", "127.0.0.1:0",
                           "--tls-cert", self.certificate, "--tls-key", self.key)
        os.chmod(self.key, 0o600)
        self.assertNotEqual(code, 0)
        self.assertIn(f"is open to other users: run  chmod o= '{self.key}'", err)
        code, _, err = run("serve", "--demo", "--tls-cert", self.certificate)
        self.assertEqual(code, 2)
        self.assertIn("need one another", err)

    @unittest.skipIf(SCANNER is None, "testssl.sh is not installed")
    @unittest.skipIf(SLOWED, "it asks one thing after another for minutes: no threads meet")
    def test_a_scanner_finds_nothing_old_or_weak(self):
        report = os.path.join(self.folder.name, "report.json")
        done = subprocess.run(
            [SCANNER, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none",
             "--openssl-timeout", "10", "--protocols", "--std", "--fs", "--heartbleed",
             "--renegotiation", "--crime", "--robot", "--add-ca", self.certificate,
             "--jsonfile", report, self.url], capture_output=True, timeout=400)
        with open(report, encoding="utf-8") as file:
            findings = {one["id"]: one for one in json.load(file)}
        for old in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
            self.assertIn("not offered", findings[old]["finding"], done.stdout)
        for ours in ("TLS1_2", "TLS1_3"):
            self.assertIn("offered", findings[ours]["finding"])
            self.assertEqual(findings[ours]["severity"], "OK")
        bad = [one for one in findings.values()
               if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")]
        self.assertEqual(bad, [])
        self.assertGreater(len(findings), 20)


if __name__ == "__main__":
    unittest.main()
