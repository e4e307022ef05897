# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine, for programs that have to run on old ones."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def _candidates(version: str) -> list[str]:
    found = [shutil.which(f"python{version}")]
    pyenv = shutil.which("pyenv")
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        found += sorted(str(path) for path in Path(root).glob(f"versions/{version}.*/bin/python{version}"))
    return [path for path in found if path]


@functools.cache
def interpreter(version: str) -> str:
    """Return an interpreter of this version that starts; without one, the test is skipped and says so."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in _candidates(version):
        run = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False, cwd=os.sep)
        if run.returncode == 0 and run.stdout.strip() == version:
            return path
    pytest.skip(f"this machine has no Python {version}: not tested there")
