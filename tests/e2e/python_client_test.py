#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All tests of clients/python, against the real server: python_client_test.py [PATTERN]"""
import faulthandler
import sys
import unittest

from harness import ROOT

HERE = ROOT / "clients/python"


def main():
    faulthandler.dump_traceback_later(500, exit=True)  # a test that hangs says where
    sys.path[:0] = [str(HERE), str(HERE / "tests")]
    sys.dont_write_bytecode = True
    pattern = sys.argv[1] if len(sys.argv) > 1 else "*_test.py"
    found = unittest.defaultTestLoader.discover(str(HERE / "tests"), pattern)
    done = unittest.TextTestRunner(verbosity=2, warnings="error").run(found)
    for _, why in done.skipped:
        print(f"skipped: {why}")
    return not (done.wasSuccessful() and done.testsRun)


if __name__ == "__main__":
    sys.exit(main())
