#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpuvigil top on a real terminal, which tmux is: what is drawn at every size, what keys do, and
that the terminal is given back whatever ends the program."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, Server, run, wait_for

SIZES = ((80, 24), (120, 40), (200, 60))
HOSTILE = "\x1b]0;owned\x07\x1b[2Jk\u0301\u202eernel\u6838\U0001f680\r\n"
EVENTS = {"traceEvents": [
    {"ph": "X", "cat": "kernel", "name": name, "ts": 1000 * i, "dur": 400 + 10 * i,
     "args": {"device": i % 2}}
    for i, name in enumerate(["sgemm_128x128", "softmax", HOSTILE] * 300)]}


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, test, columns=80, rows=24, **environment):
        self.folder = tempfile.mkdtemp(prefix="gpuvigil.")
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.socket = os.path.join(self.folder, "tmux")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "env PS1='ready> ' LANG=C.UTF-8 LC_ALL=C.UTF-8 " +
                  " ".join(f"{name}={value}" for name, value in environment.items()) +
                  " bash --norc --noprofile")
        test.addCleanup(self.tmux, "kill-server", check=False)
        self.tmux("set", "-g", "window-size", "manual")
        self.wait("ready>")

    def tmux(self, *args, check=True):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, *args], capture_output=True,
                              timeout=60, check=check, env={**os.environ, "LC_ALL": "C.UTF-8"})
        return done.stdout.decode(errors="replace")

    def lines(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def screen(self):
        return "\n".join(self.lines())

    def wait(self, text, patience=60):
        """Waits until a text is on the screen, and gives the screen."""
        try:
            return wait_for(lambda: (lambda s: s if re.search(text, s) else None)(self.screen()),
                            text, patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.keys("Enter")

    def raw(self, data):
        self.tmux("send-keys", "-H", *(f"{byte:02x}" for byte in data))

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def state(self):
        """Whether the other screen is shown and whether there is a cursor."""
        return self.tmux("display", "-p", "#{alternate_on} #{cursor_flag}").split()

    def settings(self):
        """What stty says, word for word."""
        path = pathlib.Path(self.folder, "stty")
        path.unlink(missing_ok=True)
        self.type(f"stty -g > {path}.new; mv {path}.new {path}")
        wait_for(path.exists, "stty")
        return path.read_text()

    def top(self, *args):
        """Starts top; gives its pid once it draws."""
        pid = pathlib.Path(self.folder, "pid")
        pid.unlink(missing_ok=True)
        code = pathlib.Path(self.folder, "code")
        code.unlink(missing_ok=True)
        self.type(f"clear; sh -c 'echo $$ > {pid}; exec {PROGRAM} top {' '.join(args)}'"
                  f"; echo $? > {code}.new; mv {code}.new {code}")
        self.wait("KERNELS")
        return int(pid.read_text())

    def code(self):
        path = pathlib.Path(self.folder, "code")
        wait_for(path.exists, "top to end")
        return int(path.read_text())


class TopTest(unittest.TestCase):
    def expect_given_back(self, terminal, settings):
        wait_for(lambda: terminal.state() == ["0", "1"], "the screen and the cursor to come back")
        self.assertEqual(terminal.settings(), settings)

    def expect_whole(self, screen, columns, rows):
        lines = screen.split("\n")
        self.assertEqual(len(lines), rows, screen)
        self.assertTrue(lines[0].startswith(" gpuvigil"), screen)
        self.assertIn("UTC", lines[0])
        self.assertIn("? help", lines[-1])
        self.assertLessEqual(max(map(len, lines)), columns, screen)
        for title in ("GPU", "BUSY", "MEMORY", "KERNELS", "p95", "PROCESSES"):
            self.assertIn(title, screen)

    def recording(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        path = os.path.join(scratch.name, "trace.json")
        pathlib.Path(path).write_text(json.dumps(EVENTS))
        return path

    def test_three_sizes_resizing_and_garbage_keys(self):
        with Server("--demo", "--auth", "off") as server:
            terminal = Terminal(self)
            settings = terminal.settings()
            terminal.top("--server", server.url)
            for columns, rows in (*SIZES, (60, 15), (20, 5), *SIZES):
                terminal.resize(columns, rows)
                if columns < 40:
                    terminal.wait("^needs 40x8")
                    continue
                wait_for(lambda: len(terminal.lines()) == rows and
                         "? help" in terminal.lines()[-1], "the size")
                if rows >= 24:
                    self.expect_whole(terminal.wait("ncclDevKernel"), columns, rows)
            dice = random.Random(7)
            for _ in range(40):
                noise = bytes(dice.randrange(256) for _ in range(100))
                # Anything but the keys that end or stop it.
                terminal.raw(noise.translate(None, b"qQ\x03\x1a"))
                columns, rows = dice.choice(SIZES)
                terminal.resize(columns, rows)
            terminal.resize(80, 24)
            for _ in range(3):
                terminal.keys("Escape")
                terminal.wait(".")
            terminal.keys("q")
            self.assertEqual(terminal.code(), 0)
            self.expect_given_back(terminal, settings)

    def test_keys_do_what_the_help_says(self):
        with Server("--demo", "--auth", "off") as server:
            terminal = Terminal(self, 120, 40)
            terminal.top("--server", server.url)
            terminal.wait("● live")
            terminal.keys("?")
            terminal.wait("KEYS")
            terminal.keys("Escape")
            terminal.keys("s")
            terminal.wait("sort calls")
            terminal.keys("w")
            terminal.wait("window 1m")
            terminal.keys("/")
            terminal.keys("-l", "nccl")
            terminal.wait("filter kernels: nccl")
            terminal.keys("Enter")
            screen = terminal.wait("filter: nccl.* 1 kernels")
            self.assertNotIn("xmma_gemm", screen)
            terminal.keys("Enter")
            terminal.wait("How long it took")
            terminal.keys("Escape")
            terminal.keys("2")
            terminal.wait("filter: nccl  GPU 2")
            terminal.keys("Escape")
            terminal.wait("xmma_gemm")
            terminal.keys("f")
            terminal.wait("Δ since")
            terminal.keys("Space")
            terminal.wait(r"‖ paused ([2-9]|\d\d)")
            terminal.keys("Space")
            terminal.wait("● live")
            terminal.keys("c")
            terminal.wait("4 devices  busy")
            terminal.keys("c")
            terminal.keys("BTab")
            terminal.keys("Enter")
            terminal.wait("GPU 0 .*DEMO-")
            terminal.keys("q")
            self.assertEqual(terminal.code(), 0)

    def test_the_terminal_is_given_back_whatever_ends_it(self):
        with Server("--demo", "--auth", "off") as server:
            terminal = Terminal(self)
            settings = terminal.settings()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT,
                           signal.SIGABRT, signal.SIGSEGV):
                pid = terminal.top("--server", server.url)
                self.assertEqual(terminal.state(), ["1", "0"])
                os.kill(pid, number)
                self.assertEqual(terminal.code(), 128 + number)
                self.expect_given_back(terminal, settings)
            terminal.top("--server", server.url)
            terminal.keys("C-c")
            self.assertEqual(terminal.code(), 0)
            self.expect_given_back(terminal, settings)

    def test_it_stops_and_goes_on(self):
        with Server("--demo", "--auth", "off") as server:
            terminal = Terminal(self)
            settings = terminal.settings()
            terminal.type(f"{PROGRAM} top --server {server.url}")
            terminal.wait("KERNELS")
            terminal.keys("C-z")
            terminal.wait("Stopped")
            self.expect_given_back(terminal, settings)
            terminal.resize(120, 40)
            terminal.type("fg")
            self.expect_whole(terminal.wait("ncclDevKernel"), 120, 40)
            terminal.keys("q")
            self.expect_given_back(terminal, settings)

    def test_a_server_that_goes_away_is_told_and_its_return_is_seen(self):
        server = Server("--demo", "--auth", "off")
        terminal = Terminal(self)
        terminal.top("--server", server.url, "--interval-ms", "200")
        terminal.wait("● live(.|\n)*ncclDevKernel")
        server.stop(signal.SIGKILL)
        screen = terminal.wait("▲ stale")
        self.assertIn("cannot connect", screen)
        self.assertIn("ncclDevKernel", screen)  # what was known is still there
        with Server("--demo", "--auth", "off", listen=f"127.0.0.1:{server.port}"):
            terminal.wait("● live")
            terminal.keys("q")
            self.assertEqual(terminal.code(), 0)

    def test_recordings_and_the_demo_without_a_server(self):
        terminal = Terminal(self, 100, 30)
        terminal.top("--trace", self.recording())
        screen = terminal.wait("recording ended")
        for want in ("sgemm_128x128", "softmax", "window total", "trace.json"):
            self.assertIn(want, screen)
        terminal.keys("q")
        self.assertEqual(terminal.code(), 0)
        terminal.top("--demo")
        terminal.wait("DEMO: simulated machine(.|\n)*ncclDevKernel")
        terminal.keys("q")
        self.assertEqual(terminal.code(), 0)

    def test_hostile_names_do_nothing(self):
        terminal = Terminal(self, 100, 30)
        title = terminal.tmux("display", "-p", "#{pane_title}")
        terminal.top("--trace", self.recording())
        screen = terminal.wait("recording ended")
        self.assertIn("\ufffd]0;owned\ufffd\ufffd[2Jk\ufffd\ufffdernel\u6838\ufffd", screen)
        self.assertTrue(screen.startswith(" gpuvigil"), screen)
        self.assertEqual(terminal.tmux("display", "-p", "#{pane_title}"), title)
        terminal.keys("q")
        self.assertEqual(terminal.code(), 0)

    def test_ascii_and_mono(self):
        with Server("--demo", "--auth", "off") as server:
            terminal = Terminal(self)
            terminal.top("--server", server.url, "--ascii", "--color", "never")
            screen = terminal.wait("\\* live")
            self.assertTrue(screen.isascii(), screen)
            colours = terminal.tmux("capture-pane", "-e", "-p")
            self.assertNotRegex(colours, r"\x1b\[[0-9;]*(3[0-8]|9[0-7])[;m]")
            terminal.keys("q")
            self.assertEqual(terminal.code(), 0)


class TextTest(unittest.TestCase):
    def test_where_no_terminal_is_it_prints_once(self):
        with Server("--demo", "--auth", "off") as server:
            wait_for(lambda: server.json("/api/v1/gpu/kernels")["kernels"], "kernels")
            for args in ((), ("--once",)):
                code, out, err = run("top", "--server", server.url, *args, env={"COLUMNS": "100"})
                self.assertEqual((code, err), (0, ""))
                self.assertIn("KERNELS", out)
                self.assertLessEqual(max(map(len, out.splitlines())), 100)
                self.assertNotIn("\x1b", out)
            code, out, _ = run("top", "--server", server.url, "--json", "--count", "2",
                               "--interval-ms", "200")
            self.assertEqual(code, 0)
            answers = [json.loads(line) for line in out.splitlines()]
            self.assertEqual(len(answers), 2)
            self.assertEqual(len(answers[0]["devices"]["devices"]), 4)
            self.assertEqual(set(answers[1]),
                             {"devices", "kernels", "processes", "alerts", "events"})
            done = subprocess.run(["bash", "-c", f"{PROGRAM} top --server {server.url} --json "
                                   "--interval-ms 200 | head -1 | wc -l"], capture_output=True,
                                  timeout=60)
            self.assertEqual((done.stdout.strip(), done.stderr), (b"1", b""))

    def test_the_demo_and_recordings_need_no_server(self):
        code, out, err = run("top", "--demo", "--once")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("flash_fwd_kernel", out)  # others may not have run in the first second
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t.json")
            pathlib.Path(path).write_text(json.dumps(EVENTS))
            code, out, err = run("top", "--trace", path, env={"LANG": "C", "LC_ALL": "C"})
            self.assertEqual((code, err), (0, ""))
            self.assertIn("sgemm_128x128", out)
            self.assertTrue(out.isascii(), out)
        self.assertEqual(run("top", "--trace", "/nonexistent.json")[0], 5)

    def test_wrong_options_and_no_server(self):
        for args in (("--demo", "--trace", "x"), ("--loop",), ("--count", "2"),
                     ("--interval-ms", "1"), ("--color", "pink")):
            self.assertEqual(run("top", *args)[0], 2, args)
        code, out, err = run("top", "--server", "http://127.0.0.1:9")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("gpuvigil serve", err)

    def test_a_token_is_sent_and_a_wrong_one_refused(self):
        with Server("--demo", "--auth", "token") as server, \
                tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "token")
            path.touch(mode=0o600)
            made = run("token", "create", "--scope", "read", "--json")[1]
            path.write_text(json.loads(made)["token"])
            asked = ("top", "--server", server.url, "--token-file", str(path))
            wait_for(lambda: run(*asked)[0] == 0, "the token to work")
            path.write_text("wrong")
            self.assertEqual(run(*asked)[0], 4)


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("skipped: there is no tmux")
        sys.exit(77)
    unittest.main()
