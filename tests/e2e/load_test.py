# SPDX-License-Identifier: Apache-2.0
"""Load: many who ask as fast as they can beside many streams. No error, and sampling goes on.

usage: load_test.py [--long]    256 connections for a minute and 1,000 streams, not 64 for five
                                seconds and 100

What it says of speed is for people: it decides nothing on a machine that does other things too.
"""
import contextlib
import re
import shutil
import subprocess
import sys
import threading
import time
import unittest

from harness import PATIENCE, Server, Stream

LONG = "--long" in sys.argv
CONNECTIONS, SECONDS, STREAMS = (256, 60, 1000) if LONG else (64, 5, 100)
WRK = shutil.which("wrk")


def drain(streams, done):
    """Reads what comes on all streams, as clients do."""
    while not done.is_set():
        for stream in streams:
            with contextlib.suppress(BlockingIOError):
                while stream.socket.recv(1 << 16):
                    pass
        done.wait(0.1)


@unittest.skipUnless(WRK, "SKIPPED: wrk is not installed")
class LoadTest(unittest.TestCase):
    def test_under_load_nobody_gets_an_error_and_sampling_goes_on(self):
        with Server("--demo") as server, contextlib.ExitStack() as stack:
            streams = []
            for number in range(STREAMS):  # one address may have 1,024 connections
                source = f"127.0.0.{2 + number // 500}"
                streams.append(Stream(server, "?interval_ms=1000", source))
                self.assertEqual(streams[-1].status, 101)
                stack.callback(streams[-1].close)
            watched = Stream(server, "?interval_ms=1000")
            stack.callback(watched.close)
            for stream in streams:
                stream.socket.setblocking(False)
            done = threading.Event()
            reader = threading.Thread(target=drain, args=(streams, done))
            reader.start()
            before = server.json("/api/v1/gpu/status")["seq"]
            began = time.monotonic()
            try:
                out = subprocess.run(
                    [WRK, "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "--timeout",
                     "30s", server.url + "/api/v1/gpu/status"],
                    capture_output=True, text=True, timeout=SECONDS + PATIENCE, check=True).stdout
            finally:
                done.set()
                reader.join()
            took = time.monotonic() - began
            frames = server.json("/api/v1/gpu/status")["seq"] - before
            asked = int(re.search(r"(\d+) requests in", out)[1])
            latency = re.search(r"99%\s+(\S+)", out)[1]
            a_second = re.search(r"Requests/sec:\s+(\S+)", out)[1]
            print(f"\n{CONNECTIONS} connections and {STREAMS} streams: {asked} answers, "
                  f"{a_second} a second, p99 {latency}, {frames} frames in {took:.1f} s")
            self.assertGreater(asked, 100)
            self.assertNotIn("Non-2xx", out)
            self.assertNotIn("Socket errors", out)
            self.assertGreaterEqual(frames, 1)
            for _ in range(2):  # nobody has forgotten those who wait for what is new
                watched.message()
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[a for a in sys.argv if a != "--long"])
