#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who holds a device, as a kubelet says it: a real gRPC server stands where its socket is."""
import contextlib
import pathlib
import shutil
import sys
import tempfile
import unittest
from concurrent import futures

from harness import Server, wait_for

try:
    import grpc
except ImportError:
    grpc = None


def field(number, data):
    """One field of a protobuf message that is a text or a message."""
    size = len(data)
    head = bytes([number << 3 | 2])
    while size > 127:
        head += bytes([size & 127 | 128])
        size >>= 7
    return head + bytes([size]) + data


def pod(name, *device_ids):
    devices = field(1, b"nvidia.com/gpu") + b"".join(field(2, d.encode()) for d in device_ids)
    container = field(1, b"main") + field(2, devices)
    return field(1, field(1, name.encode()) + field(2, b"team-a") + field(3, container))


@unittest.skipUnless(grpc, "SKIPPED: python3-grpcio is not installed")
class KubeletTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = self.folder / "kubelet.sock"
        self.config = self.folder / "gpuvigil.toml"
        self.config.write_text(f'[kubernetes]\npod_resources = "{self.socket}"\n')

    @contextlib.contextmanager
    def kubelet(self, answer):
        """`answer` gets the context of the call and gives the bytes."""
        server = grpc.server(futures.ThreadPoolExecutor(2))
        method = grpc.unary_unary_rpc_method_handler(lambda _, context: answer(context))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "v1.PodResourcesLister", {"List": method}),))
        server.add_insecure_port(f"unix:{self.socket}")
        server.start()
        try:
            yield
        finally:
            server.stop(None).wait()

    def pods(self, server):
        return [device["pods"] for device in server.json("/api/v1/gpu/devices")["devices"]]

    def test_devices_name_the_containers_that_hold_them(self):
        with Server("--demo", "--config", str(self.config)) as server:
            self.assertEqual(self.pods(server), [None] * 4)
            uuids = [d["uuid"] for d in server.json("/api/v1/gpu/devices")["devices"]]
            many = b"".join(pod(f"idle-{n}", f"GPU-none-{n}") for n in range(2000))
            said = many + pod("train-0", uuids[0], uuids[1] + "::0")
            said += pod("serve", uuids[1] + "::1")
            with self.kubelet(lambda _: said):
                def of(name):
                    return {"namespace": "team-a", "name": name, "container": "main",
                            "resource": "nvidia.com/gpu"}
                want = [[of("train-0")], [of("train-0"), of("serve")], [], []]
                wait_for(lambda: self.pods(server) == want, "the kubelet to be asked")
            wait_for(lambda: self.pods(server) == [None] * 4, "its end to be noticed")
            self.assertEqual(server.stop(), 0)

    def test_one_that_refuses_or_says_nonsense_is_told_once_and_harms_nobody(self):
        def refuse(context):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not\x1byou")
        for answer in (refuse, lambda _: b"\x0b\xff", lambda _: b"\x0a\x7fx"):
            with self.kubelet(answer), Server("--demo", "--config", str(self.config)) as server:
                wait_for(lambda: "kubelet.silent" in "".join(server.log), "it to be told")
                self.assertEqual(self.pods(server), [None] * 4)
                self.assertEqual(server.stop(), 0)
                self.assertEqual("".join(server.log).count("kubelet.silent"), 1)
                self.assertNotIn("\x1b", "".join(server.log))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
