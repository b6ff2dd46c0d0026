# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven over the pipe of its DevTools protocol: open a page, ask it something,
wait until it has become what a test expects. Nothing waits for a fixed time."""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from harness import PATIENCE

CHROMIUM = shutil.which("chromium")

# No window, nobody else's hosts, no shared memory that a container may not have.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"]


class Refused(Exception):
    """The browser answered a command with an error."""


class Browser:
    """A browser of its own profile with one page; `with Browser() as browser`."""

    def __init__(self, *flags):
        # Its helpers may still write there for a moment after it has ended.
        self.profile = tempfile.TemporaryDirectory(prefix="gpuvigil-browser-",
                                                   ignore_cleanup_errors=True)
        to_browser, self.commands = os.pipe()
        self.events, from_browser = os.pipe()

        # It reads commands from descriptor 3 and writes to 4. Both numbers may be taken here, so
        # both ends are moved out of the way first.
        def descriptors():
            ends = os.dup(to_browser), os.dup(from_browser)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={self.profile.name}", *flags, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=descriptors)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.last = 0
        self.session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self._call("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]

    def _call(self, method, **parameters):
        """Says one command; gives what it answers."""
        self.last += 1
        command = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\0" in self.buffer:
                line, self.buffer = self.buffer.split(b"\0", 1)
                answer = json.loads(line)
                if answer.get("id") == self.last:
                    if "error" in answer:
                        raise Refused(f"{method}: {answer['error']['message']}")
                    return answer["result"]
            ready, _, _ = select.select([self.events], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.events, 1 << 16) if ready else b""
            assert more, f"the browser did not answer {method}"
            self.buffer += more

    def open(self, url):
        """Goes there. The page may still be loading when this returns."""
        self._call("Page.navigate", url=url)

    def html(self):
        """What the page is now; empty while it is between two documents."""
        try:
            found = self._call("Runtime.evaluate", returnByValue=True,
                               expression="document.documentElement?.outerHTML ?? ''")
        except Refused:
            return ""
        return found["result"].get("value", "")

    def wait(self, *texts):
        """Waits until the page holds every one of `texts`; gives the page. It fails with the page
        as it is then."""
        deadline = time.monotonic() + PATIENCE
        while True:
            page = self.html()
            missing = [text for text in texts if text not in page]
            if not missing:
                return page
            assert time.monotonic() < deadline, (missing, page[:2000])
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.commands)  # the end of its commands ends it
        try:
            self.process.wait(timeout=PATIENCE)
        finally:
            self.process.kill()
            os.close(self.events)
        self.profile.cleanup()
