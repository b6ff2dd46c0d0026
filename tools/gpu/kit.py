# SPDX-License-Identifier: Apache-2.0
"""What the parts of gpu_check share: where everything is, a server, programs with the agent."""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request


class NotHere(Exception):
    """Something that a part needs is not on this machine; it says what."""


def nvml():
    """NVIDIA's library of devices, initialised; None without a driver."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return library if library.nvmlInit_v2() == 0 else None


def find_gpu():
    """The first GPU as the driver names it; None where there is none."""
    library = nvml()
    count = ctypes.c_uint(0)
    if library is None or library.nvmlDeviceGetCount_v2(ctypes.byref(count)) or count.value == 0:
        return None
    device = ctypes.c_void_p()
    name = ctypes.create_string_buffer(96)
    driver = ctypes.create_string_buffer(80)
    library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device))
    library.nvmlDeviceGetName(device, name, 96)
    library.nvmlSystemGetDriverVersion(driver, 80)
    return {"name": name.value.decode(), "driver": driver.value.decode(), "count": count.value}


class Server:
    """A running server that programs report to."""

    def __init__(self, program, folder):
        self.socket = folder / "agent.sock"
        self.process = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--rate-limit", "off", "--socket",
             self.socket, "--state-dir", folder], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"server\.listening.*?:(\d+)/", line)
            if found:
                self.url = f"http://127.0.0.1:{found[1]}"
                return
        raise RuntimeError("the server ended")

    def json(self, path, **parameters):
        url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)

    def calls(self, **parameters):
        """Calls by name of what a query finds."""
        rows = self.json("/api/v1/gpu/kernels", limit=1000, **parameters)["kernels"]
        return {row["name"]: row["total_calls"] for row in rows}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stderr.close()


class Bench:
    """Where everything is: paths from the environment in a checkout, else those of the archive."""

    def __init__(self, root, folder, out, gpu):
        self.root, self.folder, self.out, self.gpu = root, folder, out, gpu

        def place(variable, path):
            return pathlib.Path(os.environ.get(variable) or root / path)
        self.gpuvigil = place("GPUVIGIL_PROGRAM", "bin/gpuvigil")
        self.agent = place("GPUVIGIL_CUDA_AGENT", "lib/gpuvigil/libgpuvigil_cuda.so")
        self.doubles = place("GPUVIGIL_DOUBLES", "doubles")
        self.cuda_program = place("GPUVIGIL_CUDA_PROGRAM", "bin/cuda_program")
        self.gpu_program = place("GPUVIGIL_GPU_PROGRAM", "bin/gpu_program")
        self.golden = place("GPUVIGIL_GOLDEN", "lib/gpuvigil/libgpu_check_golden.so")

    def version(self):
        done = subprocess.run([self.gpuvigil, "version"], capture_output=True, text=True,
                              check=True)
        return done.stdout.splitlines()[0]

    def server(self):
        return Server(self.gpuvigil, self.folder)

    def environment(self, agent, **more):
        """That of a program with the agent (or another library) in it, or with None."""
        found = {**os.environ, "GPUVIGIL_SOCKET": str(self.folder / "agent.sock")}
        found.pop("CUDA_INJECTION64_PATH", None)
        if agent:
            found["CUDA_INJECTION64_PATH"] = str(agent)
        return {**found, **{name: str(value) for name, value in more.items()}}

    def start(self, *command, agent=None, **more):
        return subprocess.Popen([str(word) for word in command], text=True,
                                env=self.environment(agent, **more), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)

    def run(self, *command, agent=None, **more):
        """What a program printed last, as JSON."""
        process = self.start(*command, agent=agent, **more)
        output, _ = process.communicate(timeout=300)
        if process.returncode != 0:
            raise RuntimeError(f"{command} ended with {process.returncode}")
        return json.loads(output.splitlines()[-1])

    def need(self, path):
        if not path.exists():
            raise NotHere(f"{path.name} is not in this archive")
        return path

    def torch(self):
        """The interpreter that has PyTorch with CUDA."""
        for python in (sys.executable, "python3", "python"):
            code = "import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)"
            try:
                if subprocess.run([python, "-c", code], capture_output=True,
                                  check=False).returncode == 0:
                    return python
            except OSError:
                continue
        raise NotHere("no PyTorch with CUDA is installed")


def wait_for(condition, seconds=20):
    """What `condition` gives once it is true; its last answer after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def line(what, found, wanted=None, ok=None):
    """A line of the result; right where `found` is `wanted`, unless `ok` says so itself."""
    if ok is None and wanted is not None:
        ok = found == wanted
    made = {"what": what, "is": found, "ok": ok}
    if wanted is not None:
        made["wanted"] = wanted
    return made
