# SPDX-License-Identifier: Apache-2.0
"""Kernels of torch.profiler: a handler for its on_trace_ready. Imports nothing of PyTorch."""
import gzip
import json
import logging
import os
import pathlib
import tempfile
import time
from decimal import Decimal
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Union

from ._batch import Entry
from .client import Client
from .record import Recorder, get_recorder

LOG = logging.getLogger("gpuvigil")
MAX_TRACE = 1024 * 1024 * 1024  # bytes of an exported trace; a larger one is left alone
EPOCH_NS = 10**18  # September 2001: a time beyond it is one of the wall, not since some base
# What of a trace runs on a device, by its category in old and new traces; None: the server tells
# compute from collective by the name. Annotations lie on the same lanes and are no work.
CATEGORIES: dict[str, Optional[str]] = {
    "kernel": None, "Kernel": None,
    "gpu_memcpy": "memcpy", "Memcpy": "memcpy",
    "gpu_memset": "memset", "Memset": "memset",
}

Devices = Optional[Mapping[int, Union[int, str]]]


def _nanoseconds(microseconds: Any) -> int:
    """Exactly: as a double, a time of today in microseconds is off by a quarter of one."""
    if isinstance(microseconds, int):
        return microseconds * 1000
    return round(Decimal(microseconds) * 1000)


def _device(number: Any, devices: Devices) -> Optional[Union[int, str]]:
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        return None
    return devices.get(number, number) if devices else number


def read_trace(content: bytes, devices: Devices = None) -> Iterator[Entry]:
    """The kernels, copies and sets of a trace in Chrome's format, as Kineto writes it, in the order
    of the file. Raises ValueError where it is none; an event that makes no sense is left out."""
    # Numbers with a point stay text, so that no digit is lost.
    document = json.loads(content, parse_float=str, parse_constant=str)
    events = document.get("traceEvents") if isinstance(document, dict) else document
    if not isinstance(events, list):
        raise ValueError("this is no trace: it has no traceEvents")
    base = document.get("baseTimeNanoseconds", 0) if isinstance(document, dict) else 0
    base = base if isinstance(base, int) else 0
    for event in events:
        if not isinstance(event, dict) or event.get("ph") != "X":
            continue
        if event.get("cat") not in CATEGORIES:
            continue
        try:
            begin, took = _nanoseconds(event["ts"]), _nanoseconds(event["dur"])
        except (KeyError, ValueError, ArithmeticError, TypeError):
            continue
        end = begin + took + (base if begin < EPOCH_NS else 0)
        args = event.get("args")
        yield Entry(
            str(event.get("name", "")), took, end if end >= EPOCH_NS else None,
            device=_device(args.get("device") if isinstance(args, dict) else None, devices),
            kind=CATEGORIES[event["cat"]])


def read_events(events: Iterable[Any], devices: Devices = None) -> Iterator[Entry]:
    """The same from prof.events(), which tells when something ran by its own clock only: these have
    no time."""
    for event in events:
        kind = getattr(event.device_type, "name", str(event.device_type))
        annotation = getattr(event, "is_user_annotation", False)
        if kind == "CPU" or annotation or event.name.startswith("ProfilerStep"):
            continue
        what = next((word for word in ("Memcpy", "Memset") if event.name.startswith(word)), None)
        span = event.time_range
        yield Entry(event.name, round((span.end - span.start) * 1000),
                    device=_device(event.device_index, devices),
                    kind=what.lower() if what else None)


def _export(prof: Any, keep_in: Optional[Union[str, "os.PathLike[str]"]]) -> bytes:
    """The trace as the profiler writes it; it may be written once."""
    with tempfile.TemporaryDirectory(prefix="gpuvigil.") as folder:
        path = pathlib.Path(folder) / "trace.json"
        if keep_in is not None:
            pathlib.Path(keep_in).mkdir(parents=True, exist_ok=True)
            path = pathlib.Path(keep_in) / f"{os.getpid()}.{time.time_ns()}.pt.trace.json"
        prof.export_chrome_trace(str(path))
        if path.stat().st_size > MAX_TRACE:
            raise ValueError(f"the trace has over {MAX_TRACE} bytes")
        content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def torch_handler(
    target: Union[Client, Recorder, None] = None,
    *,
    devices: Devices = None,
    keep_in: Optional[Union[str, "os.PathLike[str]"]] = None,
) -> Callable[[Any], None]:
    """A handler for torch.profiler.profile(on_trace_ready=…): posts the kernels, copies and sets
    of each trace with their devices and times.

    `target`: a client or a recorder; left out, the recorder of the program. `devices`: the server's
    index or the UUID of a device for its number in the trace, where they differ (as with
    CUDA_VISIBLE_DEVICES). `keep_in`: a folder in which the traces are kept too: a profiler
    writes its trace once, so tensorboard_trace_handler cannot stand beside this.

    The handler reads the trace in the thread that calls it, and posts from the recorder's. A
    failure is logged and never ends a training.
    """
    recorder = Recorder(target) if isinstance(target, Client) else target

    def handle(prof: Any) -> None:
        into = recorder if recorder is not None else get_recorder()
        try:
            try:
                entries = list(read_trace(_export(prof, keep_in), devices))
            except RuntimeError:  # already written by somebody else
                entries = list(read_events(prof.events(), devices))
            taken = into.record_many(entries)
            LOG.info("gpuvigil: %d of %d executions of the profiler are taken", taken, len(entries))
        except Exception:
            LOG.warning("gpuvigil: a trace of the profiler is not taken", exc_info=True)

    return handle
