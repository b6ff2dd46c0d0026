#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where a file under src/ includes a module that its own module may not know.

usage: check_layers.py [ROOT]
"""
import pathlib
import re
import sys

import sources

# Siblings: each is built on base and model and never sees another.
PARTS = ["monitor", "collect", "procs", "trace", "profile", "store", "alert", "notify", "views",
         "exporters", "fleet"]

# Module -> what it may include besides itself. A new module is a new row, and a decision.
MAY_INCLUDE = {
    "base": [],
    "model": ["base"],
    "net": ["base"],
    "auth": ["base"],
    "outbound": ["base"],
    **{part: ["base", "model"] for part in PARTS},
    "exporters": ["base", "model", "outbound"],
    "procs": ["base", "model", "outbound"],
    "notify": ["base", "model", "outbound"],
    "fleet": ["base", "model", "outbound"],
    "engine": ["base", "model", *PARTS],
    "api": ["base", "model", "net", "auth", "engine", "views", "exporters"],
    "term": ["base"],
    "top": ["base", "term"],
    "apps": ["base", "model", "net", "auth", "outbound", "engine", "api", "term", "top", *PARTS],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([a-z_]+)/')


def problems(root):
    """One line for each include that breaks the table, and for each module that is not in it."""
    for path in sources.tracked(root):
        if path.parts[0] != "src" or path.suffix not in (".h", ".cc") or len(path.parts) < 3:
            continue
        module = path.parts[1]
        if module not in MAY_INCLUDE:
            yield f"{path}:1: module '{module}' is not in the table of tools/check_layers.py"
            continue
        allowed = {module, *MAY_INCLUDE[module]}
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if found and found[1] in MAY_INCLUDE and found[1] not in allowed:
                yield f"{path}:{number}: '{module}' may not include '{found[1]}'"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else sources.ROOT
    found = list(problems(root))
    print("\n".join(found) or "layers: ok")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
