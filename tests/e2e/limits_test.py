# SPDX-License-Identifier: Apache-2.0
"""Too few descriptors: who comes too late is sent away, who is in is served, and it passes."""
import contextlib
import os
import resource
import socket
import unittest

from harness import PATIENCE, SANITIZED, Server, run, wait_for

DESCRIPTORS = 64


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


@unittest.skipIf(SANITIZED, "UBSan needs descriptors of its own to look at objects")
class DescriptorTest(unittest.TestCase):
    def ask(self, connection):
        """The seq of a status over a connection that stays."""
        connection.sendall(b"GET /api/v1/gpu/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive(connection)
        head, body = data.split(b"\r\n\r\n", 1)
        self.assertIn(b" 200 ", head.splitlines()[0])
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.receive(connection)
        return int(body.split(b'"seq":')[1].split(b",")[0])

    def receive(self, connection):
        data = connection.recv(65536)
        self.assertTrue(data, "the connection was closed")
        return data

    def test_out_of_descriptors_it_sheds_goes_on_sampling_and_recovers(self):
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(Server("--demo", preexec_fn=few_descriptors))

            def connect():
                made = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
                return stack.enter_context(made)

            resident = connect()
            before = self.ask(resident)
            at_rest = server.descriptors()
            crowd = [connect() for _ in range(3 * DESCRIPTORS)]
            # The last to come was sent away: it reads an end or a reset, and does not wait.
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(crowd[-1].recv(1), b"")
            self.assertLessEqual(server.descriptors(), DESCRIPTORS)
            wait_for(lambda: self.ask(resident) >= before + 3, "frames")

            for connection in crowd:
                connection.close()
            wait_for(lambda: server.descriptors() <= at_rest, "descriptors to come back")
            self.assertEqual(server.get("/healthz")[0], 200)
            self.assertEqual(server.stop(), 0)


class PermissionTest(unittest.TestCase):
    def test_what_it_makes_is_its_owners_alone(self):
        before = os.umask(0)
        try:
            with Server("--demo") as server:
                with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
                    mask = [line.split()[1] for line in status if line.startswith("Umask:")]
                self.assertEqual(mask, ["0077"])
        finally:
            os.umask(before)

    def test_a_configuration_that_others_may_write_starts_nothing(self):
        path = os.path.join(os.environ.get("TMPDIR", "/var/tmp"), f"gpuvigil-{os.getpid()}.toml")
        self.addCleanup(os.unlink, path)
        with open(path, "w", encoding="ascii") as file:
            file.write("[demo]\nseed = 2\n")
        for mode in (0o666, 0o620):
            os.chmod(path, mode)
            for args in (("serve", "--listen", "127.0.0.1:0", "--config", path),
                         ("config", "validate", path)):
                code, _, err = run(*args)
                self.assertEqual(code, 4, err)
                self.assertIn(f"chmod go-w '{path}'", err)
        os.chmod(path, 0o640)
        self.assertEqual(run("config", "validate", path)[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
