#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the layer for OpenCL adds to an enqueue, on PoCL: pairs without and with it, taking turns;
the median of their differences. Every command is timed, whatever that costs.

usage: opencl_bench.py --programs DIR
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess

PAIRS = 15
ROUNDS = 20
AIM_NS = 60


def run(program, layer, *more):
    env = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    if layer:
        env |= {"OPENCL_LAYERS": str(layer), "GPUVIGIL_SOCKET": "/nonexistent",
                "GPUVIGIL_BUDGET_PERCENT": "100"}
    done = subprocess.run([program, str(ROUNDS), *more], env=env, capture_output=True, text=True,
                          check=True)
    return float(done.stdout)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--programs", type=pathlib.Path, required=True)
    programs = options.parse_args().programs.resolve()
    program = programs / "opencl_load"
    layer = programs.parent / "agent/opencl/libgpuvigil_opencl.so"
    if not program.exists() or not layer.exists():
        return
    for name, more in (("enqueue", ()), ("enqueue with an event", ("event",))):
        pairs = [(run(program, None, *more), run(program, layer, *more)) for _ in range(PAIRS)]
        added = statistics.median(watched - bare for bare, watched in pairs)
        bare = statistics.median(bare for bare, _ in pairs)
        print(json.dumps({"bench": "opencl", "row": name, "value": round(bare + added, 1),
                          "unit": "ns", "floor": "without it", "peer_value": round(bare, 1),
                          "ratio": round((bare + added) / bare, 3)}), flush=True)
        print(json.dumps({"bench": "opencl", "row": f"{name}, added", "value": round(added, 1),
                          "unit": "ns", "aim": AIM_NS}), flush=True)


if __name__ == "__main__":
    main()
