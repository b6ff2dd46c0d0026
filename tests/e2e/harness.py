# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the program, a running server, a WebSocket client, data."""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("GPUVIGIL_PROGRAM", str(ROOT / "build/dev/bin/gpuvigil"))
DATA = pathlib.Path(os.environ.get("GPUVIGIL_DATA", str(ROOT.parent / "shared/data")))
SANITIZED = os.environ.get("GPUVIGIL_BUILD") == "sanitized"
# What a sanitizer says before it ends a program; a test may not look at how that ended.
REPORT = re.compile(r"(WARNING|ERROR): \w+Sanitizer|: runtime error: ")
PATIENCE = 60.0  # seconds that a test waits for something before it fails

# Nobody's own state: tokens of these tests, and of nothing else.
STATE = tempfile.TemporaryDirectory(prefix="gpuvigil-state-")
os.environ["GPUVIGIL_STATE_DIR"] = STATE.name


def run(*args, timeout=PATIENCE * 2, stdin=None, env=None):
    """Runs the program to its end; gives (exit code, standard output, standard error)."""
    done = subprocess.run([PROGRAM, *args], capture_output=True, timeout=timeout, stdin=stdin,
                          env={**os.environ, **(env or {})})
    errors = done.stderr.decode()
    expect_no_report(errors)
    return done.returncode, done.stdout.decode(), errors


def expect_no_report(text):
    """Fails where a sanitizer had something to say."""
    if REPORT.search(text):
        raise AssertionError(text)


def wait_for(condition, what, patience=PATIENCE):
    """Asks until `condition` gives something true, and gives it back."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s in vain: {what}")


class Server:
    """A running `gpuvigil serve` on a free port of the loopback, without a limit of requests, and
    without programs that report themselves unless a test says where."""

    def __init__(self, *args, env=None, rate_limit="off", listen="127.0.0.1:0", preexec_fn=None):
        self.log = []
        if "--socket" not in args:
            args = ("--socket", "off", *args)
        self.process = subprocess.Popen([PROGRAM, "serve", "--listen", listen,
                                         "--rate-limit", rate_limit, *args],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, errors="replace", preexec_fn=preexec_fn,
                                        env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        self.port = int(wait_for(self._find_port, "the server to listen"))
        self.url = f"http://127.0.0.1:{self.port}"

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def _find_port(self):
        for line in list(self.log):
            found = re.search(r"server\.listening.*?:(\d+)/", line)
            if found:
                return found[1]
        if self.process.poll() is not None:
            raise AssertionError("the server ended: " + "".join(self.log))
        return None

    def get(self, path, **parameters):
        """A GET; gives (status, headers, body text)."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        url = self.url + path + ("?" + query if query else "")
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                text = not answer.headers.get_content_type().startswith("font/")
                errors = "strict" if text else "replace"
                return answer.status, answer.headers, answer.read().decode(errors=errors)
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def json(self, path, **parameters):
        status, _, body = self.get(path, **parameters)
        assert status == 200, (status, body)
        return json.loads(body)

    def descriptors(self):
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_bytes(self):
        """Its memory, exactly."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as rollup:
            return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))

    def stop(self, how=signal.SIGTERM):
        """Ends it; gives its exit code. It must end within five seconds."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=20)
        self._end_log()
        return code

    def _end_log(self):
        self.reader.join(timeout=5)
        self.process.stderr.close()
        expect_no_report("".join(self.log))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._end_log()


class Stream:
    """A WebSocket client of the stream, as small as the protocol allows."""

    def __init__(self, server, query=""):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /api/v1/gpu/stream{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n")
                            .encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        if self.status != 101:
            self.body = self.buffer

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        return data

    def _take(self, count):
        while len(self.buffer) < count:
            self.buffer += self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def frame(self):
        """The next frame: (opcode, payload)."""
        first, second = self._take(2)
        length = second & 127
        if length == 126:
            length = struct.unpack(">H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._take(8))[0]
        return first & 15, self._take(length)

    def message(self):
        """The next text message, decoded; pings are answered on the way."""
        while True:
            opcode, payload = self.frame()
            if opcode == 1:
                return json.loads(payload)
            if opcode == 9:
                self.send_frame(10, payload)
            if opcode == 8:
                raise ConnectionError(struct.unpack(">H", payload[:2])[0] if payload else 1005)

    def send_frame(self, opcode, payload):
        mask = os.urandom(4)
        header = bytes([0x80 | opcode])
        if len(payload) < 126:
            header += bytes([0x80 | len(payload)])
        else:
            header += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        self.socket.sendall(header + mask + masked)

    def send(self, message):
        text = message if isinstance(message, str) else json.dumps(message)
        self.send_frame(1, text.encode())

    def close(self):
        self.socket.close()
