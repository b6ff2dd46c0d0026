#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A build without whatever can be left out: it compiles, answers, and says what it lacks."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import harness

BUILD = pathlib.Path(os.environ["GPUVIGIL_BUILD_DIR"])


def check(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{command}\n{done.stdout[-5000:]}\n{done.stderr[-5000:]}")


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def main():
    cache = (BUILD / "CMakeCache.txt").read_text()
    parts = re.findall(r"^(GPUVIGIL_WITH_\w+):BOOL=", cache, re.MULTILINE)
    expect(len(parts) >= 5, parts)
    with tempfile.TemporaryDirectory(prefix="gpuvigil.") as folder:
        check("cmake", "-S", harness.ROOT, "-B", folder, "-G", "Ninja", "-DGPUVIGIL_DEV=OFF",
              "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0",
              *(f"-D{part}=OFF" for part in parts))
        check("cmake", "--build", folder, "--parallel", os.cpu_count())
        harness.PROGRAM = f"{folder}/bin/gpuvigil"
        with harness.Server(env={"GPUVIGIL_SOCKET": f"{folder}/agent.sock"}) as server:
            status = server.json("/api/v1/gpu/status")
            expect(status["devices"] == [], status)
            expect("--demo" not in status["reason"], status)
            expect(server.stop() == 0, server.log)
        for argument, lacks in (("--demo", "this build has no demo machine"),
                                (f"--socket={folder}/agent.sock", "takes no reports of programs")):
            code, _, errors = harness.run("serve", "--listen", "127.0.0.1:0", argument)
            expect(code == 2 and lacks in errors, (argument, code, errors))


if __name__ == "__main__":
    main()
