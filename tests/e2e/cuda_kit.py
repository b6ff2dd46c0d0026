# SPDX-License-Identifier: Apache-2.0
"""A CUDA program on the doubles of NVIDIA's libraries, with the agent in it."""
import os
import pathlib
import subprocess

from harness import wait_for
from segment import Segment

AGENT = os.environ["GPUVIGIL_CUDA_AGENT"]
PROGRAM = os.environ["GPUVIGIL_CUDA_PROGRAM"]
DOUBLES = os.environ["GPUVIGIL_DOUBLES"]

# Numbers of segment.h.
COMPUTE, COLLECTIVE, MEMCPY, MEMSET = 1, 2, 3, 4
BLIND_PROFILER, BLIND_REFUSED, BLIND_NO_DRIVER, BLIND_UNSUPPORTED = 1, 2, 3, 4


def environment(socket, agent=AGENT, **more):
    """That of the program, with nothing of ours."""
    found = {"PATH": os.environ["PATH"], "GPUVIGIL_SOCKET": str(socket),
             "LD_LIBRARY_PATH": DOUBLES, "GPUVIGIL_FLUSH_MS": "250"}
    if agent:
        found["CUDA_INJECTION64_PATH"] = agent
    return {**found, **{name: str(value) for name, value in more.items()}}


class Program:
    """The program while it runs. Its output is read at the end, and line by line before."""

    def __init__(self, socket, *steps, program=PROGRAM, agent=AGENT, **more):
        self.process = subprocess.Popen(
            [program, *steps], env=environment(socket, agent, **more), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def says(self, line):
        got = self.process.stdout.readline().rstrip("\n")
        assert got == line, (got, line, self.process.poll() and self.process.stderr.read())

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def segment(self):
        """Its segment, once it shows one."""
        def found():
            try:
                return Segment(self.process.pid)
            except (StopIteration, OSError):
                return None
        return wait_for(found, "the program to make a segment")

    def end(self, timeout=60):
        """(exit code, output, errors)"""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def run_program(socket, *steps, timeout=60, **more):
    """From beginning to end: (exit code, output, errors)."""
    with Program(socket, *steps, **more) as program:
        return program.end(timeout)


def launched(output):
    """What the program says that it launched."""
    counts = (line.split() for line in output.splitlines())
    return {words[0]: int(words[1]) for words in counts if len(words) == 2 and words[1].isdigit()}


def write_recording(path, events):
    """Events (start ns, end ns, stream, device, name) for the program's step replay:PATH."""
    lines = [f"{start}\t{end}\t{stream}\t{device}\t{name}\n"
             for start, end, stream, device, name in sorted(events)]
    pathlib.Path(path).write_text("".join(lines), encoding="utf-8")
