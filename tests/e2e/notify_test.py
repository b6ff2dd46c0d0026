# SPDX-License-Identifier: Apache-2.0
"""What the program tells the service manager that started it, on a real socket of the kind."""
import os
import signal
import socket
import tempfile
import time
import unittest

from harness import Server, wait_for

WATCHDOG_SECONDS = 2.0


class Manager:
    """A service manager's end: collects datagrams with the time of their arrival."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.setblocking(False)
        self.messages = []

    def collect(self):
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.messages
            self.messages.append((time.monotonic(), text.splitlines()))

    def count(self, line):
        return sum(line in lines for _, lines in self.collect())

    def wait(self, line, times=1):
        wait_for(lambda: self.count(line) >= times, f"{times} {line}")

    def environment(self, **more):
        return {"NOTIFY_SOCKET": self.name, **more}

    def watching(self):
        # WATCHDOG_PID is left out: the number of the process is not known before it runs.
        return self.environment(WATCHDOG_USEC=str(int(WATCHDOG_SECONDS * 1e6)))


class NotifyTest(unittest.TestCase):
    def manager(self, name=None):
        if name is None:
            scratch = tempfile.TemporaryDirectory()
            self.addCleanup(scratch.cleanup)
            name = os.path.join(scratch.name, "notify")
        manager = Manager(name)
        self.addCleanup(manager.socket.close)
        return manager

    def test_ready_comes_when_it_listens_and_stopping_when_it_drains(self):
        for name in (None, f"@gpuvigil-notify-test-{os.getpid()}"):
            manager = self.manager(name)
            with Server("--demo", env=manager.environment()) as server:
                manager.wait("READY=1")
                self.assertEqual(server.get("/readyz")[0], 200)
                lines = manager.messages[0][1]
                self.assertEqual(lines, ["READY=1", f"STATUS=Serving {server.url} from demo"])
                self.assertEqual(server.stop(), 0)
            self.assertEqual(manager.count("STOPPING=1"), 1)
            self.assertEqual(len(manager.messages), 2, manager.messages)

    def test_the_watchdog_is_told_while_all_is_well_and_no_more_when_stopped(self):
        manager = self.manager()
        with Server("--demo", env=manager.watching()) as server:
            manager.wait("WATCHDOG=1", 4)
            times = [at for at, lines in manager.messages if "WATCHDOG=1" in lines]
            for earlier, later in zip(times, times[1:]):
                self.assertLess(later - earlier, WATCHDOG_SECONDS)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)  # what is under way arrives
            told = manager.count("WATCHDOG=1")
            time.sleep(1.5 * WATCHDOG_SECONDS)
            self.assertEqual(manager.count("WATCHDOG=1"), told)
            server.process.send_signal(signal.SIGCONT)
            manager.wait("WATCHDOG=1", told + 1)
            self.assertEqual(server.stop(), 0)

    def test_a_slow_replay_is_alive_though_its_frames_are_far_apart(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"traceEvents":[{"ph":"X","cat":"kernel","name":"k","ts":1,"dur":9e6,'
                       '"args":{"device":0}}]}')
            file.flush()
            manager = self.manager()
            with Server("--replay", file.name, "--speed", "0.01", env=manager.watching()) as server:
                manager.wait("WATCHDOG=1", 2)
                self.assertEqual(server.stop(), 0)

    def test_a_manager_that_is_not_there_is_told_and_ends_nothing(self):
        with Server("--demo", env={"NOTIFY_SOCKET": "/nonexistent/notify"}) as server:
            self.assertEqual(server.get("/readyz")[0], 200)
            self.assertEqual(server.stop(), 0)
        self.assertTrue([line for line in server.log if "service.manager_unreachable" in line])


if __name__ == "__main__":
    unittest.main(verbosity=2)
