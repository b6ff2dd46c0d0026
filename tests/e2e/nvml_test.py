# SPDX-License-Identifier: Apache-2.0
"""A server that reads NVIDIA GPUs, against the double of their driver library: what it says, and
that it goes on saying it while drivers and devices fail."""
import contextlib
import csv
import importlib.util
import json
import os
import pathlib
import tempfile
import time
import unittest

from harness import DATA, ROOT, Server, wait_for

LIBRARY = os.environ.get("GPUVIGIL_FAKE_NVML_LIBRARY", "")
OLD_LIBRARY = os.environ.get("GPUVIGIL_FAKE_NVML_OLD", "")
DOUBLE = ROOT / "tests/doubles/nvml"
SPEC = importlib.util.spec_from_file_location("from_nvidia_smi", DOUBLE / "from_nvidia_smi.py")
from_nvidia_smi = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(from_nvidia_smi)


def gpu(number, **more):
    """The lines of a GPU; `more` adds to them or replaces them."""
    values = {"uuid": f"GPU-{number}", "name": f"Test GPU {number}", "utilization": "87 40",
              "memory": "85899345920 1073741824 20401094656", "temperature": "59",
              "power": "629450", "power_limit": "700000", "clocks": "1980 1980 2619 1545",
              "clock_reasons": "0x4", "event_types": "0xffff", **more}
    return "".join(f"gpu {number} {key} {value}\n" for key, value in values.items())


class Machine:
    """A server whose driver library plays a scenario."""

    def __init__(self, scenario, library=LIBRARY):
        self.folder = tempfile.TemporaryDirectory(prefix="gpuvigil-nvml-")
        self.path = pathlib.Path(self.folder.name) / "scenario"
        self.play(scenario)
        self.server = Server(env={"GPUVIGIL_NVML": library, "GPUVIGIL_FAKE_NVML": str(self.path)})

    def play(self, scenario):
        """From now on; by renaming, because the library may read it at any time."""
        following = self.path.with_suffix(".next")
        following.write_text("driver 590.48.01\nlibrary 13.590.48.01\n" + scenario)
        following.rename(self.path)

    def status(self):
        return self.server.json("/api/v1/gpu/status")

    def device(self, uuid):
        return next((d for d in self.status()["devices"] if d["uuid"] == uuid), None)

    def wait(self, uuid, condition, what):
        """The device once `condition(device)` holds."""
        def look():
            device = self.device(uuid)
            return device if device and condition(device) else None
        return wait_for(look, what)

    def reason(self):
        return self.status().get("reason") or ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        self.folder.cleanup()


def seen(machine, number=0):
    return machine.wait(f"GPU-{number}", lambda d: d["gpu_utilization"] is not None, "a reading")


class DriverTest(unittest.TestCase):
    def test_says_what_the_driver_says(self):
        with Machine(gpu(0) + "process 0 c 11327 2690646016\n") as machine:
            device = machine.wait("GPU-0", lambda d: d["processes"] == 1, "a process")
            self.assertEqual(device["source"], "nvml")
            self.assertEqual(device["name"], "Test GPU 0")
            self.assertEqual(device["gpu_utilization"], 87)
            self.assertEqual(device["memory"]["total_mb"], 81920)
            self.assertEqual(device["memory"]["used_mb"], 1024 + 19456)
            self.assertEqual(device["temperature_celsius"], 59)
            self.assertEqual(device["power_watts"], 629.45)
            self.assertEqual(device["power_limit_watts"], 700)
            self.assertEqual(device["sm_clock_mhz"], 1980)
            self.assertEqual(device["memory_clock_mhz"], 2619)
            self.assertEqual(device["throttle_reasons"], ["sw_power_cap"])
            self.assertEqual(device["health"], "ok")
            # A real driver: nothing of it is simulated.
            self.assertNotIn("demo", machine.status())

    def test_why_there_is_no_device_is_said(self):
        for scenario, words in (("fail nvmlInit_v2 9\n", "not loaded"),
                                ("fail nvmlInit_v2 18\n", "upgraded"),
                                ("fail nvmlInit_v2 4\n", "refuses"),
                                (gpu(0) + "fail nvmlDeviceGetHandleByIndex_v2 4\n", "refuses"),
                                (gpu(0) + "fail nvmlDeviceGetHandleByIndex_v2 17\n", "blocks")):
            with self.subTest(scenario), Machine(scenario) as machine:
                wait_for(lambda: words in machine.reason(), words)
                self.assertEqual(machine.status()["devices"], [])

    def test_a_driver_that_comes_later_is_found(self):
        with Machine("fail nvmlInit_v2 9\n") as machine:
            wait_for(lambda: "not loaded" in machine.reason(), "the reason")
            machine.play(gpu(0))
            seen(machine)

    def test_a_driver_that_is_upgraded_under_us_comes_back(self):
        with Machine(gpu(0)) as machine:
            seen(machine)
            machine.play(gpu(0) + "fail nvmlInit_v2 18\nfail nvmlDeviceGetCount_v2 18\nfail * 18\n")
            device = machine.wait("GPU-0", lambda d: d["health"] == "lost", "the loss")
            self.assertEqual(device["reasons"]["power_watts"], "lost")
            began = time.monotonic()
            machine.play(gpu(0))
            seen(machine)
            self.assertLess(time.monotonic() - began, 15)

    def test_a_driver_of_long_ago_gives_what_it_has(self):
        with Machine(gpu(0), OLD_LIBRARY) as machine:
            device = seen(machine)
            self.assertEqual(device["power_watts"], 629.45)
            self.assertEqual(device["temperature_celsius"], 59)
            self.assertIsNone(device["processes"])
            self.assertEqual(device["reasons"]["processes"], "unsupported")


class DeviceTest(unittest.TestCase):
    def test_a_call_that_hangs_stops_no_other_device(self):
        with Machine(gpu(0) + gpu(1, power="100000+1000")) as machine:
            seen(machine)
            seen(machine, 1)
            machine.play(gpu(0) + gpu(1, power="100000+1000") + "hang 0 nvmlDeviceGetPowerUsage\n")
            device = machine.wait("GPU-0", lambda d: d["reasons"].get("power_watts") == "stale",
                                  "the first to go stale")
            self.assertEqual(device["health"], "degraded")
            readings = set()
            deadline = time.monotonic() + 30
            while len(readings) < 4 and time.monotonic() < deadline:
                readings.add(machine.device("GPU-1")["power_watts"])
                time.sleep(0.2)
            self.assertGreaterEqual(len(readings - {None}), 4)
            machine.play(gpu(0) + gpu(1))
            machine.wait("GPU-0", lambda d: d["power_watts"] == 629.45, "the first to answer again")

    def test_the_server_ends_while_a_call_hangs(self):
        with Machine(gpu(0) + "hang 0 nvmlDeviceGetPowerUsage\n") as machine:
            wait_for(lambda: machine.status()["devices"], "the device")
            began = time.monotonic()
            self.assertEqual(machine.server.stop(), 0)
            self.assertLess(time.monotonic() - began, 10)

    def test_a_gpu_that_falls_off_the_bus_is_lost_and_comes_back(self):
        with Machine(gpu(0) + gpu(1)) as machine:
            seen(machine)
            machine.play(gpu(0) + gpu(1) + "gpu 0 lost\n")
            machine.wait("GPU-0", lambda d: d["health"] == "lost", "the loss")
            self.assertEqual(seen(machine, 1)["health"], "ok")
            machine.play(gpu(0) + gpu(1))
            self.assertEqual(seen(machine)["index"], 0)

    def test_who_a_device_is_does_not_follow_from_its_index(self):
        with Machine(gpu(0, power="100000") + gpu(1, power="200000")) as machine:
            seen(machine, 1)
            machine.play(gpu(0) + gpu(1, power="200000") + "gpu 0 removed\n")
            machine.wait("GPU-0", lambda d: d["health"] == "lost", "the loss")
            self.assertEqual(seen(machine, 1)["power_watts"], 200)

    def test_what_is_not_permitted_or_not_supported_says_so(self):
        with Machine(gpu(0, power="!4", temperature="!3", clocks="!999")) as machine:
            device = seen(machine)
            self.assertEqual(device["reasons"]["power_watts"], "permission")
            self.assertEqual(device["reasons"]["temperature_celsius"], "unsupported")
            self.assertEqual(device["reasons"]["sm_clock_mhz"], "driver error")

    def test_garbage_is_never_shown(self):
        with Machine(gpu(0)) as machine:
            seen(machine)
            machine.play(gpu(0) + "garbage 7\n")
            def refused():
                device = machine.device("GPU-0")
                for key, most in (("gpu_utilization", 100), ("temperature_celsius", 200),
                                  ("power_watts", 20000), ("sm_clock_mhz", 20000)):
                    if device[key] is not None:
                        self.assertTrue(-60 <= device[key] <= most, (key, device[key]))
                return "driver error" in device["reasons"].values()
            wait_for(refused, "a refusal")

    def test_mig_devices_are_devices(self):
        parts = "".join(f"mig 0 {i} uuid MIG-{i}\nmig 0 {i} name Test GPU 0 MIG 1g.10gb\n"
                        f"mig 0 {i} gpu_instance {7 + i}\nmig 0 {i} compute_instance 0\n"
                        f"mig 0 {i} memory 10468982784 0 {(i + 1) << 20}\n" for i in range(2))
        whole = gpu(0, utilization="!3")
        with Machine(whole + "gpu 0 mig 1\ngpu 0 mig_most 7\n" + parts) as machine:
            device = machine.wait("MIG-1", lambda d: d["memory"]["used_mb"], "a part")
            self.assertEqual(device["memory"]["used_mb"], 2)
            self.assertEqual(device["reasons"]["gpu_utilization"], "unsupported")
            # Nobody divides it any more.
            machine.play(gpu(0) + "gpu 0 mig 0\n")
            machine.wait("MIG-1", lambda d: d["health"] == "lost", "the part to go")
            self.assertEqual(seen(machine)["gpu_utilization"], 87)

    def test_long_records_of_processes_are_counted_right(self):
        processes = "".join(f"process 0 c {100 + i} 1048576\n" for i in range(5))
        with Machine(gpu(0) + processes + "process_bytes 32\n") as machine:
            machine.wait("GPU-0", lambda d: d["processes"] == 5, "five processes")


class CaptureTest(unittest.TestCase):
    """What the interface says of a machine is what nvidia-smi said of it."""

    def check(self, device, want):
        """`want` names what nvidia-smi said; None: it said nothing."""
        for key, value in want.items():
            with self.subTest(device=device["uuid"], key=key):
                said = device["memory"][key] if key in device["memory"] else device[key]
                if value is None:
                    self.assertIsNone(said)
                else:
                    self.assertAlmostEqual(said, value, delta=0.01)

    def wait_for_all(self, machine, count):
        def sampled():
            devices = machine.status()["devices"]
            left = [d for d in devices if "not sampled yet" in d["reasons"].values()]
            return devices if len(devices) == count and not left else None
        return wait_for(sampled, "all devices")

    def play(self, text, check):
        with Machine(from_nvidia_smi.scenario(text)) as machine:
            check(machine)

    def test_xml(self):
        captures = sorted((DATA / "nvidia-smi").glob("*.xml"))
        if not captures:
            self.skipTest("no captures at hand")
        for path in captures:
            text = path.read_text()
            oracle = json.loads(pathlib.Path(f"{path}.oracle.json").read_text())
            lost = [i for i, g in enumerate(oracle["gpus"]) if "GPU is lost" in text and
                    g["temp"] is None]
            present = [g for i, g in enumerate(oracle["gpus"]) if i not in lost]
            with self.subTest(path.name):
                self.play(text, lambda machine, o=present: self.compare(machine, o))

    def compare(self, machine, gpus):
        migs = sum(g["mig_devices"] or 0 for g in gpus)
        devices = self.wait_for_all(machine, len(gpus) + migs)
        whole = [d for d in devices if not d["uuid"].startswith("MIG-")]
        for device, want in zip(whole, gpus):
            self.assertEqual(device["name"], want["name"])
            used = None if want["fb_used"] is None else want["fb_used"] + (want["fb_reserved"] or 0)
            self.check(device, {"gpu_utilization": want["util_gpu"], "total_mb": want["fb_total"],
                                "used_mb": used, "temperature_celsius": want["temp"],
                                "power_watts": want["power"],
                                "power_limit_watts": want["power_limit"],
                                "sm_clock_mhz": want["sm_clock"],
                                "memory_clock_mhz": want["mem_clock"]})
            self.assertEqual(device["processes"], len({p["pid"] for p in want["processes"]}))

    def test_text(self):
        captures = sorted((DATA / "nvidia-smi-captures").glob("*.split/*query-q.txt"))
        if not captures:
            self.skipTest("no captures at hand")
        for path in captures:
            table = path.with_name(path.name.replace("query-q", "query-gpu"))
            with open(table, newline="") as file:
                rows = list(csv.DictReader(file, skipinitialspace=True))
            with self.subTest(str(path.parent.name) + "/" + path.name):
                self.play(path.read_text(),
                          lambda machine, r=rows: self.compare_rows(machine, r))

    def compare_rows(self, machine, rows):
        """With the table that nvidia-smi printed a moment later: what moves may have moved."""
        def number(row, key):
            cell = next(v for k, v in row.items() if k.split(" ")[0] == key)
            try:
                return float(cell.split(" ")[0])
            except ValueError:
                return None
        wait_for(lambda: machine.status()["devices"], "devices")
        for index, row in enumerate(rows):
            uuid = machine.status()["devices"][index]["uuid"]
            device = machine.wait(
                uuid, lambda d: "not sampled yet" not in d["reasons"].values(), "a reading")
            self.assertEqual(device["name"], row["name"])
            self.check(device, {"total_mb": number(row, "memory.total"),
                                "power_limit_watts": number(row, "enforced.power.limit")})
            for key, column, apart in (("gpu_utilization", "utilization.gpu", 25),
                                       ("temperature_celsius", "temperature.gpu", 4)):
                want = number(row, column)
                if want is None:
                    self.assertIsNone(device[key], key)
                else:
                    self.assertAlmostEqual(device[key], want, delta=apart, msg=key)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        if not LIBRARY:
            raise SystemExit("run by ctest, which says where the double is")
        unittest.main()
