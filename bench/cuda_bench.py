#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the CUDA agent and the server cost together, on the doubles of NVIDIA's libraries.

A program launches at a steady rate, once with an agent that takes CUPTI's buffers and looks at
nothing, once with ours; the two take turns, and the difference is ours. What CUPTI itself costs at
a launch is not in these figures: see tools/gpu_check for that.

usage: cuda_bench.py --programs DIR
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROUNDS = 5
RATE = 1_000_000
SECONDS = 6
IDLE_SECONDS = 10


def cpu_seconds(pid):
    """CPU time of a process so far, all of its threads."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


class Bench:
    def __init__(self, programs, folder):
        self.programs = programs
        self.doubles = programs.parent / "doubles"
        self.ours = programs.parent / "agent/cuda/libgpuvigil_cuda.so"
        self.nothing = self.doubles / "libgpuvigil_null.so"
        self.socket = pathlib.Path(folder) / "agent.sock"
        self.config = folder

    def serve(self):
        server = subprocess.Popen(
            [self.programs / "gpuvigil", "serve", "--listen", "127.0.0.1:0", "--socket",
             self.socket, "--state-dir", self.config],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in server.stderr:
            if "server.listening" in line:
                return server
        raise RuntimeError("the server ended")

    def launch(self, agent, *steps):
        """The program's CPU seconds between its two words, and how long that was."""
        environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(self.doubles),
                       "GPUVIGIL_SOCKET": str(self.socket),
                       # All of it in full detail: it is to be measured, not to be kept within.
                       "GPUVIGIL_BUDGET_PERCENT": "100"}
        if agent:
            environment["CUDA_INJECTION64_PATH"] = str(agent)
        program = subprocess.Popen(
            [self.programs / "cuda_program", "init", "kernels:100", "sleep:1500", "cpu",
             "say:begin", *steps, "say:end", "cpu"],
            env=environment, stdout=subprocess.PIPE, text=True)
        before = int(program.stdout.readline().split()[1])
        program.stdout.readline()
        began = time.monotonic()
        program.stdout.readline()
        took = time.monotonic() - began
        after = int(program.stdout.readline().split()[1])
        program.communicate()
        return (after - before) / 1e9, took

    def busy(self, server):
        """Percent of a core: (agent, server, both), at RATE."""
        agent, reader = [], []
        steps = ("names:300", f"rate:{RATE}", f"kernels:{RATE * SECONDS}")
        for _ in range(ROUNDS):
            without, took = self.launch(self.nothing, *steps)
            before = cpu_seconds(server.pid)
            idle_from = time.monotonic()
            time.sleep(3)
            idle = (cpu_seconds(server.pid) - before) / (time.monotonic() - idle_from)
            before = cpu_seconds(server.pid)
            with_agent, took_with = self.launch(self.ours, *steps)
            # Its other seconds, before the first word and after the last, are idle ones.
            served = cpu_seconds(server.pid) - before - idle * (took_with + 1.5)
            agent.append(100 * (with_agent / took_with - without / took))
            reader.append(100 * served / took_with)
        return statistics.median(agent), statistics.median(reader), statistics.median(
            a + r for a, r in zip(agent, reader))

    def idle(self):
        """Percent of a core of a program that launches nothing, with the agent and without."""
        with_agent, without = [], []
        for _ in range(3):
            for agent, into in ((None, without), (self.ours, with_agent)):
                used, took = self.launch(agent, f"sleep:{IDLE_SECONDS * 1000}")
                into.append(100 * used / took)
        return statistics.median(with_agent), statistics.median(without)


def row(name, value, unit, aim):
    print(json.dumps({"bench": "cuda", "row": name, "value": round(value, 3), "unit": unit,
                      "aim": aim}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    programs = parser.parse_args().programs.resolve()
    with tempfile.TemporaryDirectory(prefix="gpuvigil.") as folder:
        bench = Bench(programs, folder)
        with bench.serve() as server:
            try:
                agent, reader, both = bench.busy(server)
                with_agent, without = bench.idle()
            finally:
                server.terminate()
    row("1M kernels/s, agent", agent, "% of a core", 2)
    row("1M kernels/s, server", reader, "% of a core", 2)
    row("1M kernels/s, both", both, "% of a core", 2)
    row("nothing launched, agent", with_agent - without, "% of a core", 0.05)


if __name__ == "__main__":
    main()
