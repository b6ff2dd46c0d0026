# SPDX-License-Identifier: Apache-2.0
"""Connections that come and go leave nothing behind: no descriptor, no memory.

usage: churn_test.py [--long]    200 000 connections and 50 000 streams instead of a tenth of each
"""
import json
import os
import socket
import struct
import sys
import tempfile
import threading
import unittest

from harness import PATIENCE, Server, Stream, wait_for

LONG = "--long" in sys.argv
CONNECTIONS = 200_000 if LONG else 20_000
STREAMS = 50_000 if LONG else 5_000
THREADS = 4
# Of memory, at most. What ThreadSanitizer keeps of threads and addresses grows with them.
GROWTH = 1.20 if "TSAN_OPTIONS" in os.environ else 1.02

RECORDING = {"traceEvents": [{"ph": "X", "cat": "kernel", "name": "k", "ts": 1, "dur": 2,
                              "args": {"device": 0}}]}
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is closed is reset


def connect(server, source):
    """Connects from 127.0.0.`source`: from one address the ports would run out."""
    made = socket.socket()
    made.settimeout(PATIENCE)
    made.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    made.bind((f"127.0.0.{source}", 0))
    made.connect(("127.0.0.1", server.port))
    return made


def one_connection(server, source, how):
    with connect(server, source) as made:
        if how == 0:  # says nothing
            return
        if how == 1:  # breaks off in the middle
            made.sendall(b"GET /healthz HTT")
        elif how == 2:  # does not wait for the answer
            made.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        else:  # a whole exchange, ended by the server
            made.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while data := made.recv(4096):
                answer += data
            assert answer.startswith(b"HTTP/1.1 200 "), answer
        if how != 3:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def one_stream(server, how):
    stream = Stream(server, "?interval_ms=1000")
    assert stream.status == 101
    if how == 0:  # by the book
        stream.send_frame(8, struct.pack(">H", 1000))
        while stream.frame()[0] != 8:
            pass
    elif how == 1:  # in the middle of a frame
        stream.socket.sendall(b"\x81\xfe\x01")
    if how != 0:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    stream.close()


def in_threads(count, one):
    """Runs one(number) for each number below `count`, on a few threads."""
    errors = []

    def run(first):
        try:
            for number in range(first, count, THREADS):
                one(number)
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class ChurnTest(unittest.TestCase):
    def churn(self, server, connections, streams):
        in_threads(connections, lambda n: one_connection(server, 2 + n % 100, n % 4))
        in_threads(streams, lambda n: one_stream(server, n % 3))

    def settled(self, server, descriptors):
        wait_for(lambda: server.descriptors() <= descriptors, "connections to end")
        return server.resident_bytes()

    def test_descriptors_and_memory_come_back(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(RECORDING, file)
            file.flush()
            # Nothing grows but by what clients do: a recording of one kernel, no freed memory kept.
            env = {"ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0:"
                                   "allocator_release_to_os_interval_ms=100"}
            with Server("--replay", file.name, env=env) as server:
                at_rest = server.descriptors()
                self.churn(server, 2_000, 500)
                before = self.settled(server, at_rest)
                self.churn(server, CONNECTIONS, STREAMS)
                after = self.settled(server, at_rest)
                print(f"{before / 2**20:.2f} MiB before, {after / 2**20:.2f} MiB after "
                      f"{CONNECTIONS} connections and {STREAMS} streams", flush=True)
                self.assertLess(after, before * GROWTH)
                self.assertEqual(server.get("/healthz")[0], 200)
                self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
