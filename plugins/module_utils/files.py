# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what may not be there, and writing so that a reader never sees half a file."""

import hashlib
import os
import tempfile
from typing import Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils import durable


def text(path: str) -> str:
    """The file's text, or nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def sha256(path: str) -> Optional[str]:
    """The file's hash, or None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _make(directory: str) -> None:
    """Make the directory and those above it readable by all, whatever the umask says."""
    if not os.path.isdir(directory):
        _make(os.path.dirname(directory))
        os.mkdir(directory)
        os.chmod(directory, 0o755)
        durable.sync(os.path.dirname(directory))


def replace(path: str, content: str, mode: int = 0o644) -> None:
    """Give the path this text in one step: whoever reads it sees the old text or the new, whole,
    and so does whoever reads it after a power cut; once this returns, the new.
    """
    replace_bytes(path, content.encode("utf-8"), mode)


def replace_bytes(path: str, content: bytes, mode: int = 0o644) -> None:
    """Give the path these bytes in one step."""
    directory = os.path.dirname(path)
    _make(directory)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=directory)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, mode)
        durable.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
