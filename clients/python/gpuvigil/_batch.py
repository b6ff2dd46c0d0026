# SPDX-License-Identifier: Apache-2.0
"""Executions before they are posted: what is taken, how batches are cut, what a refusal means.

Pure: no thread, no socket, time is handed in.
"""
import json
import math
import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional, Union, cast

from .errors import ApiError, ConnectionFailed, GpuvigilError
from .types import Execution

MOST = 10_000  # executions of one POST: the contract's limit
MOST_BYTES = 3 * 1024 * 1024  # of one POST; the contract's limit is 4 MiB
OLDEST_NS = 3590 * 10**9  # the server takes what ended within the last hour
MAX_NAME = 65536  # bytes
MAX_MS, MAX_MB = 1e12, 1e9
KINDS = ("compute", "collective", "memcpy", "memset")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between tries
NAMED = re.compile(r"executions\[(\d+)\]")


class Entry(NamedTuple):
    """One execution; `end_ns` since 1970, None where it is not known."""

    name: str
    duration_ns: int
    end_ns: Optional[int] = None
    memory_mb: Optional[float] = None
    device: Optional[Union[int, str]] = None
    kind: Optional[str] = None


def why_not(entry: Entry) -> Optional[str]:
    """Why the server would refuse this one; None where it would not."""
    try:
        size = len(entry.name.encode())
    except (UnicodeEncodeError, AttributeError):
        return "its name is no text"
    if not 0 < size <= MAX_NAME:
        return f"its name has {size} bytes, 1 to {MAX_NAME} are taken"
    if not 0 <= entry.duration_ns <= MAX_MS * 1e6:
        return "its duration is negative or too long"
    memory = entry.memory_mb
    if memory is not None and not (math.isfinite(memory) and 0 <= memory <= MAX_MB):
        return "its memory is negative, too much or no number"
    if entry.kind is not None and entry.kind not in KINDS:
        return f"its kind is none of {', '.join(KINDS)}"
    return None


def timestamp(ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339, exactly."""
    seconds, rest = divmod(ns, 10**9)
    day = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{day}.{rest:09d}Z"


def execution(entry: Entry) -> Execution:
    """An entry as the contract has it."""
    out: dict[str, Any] = {"name": entry.name, "duration_ms": entry.duration_ns / 1e6}
    if entry.end_ns is not None:
        out["timestamp"] = timestamp(entry.end_ns)
    for member, value in (("memory_mb", entry.memory_mb), ("device", entry.device),
                          ("kind", entry.kind)):
        if value is not None:
            out[member] = value
    return cast(Execution, out)


@dataclass
class Batch:
    """What one POST holds."""

    entries: list[Entry]
    expired: int = 0  # left out, for they ended too long ago

    def body(self) -> list[Execution]:
        return [execution(entry) for entry in self.entries]


def take(queue: "deque[Entry]", now_ns: int, most: int = MOST) -> Batch:
    """Takes the next batch out of the queue, the oldest first. Others may append and clear
    meanwhile; nobody else takes."""
    batch, size = Batch([]), 0
    while len(batch.entries) < most:
        try:
            entry = queue[0]
            more = len(json.dumps(entry.name)) + 160
            if batch.entries and size + more > MOST_BYTES:
                break
            queue.popleft()
        except IndexError:
            break
        if entry.end_ns is not None and entry.end_ns < now_ns - OLDEST_NS:
            batch.expired += 1
            continue
        batch.entries.append(entry)
        size += more
    return batch


@dataclass
class Verdict:
    """What becomes of a batch that failed."""

    keep: list[Entry]  # to be posted again
    refused: int = 0  # the server does not take them
    unconfirmed: int = 0  # sent, and nobody knows whether they were taken
    pause: Optional[float] = None  # seconds before the next try; None: as one's own pause says


def judge(error: GpuvigilError, entries: list[Entry]) -> Verdict:
    """Nothing may be counted twice, and one bad execution may not cost the others."""
    if isinstance(error, ConnectionFailed):
        if error.sent:
            return Verdict([], unconfirmed=len(entries))
        return Verdict(entries)
    if isinstance(error, ApiError):
        if error.status == 400:
            found = (NAMED.match(str(one.get("parameter"))) for one in error.errors)
            bad = {int(one[1]) for one in found if one}
            keep = [entry for i, entry in enumerate(entries) if i not in bad] if bad else []
            return Verdict(keep, refused=len(entries) - len(keep), pause=0.0)
        if error.status == 413:
            return Verdict([], refused=len(entries), pause=0.0)
        if error.status in (401, 403):
            return Verdict(entries, pause=LONGEST_PAUSE)  # until somebody gives it a token
        if error.status in (429, 503):
            return Verdict(entries, pause=error.retry_after or None)
        if error.status in (404, 405, 415, 501):
            return Verdict([], refused=len(entries))  # no gpuvigil, or one that does not take any
        return Verdict([], unconfirmed=len(entries))  # of a proxy, or a fault within the server
    return Verdict([], unconfirmed=len(entries))
