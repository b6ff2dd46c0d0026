#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds libgpuvigil_client to its promises, in a plain build of its own: what programs were linked
against stays (clients/c/client.abi), and every name that it needs is in the oldest glibc promised.

usage: check_client.py [--update]    writes clients/c/client.abi anew, after the library has grown
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from sources import ROOT

CLIENT = pathlib.Path("clients/c")  # in ROOT
REFERENCE = CLIENT / "client.abi"
SOURCES = ["client.c", "keep.c", "link.c", "sealed.c", "series.c", "shard.c", "writer.c"]
SKIPPED = 77

# Built where glibc is that old, this is what it needs; the same sources built on a newer system
# need the versions that names have there. docs/sdk.md says both.
FLOOR_OF_SOURCES = "2.17"
FLOOR_OF_DEBIAN_12 = "2.34"
# Every name that glibc 2.17 has and that the client uses. clock_gettime() is the newest: 2.17.
NAMES = set("""
    __errno_location calloc clock_gettime close connect eventfd fcntl ftruncate getauxval getenv
    getpid memcmp memcpy memset mmap munmap poll pthread_atfork pthread_attr_destroy
    pthread_attr_init pthread_attr_setstacksize pthread_cond_broadcast pthread_cond_init
    pthread_cond_timedwait pthread_cond_wait pthread_condattr_destroy pthread_condattr_init
    pthread_condattr_setclock pthread_create pthread_join pthread_key_create pthread_mutex_init
    pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock pthread_setname_np
    pthread_setspecific pthread_sigmask qsort read recv sendmsg sigdelset sigfillset snprintf
    socket strerror strlen strncpy strnlen syscall vsnprintf write
""".split())


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True, cwd=ROOT).stdout


def build(folder):
    """The objects and the library, as a release has them, with what a debugger needs."""
    compiler = os.environ.get("CC", "cc")
    objects = [folder / pathlib.Path(source).with_suffix(".o") for source in SOURCES]
    for source, made in zip(SOURCES, objects):
        run(compiler, "-std=c11", "-g", "-O2", "-fPIC", "-D_GNU_SOURCE", "-I", "include",
            "-c", CLIENT / source, "-o", made)
    library = folder / "libgpuvigil_client.so.0"
    run(compiler, "-shared", "-pthread", f"-Wl,-soname,{library.name}",
        f"-Wl,--version-script={CLIENT / 'exports.map'}", "-Wl,-z,defs", "-o", library, *objects)
    return objects, library


def complaints_of_symbols(objects, library):
    """Exported: what the header declares, no more and no less. Needed: what old systems have."""
    header = (ROOT / "include/gpuvigil/gpuvigil.h").read_text()
    declared = set(re.findall(r"^\w[^;/#]*?\b(gpuvigil_[a-z_]+)\(", header, re.MULTILINE))
    exported = set(re.findall(r" T (\w+)@@GPUVIGIL_0$", run("nm", "-D", library), re.MULTILINE))
    if declared != exported:
        yield f"declared and exported differ: {sorted(declared ^ exported)}"
    needed = set(re.findall(r"^ *U (\w+)", run("nm", "-u", *objects), re.MULTILINE))
    ours = {name for name in needed if name.startswith("gpuvigil_")}
    odd = needed - ours - NAMES - {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail", "__tls_get_addr"}
    if odd:
        yield f"not known to be in glibc {FLOOR_OF_SOURCES}: {sorted(odd)}"


def number(version):
    return [int(part) for part in version.split(".")]


def complaints_of_versions(library):
    text = run("readelf", "--version-info", "--wide", library)
    newest = max(re.findall(r"Name: GLIBC_([0-9.]+)", text), key=number)
    print(f"client: built here it needs glibc {newest}, at most {FLOOR_OF_DEBIAN_12} is promised; "
          f"its sources need {FLOOR_OF_SOURCES}")
    if number(newest) > number(FLOOR_OF_DEBIAN_12):
        yield f"needs glibc {newest}"


def describe(library, into):
    """What callers see of it, as text: functions, types, values."""
    run("abidw", "--headers-dir", ROOT / "include/gpuvigil", "--drop-private-types",
        "--drop-undefined-syms", "--exported-interfaces-only", "--no-elf-needed", "--no-show-locs",
        "--no-comp-dir-path", "--no-corpus-path", "--no-architecture", "--out-file", into, library)


def complaints_of_abi(folder, library):
    described = folder / "client.abi"
    describe(library, described)
    done = subprocess.run(["abidiff", str(REFERENCE), str(described)], capture_output=True,
                          text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        yield ("programs that were linked before would notice (if it has only grown: --update)\n" +
               done.stdout + done.stderr)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        objects, library = build(folder)
        if "--update" in sys.argv:
            describe(library, REFERENCE)
            return 0
        found = [*complaints_of_symbols(objects, library), *complaints_of_versions(library)]
        has_tools = shutil.which("abidw") and shutil.which("abidiff")
        if has_tools:
            found += complaints_of_abi(folder, library)
    for complaint in found:
        print("client:", complaint)
    if found:
        return 1
    if not has_tools:
        print("client: SKIPPED: types were not compared; install abigail-tools")
        return SKIPPED
    print("client: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
