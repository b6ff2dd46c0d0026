# SPDX-License-Identifier: Apache-2.0
"""A fleet in real servers of time series: machines write, another gpuvigil answers from there."""
import json
import re
import shutil
import tempfile
import time
import unittest
import urllib.request

from contract_test import check
from harness import Server, run, wait_for
from metrics_test import Prometheus, free_port
from push_test import Program, Pusher

NODES = 20


def victoria(folder, url):
    """A VictoriaMetrics in that folder, at that address."""
    command = ["victoria-metrics", f"-storageDataPath={folder}/data", "-retentionPeriod=1y",
               f"-httpListenAddr={url.removeprefix('http://')}"]
    return Program(command, url + "/api/v1/status/tsdb", cwd=folder)


def copies(text, count):
    """What `count` more machines like the one of this scrape would write: each has UUIDs of its
    own, every fifth another driver, and the last a device that failed."""
    lines = [line for line in text.splitlines()
             if re.match(r"gpuvigil_(gpu_(info|health|utilization|memory_(used|total)|power|temp)"
                         r"|build_info|alerts_firing|frame_timestamp)", line)]
    for number in range(1, count + 1):
        node = f"node{number:02}"
        for line in lines:
            name, labels, value = re.match(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            labels = re.sub(r'uuid="([^"]*)"', rf'uuid="\1-{number:02}"', labels or "")
            labels = re.sub(r'host="[^"]*"', f'host="{node}"', labels)
            if name == "gpuvigil_gpu_info":  # a simulated machine has no driver
                driver = "999.1" if number % 5 == 0 else "535.5"
                labels = re.sub(r'driver_version="[^"]*",?', "", labels).rstrip(",")
                labels += f',driver_version="{driver}"'
            if number == count and name == "gpuvigil_gpu_health" and 'gpu="0"' in labels:
                value = "1" if 'state="failed"' in labels else "0"
            labels += ("," if labels else "") + f'instance="{node}",job="gpuvigil"'
            yield f"{name}{{{labels}}} {value}"


class FleetTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gpuvigil-fleet-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def viewer(self, url, *args):
        """A server that watches nothing here and knows the fleet from there."""
        return Server("--demo", "--store", f"prometheus:{url}", "--node-name", "viewer",
                      "--state-dir", f"{self.folder}/viewer", *args)

    def pusher(self, url, node, path="/api/v1/write"):
        """A machine that writes every second."""
        return Pusher(self.folder, f"[server]\nnode_name = \"{node}\"\n[export.remote_write]\n"
                                   f"interval = \"1s\"\nurl = \"{url}{path}\"\n")

    def expect_history(self, machine, viewer):
        """The other server tells of that machine's devices what the machine itself tells."""
        uuids = [one["uuid"] for one in machine.json("/api/v1/gpu/status")["devices"]]

        def series(server):
            told = server.json("/api/v1/gpu/history", device=uuids, step="1s", agg="last",
                               metric=["power", "memory_usage", "sm_clock", "device_healthy"],
                               **{"from": "60s"})
            self.assertEqual(told["step_ms"], 1000)
            return {(one["metric"], one["uuid"], at): value for one in told["series"]
                    for at, value in zip(one["times"], one["values"]) if value is not None}

        def alike():
            ours, theirs = series(machine), series(viewer)
            both = ours.keys() & theirs.keys()
            if len(both) < 5 * len(uuids) * 4:
                return None
            for key in both:
                self.assertAlmostEqual(ours[key], theirs[key], delta=1e-6 * abs(ours[key]) + 1e-3,
                                       msg=key)
            return both
        wait_for(alike, "the same history here and there")

    @unittest.skipUnless(shutil.which("victoria-metrics"), "victoria-metrics is not installed")
    def test_twenty_machines_in_victoria_metrics(self):
        url = f"http://127.0.0.1:{free_port()}"
        with victoria(self.folder, url), self.pusher(url, "node00") as machine, \
                self.viewer(url, "--config", self.own_interval()) as viewer:
            text = wait_for(lambda: machine.get("/metrics")[2], "a scrape")
            lines = "\n".join(copies(text, NODES - 1)) + "\n"
            request = urllib.request.Request(url + "/api/v1/import/prometheus",
                                             lines.encode(), method="POST")
            urllib.request.urlopen(request, timeout=30).close()
            fleet = wait_for(lambda: (lambda got: got["total_nodes"] == NODES and got)(
                viewer.json("/api/v1/gpu/fleet")), "all machines")
            check(fleet, "Fleet")
            self.expect_fleet(fleet, machine)
            self.expect_choices(viewer)
            self.expect_history(machine, viewer)
            self.expect_fleet_history(machine, viewer)
            system = viewer.json("/api/v1/system")
            check(system, "System")
            state = system["fleet"]
            self.assertEqual((state["url"], state["state"], state["problem"]), (url, "ok", None))
            self.assertIn("\ngpuvigil_fleet_up 1\n", viewer.get("/metrics")[2])

    def own_interval(self):
        """A configuration that says how often machines write."""
        path = f"{self.folder}/viewer.toml"
        with open(path, "w", encoding="utf-8") as config:
            config.write("[history]\nstore_resolution = \"1s\"\n")
        return path

    def expect_fleet(self, fleet, machine):
        status = machine.json("/api/v1/gpu/status")
        names = [node["node"] for node in fleet["nodes"]]
        self.assertEqual(names, [f"node{number:02}" for number in range(NODES)])
        self.assertEqual(fleet["total_devices"], NODES * len(status["devices"]))
        self.assertEqual((fleet["silent_nodes"], fleet["health"]["failed"]), (0, 1))
        self.assertEqual(fleet["nodes"][-1]["health"]["failed"], 1)
        version = machine.json("/version")["version"]
        self.assertEqual({node["version"] for node in fleet["nodes"]}, {version})
        drift, = fleet["drift"]
        self.assertEqual((drift["what"], drift["usual"]), ("driver_version", "535.5"))
        self.assertEqual(drift["others"], [{"version": "999.1",
                                            "nodes": ["node05", "node10", "node15"]}])
        self.assertEqual(fleet["nodes"][5]["drift"], ["driver_version"])
        own = fleet["nodes"][0]
        self.assertEqual([one["uuid"] for one in own["devices"]],
                         [one["uuid"] for one in status["devices"]])
        self.assertEqual(own["memory"]["total_mb"], status["memory"]["total_mb"])
        self.assertEqual(own["drift"], [])
        for device in own["devices"]:
            self.assertEqual(device["health"], "ok")
            self.assertIsNotNone(device["gpu_utilization"])

    def expect_choices(self, viewer):
        def names(**query):
            return [node["node"] for node in viewer.json("/api/v1/gpu/fleet", **query)["nodes"]]
        self.assertEqual(names(node="NODE1?", limit=2), ["node10", "node11"])
        self.assertEqual(names(sort_by="node", order="desc", limit=1), ["node19"])
        self.assertEqual(names(state="silent"), [])

        def refused(path, parameter, **query):
            status, _, body = viewer.get(path, **query)
            self.assertEqual(status, 400, body[:500])
            self.assertIn(parameter, [one["parameter"] for one in json.loads(body)["errors"]])
        refused("/api/v1/gpu/fleet", "limit", limit=0)
        refused("/api/v1/gpu/fleet", "sort_by", sort_by="name")
        refused("/api/v1/gpu/fleet", "state", state="up")
        refused("/api/v1/gpu/fleet", "nodes", nodes="x")
        history = "/api/v1/gpu/fleet/history"
        refused(history, "metric")
        refused(history, "metric", metric="gpu_utilisation")
        refused(history, "from", metric="power", **{"from": "yesterday"})
        refused(history, "from", metric="power", **{"from": "1m", "to": "1h"})
        refused(history, "step", metric="power", step="0s")
        refused(history, "step", metric="power", step="500ms")
        refused(history, "step", metric="power", step="1s", **{"from": "1970-01-01T00:00:00Z"})
        refused(history, "by", metric="power", by="rack")
        refused(history, "device", metric="power", device="0")
        # What would be too much in all is refused as soon as that is known, and quickly.
        began = time.monotonic()
        refused("/api/v1/gpu/fleet/history", "step", metric=["power", "temperature"], step="1s",
                **{"from": "27h"})
        self.assertLess(time.monotonic() - began, 30)

    def expect_fleet_history(self, machine, viewer):
        told = viewer.json("/api/v1/gpu/fleet/history", metric=["memory_usage", "power"],
                           node="node00", step="5s", **{"from": "1m"})
        self.assertEqual([(one["metric"], one["node"], one["over_devices"])
                          for one in told["series"]],
                         [("memory_usage", "node00", "avg"), ("power", "node00", "sum")])
        percent = machine.json("/api/v1/gpu/status")["memory"]["percent"]
        newest = [value for value in told["series"][0]["values"] if value is not None][-1]
        self.assertAlmostEqual(newest, percent, delta=25)
        check(told, "FleetHistory")
        every = viewer.json("/api/v1/gpu/fleet/history", metric="temperature", by="fleet",
                            step="1m", **{"from": "10m"})
        self.assertEqual([one["node"] for one in every["series"]], [None])
        nodes = viewer.json("/api/v1/gpu/fleet/history", metric="temperature", step="1m",
                            **{"from": "10m"})
        self.assertEqual(len(nodes["series"]), NODES)

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_prometheus_answers_and_what_is_away_is_said(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with self.viewer(url, "--config", self.own_interval()) as viewer:
            status, headers, body = viewer.get("/api/v1/gpu/fleet")
            self.assertEqual((status, headers["Retry-After"]), (503, "1"))
            self.assertIn(str(port), body)
            status, _, _ = viewer.get("/api/v1/gpu/history", metric="power")
            self.assertEqual(status, 503)
            self.assertEqual(viewer.json("/api/v1/system")["fleet"]["state"], "failing")
            with Prometheus("global: {}\n", "--web.enable-remote-write-receiver", port=port), \
                    self.pusher(url, "lone") as machine:
                fleet = wait_for(lambda: (lambda got: got["total_nodes"] == 1 and got)(
                    viewer.json("/api/v1/gpu/fleet")), "the machine")
                self.assertEqual(fleet["nodes"][0]["node"], "lone")
                self.expect_history(machine, viewer)
                trend = viewer.json("/api/v1/gpu/history", metric="power", trend="true",
                                    device=[one["uuid"] for one in
                                            machine.json("/api/v1/gpu/status")["devices"]],
                                    step="1s", **{"from": "30s"})
                self.assertEqual({one["availability_ratio"] for one in trend["availability"]},
                                 {1.0})

    @unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
    def test_ten_minutes_without_the_server_lose_nothing(self):
        """Ten minutes at an interval of 15 s are 40 batches: that many wait, also over a restart of
        the machine that writes them, and then all are there, in order."""
        batches = 40
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with self.pusher(url, "lone") as machine:
            wait_for(lambda: machine.export()["batches_waiting"] >= batches / 2, "half to wait")
            first = machine.json("/api/v1/gpu/status")["timestamp"]
            machine.stop()
        with self.pusher(url, "lone") as machine:
            state = wait_for(lambda: machine.export()["batches_waiting"] >= batches and
                             machine.export(), "all to wait")
            self.assertEqual(state["samples_sent_total"], 0)
            with Prometheus("global: {}\n", "--web.enable-remote-write-receiver",
                            port=port) as prometheus:
                state = wait_for(lambda: machine.export()["batches_waiting"] == 0 and
                                 machine.export(), "all to be sent", patience=120)
                self.assertEqual((state["batches_dropped_total"], state["samples_refused_total"]),
                                 (0, 0))
                told = prometheus.query("gpuvigil_frame_timestamp_seconds[15m]")
                edges = [float(value) for _, series in told for _, value in series]
                self.assertGreaterEqual(len(edges), batches)
                self.assertEqual(edges, sorted(set(edges)))
                restarts = [after - before for before, after in zip(edges, edges[1:])
                            if after - before > 1.6]
                self.assertLessEqual(len(restarts), 1, (first, edges))

    def test_mistakes_are_told_at_the_start(self):
        def refused(*words, section="", args=()):
            with open(f"{self.folder}/bad.toml", "w", encoding="utf-8") as config:
                config.write(section)
            code, _, err = run("serve", "--demo", "--listen", "127.0.0.1:0", "--socket", "off",
                               "--config", f"{self.folder}/bad.toml",
                               "--state-dir", f"{self.folder}/state", *args)
            self.assertNotEqual(code, 0)
            for word in words:
                self.assertIn(word, err)
        refused("history.store", "prometheus:", section="[history]\nstore = \"http://x\"\n")
        refused("history.store", "http", section="[history]\nstore = \"prometheus:ftp://x\"\n")
        refused("history.store", "?", section="[history]\nstore = \"prometheus:http://x/?a=b\"\n")
        refused("--store", "prometheus:", args=("--store", "sqlite:x"))
        refused("history.store_token_file", "/nowhere", section=(
            "[history]\nstore = \"prometheus:http://x\"\nstore_token_file = \"/nowhere\"\n"))
        with Server("--demo", "--state-dir", f"{self.folder}/state") as server:
            status, _, body = server.get("/api/v1/gpu/fleet")
            self.assertEqual(status, 503)
            self.assertIn("history.store", body)
            self.assertIsNone(server.json("/api/v1/system")["fleet"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
