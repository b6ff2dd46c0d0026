#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns what `rocm-smi -a --json` said into a scenario of the fake librocm_smi64.

usage: from_rocm_smi.py FILE

What rocm-smi does not show (limits of sensors, counts of energy) is left out, so not supported.
"""
import json
import pathlib
import sys

# A key of the scenario, the words that rocm-smi has for it (old and new), and its factor.
NUMBERS = [("busy", ["GPU use (%)"], 1), ("pcie_replays", ["PCIe Replay Count"], 1),
           ("memory_busy", ["GPU Memory Read/Write Activity (%)", "GPU memory use (%)"], 1),
           ("edge", ["Temperature (Sensor edge) (C)"], 1000),
           ("junction", ["Temperature (Sensor junction) (C)"], 1000),
           ("hbm", ["Temperature (Sensor memory) (C)"], 1000),
           ("power_cap", ["Max Graphics Package Power (W)"], 1_000_000),
           ("numa", ["(Topology) Numa Node"], 1)]
TEXTS = [("name", ["Card Series", "Card series", "Card model"]), ("vbios", ["VBIOS version"]),
         ("serial", ["Serial Number"]), ("unique_id", ["Unique ID"]), ("pci", ["PCI Bus"])]


def first(card, names):
    return next((card[name] for name in names if card.get(name) not in (None, "N/A", "")), None)


def scenario(text):
    """The scenario of what was printed."""
    said = json.loads(text)
    cards = sorted((name for name in said if name.startswith("card")), key=lambda n: int(n[4:]))
    lines = [f"driver {said.get('system', {}).get('Driver version', '')}"]
    links = said.get("system", {})
    for index, name in enumerate(cards):
        card, who = said[name], f"gpu {index}"
        for key, names in TEXTS:
            if first(card, names) is not None:
                lines.append(f"{who} {key} {first(card, names)}")
        for key, names, factor in NUMBERS:
            if first(card, names) is not None:
                lines.append(f"{who} {key} {round(float(first(card, names)) * factor)}")
        watts = first(card, ["Average Graphics Package Power (W)"])
        if watts is not None:
            lines.append(f"{who} power {round(float(watts) * 1_000_000)} 0")
        total = first(card, ["VRAM Total Memory (B)"])
        if total is not None:
            lines.append(f"{who} memory {total} {card['VRAM Total Used Memory (B)']}")
        if first(card, ["Fan speed (level)"]) is not None:
            lines.append(f"{who} fan {card['Fan speed (level)']} 255")
        kinds = []
        for other in range(len(cards)):
            pair = f"{min(index, other)} and {max(index, other)}"
            kinds.append({"XGMI": "2", "PCIE": "1"}.get(
                links.get(f"(Topology) Link type between DRM devices {pair}"), "0"))
        lines.append(f"{who} links {' '.join(kinds)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(scenario(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
