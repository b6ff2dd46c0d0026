# SPDX-License-Identifier: Apache-2.0
"""Crowds: many who read nothing, many who say nothing. Memory stays bounded, others are served.

usage: crowd_test.py [--long]    10 000 readers and 4 000 idle connections, not a tenth of each
"""
import contextlib
import http.client
import resource
import socket
import statistics
import sys
import time
import unittest

from harness import PATIENCE, SANITIZED, Server, Stream, wait_for

LONG = "--long" in sys.argv
READERS = 10_000 if LONG else 1_000
IDLE = 4_000 if LONG else 400
AN_ADDRESS = 900  # connections; the server takes 1,024 of one address
SMALL = 4096  # bytes of a receive buffer, so that what is not read comes back to the server soon
MEMORY = 256 << 20
LETS_GO = 10 + 10  # seconds: what a header may take, and room for a busy machine
UNREAD = 30 + 5  # seconds after which who reads nothing is closed


def raise_descriptors(count):
    """Makes room for so many, or skips: nobody may have more than the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise unittest.SkipTest(f"needs {count} descriptors, `ulimit -Hn` allows {hard}")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def connect(server, number):
    """Connects from an address of the loopback that it shares with less than a thousand others."""
    made = socket.socket()
    made.settimeout(PATIENCE)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    made.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    made.bind((f"127.0.1.{1 + number // AN_ADDRESS}", 0))
    made.connect(("127.0.0.1", server.port))
    return made


UPGRADE = (b"GET /api/v1/gpu/stream?interval_ms=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
           b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


def p99_of_asking(server, seconds, good):
    """Asks for a while; gives the 99th percentile in seconds, and the part that was answered."""
    times, answers = [], []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        connection.request("GET", "/api/v1/gpu/status")
        answer = connection.getresponse()
        answer.read()
        times.append(time.monotonic() - began)
        answers.append(answer.status)
        time.sleep(0.005)
    connection.close()
    good.assertGreaterEqual(answers.count(200) / len(answers), 0.99)
    return statistics.quantiles(times, n=100)[98]


class CrowdTest(unittest.TestCase):
    def setUp(self):
        raise_descriptors(max(READERS, IDLE) + 1000)

    def test_readers_that_read_nothing_cost_bounded_memory_and_disturb_nobody(self):
        with Server("--demo") as server, contextlib.ExitStack() as stack:
            quiet = p99_of_asking(server, 3, self)
            at_rest = server.descriptors()
            fast = Stream(server, "?interval_ms=100")
            stack.callback(fast.close)
            crowd = []
            for number in range(READERS):
                made = stack.enter_context(connect(server, number))
                made.sendall(UPGRADE)
                crowd.append(made)
            arrived = time.monotonic()
            wait_for(lambda: server.descriptors() >= at_rest + READERS, "all to be taken")
            most = server.resident_bytes()
            busy = p99_of_asking(server, 10, self)
            # Its frames come as they are made, though thousands are owed theirs.
            frames = [fast.message() for _ in range(20)]
            self.assertEqual(len(frames), 20)

            def all_gone():
                nonlocal most
                most = max(most, server.resident_bytes())
                with contextlib.suppress(OSError):
                    while True:  # the fast one goes on reading
                        fast.socket.setblocking(False)
                        if not fast.socket.recv(1 << 20):
                            break
                time.sleep(0.2)
                return server.descriptors() <= at_rest + 20
            wait_for(all_gone, "readers of nothing to be closed", UNREAD + 4 * PATIENCE)
            took = time.monotonic() - arrived
            print(f"\n{READERS} readers of nothing: {most >> 20} MiB at most, gone after "
                  f"{took:.0f} s, p99 of others {busy * 1e3:.1f} ms, "
                  f"{quiet * 1e3:.1f} ms without them")
            if not SANITIZED:
                self.assertLess(most, MEMORY)
            self.assertLess(busy, max(2 * quiet, 0.25))  # 0.25 s: a busy machine
            self.assertEqual(server.get("/healthz")[0], 200)
            self.assertEqual(server.stop(), 0)

    def test_connections_that_say_nothing_are_let_go_and_disturb_nobody(self):
        with Server("--demo") as server, contextlib.ExitStack() as stack:
            at_rest = server.descriptors()
            for number in range(IDLE):
                made = stack.enter_context(connect(server, number))
                if number % 2 == 0:
                    made.sendall(b"GET /api/v1/gpu/status HTTP/1.1\r\nHost: local")
            began = time.monotonic()
            wait_for(lambda: server.descriptors() >= at_rest + IDLE or
                     time.monotonic() > began + 5, "all to be taken")
            busy = p99_of_asking(server, 5, self)
            wait_for(lambda: server.descriptors() <= at_rest + 5, "the silent to be let go")
            took = time.monotonic() - began
            print(f"\n{IDLE} silent connections: gone after {took:.0f} s, p99 of others "
                  f"{busy * 1e3:.1f} ms")
            self.assertLess(took, LETS_GO)
            self.assertLess(busy, 0.25)  # 0.2 s is asked for, on a quiet machine


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[a for a in sys.argv if a != "--long"])
