# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes against the program: its configuration is taken, its probes are answered as a
kubelet asks, and what is mounted is where the program looks."""
import http.client
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, ROOT, run, wait_for
from metrics_test import free_port

try:
    import yaml
except ImportError as missing:  # tools/bootstrap test installs it
    print(f"skipped: {missing.name} is not installed; tools/bootstrap test installs it")
    sys.exit(77)

FILE = ROOT / "deploy/kubernetes/daemonset.yaml"


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        self.objects = {one["kind"]: one for one in yaml.safe_load_all(FILE.read_text())}
        self.pod = self.objects["DaemonSet"]["spec"]["template"]["spec"]
        self.container, = self.pod["containers"]
        self.config = self.objects["ConfigMap"]["data"]["config.toml"]
        self.port = {one["name"]: one["containerPort"] for one in self.container["ports"]}["http"]

    def test_its_parts_belong_together(self):
        self.assertEqual(set(self.objects), {"Namespace", "ConfigMap", "DaemonSet", "Service"})
        space = self.objects["Namespace"]["metadata"]["name"]
        for kind in ("ConfigMap", "DaemonSet", "Service"):
            self.assertEqual(self.objects[kind]["metadata"]["namespace"], space, kind)
        spec = self.objects["DaemonSet"]["spec"]
        labels = spec["template"]["metadata"]["labels"]
        self.assertEqual(spec["selector"]["matchLabels"], labels)
        self.assertEqual(self.objects["Service"]["spec"]["selector"], labels)
        port, = self.objects["Service"]["spec"]["ports"]
        self.assertEqual((port["port"], port["targetPort"]), (self.port, "http"))
        volumes = {one["name"]: one for one in self.pod["volumes"]}
        mounts = {one["name"]: one for one in self.container["volumeMounts"]}
        self.assertEqual(volumes.keys(), mounts.keys())
        self.assertEqual(volumes["config"]["configMap"]["name"],
                         self.objects["ConfigMap"]["metadata"]["name"])
        # A file that others may write would be refused.
        self.assertEqual(volumes["config"]["configMap"]["defaultMode"] & 0o022, 0)

    def test_what_is_mounted_is_where_the_program_looks(self):
        mounts = {one["name"]: one["mountPath"] for one in self.container["volumeMounts"]}
        self.assertEqual(self.argument("--config"), mounts["config"])
        self.assertIn(f'state_directory = "{mounts["state"]}"', self.config)
        self.assertRegex(self.config, rf'socket = "{mounts["socket"]}/[^/"]+"')
        self.assertIn(f'listen = "0.0.0.0:{self.port}"', self.config)
        env = {one["name"]: one for one in self.container["env"]}
        self.assertEqual(self.argument("--node-name"), "$(NODE_NAME)")
        self.assertEqual(env["NODE_NAME"]["valueFrom"]["fieldRef"]["fieldPath"], "spec.nodeName")
        drain = int(re.search(r'drain = "(\d+)s"', self.config)[1])
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], drain)

    def argument(self, name):
        args = self.container["args"]
        return args[args.index(name) + 1]

    def test_the_program_takes_it_and_answers_the_probes(self):
        with tempfile.TemporaryDirectory(prefix="gpuvigil-kubernetes-") as folder:
            port = free_port()
            config = self.config.replace(f":{self.port}\"", f":{port}\"")
            config = re.sub(r'"(/run|/var/lib)/gpuvigil', f'"{folder}', config)
            path = pathlib.Path(folder) / "config.toml"
            path.write_text(config)
            path.chmod(0o444)
            code, out, err = run("config", "validate", str(path))
            self.assertEqual(code, 0, out + err)
            args = [str(path) if one == self.argument("--config") else
                    one.replace("$(NODE_NAME)", "worker-1") for one in self.container["args"]]
            with open(f"{folder}/log", "w", encoding="utf-8") as log:
                process = subprocess.Popen([PROGRAM, *args, "--demo"], stderr=log,
                                           stdout=subprocess.DEVNULL)
            try:
                for name in ("startupProbe", "readinessProbe", "livenessProbe"):
                    wait_for(lambda name=name: self.probe(name, port) == 200, name)
            finally:
                process.terminate()
                code = process.wait(timeout=self.pod["terminationGracePeriodSeconds"])
            self.assertEqual(code, 0, pathlib.Path(f"{folder}/log").read_text())

    def probe(self, name, port):
        """The status of what a kubelet asks for; nothing while nobody listens."""
        get = self.container[name]["httpGet"]
        self.assertEqual(get["port"], "http")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", get["path"],
                               headers={one["name"]: one["value"] for one in get["httpHeaders"]})
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
