# SPDX-License-Identifier: Apache-2.0
"""A server that reads AMD's GPUs, against the double of librocm_smi64: what rocm-smi said on real
machines is what /devices says, and a library that hangs holds up its own card alone."""
import importlib.util
import json
import os
import pathlib
import tempfile
import unittest

from harness import DATA, ROOT, Server, wait_for

LIBRARY = os.environ.get("GPUVIGIL_FAKE_ROCM_SMI_LIBRARY", "")
SPEC = importlib.util.spec_from_file_location(
    "from_rocm_smi", ROOT / "tests/doubles/rocm_smi/from_rocm_smi.py")
from_rocm_smi = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(from_rocm_smi)
CAPTURES = sorted((pathlib.Path(DATA) / "rocm-smi").glob("*.json")) if DATA else []


class Machine:
    """A server whose AMD library plays a scenario."""

    def __init__(self, scenario):
        self.folder = tempfile.TemporaryDirectory(prefix="gpuvigil-rocm-")
        self.path = pathlib.Path(self.folder.name) / "scenario"
        self.play(scenario)
        self.server = Server(env={"GPUVIGIL_ROCM_SMI": LIBRARY,
                                  "GPUVIGIL_FAKE_ROCM_SMI": str(self.path)})

    def play(self, scenario):
        """From now on; by renaming, because the library may read it at any time."""
        following = self.path.with_suffix(".next")
        following.write_text(scenario)
        following.rename(self.path)

    def devices(self):
        return {d["pci_bus_id"]: d for d in self.server.json("/api/v1/gpu/devices")["devices"]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        self.folder.cleanup()


class RocmTest(unittest.TestCase):
    def check(self, said, device):
        """What /devices says of a card against what rocm-smi printed of it."""
        metrics, facts = device["metrics"], device["inventory"]

        def near(got, key, factor=1):
            want = said.get(key)
            if want in (None, "N/A"):
                self.assertIsNone(got, key)
            else:
                self.assertAlmostEqual(got, float(want) * factor, 2, key)
        near(device["gpu_utilization"], "GPU use (%)")
        near(device["memory"]["total_mb"], "VRAM Total Memory (B)", 1 / (1 << 20))
        near(device["memory"]["used_mb"], "VRAM Total Used Memory (B)", 1 / (1 << 20))
        near(device["temperature_celsius"], "Temperature (Sensor edge) (C)")
        near(metrics["hotspot_temperature_celsius"], "Temperature (Sensor junction) (C)")
        near(metrics["memory_temperature_celsius"], "Temperature (Sensor memory) (C)")
        near(device["power_watts"], "Average Graphics Package Power (W)")
        near(device["power_limit_watts"], "Max Graphics Package Power (W)")
        near(metrics["pcie_replays"], "PCIe Replay Count")
        self.assertEqual(device["source"], "rocm")
        self.assertEqual(facts["vendor"], "AMD")
        self.assertEqual(facts["vbios"], said["VBIOS version"])
        if said["Unique ID"] != "N/A":
            self.assertEqual(device["uuid"], f"GPU-{int(said['Unique ID'], 16):016x}")

    @unittest.skipUnless(CAPTURES, "no captures of rocm-smi: see GPUVIGIL_DATA")
    def test_says_what_rocm_smi_said(self):
        for capture in CAPTURES:
            with self.subTest(capture.name):
                text = capture.read_text(encoding="utf-8")
                said = json.loads(text)
                cards = {c["PCI Bus"].lower(): c for n, c in said.items() if n.startswith("card")}
                with Machine(from_rocm_smi.scenario(text)) as machine:
                    wait_for(lambda: len(machine.devices()) == len(cards) and
                             all(d["power_watts"] is not None
                                 for d in machine.devices().values()), "all cards")
                    devices = machine.devices()
                    self.assertEqual(set(devices), set(cards))
                    for place, card in cards.items():
                        self.check(card, devices[place])
                    for device in devices.values():
                        self.assertEqual(device["inventory"]["driver_version"],
                                         said["system"]["Driver version"])

    def test_a_card_that_hangs_goes_stale_alone(self):
        cards = "".join(f"gpu {i} pci 0000:0{i + 1}:00.0\ngpu {i} power 39000000 0\n"
                        for i in range(2))
        with Machine(cards) as machine:
            wait_for(lambda: len(machine.devices()) == 2 and
                     all(d["power_watts"] for d in machine.devices().values()), "both cards")
            machine.play(cards + "hang 0 rsmi_dev_power_get\n")
            wait_for(lambda: machine.devices()["0000:01:00.0"]["power_watts"] is None, "staleness")
            device = machine.devices()["0000:01:00.0"]
            self.assertEqual(device["reasons"]["power_watts"], "stale")
            self.assertEqual(machine.devices()["0000:02:00.0"]["power_watts"], 39)
            machine.play(cards)
            wait_for(lambda: machine.devices()["0000:01:00.0"]["power_watts"] == 39, "its return")


if __name__ == "__main__":
    unittest.main(verbosity=2)
