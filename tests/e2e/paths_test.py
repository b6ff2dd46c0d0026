# SPDX-License-Identifier: Apache-2.0
"""Thousands of paths that other servers fell for: no file, no way around the tokens."""
import itertools
import json
import re
import socket
import tempfile
import unittest

from harness import PATIENCE, Server, run

UPS = ["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..;", "..%00", "%c0%ae%c0%ae",
       "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", ".../", "....//", "\u2025", "\uff0e\uff0e"]
SLASHES = ["/", "//", "%2f", "%2F", "\\", "%5c", "%252f", "%c0%af", "/./", ";/"]
TARGETS = ["etc/passwd", "proc/self/environ", "api/v1/gpu/status", "api/v1/tokens", "login"]
BEFORE = ["", "/api/v1/gpu", "/docs", "/assets", "/api/v1/gpu/status"]
AFTER = ["", "%00", "%00.js", "?", "#", "/", ".", "%20", "..;/", ";a=b", "%0d%0aX-Evil:%20yes", "~"]
DEPTHS = [1, 2, 8]
GUARDED = ["/api/v1/gpu/status", "/api/v1/gpu/kernels", "/api/v1/gpu/report", "/api/v1/system"]
TEMPLATES = [":id", "{id}", "%7Bid%7D", "*", "**", "[id]", "<id>", "$id", "-1", "null"]
AT_LEAST = 5_000


def traversals():
    for before, up, slash, target, depth in itertools.product(BEFORE, UPS, SLASHES, TARGETS,
                                                              DEPTHS):
        yield before + slash + (up + slash) * depth + target


def disguises():
    """The guarded paths, written so that a guard and a router might read them differently."""
    for path, after in itertools.product(GUARDED, AFTER):
        if after not in ("", "?"):  # which are the paths themselves
            yield path + after
    for path in GUARDED:
        yield path.upper()
        yield path.title()
        yield path.replace("/", "//")
        yield path.replace("/", "/./")
        yield path.replace("/", "%2f")
        yield path.replace("g", "\uff47")
        for index in range(1, len(path)):
            yield f"{path[:index]}%{ord(path[index]):02x}{path[index + 1:]}"
        for template in TEMPLATES:
            yield f"{path}/{template}"
            yield re.sub(r"[^/]+$", template, path)


def decoded(path):
    """What %XX of plain letters stand for, once; the server may read those."""
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), path)


class Connection:
    """Sends a target as it is: libraries would put it right."""

    def __init__(self, server):
        self.server = server
        self.socket = None

    def ask(self, target):
        """(status, header, body)"""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.server.port),
                                                   timeout=PATIENCE)
        self.socket.sendall(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            assert more, "closed without an answer"
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        head = head.decode().lower()
        length = int(re.search(r"content-length: (\d+)", head)[1])
        while len(body) < length:
            body += self.socket.recv(65536)
        if "connection: close" in head:
            self.close()
        return int(head.split()[1]), head, body.decode("utf-8", "replace")

    def close(self):
        self.socket.close()
        self.socket = None


class PathsTest(unittest.TestCase):
    def setUp(self):
        with open("/etc/passwd", encoding="utf-8", errors="replace") as file:
            self.secret = file.readline().rstrip("\n")  # of a file that must never come

    def ask_all(self, server, right):
        """Checks every answer with right(target, status); how many there were."""
        targets = list(dict.fromkeys([*traversals(), *disguises()]))
        self.assertGreaterEqual(len(targets), AT_LEAST)
        connection = Connection(server)
        counts = {}
        for target in targets:
            status, head, body = connection.ask(target)
            counts[status] = counts.get(status, 0) + 1
            self.assertNotIn("x-evil", head, target)
            self.assertNotIn(self.secret, body, target)
            self.assertNotIn("PATH=", body, target)
            if not right(target, status):
                self.fail(f"{target!r}: {status} {body[:200]}")
        connection.close()
        print(f"\n{len(targets)} paths: {counts}")

    def test_with_tokens_no_path_gets_in_without_one(self):
        with tempfile.TemporaryDirectory() as state:
            environment = {"GPUVIGIL_STATE_DIR": state}
            self.assertEqual(run("token", "create", "--scope", "read", env=environment)[0], 0)
            with Server("--demo", "--auth", "token", env=environment) as server:
                self.ask_all(server, lambda _, status: status in (400, 401, 404))

    def test_without_tokens_only_the_path_itself_is_answered(self):
        with Server("--demo", "--auth", "off") as server:
            def right(target, status):
                path = decoded(target.split("?")[0])
                return status in (400, 404) or (status == 200 and path in GUARDED)
            self.ask_all(server, right)
            connection = Connection(server)
            self.assertIn("seq", json.loads(connection.ask(GUARDED[0])[2]))
            connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
