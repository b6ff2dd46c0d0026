# SPDX-License-Identifier: Apache-2.0
"""What the checks share: which files there are, and C++ text without comments and literals."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tracked(root):
    """Paths, relative to root, of every file that git knows or would add; without git: all."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        names = [str(path) for path in found if path.parts[0] not in (".git", "build")]
    return sorted(pathlib.Path(name) for name in set(names) if (root / name).is_file())


# In this order: what begins first wins, so a quote in a comment opens nothing.
_TOKENS = re.compile(
    r'//[^\n]*'                                   # line comment
    r'|/\*.*?\*/'                                 # block comment
    r'|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"'      # raw string
    r'|"(?:\\.|[^"\\\n])*"'                       # string
    r"|(?<![0-9A-Fa-f_])'(?:\\.|[^'\\\n])+'",     # character; not the digit separator of 1'000
    re.DOTALL)


def code_only(text):
    """`text` with comments and literals blanked: same length, same lines."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return _TOKENS.sub(blank, text)
