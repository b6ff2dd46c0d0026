# SPDX-License-Identifier: Apache-2.0
"""Ending under load: whatever was begun is finished, everybody is told, and it takes its time."""
import random
import signal
import socket
import threading
import time
import unittest

from harness import PATIENCE, Server, Stream, wait_for

ROUNDS = 20
CLIENTS = 4
STREAMS = 5
PATHS = ("/api/v1/gpu/kernels?limit=1000", "/api/v1/gpu/report?format=html", "/api/v1/gpu/status")


def responses_in(data):
    """How many whole responses there are in `data`, and what is left behind them."""
    count = 0
    while data:
        head, mark, rest = data.partition(b"\r\n\r\n")
        if not mark:
            break
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        if len(rest) < length:
            break
        count += 1
        data = rest[length:]
    return count, data


class Client(threading.Thread):
    """Keeps requests in flight on one connection, two at a time, until the server closes it."""

    def __init__(self, server, path):
        super().__init__()
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        self.whole = 0
        self.left = b""
        self.error = None

    def run(self):
        sent = 0
        try:
            while True:
                while sent < self.whole + 2:
                    self.socket.sendall(self.request)
                    sent += 1
                data = self.socket.recv(65536)
                if not data:
                    break
                count, self.left = responses_in(self.left + data)
                self.whole += count
        except (ConnectionResetError, BrokenPipeError):
            pass  # of a request that came too late; what was begun is in self.left
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        finally:
            self.socket.close()


class Reader(threading.Thread):
    """Reads a stream to its end."""

    def __init__(self, server):
        super().__init__()
        self.stream = Stream(server, "?interval_ms=100")
        self.code = None

    def run(self):
        try:
            while True:
                self.stream.message()
        except ConnectionError as closed:
            self.code = closed.args[0]
        finally:
            self.stream.close()


class DrainTest(unittest.TestCase):
    def end_one(self, how, delay):
        with Server("--demo") as server:
            clients = [Client(server, PATHS[i % len(PATHS)]) for i in range(CLIENTS)]
            readers = [Reader(server) for _ in range(STREAMS)]
            for thread in clients + readers:
                thread.start()
            wait_for(lambda: all(client.whole for client in clients), "answers")
            time.sleep(delay)
            began = time.monotonic()
            code = server.stop(how)
            took = time.monotonic() - began
            for thread in clients + readers:
                thread.join(timeout=PATIENCE)
                self.assertFalse(thread.is_alive())
        self.assertEqual(code, 0, "".join(server.log))
        self.assertLess(took, 5)
        for client in clients:
            self.assertIsNone(client.error)
            self.assertEqual(client.left, b"", "a response was cut short")
        self.assertEqual([reader.code for reader in readers], [1001] * STREAMS)
        events = [line.split(" event=")[1].split()[0] for line in server.log]
        self.assertEqual(events[-2:], ["server.stopping", "server.stopped"])

    def test_signals_under_load_cut_nothing_short(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        moments = random.Random(seed)
        for i in range(ROUNDS):
            with self.subTest(seed=seed, round=i):
                self.end_one(signal.SIGINT if i % 5 == 4 else signal.SIGTERM,
                             moments.uniform(0, 0.3))

    def test_a_response_that_waits_for_its_reader_is_finished(self):
        with Server("--demo") as server:
            wait_for(lambda: server.json("/api/v1/gpu/kernels")["kernels"], "kernels")
            slow = socket.socket()
            self.addCleanup(slow.close)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(PATIENCE)
            slow.connect(("127.0.0.1", server.port))
            # More than all buffers take: the server is in the middle of one when it is told to end.
            slow.sendall(f"GET {PATHS[0]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 600)
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            data = b""
            while chunk := slow.recv(65536):
                data += chunk
            self.assertEqual(server.stop(), 0)
        count, left = responses_in(data)
        self.assertTrue(0 < count < 600, count)
        self.assertEqual(left, b"", f"cut short after {count} responses")

    def test_a_client_that_reads_nothing_does_not_hold_it_up(self):
        with Server("--demo") as server:
            slow = socket.create_connection(("127.0.0.1", server.port))
            self.addCleanup(slow.close)
            request = f"GET {PATHS[0]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            slow.settimeout(1)
            with self.assertRaises(TimeoutError):  # until neither side takes any more
                while True:
                    slow.sendall(request)
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 5)

    def test_a_second_signal_changes_nothing(self):
        with Server("--demo") as server:
            stream = Stream(server)
            self.addCleanup(stream.close)
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
