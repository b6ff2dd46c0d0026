# SPDX-License-Identifier: Apache-2.0
"""What http_bench.py and stream_bench.py share: servers and their peers, started, pinned, measured.

Figures are medians of rounds in which all servers have their turn one after the other, so that
whatever else the machine does falls on all alike; ratios are medians of the ratios of each round.
"""
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SERVER_CORE, CLIENT_CORE = 0, 1
NETWORK_THREAD = "gpuvigil-net"


class Server:
    """A running server: says "port N" on its standard output, ends with its standard input. One
    that does neither is told its port, and ends with a signal."""

    def __init__(self, command, port=None, env=None):
        self.is_told = port is not None
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, **(env or {})})
        self.port = port or self._read_port(command)

    def _read_port(self, command):
        line = self.process.stdout.readline().split()
        if len(line) != 2 or line[0] != "port":
            self.close()
            raise RuntimeError(f"{command[0]} did not start")
        return int(line[1])

    @property
    def pid(self):
        return self.process.pid

    def pin(self, core, others=None):
        """Puts the thread that serves on `core` and the other threads on `others` (the same)."""
        serving = self._serving_task()
        for task in self._tasks():
            os.sched_setaffinity(task, {core if task == serving or others is None else others})

    def schedstats(self, serving_only=False):
        """Where the CPU time of its threads stands."""
        tasks = [self._serving_task()] if serving_only else self._tasks()
        return [f"/proc/{self.pid}/task/{task}/schedstat" for task in tasks]

    def _tasks(self):
        return [int(task) for task in os.listdir(f"/proc/{self.pid}/task")]

    def _serving_task(self):
        """Our network thread; the main one of all others."""
        for task in self._tasks():
            name = pathlib.Path(f"/proc/{self.pid}/task/{task}/comm").read_text().strip()
            if name == NETWORK_THREAD:
                return task
        return self.pid

    def wait_until_it_listens(self):
        for _ in range(10_000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self.process.poll() is not None:
                break
        self.close()
        raise RuntimeError(f"nobody listens on port {self.port}")

    def close(self):
        self.process.stdin.close()
        if self.is_told:
            self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def load(program, **options):
    """Runs http_load or stream_load; what it printed. A list gives its option several times."""
    words = [str(program)]
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            words += ["--" + name.replace("_", "-"), str(one)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def skip(peer, why):
    print(f"bench: SKIPPED {peer}: {why}", file=sys.stderr, flush=True)


def median_of(rounds, name, key):
    """The median of one figure of one server over all rounds, and its ratio to another's."""
    return statistics.median(one[name][key] for one in rounds)


def ratio_of(rounds, ours, theirs, key):
    return statistics.median(one[ours][key] / one[theirs][key] for one in rounds)


def row(bench, name, value, unit, **more):
    """Prints a row for tools/bench: aim, and floor or peer with its value and ratio, if any."""
    print(json.dumps({"bench": bench, "row": name, "value": value, "unit": unit, **more}),
          flush=True)


class Workplace:
    """The programs of a build, and a folder for what peers are given to read."""

    def __init__(self, programs):
        self.programs = pathlib.Path(programs).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil-bench."))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def program(self, name):
        path = self.programs / name
        return path if path.exists() else None

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def ours(self, *words):
        return Server([self.program("bench_server"), *words])


def whole_reply(port, path):
    """The bytes of our answer to a GET, and its body alone."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           "Connection: close\r\n\r\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    reply = b"".join(parts).replace(b"Connection: close\r\n", b"")
    if not reply.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"GET {path}: {reply[:300]!r}")
    return reply, reply.partition(b"\r\n\r\n")[2]
