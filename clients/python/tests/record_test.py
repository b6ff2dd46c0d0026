# SPDX-License-Identifier: Apache-2.0
"""record_kernel and the Recorder, against the real server and against one that is not there."""
import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from collections import deque

import gpuvigil
from gpuvigil import _batch
from gpuvigil._batch import Entry, judge, take, timestamp, why_not
from gpuvigil.errors import ApiError, ConnectionFailed, ProtocolError
from gpuvigil.record import Recorder

from harness import PATIENCE, ROOT, Server, wait_for

SECOND = 10**9


def nowhere():
    """The URL of a server that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        return f"http://127.0.0.1:{place.getsockname()[1]}"


class BatchTest(unittest.TestCase):
    def test_what_the_server_would_refuse_is_known_here(self):
        for entry in (Entry("", 1), Entry("x" * 65537, 1), Entry("\ud800", 1), Entry(None, 1),
                      Entry("x", -1), Entry("x", 10**19), Entry("x", 1, memory_mb=float("nan")),
                      Entry("x", 1, memory_mb=-1), Entry("x", 1, kind="other")):
            self.assertIsNotNone(why_not(entry), entry)
        for entry in (Entry("x", 0), Entry("ä" * 32768, 10**18),
                      Entry("x", 1, memory_mb=1e9, kind="memcpy")):
            self.assertIsNone(why_not(entry))

    def test_times_are_exact(self):
        self.assertEqual(timestamp(1_767_323_045_678_000_009), "2026-01-02T03:04:05.678000009Z")
        self.assertEqual(_batch.execution(Entry("x", 312_000_001, 0, 1.5, "GPU-1", "memset")), {
            "name": "x", "duration_ms": 312.000001, "timestamp": "1970-01-01T00:00:00.000000000Z",
            "memory_mb": 1.5, "device": "GPU-1", "kind": "memset"})
        self.assertEqual(_batch.execution(Entry("x", 1)), {"name": "x", "duration_ms": 1e-6})

    def test_batches_are_bounded_in_number_and_bytes(self):
        queue = deque(Entry("x", i) for i in range(25_000))
        sizes = [len(take(queue, 0).entries) for _ in range(3)]
        self.assertEqual((sizes, len(queue)), ([10_000, 10_000, 5_000], 0))
        queue = deque(Entry("\x01" * 60_000, 1) for _ in range(20))
        first = take(queue, 0)
        self.assertEqual(len(first.entries), 8)  # six bytes each in JSON
        self.assertEqual(len(queue), 12)

    def test_what_is_too_old_is_left_out_and_counted(self):
        queue = deque([Entry("old", 1, 0), Entry("new", 1, 3000 * SECOND), Entry("any", 1)])
        batch = take(queue, 4000 * SECOND)
        self.assertEqual((batch.expired, [one.name for one in batch.entries]), (1, ["new", "any"]))

    def test_nothing_is_counted_twice_and_nothing_is_lost_without_need(self):
        entries = [Entry(str(i), 1) for i in range(4)]
        bad = [{"parameter": "executions[1].timestamp", "reason": "lies in the future"},
               {"parameter": "executions[3].device", "reason": "no"}]
        for error, keep, refused, unconfirmed in (
                (ConnectionFailed("x", sent=False), 4, 0, 0),
                (ConnectionFailed("x", sent=True), 0, 0, 4), (ProtocolError("x"), 0, 0, 4),
                (ApiError(400, "x", errors=bad), 2, 2, 0), (ApiError(400, "x"), 0, 4, 0),
                (ApiError(401, "x"), 4, 0, 0), (ApiError(403, "x"), 4, 0, 0),
                (ApiError(404, "x"), 0, 4, 0), (ApiError(413, "x"), 0, 4, 0),
                (ApiError(429, "x", retry_after=3), 4, 0, 0), (ApiError(503, "x"), 4, 0, 0),
                (ApiError(500, "x"), 0, 0, 4)):
            with self.subTest(error=error):
                verdict = judge(error, entries)
                self.assertEqual((len(verdict.keep), verdict.refused, verdict.unconfirmed),
                                 (keep, refused, unconfirmed))
        self.assertEqual([one.name for one in judge(ApiError(400, "x", errors=bad), entries).keep],
                         ["0", "2"])
        self.assertEqual(judge(ApiError(429, "x", retry_after=3), entries).pause, 3)


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--auth", "off")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def setUp(self):
        self.client = gpuvigil.Client(self.server.url)
        self.addCleanup(self.client.close)

    def recorder(self, **more):
        recorder = Recorder(self.client, **more)
        self.addCleanup(recorder.close, 0)
        return recorder

    def row(self, name):
        rows = self.client.kernels(name=name, kind="all")["kernels"]
        return rows[0] if rows else None


class RecordKernelTest(Base):
    def test_functions_blocks_and_coroutines_are_reported(self):
        recorder = self.recorder()

        @gpuvigil.record_kernel("decorated", memory_mb=128, kind="compute", recorder=recorder)
        def work(a, *, b):
            "What it does."
            time.sleep(0.002)
            return a + b

        @gpuvigil.record_kernel("awaited", recorder=recorder)
        async def later():
            await asyncio.sleep(0.002)
            return 7

        self.assertEqual((work(1, b=2), work.__name__, work.__doc__), (3, "work", "What it does."))
        self.assertEqual(asyncio.run(later()), 7)
        with gpuvigil.record_kernel("block", recorder=recorder) as block:
            with block:
                time.sleep(0.002)
        self.assertTrue(recorder.flush(PATIENCE))
        for name, calls in (("decorated", 1), ("awaited", 1), ("block", 2)):
            row = self.row(name)
            self.assertEqual(row["total_calls"], calls)
            self.assertGreaterEqual(row["min_time_ms"], 2)
            self.assertLess(row["min_time_ms"], 2000)
        self.assertEqual(self.row("decorated")["avg_memory_mb"], 128)

    def test_without_a_name_it_is_the_function_s_and_the_program_s_recorder(self):
        before = gpuvigil.set_recorder(self.recorder())
        try:
            @gpuvigil.record_kernel
            def plain():
                return 1
            self.assertEqual(plain(), 1)
            self.assertTrue(gpuvigil.get_recorder().flush(PATIENCE))
        finally:
            gpuvigil.set_recorder(before)
        self.assertEqual(self.row("*plain")["total_calls"], 1)

    def test_what_raises_is_reported_too_and_still_raises(self):
        recorder = self.recorder()
        with self.assertRaises(ZeroDivisionError):
            with gpuvigil.record_kernel("raises", recorder=recorder):
                1 / 0
        self.assertTrue(recorder.flush(PATIENCE))
        self.assertEqual(self.row("raises")["total_calls"], 1)

    def test_it_waits_for_the_device_where_it_is_told_how(self):
        seen = []
        recorder = self.recorder()
        with gpuvigil.record_kernel("waits", synchronize=lambda: seen.append(len(seen)),
                                    recorder=recorder):
            self.assertEqual(seen, [0])
        self.assertEqual(seen, [0, 1])
        self.assertTrue(recorder.flush(PATIENCE))

    def test_a_generator_is_refused(self):
        with self.assertRaises(TypeError):
            @gpuvigil.record_kernel("g")
            def generator():
                yield 1

    def test_many_threads(self):
        recorder = self.recorder()
        many = gpuvigil.record_kernel("many", recorder=recorder)(lambda: None)
        threads = [threading.Thread(target=lambda: [many() for _ in range(2000)])
                   for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertTrue(recorder.flush(PATIENCE))
        self.assertEqual(self.row("many")["total_calls"], 16_000)
        self.assertEqual(recorder.stats().posted, 16_000)


class RecorderTest(Base):
    def test_members_arrive_to_the_nanosecond(self):
        recorder = self.recorder()
        end = time.time_ns() - 5 * SECOND
        self.assertTrue(recorder.record("exact", 0.000001, end_ns=end, kind="memset", device=61))
        self.assertTrue(recorder.flush(PATIENCE))
        row = self.row("exact")
        self.assertEqual((row["total_time_ms"], row["kind"], row["devices"]),
                         (1e-06, "memset", row["devices"]))
        self.assertEqual(row["last_execution"].rstrip("Z").ljust(29, "0"),
                         timestamp(end).rstrip("Z"))

    def test_a_bad_one_does_not_cost_the_others(self):
        recorder = self.recorder()
        ahead = time.time_ns() + 3000 * SECOND
        for i in range(100):
            recorder.record("among bad ones", 1, end_ns=ahead if i % 50 == 7 else None)
        self.assertFalse(recorder.record("", 1))
        self.assertFalse(recorder.record("x", float("nan")))
        with self.assertLogs("gpuvigil", logging.WARNING) as logged:
            self.assertFalse(recorder.flush(PATIENCE))
        self.assertIn("lies in the future", logged.output[0])
        stats = recorder.stats()
        self.assertEqual((stats.recorded, stats.posted, stats.refused, stats.malformed),
                         (100, 98, 2, 2))
        self.assertEqual(self.row("among bad ones")["total_calls"], 98)
        with self.assertLogs("gpuvigil", logging.WARNING) as logged:
            recorder.close()
        self.assertIn("4 of 102 executions are lost (2 malformed, 2 refused)", logged.output[0])

    def test_when_all_are_bad_it_ends_soon(self):
        recorder = self.recorder()
        ahead = time.time_ns() + 3000 * SECOND
        recorder.record_many([Entry("bad", 1, ahead)] * 5000)
        with self.assertLogs("gpuvigil", logging.WARNING):
            recorder.flush(PATIENCE)
            self.assertEqual(recorder.stats().refused, 5000)
            recorder.close()

    def test_a_full_queue_drops_and_counts_and_never_waits(self):
        recorder = Recorder(gpuvigil.Client(nowhere(), retries=0), capacity=100)
        with self.assertLogs("gpuvigil", logging.WARNING) as logged:
            began = time.monotonic()
            taken = sum(recorder.record("x", 1) for _ in range(1000))
            self.assertLess(time.monotonic() - began, 5)
            stats = recorder.stats()
            self.assertEqual((taken, stats.waiting, stats.dropped), (100, 100, 900))
            self.assertFalse(recorder.flush(0.1))
            stats = recorder.close(0)
        self.assertEqual((stats.abandoned, stats.lost), (100, 1000))
        self.assertIn("dropped", logged.output[0])
        self.assertIn("1000 of 1000 executions are lost", logged.output[-1])
        self.assertFalse(recorder.record("x", 1))

    def test_what_waits_is_posted_when_the_server_comes(self):
        with Server("--auth", "off") as first:
            port = first.port
        client = gpuvigil.Client(f"http://127.0.0.1:{port}")
        recorder = Recorder(client)
        with self.assertLogs("gpuvigil", logging.WARNING):
            for _ in range(50):
                recorder.record("patient", 1, end_ns=time.time_ns())
            wait_for(lambda: recorder.stats().last_error, "a post that fails")
        with Server("--auth", "off", listen=f"127.0.0.1:{port}"):
            self.assertTrue(recorder.flush(PATIENCE))
            self.assertEqual(client.kernels(name="patient")["kernels"][0]["total_calls"], 50)
            self.assertIsNone(recorder.stats().last_error)
            recorder.close()
        client.close()

    def test_an_answer_that_was_lost_is_told_and_not_sent_again(self):
        with socket.create_server(("127.0.0.1", 0)) as place:
            def serve():
                connection, _ = place.accept()
                connection.recv(65536)
                connection.close()
            thread = threading.Thread(target=serve)
            thread.start()
            recorder = Recorder(gpuvigil.Client(f"http://127.0.0.1:{place.getsockname()[1]}"))
            with self.assertLogs("gpuvigil", logging.WARNING):
                recorder.record("x", 1)
                self.assertFalse(recorder.flush(PATIENCE))
                thread.join()
                self.assertEqual(recorder.stats().unconfirmed, 1)
                recorder.close()

    def test_a_signal_may_record_while_its_thread_does(self):
        recorder = self.recorder()
        before = signal.signal(signal.SIGALRM, lambda *_: recorder.record("signal", 1))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                recorder.record("signal", 1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertTrue(recorder.flush(PATIENCE))
        self.assertEqual(self.row("signal")["total_calls"], recorder.stats().recorded)

    def test_a_handler_in_the_middle_of_an_addition_is_counted(self):
        recorder = self.recorder()

        class Interrupted(dict):
            """Counters between whose reading and writing a signal comes, once."""

            def __getitem__(self, name):
                value = super().__getitem__(name)
                if not came:
                    came.append(recorder.record("handler", 1))
                return value

        came = []
        recorder._counts = Interrupted(recorder._counts)
        self.assertTrue(recorder.record("interrupted", 1))
        self.assertTrue(recorder.flush(PATIENCE))
        self.assertEqual((came, recorder.stats().recorded, recorder.stats().posted), ([True], 2, 2))

    def test_a_child_of_fork_reports_its_own_and_the_parent_s_are_not_lost(self):
        recorder = self.recorder(period=0.5)
        recorder.record("parent", 1)
        child = os.fork()
        if child == 0:
            recorder.record("child", 1)
            os._exit(0 if recorder.flush(PATIENCE) and recorder.stats().posted == 1 else 1)
        recorder.record("parent", 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertTrue(recorder.flush(PATIENCE))
        self.assertEqual((self.row("parent")["total_calls"], self.row("child")["total_calls"]),
                         (2, 1))


class ProgramTest(Base):
    """Programs from their first line to their end."""

    def run_program(self, text, url=None):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True,
            timeout=PATIENCE, check=False, env={
                **os.environ, "GPUVIGIL_SERVER": url or self.server.url,
                "PYTHONPATH": str(ROOT / "clients/python")})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def test_what_waits_at_the_end_is_posted(self):
        errors = self.run_program("""
            import gpuvigil
            for _ in range(1000):
                with gpuvigil.record_kernel("at the end"):
                    pass
            """)
        self.assertEqual(errors, "")
        self.assertEqual(self.row("at the end")["total_calls"], 1000)

    def test_the_end_does_not_wait_for_a_server_that_is_not_there_and_says_what_is_lost(self):
        began = time.monotonic()
        errors = self.run_program("""
            import gpuvigil
            with gpuvigil.record_kernel("x"):
                pass
            """, url=nowhere())
        self.assertLess(time.monotonic() - began, 15)
        self.assertIn("1 of 1 executions are lost", errors)

    def test_children_of_multiprocessing_report_theirs(self):
        self.run_program("""
            import multiprocessing
            import gpuvigil

            def work(_):
                with gpuvigil.record_kernel("in a pool"):
                    pass

            if __name__ == "__main__":
                work(0)
                context = multiprocessing.get_context("fork")
                children = [context.Process(target=work, args=(i,)) for i in range(3)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
            """)
        self.assertEqual(self.row("in a pool")["total_calls"], 4)
