# SPDX-License-Identifier: Apache-2.0
"""What a program shows in its segment (include/gpuvigil/segment.h), read from beside the server."""
import mmap
import os
import struct
import time

HEADER_BYTES = 512
TABLES = ["devices", "rows", "recent", "names", "pages", "shapes", "streams", "memories"]
LOSSES = ["refused", "uncounted", "untimed", "unlisted"]
NO_ROW = 0xFFFFFFFF


class Segment:
    """The newest segment of a process; read() copies what it shows at one instant."""

    def __init__(self, pid):
        folder = f"/proc/{pid}/fd"
        paths = [f"{folder}/{fd}" for fd in os.listdir(folder)]
        path = next(path for path in paths if "memfd:gpuvigil" in os.readlink(path))
        with open(path, "rb") as file:
            self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def read(self):
        """A whole copy as a dictionary; retried while its writer writes."""
        while True:
            before = struct.unpack_from("<Q", self.memory, 256)[0]
            copy = self.memory[:]
            after = struct.unpack_from("<Q", self.memory, 256)[0]
            if before % 2 == 0 and before == after:
                return decode(copy)
            time.sleep(0.001)


def text(raw):
    return raw.split(b"\0")[0].decode(errors="replace")


def decode(copy):
    tables = {name: struct.unpack_from("<III", copy, 72 + 16 * i) for i, name in enumerate(TABLES)}
    devices_used, rows_used = struct.unpack_from("<II", copy, 288)
    shapes_used, streams_used = struct.unpack_from("<II", copy, 360)
    detail, every, cost, blind_since, reason = struct.unpack_from("<IIQQI", copy, 368)

    def entries(name, count):
        offset, stride, capacity = tables[name]
        assert count <= capacity, (name, count, capacity)
        return [offset + stride * i for i in range(count)]

    names = tables["names"][0]
    rows = []
    for at in entries("rows", rows_used):
        name_at, name_bytes, device, kind, calls, sum_ns, low, high = struct.unpack_from(
            "<IIIIQQQQ", copy, at)
        rows.append({"name": copy[names + name_at:names + name_at + name_bytes].decode(
                         errors="replace"),
                     "device": device, "kind": kind, "calls": calls, "sum_ns": sum_ns,
                     "min_ns": low, "max_ns": high,
                     "untimed": struct.unpack_from("<Q", copy, at + 120)[0]})
    return {
        "writer": text(copy[56:72]),
        "covered_until_ns": struct.unpack_from("<Q", copy, 272)[0],
        "losses": dict(zip(LOSSES, struct.unpack_from("<4Q", copy, 296))),
        "detail": detail, "detail_every": every, "cost_ns": cost,
        "blind_since_ns": blind_since, "blind_reason": reason,
        "runtime": text(copy[400:464]),
        "devices": [{"uuid": text(copy[at:at + 64]), "name": text(copy[at + 64:at + 128]),
                     "number": struct.unpack_from("<I", copy, at + 128)[0],
                     "kernel_busy_ns": struct.unpack_from("<Q", copy, at + 136)[0],
                     "gpu_busy_ns": struct.unpack_from("<Q", copy, at + 144)[0]}
                    for at in entries("devices", devices_used)],
        "rows": rows,
        "shapes": [dict(zip(["row", "registers", "grid", "block", "static", "dynamic", "calls",
                             "sum_ns"],
                            (v[0], v[1], v[2:5], v[5:8], *v[8:])))
                   for v in (struct.unpack_from("<II3I3IIIQQ", copy, at)
                             for at in entries("shapes", shapes_used))],
        "streams": [dict(zip(["stream", "device", "kind", "calls", "sum_ns"],
                             struct.unpack_from("<QIIQQ", copy, at)))
                    for at in entries("streams", streams_used)],
        "memories": [dict(zip(["allocated", "peak", "pool_reserved", "pool_used"],
                              struct.unpack_from("<4Q", copy, at)))
                     for at in entries("memories", devices_used)],
    }
