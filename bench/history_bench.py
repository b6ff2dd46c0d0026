#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What history costs beside VictoriaMetrics and Prometheus, on the same samples.

usage: history_bench.py --programs DIR [--hours N] [--questions N] [--without PEER...]

store_bench makes a day of 8 devices with 16 metrics, a value a second, keeps it and writes it down
for the others. Each engine then is asked over HTTP: a day of one metric of one device as averages
of minutes, and an hour of one metric of all devices as it was. Times are CPU of the server a
question, from the scheduler's count, so that what else the machine does falls out; answers are
compared with the samples bit by bit. Bytes are those of the engine's folder once it has ended.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from servers import free_port

START = 1767322800
RAW = "power"


def cpu_seconds(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def folder_bytes(folder):
    return sum(p.stat().st_size for p in pathlib.Path(folder).rglob("*") if p.is_file())


class Engine:
    """A server that is started, asked and ended."""

    def __init__(self, command, port, ready):
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([str(w) for w in command], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + ready, timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{command[0]} did not answer")

    def get(self, path, query):
        url = self.url + path + "?" + urllib.parse.urlencode(query, doseq=True)
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.loads(answer.read())

    def cost_ms(self, path, query, count):
        """CPU of one question, without the first ones."""
        for _ in range(3):
            self.get(path, query)
        before = cpu_seconds(self.process.pid)
        for i in range(count):
            # No answer may be one that was kept.
            self.get(path, {**query, **({"nocache": 1} if "query" in query else {})})
        return (cpu_seconds(self.process.pid) - before) / count * 1e3

    def end(self):
        self.process.terminate()
        self.process.wait()


def samples_of(path, name, begin, end):
    """{device: [values]} of one metric, of what store_bench wrote down."""
    found = {}
    with open(path + ".json", encoding="ascii") as lines:
        for line in lines:
            if f'"__name__":"{name}"' not in line[:80]:
                continue
            series = json.loads(line)
            into = found.setdefault(series["metric"]["device"], [])
            into += [v for t, v in zip(series["timestamps"], series["values"])
                     if begin <= t // 1000 < end]
    return found


def say(engine, what, value):
    print(f"{engine}: {what}: {value}", flush=True)


def bench_peer(engine, hours, questions, want):
    end = START + hours * 3600
    range_query = "/api/v1/query_range"
    # A step's average has to end where ours does.
    day = {"query": f'avg_over_time({RAW}{{device="GPU-3"}}[1m])', "start": START + 59,
           "end": end - 1, "step": 60}
    hour = {"query": RAW, "start": end - 3600, "end": end - 1, "step": 1}
    answer = engine.get(range_query, hour)["data"]["result"]
    got = {s["metric"]["device"]: [float(v) for _, v in s["values"]] for s in answer}
    return (engine.cost_ms(range_query, day, questions),
            engine.cost_ms(range_query, hour, questions), got == want)


def bench_ours(programs, work, hours, questions, want):
    end = START + hours * 3600
    config = work / "gpuvigil.toml"
    config.write_text('[history]\nraw = "366d"\nminutes = "366d"\nhours = "366d"\n')
    config.chmod(0o600)
    port = free_port()
    os.environ["GPUVIGIL_STATE_DIR"] = str(work)
    engine = Engine([programs / "gpuvigil", "serve", "--config", config, "--socket", "off",
                     "--rate-limit", "off", "--listen", f"127.0.0.1:{port}", "--db",
                     work / "store.db"], port, "/healthz")
    stamp = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
    path = "/api/v1/gpu/history"
    day = {"metric": RAW, "device": "GPU-3", "from": stamp(START), "to": stamp(end), "step": "1m"}
    hour = {"metric": RAW, "device": [f"GPU-{d}" for d in range(8)], "from": stamp(end - 3600),
            "to": stamp(end), "step": "1s"}
    got = {s["uuid"]: s["values"] for s in engine.get(path, hour)["series"]}
    out = (engine.cost_ms(path, day, questions), engine.cost_ms(path, hour, questions),
           got == want)
    engine.end()
    return out


def victoria(work, export):
    port = free_port()
    folder = work / "victoria"
    command = ["victoria-metrics", f"-storageDataPath={folder}",
               f"-httpListenAddr=127.0.0.1:{port}",
               "-retentionPeriod=10y", "-search.disableCache"]
    engine = Engine(command, port, "/health")
    before = cpu_seconds(engine.process.pid)
    with open(export + ".json", "rb") as lines:
        for chunk in iter(lambda: lines.readlines(16 << 20), []):
            urllib.request.urlopen(urllib.request.Request(
                engine.url + "/api/v1/import", data=b"".join(chunk))).read()
    urllib.request.urlopen(engine.url + "/internal/force_merge").read()
    time.sleep(5)  # merges go on in the background
    cost = cpu_seconds(engine.process.pid) - before
    engine.end()
    size = folder_bytes(folder / "data")
    return Engine(command, port, "/health"), cost, size


def prometheus(work, export):
    port = free_port()
    folder = work / "prometheus"
    began = os.times()
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", export + ".om",
                    str(folder)], check=True, stdout=subprocess.DEVNULL)
    ended = os.times()
    cost = (ended.children_user - began.children_user
            + ended.children_system - began.children_system)
    size = folder_bytes(folder)
    config = work / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1h}\n")
    engine = Engine(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}",
                     "--storage.tsdb.retention.time=10y",
                     f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready")
    return engine, cost, size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--without", action="append", default=[])
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil-history-bench-"))
    export = str(work / "samples")
    try:
        subprocess.run([options.programs / "store_bench", str(options.hours), work / "store.db",
                        export], check=True)
        samples = options.hours * 3600 * 8 * 16
        end = START + options.hours * 3600
        want = samples_of(export, RAW, end - 3600, end)
        if "ours" not in options.without and (options.programs / "gpuvigil").exists():
            day, hour, exact = bench_ours(options.programs, work, options.hours,
                                          options.questions, want)
            say("ours", "a day by the minute", f"{day:.2f} ms of CPU")
            say("ours", "an hour raw of 8 devices", f"{hour:.2f} ms of CPU, bit-exact: {exact}")
        for name, start in (("victoria-metrics", victoria), ("prometheus", prometheus)):
            if name in options.without or shutil.which(name) is None:
                say(name, "not measured", "left out, or not installed")
                continue
            engine, cost, size = start(work, export)
            say(name, "bytes a sample", f"{size / samples:.3f}")
            say(name, "CPU a sample, taking it in", f"{cost / samples * 1e6:.3f} us")
            day, hour, exact = bench_peer(engine, options.hours, options.questions, want)
            say(name, "a day by the minute", f"{day:.2f} ms of CPU")
            say(name, "an hour raw of 8 devices", f"{hour:.2f} ms of CPU, bit-exact: {exact}")
            engine.end()
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
