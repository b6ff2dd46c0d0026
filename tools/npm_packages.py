#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists what package-lock.json files bring beside development tools, a line each:
FOLDER NAME VERSION.

usage: npm_packages.py PACKAGE_LOCK...
"""
import json
import pathlib
import sys


def packages(path):
    """(name, version) of each package that is not for development alone."""
    lock = json.loads(path.read_text(encoding="utf-8"))
    for place, package in lock["packages"].items():
        name = place.removeprefix("node_modules/")
        if place and not package.get("dev") and not package.get("optional"):
            yield name, package["version"]


def main():
    for argument in sys.argv[1:]:
        path = pathlib.Path(argument)
        for name, version in packages(path):
            print(path.parent, name, version)


if __name__ == "__main__":
    main()
