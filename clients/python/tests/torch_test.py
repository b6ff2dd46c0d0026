# SPDX-License-Identifier: Apache-2.0
"""The handler for torch.profiler. PyTorch is not needed: a double writes what Kineto writes, from
recordings of real GPUs where $GPUVIGIL_DATA has them."""
import collections
import gzip
import json
import logging
import pathlib
import tempfile
import time
import types
import unittest

import gpuvigil
from gpuvigil.record import Recorder
from gpuvigil.torch_profiler import read_events, read_trace

from harness import DATA, PATIENCE, Server

BASE = 1_700_000_000_000_000_000
# Without a GPU the server shows its demo: devices of our own keep apart from it.
OURS = {index: 40 + index for index in range(16)}
RECORDINGS = ("hta_mi250_rocm62_minitoy", "hta_alexnet_a100", "hta_eventsync_multistream_a100",
              "tl_h100_nsfw_vit", "hta_cpuonly", "hta_gp100_gpu_user_annotation")


def event(cat="kernel", name="k", ts=1, dur=2, **args):
    return {"ph": "X", "cat": cat, "name": name, "ts": ts, "dur": dur, "args": args}


def trace(*events, **more):
    return json.dumps({"traceEvents": list(events), **more}).encode()


class Profiler:
    """A double of torch.profiler.profile in its on_trace_ready: it writes its trace once."""

    def __init__(self, content, events=(), written=False):
        self._content, self._events, self._written = content, events, written

    def export_chrome_trace(self, path):
        if self._written:
            raise RuntimeError("Trace is already saved.")
        self._written = True
        pathlib.Path(path).write_bytes(self._content)

    def events(self):
        return self._events


def function_event(name, device, start=0.0, end=1.0, index=0, **more):
    return types.SimpleNamespace(
        name=name, device_type=types.SimpleNamespace(name=device), device_index=index,
        time_range=types.SimpleNamespace(start=start, end=end), **more)


def posted(server, profiler, **more):
    """Hands a profiler to a handler; gives (rows of kernels by name, the recorder's stats)."""
    with gpuvigil.Client(server.url) as client:
        recorder = Recorder(client)
        gpuvigil.torch_handler(recorder, devices=OURS, **more)(profiler)
        recorder.flush(PATIENCE)
        ours = [one["index"] for one in client.status()["devices"] if one["source"] == "api"]
        rows = client.kernels(kind="all", limit=1000, device=ours)["kernels"] if ours else []
        stats = recorder.close()
        return {(row["name"], row["kind"]): row for row in rows}, stats


class ReadTest(unittest.TestCase):
    def test_what_runs_on_a_device_is_read_and_nothing_else(self):
        entries = list(read_trace(trace(
            event("kernel", "a", device=1), event("Kernel", "b"),
            event("gpu_memcpy", "c", device=0),
            event("Memset", "d", device=0), event("gpu_user_annotation", "ProfilerStep#1"),
            event("cpu_op", "aten::mm"), {"ph": "M", "name": "x"},
            {"ph": "i", "cat": "kernel"}, 7)))
        self.assertEqual([(one.name, one.kind, one.device) for one in entries], [
            ("a", None, 1), ("b", None, None), ("c", "memcpy", 0), ("d", "memset", 0)])

    def test_times_keep_every_digit(self):
        for content, took, end in (
                (b'{"traceEvents":[{"ph":"X","cat":"kernel","name":"k","ts":1712195495505583.123,'
                 b'"dur":12.007}]}', 12_007, 1_712_195_495_505_595_130),
                (trace(event(ts=5, dur=2), baseTimeNanoseconds=BASE), 2000, BASE + 7000),
                (trace(event(ts=1_700_000_000_000_000, dur=2), baseTimeNanoseconds=BASE), 2000,
                 BASE + 2000),
                (trace(event(ts=5, dur=0)), 0, None),  # nobody says since when
                (json.dumps([event(ts=1_700_000_000_000_000)]).encode(), 2000, BASE + 2000)):
            entry, = read_trace(content)
            self.assertEqual((entry.duration_ns, entry.end_ns), (took, end))

    def test_what_makes_no_sense_is_left_out_or_refused(self):
        self.assertEqual(list(read_trace(
            b'{"traceEvents":[{"ph":"X","cat":"kernel","name":"k","ts":NaN,"dur":1},'
            b'{"ph":"X","cat":"kernel","name":"k","ts":1},'
            b'{"ph":"X","cat":"kernel","name":"k","ts":1,"dur":null}]}')), [])
        for content in (b"", b"{}", b"3", b'{"traceEvents":{}}', b"{\"traceEvents\":["):
            with self.assertRaises(ValueError):
                list(read_trace(content))

    def test_devices_are_named_as_the_server_knows_them(self):
        devices = {0: "GPU-5", 1: 3}
        entries = read_trace(trace(event(device=0), event(device=1), event(device=2),
                                   event(device=-1), event(device="x")), devices)
        self.assertEqual([one.device for one in entries], ["GPU-5", 3, 2, None, None])

    def test_events_of_the_profiler(self):
        entries = read_events([
            function_event("aten::mm", "CPU"), function_event("sgemm", "CUDA", 5.0, 7.5, 1),
            function_event("Memcpy HtoD (Pageable -> Device)", "CUDA"),
            function_event("step", "CUDA", is_user_annotation=True),
            function_event("ProfilerStep#3", "CUDA")])
        self.assertEqual([(one.name, one.duration_ns, one.end_ns, one.device, one.kind)
                          for one in entries],
                         [("sgemm", 2500, None, 1, None),
                          ("Memcpy HtoD (Pageable -> Device)", 1000, None, 0, "memcpy")])


class HandlerTest(unittest.TestCase):
    def test_a_client_will_do(self):
        with Server("--auth", "off") as server, gpuvigil.Client(server.url) as client:
            now = time.time_ns()
            gpuvigil.torch_handler(client)(Profiler(trace(
                event("kernel", "of a client", ts=now // 1000 - 10, dur=3, device=0))))
            deadline = time.monotonic() + PATIENCE
            while not client.kernels(name="of a client")["kernels"]:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            row, = client.kernels(name="of a client")["kernels"]
            self.assertEqual(row["total_time_ms"], 0.003)

    def test_a_trace_that_was_written_before_is_read_from_its_events(self):
        with Server("--auth", "off") as server:
            events = [function_event("sgemm", "CUDA", 0, 2.5)]
            rows, stats = posted(server, Profiler(b"", events, written=True))
            self.assertEqual(stats.posted, 1)
            self.assertEqual(rows["sgemm", "compute"]["total_time_ms"], 0.0025)

    def test_traces_are_kept_where_one_wants_them(self):
        with tempfile.TemporaryDirectory() as folder, Server("--auth", "off") as server:
            content = trace(event())
            posted(server, Profiler(content), keep_in=pathlib.Path(folder) / "new")
            kept, = (pathlib.Path(folder) / "new").iterdir()
            self.assertEqual(kept.read_bytes(), content)
            self.assertTrue(kept.name.endswith(".pt.trace.json"))

    def test_a_failure_is_told_and_ends_nothing(self):
        for profiler in (Profiler(b"no trace"), Profiler(b"", None, written=True), object()):
            with self.assertLogs("gpuvigil", logging.WARNING):
                gpuvigil.torch_handler(Recorder(gpuvigil.Client()))(profiler)


class RecordingsTest(unittest.TestCase):
    """Real traces, as though they had just been recorded, against what an independent script
    reckoned of them."""

    def test_the_server_has_each_kernel_of_a_recording(self):
        if not (DATA / "kineto").is_dir():
            self.skipTest(f"no recordings in {DATA}: set GPUVIGIL_DATA")
        for name in RECORDINGS:
            with self.subTest(name=name), Server("--auth", "off") as server:
                path = DATA / f"kineto/{name}.json.gz"
                oracle = json.loads(path.with_name(path.name + ".oracle.json").read_text())
                content = self.as_of_now(gzip.decompress(path.read_bytes()))
                rows, stats = posted(server, Profiler(content))
                self.assertEqual(stats.lost, 0, stats)
                self.assertEqual(
                    stats.posted, sum(oracle[f"{kind}_events"]
                                      for kind in ("kernel", "memcpy", "memset")))
                self.check(rows, oracle)

    @staticmethod
    def as_of_now(content):
        """The trace with its last end a second ago; times stay text, digit by digit."""
        document = json.loads(content)
        ends = [entry.end_ns for entry in read_trace(content) if entry.end_ns is not None]
        if ends:
            ahead = time.time_ns() - 10**9 - max(ends)
            for one in document["traceEvents"]:
                if isinstance(one.get("ts"), (int, float)) and one["ts"] * 1000 > 10**18:
                    one["ts"] = one["ts"] + ahead // 1000
            document["baseTimeNanoseconds"] = document.get("baseTimeNanoseconds", 0) + ahead
        return json.dumps(document).encode()

    def check(self, rows, oracle):
        calls, sums = collections.Counter(), collections.Counter()
        for one in oracle["by_name_all"]:
            calls[one["name"]] += one["calls"]
            sums[one["name"]] += one["total_ns"]
        kernels = {name: row for (name, kind), row in rows.items()
                   if kind in ("compute", "collective")}
        self.assertEqual({name: row["total_calls"] for name, row in kernels.items()}, dict(calls))
        self.assertEqual({name: round(row["total_time_ms"] * 1e6) for name, row in kernels.items()},
                         dict(sums))
