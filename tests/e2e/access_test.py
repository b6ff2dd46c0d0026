# SPDX-License-Identifier: Apache-2.0
"""Who may call: every route of api/openapi.yaml, by every method, over HTTP and WebSocket, as every
kind of caller, from every place. What is expected is reckoned here from the contract alone."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

from harness import ROOT, Server, run, wait_for

try:
    import jsonschema
    import yaml
except ImportError as missing:  # tools/bootstrap test installs both
    print(f"skipped: {missing.name} is not installed; tools/bootstrap test installs it")
    sys.exit(77)

SPEC = yaml.safe_load((ROOT / "api/openapi.yaml").read_text())
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
HOLDS = {"read": {"read"}, "write": {"read", "write", "ingest"}, "ingest": {"ingest"},
         "admin": {"read", "write", "admin", "ingest"}}
PRINCIPALS = ("none", "bad", "expired", "read", "write", "admin", "ingest")
BODIES = {"/api/v1/gpu/executions": '{"executions":[]}', "/api/v1/gpu/samples": '{"samples":[]}'}
STREAM = "/api/v1/gpu/stream"
ELSEWHERE = "10.9.8.7"  # an address of this machine that is no loopback address
NOBODY = 65534

# The other address exists only in a network namespace of this test's own.
INSIDE = os.environ.get("GPUVIGIL_OWN_NETWORK") == "1"


def enter_own_network():
    """Runs this test again where the address can be made; False where that is not allowed."""
    if INSIDE or os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0:
        return False
    script = f'ip link set lo up && ip addr add {ELSEWHERE}/32 dev lo && exec "$@"'
    os.environ["GPUVIGIL_OWN_NETWORK"] = "1"
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", script, "sh", sys.executable, *sys.argv])
    return True


class Asker:
    """Somebody who asks: a user, and the address that they ask from and at."""

    def __init__(self, address="127.0.0.1", user=None):
        self.address = address
        command = [sys.executable, "-"]
        source = (pathlib.Path(__file__).parent / "asker.py").read_text()
        self.process = subprocess.Popen(
            [*command[:-1], "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd="/", user=user, group=user, extra_groups=[] if user else None)

    def ask(self, server, method, path, headers=None, body=None, upgrade=False):
        request = {"host": self.address, "port": server.port, "method": method, "path": path,
                   "headers": headers or {}, "body": body, "upgrade": upgrade}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def operations():
    """(path, method, operation) of the contract; HEAD stands where GET does."""
    for path, found in SPEC["paths"].items():
        for method, operation in found.items():
            yield path, method.upper(), operation
            if method == "get":
                yield path, "HEAD", operation


def expected(path, method, principal, mode, at_home):
    """401, 403, 405, "101" where an upgrade is wanted, or "in": past the door."""
    known = {m: op for p, m, op in operations() if p == path}
    if method not in known:
        return 405
    security = known[method]["security"]
    if not security:
        return "in"
    if principal in ("bad", "expired"):
        return 401
    needed = set(security[0].get("bearer", security[0].get("session")))
    if principal == "none":
        if mode == "off":
            return "in"
        if mode != "local" or not at_home:
            return 401
        return "in" if needed <= {"read"} else 403
    return "in" if needed <= HOLDS[principal] else 403


class AccessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokens = {"bad": "gpuvigil_" + "A" * 43}
        for name in ("read", "write", "admin", "ingest", "expired"):
            scope = "admin" if name == "expired" else name
            lifetime = ["--expires-in", "1s"] if name == "expired" else []
            code, out, err = run("token", "create", "--scope", scope, "--json", *lifetime)
            assert code == 0, err
            cls.tokens[name] = json.loads(out)["token"]
        time.sleep(2)
        anywhere = "0.0.0.0:0" if INSIDE else "127.0.0.1:0"
        cls.servers = {mode: Server("--demo", "--auth", mode,
                                    listen="127.0.0.1:0" if mode == "off" else anywhere)
                       for mode in ("local", "token", "off")}
        # Each of them ends however the others end: a server's report must not be lost.
        for server in cls.servers.values():
            cls.addClassCleanup(server.__exit__)
        cls.places = {}
        cls.add_place("at home")
        if os.geteuid() == 0:
            cls.add_place("another user", user=NOBODY)
        else:
            print("skipped: another user, because this test does not run as root")
        if INSIDE:
            cls.add_place("another address", address=ELSEWHERE)
        else:
            print("skipped: another address, because no network namespace can be made here")

    @classmethod
    def add_place(cls, name, **where):
        cls.places[name] = Asker(**where)
        cls.addClassCleanup(cls.places[name].close)

    def headers(self, principal, **more):
        if principal == "none":
            return more
        return {"Authorization": f"Bearer {self.tokens[principal]}", **more}

    def each_case(self):
        for mode, server in self.servers.items():
            for place, asker in self.places.items():
                if mode == "off" and place == "another address":
                    continue  # it listens on the loopback address alone
                for principal in PRINCIPALS:
                    yield mode, server, place, asker, principal

    def test_matrix_over_http(self):
        cases = 0
        for mode, server, place, asker, principal in self.each_case():
            for path in SPEC["paths"]:
                for method in METHODS:
                    cases += 1
                    real = path.replace("{id}", "0123456789abcdef")
                    # Refusals use up what an address may try; that is another test.
                    answer = self.patient(asker, server, method, real, principal,
                                          BODIES.get(path) if method == "POST" else None)
                    want = expected(path, method, principal, mode, place == "at home")
                    if mode == "off" and want in (401, 403):
                        want = "in"
                    with self.subTest(mode=mode, place=place, who=principal, path=path,
                                      method=method):
                        self.check(path, method, want, answer)
        print(f"cases over HTTP: {cases}")

    def patient(self, asker, server, method, path, principal, body):
        def tried():
            answer = asker.ask(server, method, path,
                               self.headers(principal, **{"Content-Type": "application/json"}),
                               body)
            return None if answer["status"] == 429 else answer
        return wait_for(tried, "a bucket to fill")

    def check(self, path, method, want, answer):
        status = answer["status"]
        if want == "in":
            self.assertNotIn(status, (401, 403 if path != "/api/v1/session" else 401, 405, 429))
        else:
            self.assertEqual(status, want, answer)
        if status == 401:
            self.assertIn("Bearer", answer["headers"]["www-authenticate"])
        if status == 405:
            self.assertIn("allow", answer["headers"])
        elif method != "HEAD":
            self.conforms(path, method, answer)

    def conforms(self, path, method, answer):
        """Status, media type and body are what the contract says of this operation."""
        found = SPEC["paths"][path][method.lower()]["responses"]
        self.assertIn(str(answer["status"]), found)
        response = found[str(answer["status"])]
        if "$ref" in response:
            response = SPEC["components"]["responses"][response["$ref"].split("/")[-1]]
        if "content" not in response:
            self.assertEqual(answer["body"], "")
            return
        media = answer["headers"]["content-type"].split(";")[0]
        self.assertIn(media, response["content"])
        if media.endswith("json"):
            schema = {**response["content"][media]["schema"], "components": SPEC["components"]}
            jsonschema.Draft202012Validator(schema).validate(json.loads(answer["body"]))

    def test_matrix_over_websocket(self):
        cases = 0
        for mode, server, place, asker, principal in self.each_case():
            for by in ("header", "subprotocol", "both"):
                if principal == "none" and by != "header":
                    continue
                cases += 1
                with self.subTest(mode=mode, place=place, who=principal, by=by):
                    want = expected(STREAM, "GET", principal, mode, place == "at home")
                    headers = {}
                    if by != "subprotocol":
                        headers = self.headers(principal)
                    if by != "header":
                        headers["Sec-WebSocket-Protocol"] = \
                            f"gpuvigil.v1, gpuvigil.bearer.{self.tokens[principal]}"

                    def tried(headers=headers):
                        answer = asker.ask(server, "GET", STREAM, headers, upgrade=True)
                        return None if answer["status"] == 429 else answer
                    answer = wait_for(tried, "a bucket to fill")
                    self.assertEqual(answer["status"],
                                     101 if want == "in" or mode == "off" else want)
                    if answer["status"] == 101 and by != "header":
                        self.assertEqual(answer["headers"]["sec-websocket-protocol"],
                                         "gpuvigil.v1")
        print(f"cases over WebSocket: {cases}")

    def test_an_unlisted_path_is_404_for_everybody(self):
        for mode, server, place, asker, principal in self.each_case():
            for path in ("/nope", "/api/v1/gpu", "/api/v1/gpu/", "/API/V1/GPU/STATUS",
                         "/api/v1/gpu/status/", "/api/v1/gpu/:id", "/api/v1/gpu/kernels/%7Bid%7D/x",
                         "//api/v1/gpu/status", "/api/v1/../v1/gpu/status", "/metrics/../admin",
                         "/api/v1/gpu/status%2f", "/etc/passwd", "/..%2f..%2fetc/passwd"):
                with self.subTest(mode=mode, place=place, who=principal, path=path):
                    answer = asker.ask(server, "GET", path, self.headers(principal))
                    self.assertEqual(answer["status"], 404)

    def test_a_session_stands_for_its_token(self):
        asker = next(iter(self.places.values()))
        server = self.servers["token"]
        for scope in ("read", "write", "ingest"):
            opened = asker.ask(server, "POST", "/api/v1/session", self.headers(scope))
            self.assertEqual(opened["status"], 200)
            cookie = opened["headers"]["set-cookie"]
            for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
                self.assertIn(word, cookie)
            key = {"Cookie": cookie.split(";")[0]}
            session = json.loads(asker.ask(server, "GET", "/api/v1/session", key)["body"])
            self.assertEqual((session["by"], set(session["scopes"])), ("session", HOLDS[scope]))
            reads = 200 if "read" in HOLDS[scope] else 403
            self.assertEqual(asker.ask(server, "GET", "/api/v1/gpu/status", key)["status"], reads)
            self.assertEqual(asker.ask(server, "GET", STREAM, key, upgrade=True)["status"],
                             101 if reads == 200 else 403)
            closed = asker.ask(server, "DELETE", "/api/v1/session", key)
            self.assertEqual((closed["status"], closed["body"]), (204, ""))
            self.assertEqual(asker.ask(server, "GET", "/api/v1/session", key)["status"], 401)

    def test_a_page_of_another_site_gets_nothing(self):
        asker = self.places["at home"]
        server = self.servers["local"]
        own = f"http://127.0.0.1:{server.port}"
        for origin, status in ((own, 200), ("http://evil.example", 403), ("null", 403),
                               (f"http://localhost:{server.port}", 403),
                               (f"ftp://127.0.0.1:{server.port}", 403),
                               (own + "0", 403), (own + ".evil.example", 403)):
            got = asker.ask(server, "GET", "/api/v1/gpu/status", {"Origin": origin})
            self.assertEqual(got["status"], status, origin)
            self.assertNotIn("access-control-allow-origin", got["headers"])
            got = asker.ask(server, "GET", STREAM, {"Origin": origin}, upgrade=True)
            self.assertEqual(got["status"], 101 if status == 200 else 403, origin)
        # What a page makes a browser load sends no Origin.
        image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors",
                 "Sec-Fetch-Dest": "image"}
        frame = {**image, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        link = {**frame, "Sec-Fetch-Dest": "document"}
        for headers, status in ((image, 403), (frame, 403), (link, 200),
                                ({**image, "Sec-Fetch-Site": "same-site"}, 403),
                                ({**image, "Sec-Fetch-Site": "same-origin"}, 200),
                                ({**image, "Sec-Fetch-Site": "none"}, 200)):
            got = asker.ask(server, "GET", "/api/v1/gpu/status", headers)
            self.assertEqual(got["status"], status, headers)
            self.conforms("/api/v1/gpu/status", "get", got)
        self.assertEqual(asker.ask(server, "GET", "/nowhere", image)["status"], 403)
        self.assertEqual(asker.ask(server, "GET", "/healthz", image)["status"], 200)
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "0", ""):
            got = asker.ask(server, "GET", "/api/v1/gpu/status", {"Host": host})
            self.assertIn(got["status"], (400, 403), host)


if __name__ == "__main__":
    if not enter_own_network():
        unittest.main(verbosity=2)
