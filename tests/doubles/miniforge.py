# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Miniforge installer: a shell script that unpacks itself and lays out a `conda` which knows one Python.

    python -m tests.doubles.miniforge DIRECTORY

writes it, a standalone Python's archive, and the hashes of both. What is real is the calling of the installer and of conda, and
everything that happens in a prefix once there is one.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

from tests.doubles import portable_python
from tests.hosts import images

FROM = "debian12"
PYTHON = "3.11"
INSTALLER = "Miniforge3-stand-in-Linux-x86_64.sh"
ARCHIVE = "stand-in/cpython-3.11-install_only.tar.gz"

HEAD = """#!/bin/sh
# A stand-in for the Miniforge installer; not Miniforge.
set -eu
while getopts bp: option; do
    case $option in
        b) batch=1 ;;
        p) prefix=$OPTARG ;;
        *) exit 2 ;;
    esac
done
[ -n "${batch:-}" ] || { echo 'Do you accept the license terms? [yes|no]'; exit 1; }
[ ! -e "$prefix" ] || { echo "ERROR: File or directory already exists: '$prefix'" >&2; exit 1; }
mkdir -p "$prefix"
tail -n +@LINES@ "$0" | tar -xz -C "$prefix"
sed -i "s#@PREFIX@#$prefix#" "$prefix/etc/profile.d/conda.sh"
echo 'noise of an installer' >"$HOME/.condarc-touched"
exit 0
"""
# As the real one: strict about its arguments, nothing asked, a prefix that exists already is refused.
CONDA = """#!/bin/sh
# A stand-in for conda; not conda.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
[ "${1:-}" = create ] || { echo "conda: error: argument COMMAND: invalid choice: '${1:-}'" >&2; exit 2; }
shift
while [ $# -gt 0 ]; do
    case $1 in
        --yes) yes=1 ;;
        --quiet | --no-default-packages | --override-channels) ;;
        --channel) channel=$2; shift ;;
        --prefix) prefix=$2; shift ;;
        python=*) version=${1#python=} ;;
        *) echo "conda: error: unrecognized arguments: $1" >&2; exit 2 ;;
    esac
    shift
done
[ -n "${yes:-}" ] || { echo 'Proceed ([y]/n)?'; exit 1; }
if [ ! -d "$here/stand-in/python$version" ]; then
    echo 'PackagesNotFoundError: The following packages are not available from current channels:' >&2
    echo "  - python=$version*" >&2
    echo "Current channels: ${channel:-}" >&2
    exit 1
fi
mkdir -p "$prefix/conda-meta" "$CONDA_PKGS_DIRS"
cp -a "$here/stand-in/python$version/." "$prefix"
ln -s "python$version" "$prefix/lib/python3.1"
echo "==> stand-in <==" >"$prefix/conda-meta/history"
[ "${CONDA_REGISTER_ENVS:-true}" = false ] || { mkdir -p "$HOME/.conda"; echo "$prefix" >>"$HOME/.conda/environments.txt"; }
"""
PROFILE = """# A stand-in for conda's own.
conda() {
    case $1 in
        activate)
            CONDA_PREFIX=$2
            CONDA_DEFAULT_ENV=$2
            PATH=$2/bin:$PATH
            export CONDA_PREFIX CONDA_DEFAULT_ENV PATH
            ;;
        deactivate)
            PATH=$(printf %s "$PATH" | sed "s#^$CONDA_PREFIX/bin:##")
            unset CONDA_PREFIX CONDA_DEFAULT_ENV
            ;;
        *) "@PREFIX@/bin/conda" "$@" ;;
    esac
}
"""


def installer(python: bytes) -> bytes:
    """Return the installer; its conda makes prefixes from the Python of a standalone archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as payload, tarfile.open(fileobj=io.BytesIO(python)) as source:
        for member in source:
            content = source.extractfile(member) if member.isfile() else None
            member.name = f"stand-in/python{PYTHON}" + member.name.removeprefix("python")
            payload.addfile(member, content)
        for name, text, mode in (("bin/conda", CONDA, 0o755), ("etc/profile.d/conda.sh", PROFILE, 0o644)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), mode
            payload.addfile(entry, io.BytesIO(text.encode()))
    lines = HEAD.count("\n") + 1
    return HEAD.replace("@LINES@", str(lines)).encode() + out.getvalue()


def main(directory: Path) -> None:
    """Write what a scenario's hosts are served."""
    python = portable_python.archive(images.ensure(FROM))
    made = {INSTALLER: installer(python), ARCHIVE: python}
    for name, content in made.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    (directory / "hashes.json").write_text(json.dumps(hashes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
