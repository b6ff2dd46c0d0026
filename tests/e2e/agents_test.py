#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that report themselves to a running server, as both are run."""
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from harness import Server, run, wait_for

PROBE = os.environ["GPUVIGIL_PROBE"]
CONNECTED, OFF = 0, 3


class Probe:
    """A running probe: records some, says how it stands, and again for each line it gets."""

    def __init__(self, path, count, name="probe", program=PROBE, **popen):
        env = {"GPUVIGIL_SOCKET": str(path), "PATH": os.environ["PATH"]}
        self.process = subprocess.Popen([program, str(count), name], text=True, env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **popen)

    def said(self):
        """(what gpuvigil_flush() returned, the state, why)."""
        flushed, state, why = self.process.stdout.readline().rstrip("\n").split(" ", 2)
        return int(flushed), int(state), why

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.said()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class AgentsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gpuvigil."))
        self.path = self.folder / "sockets" / "agent.sock"
        self.addCleanup(shutil.rmtree, self.folder)

    def server(self, *args):
        return Server("--socket", str(self.path), *args)

    def expect_calls(self, server, calls, name="probe"):
        def found():
            rows = server.json("/api/v1/gpu/kernels", name=name)["kernels"]
            total = sum(row["total_calls"] for row in rows)
            self.assertLessEqual(total, calls)
            return total == calls
        wait_for(found, f"{calls} calls of {name}")

    def test_a_c_program_is_seen_with_its_device(self):
        with self.server() as server, Probe(self.path, 1234) as probe:
            self.assertEqual(probe.said(), (0, CONNECTED, "connected"))
            self.expect_calls(server, 1234)
            row = server.json("/api/v1/gpu/kernels", name="probe")["kernels"][0]
            self.assertEqual(row["avg_time_ms"], 0.001)
            self.assertEqual(row["min_time_ms"], 0.001)
            device = server.json("/api/v1/gpu/status")["devices"][row["devices"][0]]
            self.assertEqual((device["uuid"], device["source"]), ("SDK-0", "sdk"))
            self.assertTrue(any("agents.attached" in line for line in server.log))

    def test_a_server_that_is_killed_is_followed_by_one_that_counts_on(self):
        with self.server() as first, Probe(self.path, 100) as probe:
            self.assertEqual(probe.said()[0], 0)
            self.expect_calls(first, 100)
            first.stop(signal.SIGKILL)
            with self.server() as second:  # takes the place of the dead one's socket
                self.assertEqual(probe.go_on()[0], 0)
                self.expect_calls(second, 100)
                self.assertEqual(probe.go_on()[0], 0)
                self.expect_calls(second, 200)

    def test_a_program_waits_for_its_server(self):
        with Probe(self.path, 50) as probe:
            with self.server() as server:
                self.assertEqual(probe.said()[0], 0)
                self.expect_calls(server, 50)

    def test_programs_that_are_killed_leave_nothing(self):
        with self.server() as server:
            for _ in range(20):
                with Probe(self.path, 10, "killed") as probe:
                    self.assertEqual(probe.said()[0], 0)
                    probe.process.kill()
            self.expect_calls(server, 200, "killed")
            fds = pathlib.Path(f"/proc/{server.process.pid}/fd")
            maps = pathlib.Path(f"/proc/{server.process.pid}/maps")
            wait_for(lambda: "memfd:gpuvigil" not in maps.read_text(), "maps to go")
            self.assertLess(len(list(fds.iterdir())), 40)
            self.assertEqual(server.stop(), 0)
            self.assertFalse(self.path.exists())

    def test_anybody_may_connect_where_only_the_owner_may_write(self):
        with self.server():
            self.assertEqual(stat.S_IMODE(self.path.lstat().st_mode), 0o666)
            self.assertEqual(stat.S_IMODE(self.path.parent.lstat().st_mode), 0o755)

    def test_a_place_that_cannot_be_had_is_a_warning(self):
        with self.server(), Server("--socket", str(self.path)) as second:
            wait_for(lambda: any("agents.unavailable" in line for line in second.log), "a warning")
            line = next(line for line in second.log if "agents.unavailable" in line)
            self.assertIn("another gpuvigil listens", line)
            self.assertEqual(second.get("/healthz")[0], 200)

    def test_strangers_are_refused_in_one_line(self):
        with self.server() as server:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
                stranger.connect(str(self.path))
                stranger.send(b"agents.attached pid=1\n\x1b[31m")
                stranger.recv(200)
            wait_for(lambda: any("agents.refused" in line for line in server.log), "a refusal")
            line = next(line for line in server.log if "agents.refused" in line)
            self.assertIn(f"pid={os.getpid()}", line)

    def test_the_socket_is_a_matter_of_the_live_machine(self):
        code, _, errors = run("serve", "--socket", "/nowhere", "--replay", "x")
        self.assertEqual(code, 2)
        self.assertIn("--socket and --replay exclude each other", errors)
        code, _, errors = run("serve", "--config", str(self.config("socket = \"agent.sock\"")))
        self.assertEqual(code, 2)
        self.assertIn("absolute path", errors)

    def config(self, text):
        path = self.folder / "config.toml"
        path.write_text(f"[server]\n{text}\n")
        return path

    def test_set_user_id_programs_report_nothing(self):
        if os.geteuid() != 0:
            self.skipTest("NOT TESTED: set-user-ID programs need root to be made")
        guest = self.folder / "guest"
        shutil.copy(PROBE, guest)
        os.chown(guest, 65534, 65534)
        guest.chmod(0o4755)
        self.folder.chmod(0o755)
        with self.server() as server:
            with Probe(self.path, 5, program=str(guest)) as probe:
                self.assertEqual(probe.said(), (-1, OFF, "this program is set-user-ID"))
            server.get("/healthz")
            self.assertFalse(any("agents." in line for line in server.log[2:]), server.log)


if __name__ == "__main__":
    unittest.main()
