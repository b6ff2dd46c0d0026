#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every header of src/ and include/ alone: each brings all that it uses.

usage: check_headers.py BUILD_DIR     (a configured build, for its compile_commands.json)
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

import sources


def flags_of(build):
    """Compiler and flags of some source of the build, without its input, output and launcher."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if "/src/base/" in entry["file"] and entry["file"].endswith(".cc"):
            words = shlex.split(entry["command"])
            words = words[1:] if words[0].endswith("ccache") else words
            kept = []
            skip = False
            for word in words:
                if skip or word in ("-c", entry["file"]):
                    skip = False
                elif word == "-o":
                    skip = True
                else:
                    kept.append(word)
            return kept
    raise SystemExit(f"check_headers: {build} knows no source of src/base")


def compile_alone(flags, root, header):
    """What the compiler says of a file that holds nothing but this include; empty when it is ok."""
    name = str(header.relative_to(header.parts[0]))
    text = f'#include "{name}"\n#include "{name}"\n'  # twice: it also has to guard itself
    done = subprocess.run(
        [*flags, f"-I{root / 'src'}", f"-I{root / 'include'}", "-fsyntax-only", "-x", "c++", "-"],
        input=text, capture_output=True, text=True, check=False)
    return f"{header}:1: does not compile alone\n{done.stderr}" if done.returncode else ""


def problems(root, flags):
    headers = [path for path in sources.tracked(root)
               if path.suffix == ".h" and path.parts[0] in ("src", "include")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = pool.map(lambda header: compile_alone(flags, root, header), headers)
    return [line for line in said if line]


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    found = problems(sources.ROOT, flags_of(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "headers: ok")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
