#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment of this checkout, with nothing but Python's standard library.

    controller.py DIRECTORY REQUIREMENTS

A fresh Debian or Ubuntu has Python without pip and venv, and an ordinary user cannot install them. So the installer, uv, is
fetched from the package index (its version and SHA-256 are pinned in compatibility/python.yml) and does the rest. An environment
that is already right costs one look; a new one is built beside the old one and takes its place when it is complete.
"""

import errno
import hashlib
import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
PINS = ROOT / "compatibility" / "python.yml"
STAMP = ".made-from"
REMEDY = (
    "If this machine cannot reach the package index, name one that it can in PIP_INDEX_URL, its proxy in https_proxy, "
    "or the file of the CA that certifies it in SSL_CERT_FILE."
)


class ProvisionError(Exception):
    """A reason why the environment cannot be made; the text is one sentence with its remedy."""


class Wheel(NamedTuple):
    """The pinned wheel of uv for one kind of machine."""

    file: str
    sha256: str


def main() -> None:
    """Make the environment that the command line names."""
    directory, requirements = (Path(argument).absolute() for argument in sys.argv[1:])
    wanted = stamp(requirements)
    if is_current(directory, wanted):
        return
    try:
        make(directory, requirements, wanted)
    except ProvisionError as problem:
        sys.exit(f"Error: {problem}")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(f"Error: no space is left for {directory}, which takes about 200 MB; free some and start again.")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            sys.exit(f"Error: {error.filename} cannot be written; use a checkout of your own.")
        raise


def stamp(requirements: Path) -> str:
    """Return what an environment is made from: this Python, the requirements and the files they include, and this program."""
    digest = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}".encode())
    digest.update(Path(__file__).read_bytes())
    for path in with_included(requirements):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def with_included(requirements: Path) -> list[Path]:
    """Return a requirements file and the files that its `-r` lines include."""
    included = re.findall(r"^-r (\S+)$", requirements.read_text(), re.MULTILINE)
    return [requirements, *(path for name in included for path in with_included(requirements.parent / name))]


def is_current(directory: Path, wanted: str) -> bool:
    """Tell whether the environment is complete, made from what is wanted, and its Python still there."""
    try:
        return (directory / STAMP).read_text() == wanted and (directory / "bin" / "python").exists()
    except OSError:
        return False


def make(directory: Path, requirements: Path, wanted: str) -> None:
    """Build the environment beside its place, then put it there."""
    new = directory.with_name(f"{directory.name}.new-{os.getpid()}")
    old = directory.with_name(f"{directory.name}.old-{os.getpid()}")
    say(f"Making {directory.relative_to(ROOT) if ROOT in directory.parents else directory} (once) …")
    try:
        uv = installer()
        run_uv(uv, "venv", "--relocatable", "--python", sys.executable, str(new))
        run_uv(uv, "pip", "install", "--python", str(new), "--requirements", str(requirements))
        (new / STAMP).write_text(wanted)
        if directory.exists():
            directory.rename(old)
        new.rename(directory)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def run_uv(uv: Path, *arguments: str) -> None:
    """Run uv with this machine's Python, package index and certificates."""
    download = downloader()
    environment = {
        "UV_DEFAULT_INDEX": download.default_index(),
        # The system's certificates, so that what the machine trusts is trusted here as well.
        "UV_SYSTEM_CERTS": "true",
        "UV_HTTP_TIMEOUT": "60",
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    bundle = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle:
        environment.setdefault("SSL_CERT_FILE", bundle)
    result = subprocess.run(
        [str(uv), "--quiet", "--no-progress", *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        if "os error 28" in result.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        words = ": ".join(re.sub(r"^(error|cause): ", "", line.strip()) for line in result.stderr.strip().splitlines())
        raise ProvisionError(f"uv could not make the environment: {words}. {REMEDY}")


def installer() -> Path:
    """Return uv, fetched now if this checkout does not have the pinned one yet."""
    wheel = pinned_wheel(PINS.read_text(), platform.machine())
    uv = CACHE / wheel.sha256[:12] / "uv"
    if not uv.exists():
        say("Fetching uv …")
        uv.parent.mkdir(parents=True, exist_ok=True)
        download = downloader()
        try:
            archive = download.fetch_wheel("uv", wheel._asdict(), str(uv.parent))
        except download.DownloadError as error:
            raise ProvisionError(f"{error}. {REMEDY}") from None
        unpack(Path(archive), uv)
    return uv


def pinned_wheel(pins: str, machine: str) -> Wheel:
    """Return the wheel of uv for a kind of machine, read from the pins without a YAML library (there is none yet)."""
    wheels = [Wheel(*pair) for pair in re.findall(r"(uv-[\w.-]+\.whl)\W+sha256:\W*([0-9a-f]{64})\b", pins)]
    for wheel in wheels:
        if f"_{machine}." in wheel.file and "manylinux" in wheel.file:
            return wheel
    raise ProvisionError(
        f"uv is not pinned for {machine} machines; "
        "install ansible-core 2.16 or newer yourself, and run: ansible-playbook site.yml -i hosts"
    )


def unpack(archive: Path, uv: Path) -> None:
    """Take uv's program out of its wheel."""
    with zipfile.ZipFile(archive) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
        partial = uv.with_name(f"uv.{os.getpid()}")
        with wheel.open(member) as source, partial.open("wb") as target:
            shutil.copyfileobj(source, target)
    partial.chmod(0o755)
    partial.replace(uv)
    archive.unlink()


def downloader() -> ModuleType:
    """Return the product's own download module, which hosts fetch their installer with; an environment that is right needs none."""
    sys.path.insert(0, str(ROOT / "collections"))
    return importlib.import_module("ansible_collections.tensorwright.fleet.plugins.module_utils.network.download")


def say(line: str) -> None:
    """Tell progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
