# SPDX-License-Identifier: Apache-2.0
"""A program that uses OpenCL, watched, which says what it has launched."""
import json
import os
import subprocess

from harness import PATIENCE

LAYER = os.environ["GPUVIGIL_LAYER"]
PROBE = os.environ["GPUVIGIL_OPENCL_PROBE"]


def environment(path, **more):
    """Of a watched program that reports to a socket."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return {**kept, "OPENCL_LAYERS": LAYER, "GPUVIGIL_SOCKET": str(path),
            "GPUVIGIL_BUDGET_PERCENT": "100", **more}


class Probe:
    """A running probe: `ran` is what it has launched since it began, by name."""

    def __init__(self, path, mode, count, *more, **env):
        self.process = subprocess.Popen([PROBE, mode, str(count), *more], text=True,
                                        env=environment(path, **env), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ran = self.said()

    def said(self):
        line = self.process.stdout.readline()
        assert line, (self.process.wait(PATIENCE), self.process.stderr.read())
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        """Its exit code, after the end of its input."""
        self.process.stdin.close()
        return self.process.wait(timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
