#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a stream costs: a message a second to many WebSocket clients, beside a raw send loop and
other servers. The server has one core, the process with all clients the other.

usage: stream_bench.py --programs DIR [--rounds N] [--seconds N] [--clients N]...

- CPU: of the whole server, for each message that arrived.
- Memory: resident bytes more with the clients than before them, for each connection.
- Lateness: from the time that is written in a message to when it had been read; 99th percentile. In
  ours it is the time of the frame that the message tells of, elsewhere that of sending.

Message and rate are those of a default subscription on a machine with one device and two kernels.
"""
import argparse
import resource
import statistics
import subprocess
import sys

from servers import (CLIENT_CORE, HERE, SERVER_CORE, Server, Workplace, load, median_of, ratio_of,
                     row, skip)

PATH = "/api/v1/gpu/stream"
OURS = ["--devices", 1, "--kernels", 2]
NODE_MODULES = "/usr/share/nodejs"  # where Debian's node-ws is
PYTHON = "/usr/bin/python3"         # Debian's, which sees python3-websockets
AIMS = {("raw send loop", "cpu_ns"): 1.12, ("raw send loop", "late_p99_ns"): 1.25}


def works(command, env=None):
    try:
        return subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False,
                              stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def contestants(work, size):
    """{name: how it is started}; every message but ours has `size` bytes."""
    found = {"ours": lambda: work.ours(*OURS),
             "raw send loop": lambda: Server([work.program("raw_server"), "stream", size]),
             "Boost.Beast": lambda: Server([work.program("beast_server"), "stream", size])}
    node = {"NODE_PATH": NODE_MODULES}
    if works(["node", "-e", "require('ws')"], node | {"PATH": "/usr/local/bin:/usr/bin"}):
        found["ws on Node"] = lambda: Server(["node", HERE / "peers/ws_server.js", size], env=node)
    else:
        skip("ws on Node", "apt-get install nodejs node-ws")
    if works([PYTHON, "-c", "import websockets"]):
        found["websockets in Python"] = lambda: Server(
            [PYTHON, HERE / "peers/websockets_server.py", size])
    else:
        skip("websockets in Python", "apt-get install python3-websockets")
    return found


def measure(work, start, clients, seconds):
    with start() as server:
        server.pin(SERVER_CORE)
        return load(work.program("stream_load"), port=server.port, path=PATH, clients=clients,
                    seconds=seconds, core=CLIENT_CORE, pid=server.pid,
                    schedstat=server.schedstats())


def contest(work, clients, given):
    """Rows of all servers with so many clients; those of one round run one after the other."""
    size = measure(work, lambda: work.ours(*OURS), 1, 1)["bytes"]
    servers = contestants(work, size)
    rounds = [{name: measure(work, start, clients, given.seconds)
               for name, start in servers.items()} for _ in range(given.rounds)]
    is_most = clients == max(given.clients)  # the aims are about many
    for key, what, unit in (("cpu_ns", "CPU a message", "ns"),
                            ("late_p99_ns", "lateness p99", "ns")):
        for peer in list(servers)[1:]:
            kind = "floor" if peer == "raw send loop" else "peer"
            row("stream", f"{what}, {clients} clients", median_of(rounds, "ours", key), unit,
                **{kind: peer}, peer_value=median_of(rounds, peer, key),
                ratio=ratio_of(rounds, "ours", peer, key),
                aim=AIMS.get((peer, key)) if is_most else None)
    if clients < 1000:
        return  # pages are too coarse to tell
    row("stream", f"memory a connection, {clients} clients",
        median_of(rounds, "ours", "resident_bytes"), "B", aim=1024 if is_most else None)
    for peer in list(servers)[1:]:
        row("stream", f"memory a connection, {clients} clients",
            median_of(rounds, "ours", "resident_bytes"), "B", peer=peer,
            peer_value=median_of(rounds, peer, "resident_bytes"), aim=None,
            ratio=statistics.median(one["ours"]["resident_bytes"] /
                                    max(one[peer]["resident_bytes"], 1) for one in rounds))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--programs", required=True)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--clients", type=int, action="append")
    given = options.parse_args()
    given.clients = given.clients or [100, 1_000, 10_000]

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Workplace(given.programs) as work:
        for clients in given.clients:
            if clients + 100 > most:
                skip(f"{clients} clients", f"a process may open {most} files: raise ulimit -n")
                continue
            contest(work, clients, given)


if __name__ == "__main__":
    sys.exit(main())
