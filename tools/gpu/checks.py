# SPDX-License-Identifier: Apache-2.0
"""The parts of gpu_check: each gives lines of what it found (kit.line)."""
import csv
import ctypes
import io
import json
import pathlib
import statistics
import subprocess
import time

import kit
from kit import NotHere, line, wait_for
from segment import Segment

OVERHEAD_ROUNDS = 7
LOOP_LAUNCHES = 200_000
GRAPH_LAUNCHES, GRAPH_NODES = 2_000, 500


def doubles(bench):
    """The agent and the server on the doubles of NVIDIA's libraries."""
    with bench.server() as server:
        for version in (13, 18, 24, 26, 130001, 130400):
            before = sum(server.calls(name="*ILi4E_*").values())
            done = subprocess.run(
                [bench.need(bench.cuda_program), "init", "threads:2", "kernels:50000"],
                env=bench.environment(bench.agent, LD_LIBRARY_PATH=bench.doubles,
                                      FAKE_CUPTI_VERSION=version),
                capture_output=True, text=True, check=True)
            launched = int(done.stdout.split("kernels ")[1].split()[0])

            def counted(start=before):
                return sum(server.calls(name="*ILi4E_*").values()) - start
            wait_for(lambda want=launched: counted() == want)
            found = line(f"kernels counted, records of CUPTI {version}", counted(), launched)
            yield found
            if not found["ok"]:
                return  # the others would wait as long to say the same


def counts(bench):
    """A program that knows what it launched."""
    with bench.server() as server:
        program = bench.start(bench.need(bench.gpu_program), "counts", agent=bench.agent,
                              GPU_PROGRAM_WAIT=1, GPUVIGIL_FLUSH_MS=250)
        wanted = json.loads(program.stdout.readline())
        time.sleep(2)
        shown = Segment(program.pid).read()
        program.communicate("\n", timeout=60)
        wait_for(lambda: server.calls(name="gpu_check_*") == wanted["kernels"])
        got = server.calls(name="gpu_check_*")
        for name, calls in wanted["kernels"].items():
            yield line(f"calls of {name}", got.get(name, 0), calls)
        uuid = shown["devices"][0]["uuid"]
        for kind in ("memcpy", "memset"):
            yield line(kind, sum(server.calls(kind=kind, device=uuid).values()), wanted[kind])
        yield line("runtime", shown["runtime"])
        yield line("blind", shown["blind_reason"], 0)
        memory = shown["memories"][0]["allocated"]
        yield line("allocated bytes", memory, wanted["allocated_bytes"],
                   ok=memory >= wanted["allocated_bytes"])
        yield line("streams that were used", len(shown["streams"]) - 1,
                   ok=len(shown["streams"]) > 3)
        yield line("executions without times", sum(row["untimed"] for row in shown["rows"]), 0)
        yield line("losses", shown["losses"]["uncounted"], 0)


def smi(*fields):
    """What nvidia-smi says of each device, by UUID."""
    try:
        done = subprocess.run(["nvidia-smi", f"--query-gpu=uuid,{','.join(fields)}",
                               "--format=csv,noheader,nounits"], capture_output=True, text=True,
                              check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotHere(f"nvidia-smi does not answer ({error})") from error
    rows = csv.reader(io.StringIO(done.stdout), skipinitialspace=True)
    return {row[0]: dict(zip(fields, row[1:])) for row in rows}


READINGS = {  # nvidia-smi's name: (ours, how far apart two looks may be; None: it only is there)
    "memory.total": (("memory", "total_mb"), 0.01),
    "memory.used": (("memory", "used_mb"), 0.05),
    "temperature.gpu": (("temperature_celsius",), 0.1),
    "power.draw": (("power_watts",), 0.25),
    "utilization.gpu": (("gpu_utilization",), None),
}


def reading(device, path):
    for name in path:
        device = (device or {}).get(name)
    return device


def devices(bench):
    """The devices and their readings beside those of nvidia-smi."""
    with bench.server() as server:
        time.sleep(3)
        theirs = smi("name", *READINGS)
        ours = {device["uuid"]: device
                for device in server.json("/api/v1/gpu/status")["devices"]}
        yield line("UUIDs", sorted(set(ours) & set(theirs)), sorted(theirs))
        for uuid, said in theirs.items():
            device = ours.get(uuid, {})
            yield line(f"{uuid} name", device.get("name"), said["name"])
            for field, (path, tolerance) in READINGS.items():
                found = reading(device, path)
                try:
                    wanted = float(said[field])
                except ValueError:
                    continue  # "[N/A]"
                near = found is not None and (
                    tolerance is None or abs(found - wanted) <= max(tolerance * wanted, 2))
                yield line(f"{uuid} {field}", found, wanted, ok=near)


def pairs(bench, key, *command, **more):
    """Medians of a program's own figure: bare, with the agent, and of their ratios."""
    bare, ours = [], []
    for _ in range(OVERHEAD_ROUNDS):
        bare.append(bench.run(*command)[key])
        ours.append(bench.run(*command, agent=bench.agent, **more)[key])
    return (statistics.median(bare), statistics.median(ours),
            statistics.median(b / a for a, b in zip(bare, ours)))


def overhead(bench):
    """A loop that does nothing but launch: the worst case."""
    program = bench.need(bench.gpu_program)
    with bench.server():
        bare, ours, ratio = pairs(bench, "ns", program, "loop", LOOP_LAUNCHES)
        yield line("launch of an empty kernel, bare", f"{bare:.0f} ns")
        yield line("the same with the agent", f"{ours:.0f} ns, {ratio:.3f} x")
        process = bench.start(program, "idle", 20, agent=bench.agent)
        time.sleep(5)
        ticks = pathlib.Path(f"/proc/{process.pid}/task")
        agent = sum(int((task / "schedstat").read_text().split()[0]) for task in ticks.iterdir()
                    if (task / "comm").read_text().strip() == "gpuvigil")
        process.communicate()
        yield line("agent's thread while nothing is launched",
                   f"{agent / 5e9 * 100:.3f} % of a core")


def graphs(bench):
    """A CUDA graph of many small kernels, its kernels traced or the whole."""
    program = bench.need(bench.gpu_program)
    command = (program, "graph", GRAPH_LAUNCHES, GRAPH_NODES)
    with bench.server():
        for level in ("node", "graph"):
            bare, ours, ratio = pairs(bench, "ns", *command, GPUVIGIL_GRAPH=level)
            yield line(f"launch of {GRAPH_NODES} nodes, bare", f"{bare / 1000:.1f} us")
            yield line(f"the same, GPUVIGIL_GRAPH={level}", f"{ours / 1000:.1f} us, {ratio:.3f} x")


def torch(bench):
    """A training step of PyTorch, and its profiler beside the agent."""
    python = bench.torch()
    steps = pathlib.Path(__file__).with_name("torch_steps.py")
    with bench.server():
        bare, ours, ratio = pairs(bench, "ms", python, steps, "time")
        yield line("training step, bare", f"{bare:.3f} ms")
        yield line("the same with the agent", f"{ours:.3f} ms, {ratio:.3f} x")
        seen = {}
        for agent in (None, bench.agent):
            process = bench.start(python, steps, "profile", 8, agent=agent,
                                  GPUVIGIL_CUPTI_REARM_S=4, GPUVIGIL_FLUSH_MS=250)
            first = json.loads(process.stdout.readline())
            seen[agent] = first["profiled_kernels"]
            if agent:
                shown = Segment(process.pid).read()
                yield line("reason for blindness after torch.profiler", shown["blind_reason"])
                before = sum(row["calls"] for row in shown["rows"])
            json.loads(process.stdout.readline())
            if agent:
                shown = Segment(process.pid).read()
                after = sum(row["calls"] for row in shown["rows"])
                yield line("kernels counted after torch.profiler", after - before,
                           ok=after > before)
                yield line("blind at the end", shown["blind_reason"], 0)
            process.communicate("\n", timeout=60)
        yield line("kernels that torch.profiler saw", seen[bench.agent], seen[None])


def golden(bench):
    """Buffers of this release of CUPTI, as they are."""
    folder = bench.out / "golden"
    folder.mkdir(exist_ok=True)
    bench.run(bench.need(bench.gpu_program), "counts", agent=bench.need(bench.golden),
              GPU_CHECK_GOLDEN=folder)
    files = sorted(folder.glob("buffer-*.bin"))
    yield line("buffers written", len(files), ok=bool(files))
    yield line("CUPTI", (folder / "version").read_text().strip())


NVML_VALUES = [  # function, bytes of what it writes
    ("nvmlDeviceGetUUID", 96), ("nvmlDeviceGetName", 96), ("nvmlDeviceGetUtilizationRates", 8),
    ("nvmlDeviceGetMemoryInfo", 24), ("nvmlDeviceGetPowerUsage", 4),
    ("nvmlDeviceGetEnforcedPowerLimit", 4), ("nvmlDeviceGetTotalEnergyConsumption", 8),
    ("nvmlDeviceGetCurrentClocksEventReasons", 8), ("nvmlDeviceGetPerformanceState", 4),
]


def nvml(bench):
    """What the management library answers, and how long it takes."""
    library = kit.nvml()
    log = []
    for index in range(bench.gpu["count"]):
        device = ctypes.c_void_p()
        library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device))
        for name, size in NVML_VALUES:
            function = getattr(library, name, None)
            if function is None:
                log.append({"device": index, "call": name, "missing": True})
                continue
            written = ctypes.create_string_buffer(size)
            arguments = [device, written] + ([size] if size == 96 else [])
            began = time.perf_counter_ns()
            result = function(*arguments)
            log.append({"device": index, "call": name, "result": result,
                        "ns": time.perf_counter_ns() - began, "bytes": written.raw.hex()})
    (bench.out / "nvml.json").write_text(json.dumps(log, indent=1) + "\n")
    with (bench.out / "nvidia-smi.xml").open("wb") as file:
        try:
            subprocess.run(["nvidia-smi", "-q", "-x"], stdout=file, check=False)
        except OSError:
            pass
    slowest = max(log, key=lambda call: call.get("ns", 0))
    yield line("calls written", len(log), ok=bool(log))
    yield line("slowest call", f"{slowest['call']}, {slowest['ns'] / 1000:.0f} us")


PARTS = {  # name: (function, whether it needs a GPU)
    "doubles": (doubles, False),
    "counts": (counts, True),
    "devices": (devices, True),
    "overhead": (overhead, True),
    "graphs": (graphs, True),
    "torch": (torch, True),
    "golden": (golden, True),
    "nvml": (nvml, True),
}
