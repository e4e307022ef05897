# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorRT's archives, which NVIDIA gives to those who log in: TensorRT-3.0.4.Ubuntu-16.04.3.x86_64.cuda-9.0.cudnn7.0.tar.gz."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, show

FILE = "tensorrt_archive_file"
SHA256 = "tensorrt_archive_sha256"
_SUFFIXES = (".tar.gz", ".tgz", ".tar.xz", ".tar")


def version(archive: str) -> str | None:
    """The version that the archive's name tells, if it does."""
    found = re.match(r"TensorRT-(\d+(?:\.\d+)+)", Path(archive).name)
    return found.group(1) if found else None


def problems(variables: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the archive as it is named. Its content is held against the checksum by the role, before any change."""
    file, digest = variables.get(FILE) or "", variables.get(SHA256) or ""
    if not file and not digest:
        return []
    if not file or not digest:
        lacking, there = (FILE, SHA256) if digest else (SHA256, FILE)
        return [_problem(lacking, f"{there} is set without {lacking}", "both or none of them")]
    found = []
    if not re.fullmatch(r"[0-9a-fA-F]{64}", str(digest)):
        found.append(_problem(SHA256, f"{SHA256} is {show(digest)}, which is no SHA-256", "64 hexadecimal digits"))
    path = Path(str(file)).expanduser()
    if not path.is_absolute() or not path.name.endswith(_SUFFIXES):
        accepted = f"a path on the control node that begins with / or ~/ and ends in {', '.join(_SUFFIXES)}"
        found.append(_problem(FILE, f"{FILE} is {show(file)}, which names no archive", accepted))
    elif not path.is_file():
        accepted = "the path of the archive on the control node"
        found.append(_problem(FILE, f"{FILE} is {show(file)}, and the control node has no such file", accepted))
    return found


def _problem(about: str, message: str, accepted: str) -> Problem:
    return {"about": about, "message": message, "accepted": accepted}
