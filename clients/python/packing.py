# SPDX-License-Identifier: Apache-2.0
"""Packs the library as pip asks for it (PEP 517, PEP 660), with the standard library alone.

Nothing is compiled and nothing is depended on, so a tool for building would be the only thing that
an installation without a network lacks.
"""
import base64
import hashlib
import io
import pathlib
import tarfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
NAME = "gpuvigil"
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file: the same sources give the same bytes


def version():
    text = (HERE / NAME / "_version.py").read_text(encoding="utf-8")
    return text.split('VERSION = "', 1)[1].split('"', 1)[0]


def metadata():
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    return (f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version()}\n"
            "Summary: Asks a gpuvigil server, and reports kernels to it\n"
            "License: Apache-2.0\nRequires-Python: >=3.9\n"
            "Classifier: Operating System :: POSIX :: Linux\n"
            "Classifier: Typing :: Typed\n"
            f"Description-Content-Type: text/markdown\n\n{readme}")


WHEEL = "Wheel-Version: 1.0\nGenerator: packing\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def sources():
    """What is packed, by its path below here."""
    found = sorted((HERE / NAME).glob("*.py")) + [HERE / NAME / "py.typed"]
    return {str(path.relative_to(HERE)): path.read_bytes() for path in found}


def described(files):
    """The files with those that describe them; the last is the list of all."""
    info = f"{NAME}-{version()}.dist-info"
    files = {**files, f"{info}/METADATA": metadata().encode(), f"{info}/WHEEL": WHEEL.encode()}
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = ("".join(lines) + f"{info}/RECORD,,\n").encode()
    return files


def write_wheel(folder, files):
    name = f"{NAME}-{version()}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in described(files).items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, content)
    return name


# ---- what pip calls ----


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, sources())


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, {f"{NAME}.pth": f"{HERE}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    top = f"{NAME}-{version()}"
    files = {**sources(), "PKG-INFO": metadata().encode()}
    for name in ("README.md", "pyproject.toml", "packing.py"):
        files[name] = (HERE / name).read_bytes()
    with tarfile.open(pathlib.Path(sdist_directory) / f"{top}.tar.gz", "w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return f"{top}.tar.gz"
