#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CUDA agent in a program that knows what it launched, against a running server. The driver and
CUPTI are doubles (tests/doubles); what they do beside their work, NVIDIA's do."""
import collections
import datetime
import gzip
import json
import os
import pathlib
import shutil
import signal
import tempfile
import time
import unittest

from cuda_kit import (BLIND_NO_DRIVER, BLIND_PROFILER, BLIND_UNSUPPORTED, COMPUTE, DOUBLES,
                      MEMCPY, MEMSET, PROGRAM, Program, launched, run_program, write_recording)
from harness import DATA, Server, wait_for

OURS = "*ILi4E_*"  # in the names of the program's kernels
DEVICE = "GPU-a0a1a2a3-a4a5-a6a7-a8a9-aaabacadae"  # and its number


class CudaTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.path = self.folder / "sockets" / "agent.sock"
        self.addCleanup(shutil.rmtree, self.folder)

    def server(self, *args):
        return Server("--socket", str(self.path), *args)

    def calls(self, server, name=OURS, **parameters):
        rows = server.json("/api/v1/gpu/kernels", name=name, limit=1000, **parameters)["kernels"]
        return sum(row["total_calls"] for row in rows)

    def expect_calls(self, server, calls, name=OURS, **parameters):
        def found():
            got = self.calls(server, name, **parameters)
            self.assertLessEqual(got, calls)
            return got == calls
        wait_for(found, f"{calls} calls of {name}")

    def expect_exact(self, server, *steps, kernels, **more):
        """The program ends well and the server has counted exactly what it launched."""
        code, output, errors = run_program(self.path, *steps, **more)
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(launched(output)["kernels"], kernels)
        self.expect_calls(server, kernels)


class CountsTest(CudaTest):
    def test_a_million_on_one_thread_and_on_two(self):
        with self.server() as server:
            self.expect_exact(server, "init", "kernels:1000000", kernels=1000000)
            code, _, errors = run_program(self.path, "init", "threads:2", "kernels:1000000")
            self.assertEqual((code, errors), (0, ""))
            self.expect_calls(server, 3000000)
            self.assertEqual(server.json("/api/v1/gpu/kernels")["dropped_executions"], 0)

    def test_records_of_every_length_and_release(self):
        with self.server() as server:
            total = 0
            strides = [{"FAKE_CUPTI_STRIDE": stride} for stride in range(160, 256, 8)]
            releases = [{"FAKE_CUPTI_VERSION": version}
                        for version in (13, 14, 16, 18, 19, 24, 26, 27, 130001, 130100, 130400)]
            for scenario in strides + releases:
                code, output, errors = run_program(
                    self.path, "init", "kernels:20000", "copies:30", "peers:20", "sets:10",
                    **scenario)
                self.assertEqual((code, errors), (0, ""), scenario)
                total += launched(output)["kernels"]
                self.expect_calls(server, total)
            self.expect_calls(server, 50 * len(strides + releases), "Memcpy *",
                              kind="memcpy", device=DEVICE + "00")
            self.expect_calls(server, 10 * len(strides + releases), "Memset *",
                              kind="memset", device=DEVICE + "00")

    def test_durations_are_those_of_the_records(self):
        with self.server() as server:
            self.expect_exact(server, "init", "names:1", "exact:123456", "kernels:1000",
                              kernels=1000)
            row = server.json("/api/v1/gpu/kernels", name=OURS)["kernels"][0]
            self.assertEqual(row["total_time_ms"], 123.456)
            self.assertEqual((row["min_time_ms"], row["max_time_ms"]), (0.123456, 0.123456))
            self.assertEqual(row["kind"], "compute")

    def test_more_threads_than_buffers(self):
        # Each thread has a buffer of its own; what has none is lost, and counted as lost.
        with self.server() as server:
            for version in (26, 130001):
                lost_before = server.json("/api/v1/gpu/kernels")["dropped_executions"]
                calls_before = self.calls(server)
                code, _, errors = run_program(self.path, "init", "threads:400", "kernels:200",
                                              FAKE_CUPTI_VERSION=version)
                self.assertEqual((code, errors), (0, ""), version)

                def all_told():
                    lost = server.json("/api/v1/gpu/kernels")["dropped_executions"] - lost_before
                    return self.calls(server) - calls_before + lost == 80000
                wait_for(all_told, "every kernel to be counted or lost")
                self.assertGreater(self.calls(server) - calls_before, 50000)

    def test_what_cupti_drops_or_garbles_is_told(self):
        with self.server() as server:
            with Program(self.path, "init", "kernels:10000", "say:done", "wait",
                         FAKE_CUPTI_DROP=10) as program:
                program.says("done")
                self.expect_calls(server, 9000)
                segment = program.segment()
                wait_for(lambda: segment.read()["losses"]["uncounted"] == 1000, "losses")
            with Program(self.path, "init", "kernels:5000", "say:done", "wait",
                         FAKE_CUPTI_GARBAGE=1) as program:
                program.says("done")
                self.expect_calls(server, 14000)
                wait_for(lambda: program.segment().read()["losses"]["uncounted"] == 4, "losses")

    def test_kernels_without_times_are_counted_and_nothing_else(self):
        with self.server() as server:
            with Program(self.path, "init", "names:1", "exact:1000", "kernels:10000", "say:done",
                         "wait", FAKE_CUPTI_UNTIMED=10) as program:
                program.says("done")
                self.expect_calls(server, 9000)
                segment = program.segment()
                row = wait_for(lambda: [row for row in segment.read()["rows"]
                                        if "ILi4E" in row["name"]], "a row")[0]
                self.assertEqual((row["calls"], row["untimed"]), (9000, 1000))
                self.assertEqual((row["min_ns"], row["max_ns"]), (1000, 1000))

    def test_a_clock_that_is_beside_itself_places_nothing_hours_away(self):
        for beside in (-7200 * 10**9, 7200 * 10**9):
            with self.server() as server:
                self.expect_exact(server, "init", "names:1", "exact:5000", "kernels:1000",
                                  kernels=1000, FAKE_CUPTI_CLOCK_NS=beside)
                row = server.json("/api/v1/gpu/kernels", name=OURS)["kernels"][0]
                self.assertEqual(row["min_time_ms"], 0.005)
                last = datetime.datetime.fromisoformat(row["last_execution"][:19] + "+00:00")
                self.assertLess(abs(last.timestamp() - time.time()), 60)


class NamesTest(CudaTest):
    def test_names_that_another_module_left_are_not_taken_for_its_own(self):
        with self.server() as server:
            code, output, errors = run_program(self.path, "init", "names:3", "kernels:3000",
                                               "sleep:1500", "reload", "kernels:6000")
            self.assertEqual((code, errors), (0, ""))
            self.expect_calls(server, 9000)
            self.expect_calls(server, 6000, "again*")

    def test_hostile_names(self):
        names = {"long": "A" * 16000, "controls": "a\x1b[31mb\nc\x07", "markup": "<b>&\"'</b>",
                 "bytes": b"\xff\xfe\xc3(", "format": "%s%n%s%n", "empty": "", "nccl": "ncclX"}
        with self.server() as server:
            for title, name in names.items():
                raw = name if isinstance(name, bytes) else name.encode()
                (self.folder / title).write_bytes(raw)
                code, _, errors = run_program(self.path, "init", f"name:@{self.folder}/{title}",
                                              "kernels:100")
                self.assertEqual((code, errors), (0, ""), title)
            # The programs end one after the other, and are read when they have.
            wait_for(lambda: self.calls(server, "*[31m*") == 100, "the controls")
            wait_for(lambda: self.calls(server, "AAAA*") == 100, "the long name")
            wait_for(lambda: self.calls(server, "ncclX", kind="collective") == 100, "the last")
            rows = server.json("/api/v1/gpu/kernels", limit=1000)["kernels"]
            self.assertTrue(all(row["name"].isprintable() for row in rows))

    def test_more_names_than_there_is_room_for(self):
        with self.server(), Program(self.path, "init", "names:4000", "kernels:100000", "say:done",
                                    "wait") as program:
            program.says("done")
            segment = program.segment()

            def all_calls():
                shown = segment.read()
                return shown if sum(row["calls"] for row in shown["rows"]) == 100000 else None
            rows = wait_for(all_calls, "all calls, under their names or under none")["rows"]
            other = sum(row["calls"] for row in rows if row["name"] == "__other__")
            self.assertGreater(other, 0)
            self.assertGreater(len(rows), 900)


class DevicesTest(CudaTest):
    def test_devices_are_known_by_their_uuids_whatever_their_order(self):
        with self.server() as server:
            code, _, errors = run_program(self.path, "init", "device:0", "kernels:10", "device:2",
                                          "kernels:20", FAKE_CUDA_DEVICES=3,
                                          FAKE_CUDA_ORDER="2,0,1")
            self.assertEqual((code, errors), (0, ""))
            self.expect_calls(server, 30)
            devices = {device["uuid"]: device["name"]
                       for device in server.json("/api/v1/gpu/status")["devices"]}
            self.assertEqual(devices[DEVICE + "02"], "Fake GPU 2")
            self.assertEqual(self.calls(server, device=DEVICE + "02"), 10)
            self.assertEqual(self.calls(server, device=DEVICE + "01"), 20)

    def test_parts_of_a_gpu_are_called_so(self):
        with self.server() as server:
            self.expect_exact(server, "init", "kernels:10", kernels=10, FAKE_CUDA_MIG=1)
            devices = [device["uuid"] for device in server.json("/api/v1/gpu/status")["devices"]]
            self.assertIn(DEVICE.replace("GPU", "MIG") + "00", devices)

    def test_kernels_of_before_the_first_flush_find_their_device(self):
        with self.server() as server:
            self.expect_exact(server, "init", "kernels:400000", kernels=400000,
                              GPUVIGIL_FLUSH_MS=60000)
            self.assertEqual(self.calls(server, device=DEVICE + "00"), 400000)


class DetailTest(CudaTest):
    def test_streams_shapes_and_memory(self):
        steps = ["init", "names:1", "exact:1000", "stream:7", "grid:128", "block:256",
                 "kernels:100", "stream:9", "grid:64", "kernels:50", "copies:7", "copykind:8",
                 "copies:3", "sets:4", "bytes:1000", "allocs:8", "frees:3", "say:done", "wait"]
        with self.server() as server, Program(self.path, *steps) as program:
            program.says("done")
            self.expect_calls(server, 150)
            segment = program.segment()

            def whole():
                shown = segment.read()
                return shown if sum(s["calls"] for s in shown["streams"]) == 164 else None
            shown = wait_for(whole, "all streams")
            self.assertEqual((shown["writer"], shown["runtime"]), ("cuda", "CUPTI 130001"))
            streams = {(s["stream"], s["kind"]): s["calls"] for s in shown["streams"][1:]}
            self.assertEqual(streams, {(7, COMPUTE): 100, (9, COMPUTE): 50, (9, MEMCPY): 10,
                                       (9, MEMSET): 4})
            shapes = {(s["grid"], s["block"], s["registers"]): s["calls"]
                      for s in shown["shapes"][1:]}
            self.assertEqual(shapes, {((128, 1, 1), (256, 1, 1), 32): 100,
                                      ((64, 1, 1), (256, 1, 1), 32): 50})
            self.assertEqual((shown["memories"][0]["allocated"], shown["memories"][0]["peak"]),
                             (5000, 8000))
            names = {row["name"]: row["calls"] for row in shown["rows"]}
            self.assertEqual(names["Memcpy HtoD (Unknown -> Unknown)"], 7)
            self.assertEqual(names["Memcpy DtoD (Unknown -> Unknown)"], 3)

    def test_a_graph_is_one_execution_where_that_is_asked_for(self):
        with self.server() as server:
            for level, calls in (("node", 0), ("graph", 30)):
                code, _, errors = run_program(self.path, "init", "graph:12", "graphs:30",
                                              GPUVIGIL_GRAPH=level)
                self.assertEqual((code, errors), (0, ""))
                self.expect_calls(server, calls, "CUDA graph 12")

    def test_busy_time_is_that_of_the_kernels(self):
        # 200 kernels of 1 ms, 5 ms apart, and 100 more within them on another stream.
        steps = ["init", "names:1", "exact:1000000", "every:5000000", "kernels:200", "stream:9",
                 "exact:500000", "every:10000000", "kernels:100", "say:done", "wait"]
        with self.server(), Program(self.path, *steps) as program:
            program.says("done")
            segment = program.segment()

            def busy():
                shown = segment.read()
                is_covered = time.monotonic_ns() - shown["covered_until_ns"] < 2 * 10**9
                return shown["devices"] and is_covered and shown["devices"][0]["kernel_busy_ns"]
            wait_for(lambda: (busy() or 0) >= 200 * 10**6, "busy time")
            # Both lists end "now", which was not the same instant.
            self.assertLess(busy(), 250 * 10**6 + 1)


def kernels_of(path):
    """(start ns, end ns, stream, device, name) of each kernel in a recording of PyTorch's."""
    with gzip.open(path) as file:
        events = json.load(file)["traceEvents"]
    for event in events:
        if event.get("cat") not in ("kernel", "Kernel") or event.get("ph") != "X":
            continue
        start = round(float(event["ts"]) * 1000)
        stream = int(event["args"].get("stream", 7))
        device = int(event["args"].get("device", 0))
        yield start, start + round(float(event["dur"]) * 1000), stream, device, event["name"]


class ReplayTest(CudaTest):
    """What real programs launched, launched again."""

    def replay(self, recording, speed):
        events = list(kernels_of(DATA / "kineto" / recording))
        self.assertGreater(len(events), 50)
        path = self.folder / "events"
        write_recording(path, events)
        devices = 1 + max(event[3] for event in events)
        wanted = collections.defaultdict(lambda: [0, 0])
        for start, end, _, device, name in events:
            wanted[device, name][0] += 1
            wanted[device, name][1] += end - start
        with Program(self.path, "init", f"speed:{speed}", f"replay:{path}", "say:done", "wait",
                     FAKE_CUDA_DEVICES=devices) as program:
            program.says("done")
            segment = program.segment()

            def found():
                shown = segment.read()
                total = sum(row["calls"] for row in shown["rows"])
                return shown if total == len(events) else None
            shown = wait_for(found, f"{len(events)} kernels of {recording}")
        got = {(shown["devices"][row["device"]]["number"], row["name"]):
               [row["calls"], row["sum_ns"]] for row in shown["rows"] if row["calls"]}
        self.assertEqual(got, dict(wanted))

    def test_recorded_kernels_are_counted_as_they_were(self):
        if not DATA.is_dir():
            self.skipTest(f"NOT TESTED: no recordings at {DATA}")
        with self.server():
            self.replay("hta_alexnet_a100.json.gz", 1)
            self.replay("tl_h100_qwen15_05b.json.gz", 10)
            self.replay("hta_nccl_a100_rank0of2.json.gz", 0)
            self.replay("kineto_tb_resnet50_v100_2021.json.gz", 0)


class GuestTest(CudaTest):
    """What goes wrong, and that the program does not notice."""

    def expect_same(self, *steps, timeout=30, **more):
        """Exit code and output are what they are without the agent; how long it took."""
        without = run_program(self.path, *steps, agent=None, **more)
        began = time.monotonic()
        with_agent = run_program(self.path, *steps, timeout=timeout, **more)
        took = time.monotonic() - began
        self.assertEqual(with_agent, without, (steps, more))
        return took

    def test_every_way_to_end(self):
        with self.server():
            for end in ("exit:0", "exit:3", "_exit:4", "kill", "abort", "hangup"):
                self.expect_same("init", "kernels:50000", "copies:10", "say:end", end)

    def test_every_state_of_the_server(self):
        for scenario in ({}, {"GPUVIGIL_SOCKET": ""}, {"GPUVIGIL_SOCKET": "/nonexistent/x"},
                         {"GPUVIGIL_SOCKET": "relative"}, {"GPUVIGIL_SOCKET": "/" + "x" * 300}):
            self.assertLess(self.expect_same("init", "kernels:50000", **scenario), 5)

    def test_forked_children_end_at_once_and_count_nothing(self):
        with self.server() as server:
            took = self.expect_same("init", "kernels:50000", "fork", "fork", "kernels:10")
            self.assertLess(took, 5)
            self.expect_calls(server, 50010)
            self.assertEqual(self.calls(server, "in_the_child"), 0)

    def test_a_child_that_executes_a_program_is_another_peer(self):
        with self.server() as server:
            self.expect_same("init", "kernels:5000", "forkexec", "kernels:10")
            self.expect_calls(server, 6010)
            peers = [line for line in server.log if "agents.attached" in line]
            self.assertEqual(len(peers), 2, peers)

    def test_cupti_that_refuses_is_told_and_nothing_else(self):
        refusals = {39: BLIND_PROFILER, 999: BLIND_NO_DRIVER, 15: BLIND_NO_DRIVER}
        with self.server():
            for result, reason in refusals.items():
                for policy in ("guest", "owner"):
                    self.expect_same("init", "kernels:1000", FAKE_CUPTI_RESULT=result,
                                     GPUVIGIL_CUPTI_POLICY=policy)
                    self.assertEqual(self.blindness(FAKE_CUPTI_RESULT=result,
                                                    GPUVIGIL_CUPTI_POLICY=policy), reason)

    def blindness(self, **more):
        """The reason that a program shows which launched 100 kernels."""
        with Program(self.path, "init", "kernels:100", "say:done", "wait", **more) as program:
            program.says("done")
            segment = program.segment()
            wait_for(lambda: segment.read()["blind_reason"] or segment.read()["rows"], "a word")
            shown = segment.read()
            self.assertEqual(shown["blind_since_ns"] != 0, shown["blind_reason"] != 0)
            self.assertEqual(sum(row["calls"] for row in shown["rows"]), 0)
            return shown["blind_reason"]

    def test_releases_that_harm_their_programs_are_left_alone(self):
        with self.server():
            self.assertEqual(self.blindness(FAKE_CUPTI_VERSION=130000), BLIND_UNSUPPORTED)
            self.assertEqual(self.blindness(FAKE_CUPTI_VERSION=12), BLIND_NO_DRIVER)

    def test_without_libcupti(self):
        bare = self.folder / "bare"
        bare.mkdir()
        shutil.copy(pathlib.Path(DOUBLES) / "libcuda.so.1", bare)
        with self.server():
            nowhere = {"LD_LIBRARY_PATH": bare, "GPUVIGIL_CUPTI": "/nonexistent"}
            self.expect_same("init", "kernels:1000", **nowhere)
            self.assertEqual(self.blindness(**nowhere), BLIND_NO_DRIVER)

    def test_the_real_libcupti_without_a_driver(self):
        real = [path for folder in ("/usr/local/cuda", os.environ.get("CUDA_HOME", "/nonexistent"))
                for path in pathlib.Path(folder).glob("**/libcupti.so.1[0-9]")]
        if not real:
            self.skipTest("NOT TESTED: no libcupti of NVIDIA's is installed")
        bare = self.folder / "bare"
        bare.mkdir()
        shutil.copy(pathlib.Path(DOUBLES) / "libcuda.so.1", bare)
        with self.server():
            scenario = {"LD_LIBRARY_PATH": bare, "GPUVIGIL_CUPTI": real[0]}
            self.expect_same("init", "kernels:1000", **scenario)
            self.assertEqual(self.blindness(**scenario), BLIND_NO_DRIVER)

    def test_flushes_that_hang(self):
        with self.server():
            for which in ("all", "forced"):
                for end, code in (("exit:0", 0), ("exit:7", 7)):
                    began = time.monotonic()
                    got = run_program(self.path, "init", "kernels:10000", "sleep:600", end,
                                      FAKE_CUPTI_HANG=which)
                    self.assertEqual((got[0], got[2]), (code, ""))
                    self.assertLess(time.monotonic() - began, 3.5)  # 0.6 s and at most 2 s

    def test_it_keeps_within_its_budget_and_says_so(self):
        with self.server(), Program(self.path, "init", "rate:300000", "kernels:1500000", "say:done",
                                    "wait", GPUVIGIL_BUDGET_PERCENT="0.01") as program:
            program.says("done")
            shown = program.segment().read()
            self.assertEqual(shown["detail"], 3)  # off, and it had to be: 1 ms in 10 s is allowed
            self.assertLess(sum(row["calls"] for row in shown["rows"]), 1500000)
            self.assertEqual(shown["blind_reason"], 0)

    def test_it_can_be_switched_off(self):
        with self.server() as server:
            for off in ({"GPUVIGIL_AGENT": "off"}, {"GPUVIGIL_CUPTI_POLICY": "off"}):
                self.expect_same("init", "kernels:1000", "sleep:300", **off)
            self.assertEqual(self.calls(server), 0)
            self.assertFalse(any("agents.attached" in line for line in server.log))

    def test_set_user_id_programs_are_left_alone(self):
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("NOT TESTED: set-user-ID programs need root to be made, and setpriv")
        self.folder.chmod(0o755)
        guest = self.folder / "guest"
        shutil.copy(PROGRAM, guest)
        os.chown(guest, 65534, 65534)
        by = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--", str(guest)]
        for mode, attached in ((0o755, True), (0o4755, False)):
            guest.chmod(mode)
            with self.server() as server:
                # The loader ignores LD_LIBRARY_PATH there; the run path still leads to the doubles.
                code, output, errors = run_program(
                    self.path, *by[1:], "init", "kernels:1000", "sleep:300", program=by[0],
                    GPUVIGIL_AGENT_LOG="stderr")
                self.assertEqual(code, 0, errors)
                self.assertEqual("gpuvigil cuda" in errors, attached, errors)
                self.assertEqual(launched(output)["kernels"], 1000)
                self.expect_calls(server, 1000 if attached else 0)
                told = any("agents.attached" in line for line in server.log)
                self.assertEqual(told, attached, server.log)


class ServerTest(CudaTest):
    def test_a_server_that_comes_late_finds_everything(self):
        with Program(self.path, "init", "kernels:70000", "say:done", "wait",
                     "kernels:5") as program:
            program.says("done")
            with self.server() as server:
                self.expect_calls(server, 70000)
                program.go_on()
                self.assertEqual(program.end()[0], 0)
                self.expect_calls(server, 70005)

    def test_nothing_is_lost_or_doubled_when_it_is_restarted(self):
        with Program(self.path, "init", "kernels:30000", "say:1", "wait", "kernels:20000", "say:2",
                     "wait", "kernels:10000", "say:3", "wait", "kernels:3000") as program:
            with self.server() as server:
                program.says("1")
                self.expect_calls(server, 30000)
                server.stop(signal.SIGKILL)
            program.go_on()
            program.says("2")  # to nobody
            with self.server() as server:
                self.expect_calls(server, 20000)
                program.go_on()
                program.says("3")
                self.expect_calls(server, 30000)
                server.stop(signal.SIGTERM)
            with self.server() as server:
                # The new segment has to be there before the last is counted into it.
                wait_for(lambda: any("agents.attached" in line for line in server.log), "a peer")
                program.go_on()
                self.assertEqual(program.end()[0], 0)
                self.expect_calls(server, 3000)

    def test_what_a_killed_program_had_told_stays(self):
        with self.server() as server:
            code, _, _ = run_program(self.path, "init", "kernels:200000", "sleep:900", "kill")
            self.assertEqual(code, -signal.SIGKILL)
            self.expect_calls(server, 200000)
            code, _, _ = run_program(self.path, "init", "kernels:200000", "kill")
            self.assertEqual(code, -signal.SIGKILL)
            time.sleep(1)
            self.assertLessEqual(self.calls(server), 400000)


class ProfilerTest(CudaTest):
    """Another profiler takes the callbacks over, as torch.profiler does."""

    def test_it_gets_all_and_we_see_again_when_it_is_over(self):
        steps = ["init", "rate:10000", "kernels:5000", "say:alone", "profiler:start",
                 "kernels:25000", "say:profiled", "wait", "profiler:stop", "sleep:2500",
                 "kernels:5000", "say:done", "wait"]
        with self.server() as server, Program(self.path, *steps, GPUVIGIL_CUPTI_REARM_S=2,
                                              GPUVIGIL_AGENT_LOG=self.folder / "log") as program:
            program.says("alone")
            program.says("profiled")
            segment = program.segment()
            shown = wait_for(lambda: segment.read()["blind_reason"] and segment.read(), "blindness")
            self.assertEqual(shown["blind_reason"], BLIND_PROFILER)
            self.assertGreater(shown["blind_since_ns"], 0)
            program.go_on()
            # What our last buffer held when the callbacks went, went with them.
            seen = program.process.stdout.readline().split()
            self.assertEqual(seen[:2], ["profiler", "saw"])
            self.assertGreaterEqual(int(seen[2]), 25000 - 1213)
            program.says("done")
            wait_for(lambda: segment.read()["blind_reason"] == 0, "sight")
            wait_for(lambda: 10000 - 1213 <= self.calls(server) <= 10000, "those before and after")

    def test_a_process_that_was_silent_meanwhile_sees_again(self):
        steps = ["init", "kernels:1000", "sleep:800", "profiler:start", "kernels:5000",
                 "profiler:stop", "sleep:2500", "kernels:500", "say:done", "wait"]
        with self.server() as server, Program(self.path, *steps,
                                              GPUVIGIL_CUPTI_REARM_S=1) as program:
            program.says("profiler saw 5000")
            program.says("done")
            self.expect_calls(server, 1500)

    def test_an_owner_is_not_disturbed_by_subscribers(self):
        with self.server() as server:
            self.expect_exact(server, "init", "kernels:1000", kernels=1000,
                              GPUVIGIL_CUPTI_POLICY="owner")


if __name__ == "__main__":
    unittest.main()
