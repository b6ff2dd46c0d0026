#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs: our server beside a raw epoll loop and other servers, all on one core.

usage: http_bench.py --programs DIR [--rounds N] [--requests N] [--only TEXT]

- Round trip: a closed loop of one connection, client and server on the same core. Nobody sleeps
  between requests, so it is what both cost, without the wake-ups of a virtual machine.
- CPU: of the server, from the scheduler's count of nanoseconds.
- Instructions: user instructions of the network thread, by callgrind: a run of 600 requests less
  one of 200, with a clock that stands still, so that it is the same whatever the machine does.

Requests a second, latencies across cores and the tails of open loops are left out: on a machine of
two virtual cores they tell of the machine.
"""
import argparse
import functools
import json
import random
import re
import shutil
import statistics
import sys

from servers import (CLIENT_CORE, SERVER_CORE, Server, Workplace, free_port, load, median_of,
                     ratio_of, row, skip, whole_reply)

API = "/api/v1/gpu"
SMALL = ["--devices", 2, "--kernels", 43]
LARGE = ["--devices", 64, "--kernels", 10_000, "--spread", 2]
NGINX_RETURN_BYTES = 3500  # nginx takes no longer words in its configuration

# Queries that differ in each request ({n}), so that no answer can be kept.
SORTS = ["avg_time", "total_time", "calls", "max_time", "p50_time", "p95_time", "p99_time",
         "last_execution", "avg_memory", "name"]
FILTERS = {
    "by name": ["name=*gemm*", "name=*GEMM*&name=*flash*", "name=*99*x128*", "name=*nothing*"],
    "by device": ["device=3", "device=3&device=4&sort_by=total_time",
                  "device=3&device=4&sort_by=p99_time"],
    "by kind and calls": ["kind=all&sort_by=total_time", "kind=memcpy"],
    "far page": ["offset=5000", "offset=9970&sort_by=p95_time&order=asc",
                 "offset=5000&sort_by=name"],
}
WINDOWS = ["since={n}ms", "since={n}ms&sort_by=p99_time"]


def nginx(work, body):
    """(command, port) of an nginx that serves `body` at /return and /file; None without one."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        return None
    port = free_port()
    (work.folder / "file").write_bytes(body)
    text = body.decode().replace("\\", "\\\\").replace("'", "\\'").replace("$", "")
    answer = f"return 200 '{text}';" if len(text) <= NGINX_RETURN_BYTES else "return 404;"
    config = work.file("nginx.conf", f"""
daemon off; master_process off; worker_processes 1; pid {work.folder}/nginx.pid;
error_log /dev/null crit;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000; tcp_nodelay on; sendfile on;
  client_body_temp_path {work.folder}; proxy_temp_path {work.folder};
  fastcgi_temp_path {work.folder}; uwsgi_temp_path {work.folder}; scgi_temp_path {work.folder};
  open_file_cache max=16; default_type application/json;
  server {{
    listen 127.0.0.1:{port};
    location = /return {{ {answer} }}
    location = /file {{ root {work.folder}; }}
  }}
}}
""".encode())
    return [program, "-c", config, "-p", work.folder, "-e", "/dev/null"], port


class Contest:
    """One request of ours and everybody else who answers with the same bytes."""

    def __init__(self, work, server, path, peers=True):
        self.work, self.path = work, path
        reply, body = whole_reply(server.port, path.replace("{n}", "1"))
        self.reply_file, self.body_file = work.file("reply", reply), work.file("body", body)
        self.body = body
        self.load = functools.partial(load, work.program("http_load"))
        self.runs = {"ours": (server, path, True)}
        self.started = []
        self._add("raw epoll", Server([work.program("raw_server"), "http", self.reply_file]))
        if peers:
            self._add_peers()

    def _add(self, name, server, path="/"):
        if server not in self.started:
            self.started.append(server)
        server.pin(SERVER_CORE)
        self.runs[name] = (server, path, False)

    def _add_peers(self):
        self._add("Boost.Beast", Server([self.work.program("beast_server"), "http",
                                         self.reply_file]))
        if hyper := self.work.program("hyper_server"):
            self._add("hyper", Server([hyper, self.body_file]))
        else:
            skip("hyper", "it was not built: apt-get install cargo librust-hyper-dev")
        if found := nginx(self.work, self.body):
            server = Server(found[0], port=found[1]).wait_until_it_listens()
            self._add("nginx file", server, "/file")
            if len(self.body) <= NGINX_RETURN_BYTES:
                self._add("nginx return", server, "/return")
        else:
            skip("nginx", "it is not installed: apt-get install nginx-light (its package starts a "
                 "service on port 80)")

    def round(self, requests, connections=1):
        """{name: figures}. Our engine's thread is elsewhere, and only counts with connections."""
        figures = {}
        for name, (server, path, is_ours) in self.runs.items():
            server.pin(SERVER_CORE, CLIENT_CORE if is_ours else None)
            figures[name] = self.load(
                port=server.port, path=path, requests=requests, connections=connections,
                core=SERVER_CORE if connections == 1 else CLIENT_CORE,
                **{"from": random.randrange(1, 400_000)},
                schedstat=server.schedstats(serving_only=is_ours))
        return figures

    def close(self):
        for server in self.started:
            server.close()


def contest(work, server, name, path, given, aims, connections=1, peers=True):
    """Rows of the round trip (one connection) or the CPU (many) of one request."""
    contest_of_it = Contest(work, server, path, peers)
    try:
        rounds = [contest_of_it.round(given.requests, connections) for _ in range(given.rounds)]
    finally:
        contest_of_it.close()
    key, what = ("round_trip_ns", "round trip") if connections == 1 else ("cpu_ns", "CPU")
    ours = median_of(rounds, "ours", key)
    for peer in contest_of_it.runs:
        if peer == "ours":
            continue
        kind = "floor" if peer == "raw epoll" else "peer"
        row("http", f"{what}, {name}", ours, "ns", **{kind: peer},
            peer_value=median_of(rounds, peer, key), ratio=ratio_of(rounds, "ours", peer, key),
            aim=aims.get(peer))


def instructions_of(folder):
    """User instructions of the thread that served, from the files that callgrind left."""
    served = re.compile(r"HttpConnection::read|RawServer|HttpSession|hyper::")
    counts = []
    for file in folder.glob("callgrind-*"):
        text = file.read_text(errors="replace")
        if served.search(text):
            counts += [int(count) for count in re.findall(r"^totals: (\d+)", text, re.MULTILINE)]
        file.unlink()
    return sum(counts)


def instructions(work, name, command, path, aim=None):
    """User instructions for each request, in a run of 600 without one of 200."""
    counts = []
    for requests in (200, 600):
        with Server(["valgrind", "-q", "--tool=callgrind", "--separate-threads=yes",
                     f"--callgrind-out-file={work.folder}/callgrind", *command]) as server:
            load(work.program("http_load"), port=server.port, path=path, requests=requests,
                 warm_up=0)
        counts.append(instructions_of(work.folder))
    row("http", f"instructions, {name}", (counts[1] - counts[0]) / 400, "instructions", aim=aim)


def count_instructions(work, paths, given):
    if shutil.which("valgrind") is None:
        return skip("instructions", "apt-get install valgrind")
    ours = [work.program("bench_server"), *SMALL, "--freeze"]
    for name, path in paths.items():
        if given.only in name:
            instructions(work, name, ours, path, aim=6000)
    if given.only not in "status of other servers":
        return None
    reply, body = work.folder / "reply", work.folder / "body"
    for name, command in (("raw epoll", [work.program("raw_server"), "http", reply]),
                          ("Boost.Beast", [work.program("beast_server"), "http", reply]),
                          ("hyper", [work.program("hyper_server"), body])):
        if command[0]:
            instructions(work, f"{name} with those of alerts", command, "/")
    return None


def worst(work, server, name, queries, given, aim, first=None):
    """The CPU time of the most expensive of some queries that are all new. Without `first` they
    differ in min_calls."""
    server.pin(SERVER_CORE, CLIENT_CORE)
    most = 0
    for query in queries:
        times = [load(work.program("http_load"), port=server.port,
                      path=f"{API}/kernels?{query}" + ("" if first else "&min_calls={n}"),
                      requests=100, warm_up=5, core=SERVER_CORE,
                      schedstat=server.schedstats(serving_only=True),
                      **{"from": first or random.randrange(1, 400_000)})
                 for _ in range(given.rounds)]
        median = statistics.median(one["cpu_ns"] for one in times)
        if given.verbose:
            print(f"bench: {query}: {median / 1000:.0f} us", file=sys.stderr)
        most = max(most, median)
    row("http", f"CPU, 10000 kernels, {name}", most, "ns", aim=aim)


def fresh_report(work, given):
    """The CPU time of the first answer of each of many frames."""
    with work.ours(*LARGE, "--period", 100) as server:
        server.pin(SERVER_CORE, CLIENT_CORE)
        times = [load(work.program("http_load"), port=server.port, path=f"{API}/report",
                      requests=20, core=SERVER_CORE, fresh=1,
                      schedstat=server.schedstats(serving_only=True))["cpu_ns"]
                 for _ in range(given.rounds)]
    row("http", "CPU, /report, new frame, 10000 kernels", statistics.median(times), "ns",
        aim=300_000)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--programs", required=True)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--requests", type=int, default=4000)
    options.add_argument("--only", default="", help="rows with this text in their name")
    options.add_argument("--verbose", action="store_true")
    given = options.parse_args()

    cached = {"/status": f"{API}/status", "/kernels?limit=20": f"{API}/kernels?limit=20",
              "/alerts": f"{API}/alerts"}
    # Ahead of hyper by a twentieth, and of nginx.
    aims = {"raw epoll": 1.20, "hyper": 1.05, "nginx return": 1.0}
    with Workplace(given.programs) as work:
        with work.ours(*SMALL) as server:
            for name, path in cached.items():
                if given.only in name:
                    contest(work, server, name, path, given, aims)
            if given.only in "kernels not cached":
                contest(work, server, "6 KB of kernels, not cached",
                        f"{API}/kernels?limit=11&min_calls={{n}}", given, {"raw epoll": 2.7},
                        peers=False)
            if given.only in "64 connections":
                contest(work, server, "/status, 64 connections", cached["/status"], given, {},
                        connections=64)
        count_instructions(work, cached, given)
        with work.ours(*LARGE) as server:
            if given.only in "64 devices":
                contest(work, server, "/status of 64 devices", cached["/status"], given,
                        {"raw epoll": 1.20}, peers=False)
            if given.only in "sorts":
                worst(work, server, "any sort", [f"sort_by={key}&order={order}" for key in SORTS
                                                 for order in ("desc", "asc")], given, 300_000)
            for name, queries in FILTERS.items():
                if given.only in f"filters {name}":
                    worst(work, server, name, queries, given, 300_000)
            if given.only in "windows":
                worst(work, server, "of the last 2 s", WINDOWS, given, 300_000,
                      first=2000)
        if given.only in "report":
            fresh_report(work, given)


if __name__ == "__main__":
    main()
