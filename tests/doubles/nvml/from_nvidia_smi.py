#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns what nvidia-smi said into a scenario of the fake driver library.

usage: from_nvidia_smi.py FILE        what `nvidia-smi -q -x` (XML) or `nvidia-smi -q` printed

What nvidia-smi does not show (handles, events, counters of bytes) is left out, so not supported.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

MIB = 1 << 20
ARCHITECTURES = ["", "", "Kepler", "Maxwell", "Pascal", "Volta", "Turing", "Ampere", "Ada",
                 "Hopper", "Blackwell"]
REASONS = [("idle", 0x1), ("applications_clocks_setting", 0x2), ("sw_power_cap", 0x4),
           ("hw_slowdown", 0x8), ("sync_boost", 0x10), ("sw_thermal_slowdown", 0x20),
           ("hw_thermal_slowdown", 0x40), ("hw_power_brake_slowdown", 0x80),
           ("display_clock", 0x100)]


NOTHING = re.compile(r"\[?(N/A|Not Supported)|Requested func|GPU is lost|Unknown|-$", re.I)


class Node:
    """A place in what was printed: its text and the places below it, by name in lower case."""

    def __init__(self, text=""):
        self.text = text.strip()
        self.below = []

    def all(self, name):
        return [node for key, node in self.below if key == name]

    def get(self, *paths):
        """The text of the first path ("a/b") that is there and says something."""
        for path in paths:
            node = self
            for part in path.split("/"):
                found = node.all(part) if node else []
                node = found[0] if found else None
            if node and node.text and not NOTHING.match(node.text):
                return node.text
        return None

    def has(self, text):
        """Whether it, or anything below, says so."""
        return text in self.text or any(node.has(text) for _, node in self.below)


def from_xml(text):
    def node_of(element):
        node = Node(element.text or "")
        node.below = [(child.tag.lower(), node_of(child)) for child in element]
        return node
    # Captures stand in one file with others; some lack a declaration.
    return node_of(ElementTree.fromstring(text[text.index("<nvidia_smi_log"):]))


def from_text(text):
    """The indented form. A line that ends without a value has what is below it."""
    root = Node()
    open_nodes = [(-1, root)]
    for line in text.splitlines():
        if not line.strip() or line.startswith("="):
            continue
        depth = len(line) - len(line.lstrip())
        name, _, value = line.strip().partition(" : ")
        if depth == 0 and name.startswith("GPU "):
            name = "gpu"
        node = Node(value)
        while open_nodes[-1][0] >= depth:
            open_nodes.pop()
        open_nodes[-1][1].below.append((re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_"),
                                        node))
        open_nodes.append((depth, node))
    return root


def number(text, scale=1):
    """The leading number of "71.25 W"; None when there is none."""
    found = re.match(r"-?[\d.]+", text or "")
    return None if not found else round(float(found[0]) * scale)


def put(lines, who, key, *values):
    """A line, unless nothing is known; what is not known among several is "-"."""
    if any(value is not None for value in values):
        lines.append(f"{who} {key} " + " ".join("-" if v is None else str(v) for v in values))


def memory(lines, who, node, path):
    total = number(node.get(f"{path}/total"), MIB)
    reserved = number(node.get(f"{path}/reserved"), MIB) or 0
    used = number(node.get(f"{path}/used"), MIB)
    if total is not None and used is not None:
        put(lines, who, "memory", total, reserved, used)


def clocks(lines, who, gpu, key, path):
    put(lines, who, key, *(number(gpu.get(f"{path}/{name}_clock", f"{path}/{name}"))
                           for name in ("graphics", "sm")),
        number(gpu.get(f"{path}/mem_clock", f"{path}/memory")),
        number(gpu.get(f"{path}/video_clock", f"{path}/video")))


def reasons(gpu):
    groups = [node for key, node in gpu.below
              if key in ("clocks_event_reasons", "clocks_throttle_reasons")]
    if not groups:
        return None
    bits = 0

    def look(node):
        nonlocal bits
        for key, child in node.below:
            if child.text == "Active":
                bits |= next((bit for name, bit in REASONS if name in key), 0)
            look(child)
    look(groups[0])
    return bits


def put_power(lines, who, gpu):
    now = gpu.get(*(f"{group}/{name}" for group in ("gpu_power_readings", "power_readings")
                    for name in ("instant_power_draw", "instantaneous_power_draw", "power_draw",
                                 "average_power_draw")))
    put(lines, who, "power", number(now, 1000))
    for field, names in ((185, ("average_power_draw",)),
                         (186, ("instant_power_draw", "instantaneous_power_draw"))):
        watts = number(gpu.get(*(f"gpu_power_readings/{name}" for name in names)), 1000)
        if watts is not None:
            put(lines, who, f"field_{field}", "u32", watts)

    def limit(*names):
        groups = ("gpu_power_readings", "power_readings",
                  "gpu_power_readings/gpu_ceiling_power_limit")  # the last from driver 610 on
        return number(gpu.get(*(f"{group}/{name}" for group in groups for name in names)), 1000)
    put(lines, who, "power_limit",
        limit("enforced_power_limit", "current_power_limit", "power_limit"))
    put(lines, who, "power_default", limit("default_power_limit"))
    put(lines, who, "power_range", limit("min_power_limit"), limit("max_power_limit"))


def put_processes(lines, index, gpu):
    groups = gpu.all("processes")
    entries = groups[0].all("process_info") if groups else []
    if groups and not entries:  # the text form lists the fields of all, one after another
        for key, node in groups[0].below:
            if key == "gpu_instance_id":
                entries.append(Node())
            if entries:
                entries[-1].below.append((key, node))
    for entry in entries:
        kind = entry.get("type", "process_id/type")
        kinds = {"C": "c", "G": "g", "M+C": "m"}.get(kind, "cg")
        pid = entry.get("pid", "process_id")
        used = number(entry.get("used_memory", "process_id/used_gpu_memory"), MIB)
        instance = [entry.get(name) for name in ("gpu_instance_id", "compute_instance_id")]
        where = " " + " ".join(instance) if all(instance) else ""
        size = "none" if used is None else used
        for letter in kinds:
            lines.append(f"process {index} {letter} {pid} {size}{where}")


def put_mig(lines, index, gpu):
    mode = gpu.get("mig_mode/current_mig", "mig_mode/current")
    if mode is None:
        return
    put(lines, f"gpu {index}", "mig", int(mode == "Enabled"))
    groups = gpu.all("mig_devices")
    parts = groups[0].all("mig_device") if groups else gpu.all("mig_device")
    if parts:
        put(lines, f"gpu {index}", "mig_most", 7)
    for place, part in enumerate(parts):
        who = f"mig {index} {place}"
        instance = part.get("gpu_instance_id")
        put(lines, who, "uuid", f"MIG-{index:04d}-{instance}-{part.get('compute_instance_id')}")
        put(lines, who, "name", gpu.get("product_name") + " MIG")
        put(lines, who, "gpu_instance", instance)
        put(lines, who, "compute_instance", part.get("compute_instance_id"))
        memory(lines, who, part, "fb_memory_usage" if part.all("fb_memory_usage")
               else "shared_fb_memory_usage")


def put_gpu(lines, index, gpu, uuid):
    who = f"gpu {index}"
    put(lines, who, "uuid", uuid)
    put(lines, who, "name", gpu.get("product_name"))
    put(lines, who, "serial", gpu.get("serial", "serial_number"))
    put(lines, who, "vbios", gpu.get("vbios_version"))
    put(lines, who, "bus_id", gpu.get("pci/pci_bus_id", "pci/bus_id"))
    put(lines, who, "minor", number(gpu.get("minor_number")))
    architecture = (gpu.get("product_architecture") or "").split(" ")[0]
    put(lines, who, "architecture", ARCHITECTURES.index(architecture)
        if architecture and architecture in ARCHITECTURES else None)
    memory(lines, who, gpu, "fb_memory_usage")
    put(lines, who, "bar1", number(gpu.get("bar1_memory_usage/total"), MIB),
        number(gpu.get("bar1_memory_usage/used"), MIB))
    put(lines, who, "utilization", number(gpu.get("utilization/gpu_util", "utilization/gpu")),
        number(gpu.get("utilization/memory_util", "utilization/memory")))
    for key, short in (("encoder", "encoder"), ("decoder", "decoder"), ("jpeg", "jpeg"),
                       ("ofa", "ofa")):
        put(lines, who, key, number(gpu.get(f"utilization/{short}_util", f"utilization/{short}")))
    put(lines, who, "temperature",
        number(gpu.get("temperature/gpu_temp", "temperature/gpu_current_temp")))
    hbm = number(gpu.get("temperature/memory_temp", "temperature/memory_current_temp"))
    if hbm is not None:
        put(lines, who, "field_82", "u32", hbm)
    put(lines, who, "thresholds",
        number(gpu.get("temperature/gpu_temp_max_threshold", "temperature/gpu_shutdown_temp")),
        number(gpu.get("temperature/gpu_temp_slow_threshold", "temperature/gpu_slowdown_temp")))
    put_power(lines, who, gpu)
    clocks(lines, who, gpu, "clocks", "clocks")
    clocks(lines, who, gpu, "max_clocks", "max_clocks")
    put(lines, who, "fan", number(gpu.get("fan_speed")))
    state = gpu.get("performance_state")
    put(lines, who, "performance_state", number(state[1:]) if state else None)
    put(lines, who, "clock_reasons", reasons(gpu))
    link = "pci/pci_gpu_link_info" if gpu.get("pci/pci_gpu_link_info/link_widths/max_link_width") \
        else "pci/gpu_link_info"
    put(lines, who, "pcie",
        number(gpu.get(f"{link}/pcie_gen/current_link_gen", f"{link}/pcie_generation/current")),
        number(gpu.get(f"{link}/link_widths/current_link_width", f"{link}/link_width/current")))
    put(lines, who, "pcie_replays", number(gpu.get("pci/replay_counter",
                                                   "pci/replays_since_reset")))
    put_mig(lines, index, gpu)
    put_processes(lines, index, gpu)
    if gpu.has("GPU is lost"):
        lines.append(f"{who} lost")


def scenario(text):
    """The scenario of what was printed."""
    root = from_xml(text) if "<nvidia_smi_log" in text else from_text(text)
    lines = []
    if root.get("driver_version"):
        lines += [f"driver {root.get('driver_version')}", f"library {root.get('driver_version')}"]
    cuda = root.get("cuda_version")
    if cuda:
        major, minor = re.match(r"(\d+)\.(\d+)", cuda).groups()
        lines.append(f"cuda {int(major) * 1000 + int(minor) * 10}")
    seen = set()
    for index, gpu in enumerate(root.all("gpu")):
        uuid = gpu.get("uuid", "gpu_uuid")
        if uuid in seen:  # published captures have them all alike
            uuid = f"{uuid[:-4]}{index:04d}"
        seen.add(uuid)
        put_gpu(lines, index, gpu, uuid)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(scenario(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
