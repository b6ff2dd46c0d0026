# SPDX-License-Identifier: Apache-2.0
"""Every recording against an independent reckoning: the command line offline, and a server that
replays. The recordings are other people's; where they are absent these tests skip and say so."""
import csv
import json
import sys
import tarfile
import tempfile
import unittest
from decimal import Decimal

from harness import DATA, Server, run, wait_for

KINDS = {"kernels": "kernel", "memcpy": "memcpy", "memset": "memset"}


def recordings():
    """(path, member or None, oracle) of everything that can be read."""
    for oracle in sorted((DATA / "kineto").glob("*.oracle.json")):
        base = oracle.name.removesuffix(".oracle.json")
        member = None
        if ".tar.gz." in base:
            base, member = base.rsplit(".", 1)
        yield DATA / "kineto" / base, member, json.loads(oracle.read_text())
    for oracle in sorted((DATA / "nsight").glob("*.sqlite.oracle.json")):
        yield oracle.with_name(oracle.name.removesuffix(".oracle.json")), None, json.loads(
            oracle.read_text())
    merged = DATA / "derived/merged_8devices.json.gz"
    yield merged, None, json.loads(merged.with_name(merged.name + ".oracle.json").read_text())


def to_ns(ms):
    return int(Decimal(str(ms)) * 1_000_000)


def clean(name):
    return name or "(unnamed)"


def kernels(path, *args):
    code, out, err = run("kernels", "--trace", str(path), "--json", "--limit", "0", *args)
    assert code == 0, (path, code, err)
    return json.loads(out, parse_float=Decimal)


def oracle_devices(oracle):
    """The oracle's devices in our order: by their recorded number."""
    return sorted(oracle["devices"].items(), key=lambda item: int(item[0].removeprefix("pid:")))


class OracleTest(unittest.TestCase):
    def assert_rows(self, got, want, where):
        """Ours against the oracle's rows of one device, or of all."""
        ours = {row["name"]: row for row in got["kernels"]}
        self.assertEqual(sorted(ours), sorted(clean(row["name"]) for row in want), where)
        for row in want:
            mine = ours[clean(row["name"])]
            said = f"{where}: {row['name'][:80]}"
            self.assertEqual(mine["total_calls"], row["calls"], said)
            self.assertEqual(to_ns(mine["total_time_ms"]), row["total_ns"], said)
            self.assertEqual(to_ns(mine["min_time_ms"]), row["min_ns"], said)
            self.assertEqual(to_ns(mine["max_time_ms"]), row["max_ns"], said)
            for ours_p, theirs in (("p50_time_ms", "p50_nr_ns"), ("p99_time_ms", "p99_nr_ns")):
                if theirs in row:
                    self.assertLessEqual(abs(to_ns(mine[ours_p]) - row[theirs]),
                                         0.02 * row[theirs], f"{said} {ours_p}")

    def assert_report(self, path, oracle):
        code, out, err = run("report", "--trace", str(path), "--json")
        self.assertEqual(code, 0, err)
        report = json.loads(out, parse_float=Decimal)
        wanted = oracle_devices(oracle)
        self.assertEqual(len(report["devices"]), len(wanted), path)
        for mine, (key, device) in zip(report["devices"], wanted):
            said = f"{path.name} device {key}"
            self.assertEqual(to_ns(mine["kernel_busy_ms"]), device["kernel_busy_ns"], said)
            if "gpu_span_ns" in device:
                self.assertEqual(to_ns(mine["gpu_busy_ms"]), device["gpu_busy_ns"], said)
                self.assertEqual(to_ns(mine["span_ms"]), device["gpu_span_ns"], said)
            else:  # the oracles of Nsight exports leave copies and sets out
                self.assertGreaterEqual(to_ns(mine["span_ms"]), device["kernel_span_ns"], said)

    def check(self, path, oracle):
        if not oracle.get("devices"):
            code, _, err = run("kernels", "--trace", str(path), "--json", "--limit", "0")
            self.assertIn(code, (0, 6), err)
            return
        if "by_name_all" in oracle:
            self.assert_rows(kernels(path), oracle["by_name_all"], path.name)
        for index, (key, device) in enumerate(oracle_devices(oracle)):
            where = f"{path.name} device {key}"
            self.assert_rows(kernels(path, "--device", str(index)), device["by_name"], where)
            for kind in ("memcpy", "memset"):
                if kind in device and device[kind]:
                    rows = kernels(path, "--device", str(index), "--kind", kind)
                    self.assert_rows(rows, device[kind], f"{where} {kind}")
        self.assert_report(path, oracle)

    def test_every_recording_equals_its_oracle(self):
        counted = {"kineto": 0, "nsight": 0}
        with tempfile.TemporaryDirectory() as scratch:
            for path, member, oracle in recordings():
                if member:  # one rank of a tar: taken out, so that it is a file of its own
                    with tarfile.open(path) as archive:
                        inside = next(m for m in archive.getmembers() if member in m.name)
                        target = f"{scratch}/{inside.name.replace('/', '_')}"
                        with open(target, "wb") as out:
                            out.write(archive.extractfile(inside).read())
                    path = type(path)(target)
                with self.subTest(path.name):
                    self.check(path, oracle)
                    counted["nsight" if path.suffix == ".sqlite" else "kineto"] += 1
        print(f"recordings equal to their oracles: {counted['kineto']} Kineto, "
              f"{counted['nsight']} Nsight Systems")
        self.assertGreaterEqual(counted["kineto"], 31)
        self.assertGreaterEqual(counted["nsight"], 3)

    def test_archive_of_ranks_is_all_its_ranks(self):
        total = sum(o["kernel_events"] for p, m, o in recordings() if m)
        got = kernels(DATA / "kineto/param_dlrm_v100_8ranks.tar.gz")
        self.assertEqual(sum(row["total_calls"] for row in got["kernels"]), total)
        self.assertEqual({d for row in got["kernels"] for d in row["devices"]}, set(range(8)))

    def test_published_kernel_summaries_are_equal(self):
        for summary in sorted((DATA / "kineto-reference-reports").glob("*.kernel_summary.csv")):
            base = summary.name.removesuffix(".kernel_summary.csv")
            want = {}
            with open(summary, newline="") as file:
                for row in csv.DictReader(file):
                    calls, total = want.get(row["Kernel name"], (0, Decimal(0)))
                    want[row["Kernel name"]] = (
                        calls + int(row["Kernel duration (µs)_count"]),
                        total + Decimal(row["Kernel duration (µs)_sum"]))
            got = {row["name"]: (row["total_calls"], to_ns(row["total_time_ms"]))
                   for row in kernels(DATA / f"kineto/{base}.json.gz")["kernels"]}
            rounded = {name: (calls, round(total * 1000)) for name, (calls, total) in want.items()}
            self.assertEqual(got, rounded, summary.name)

    def test_a_replaying_server_ends_at_the_same_numbers(self):
        some = [r for r in recordings() if not r[1] and r[2].get("devices")][:16]
        checked = 0
        for path, _, oracle in some:
            if oracle.get("distinct_kernel_names", 0) > 1000 or "by_name_all" not in oracle:
                continue
            with self.subTest(path.name), Server("--replay", str(path),
                                                 "--speed", "1000") as server:
                wait_for(lambda: all(
                    d.get("reasons", {}).get("gpu_utilization") == "recording ended"
                    for d in server.json("/api/v1/gpu/status")["devices"]) and
                    server.json("/api/v1/gpu/status")["devices"], "the end of the recording")
                status, _, body = server.get("/api/v1/gpu/kernels", limit=1000)
                self.assertEqual(status, 200, body)
                self.assert_rows(json.loads(body, parse_float=Decimal), oracle["by_name_all"],
                                 path.name)
                checked += 1
        print(f"recordings equal through a replaying server: {checked}")
        self.assertGreaterEqual(checked, 10)


if __name__ == "__main__":
    if not DATA.is_dir():
        print(f"skipped: no recordings at {DATA}; set GPUVIGIL_DATA")
        sys.exit(77)
    unittest.main(verbosity=2)
