# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what may not be there, and writing so that a reader never sees half a file."""

import glob
import hashlib
import os
import tempfile
from typing import IO, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, safe_tree, workplaces

# What a file is called, after its own name, until it is whole; no program that reads a directory of settings takes it for one.
TEMPORARY = ".{}.tensorwright-"
LONGEST = 100  # characters of the file's name in it


def text(path: str) -> str:
    """The file's text, or nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def sha256(path: str) -> Optional[str]:
    """The file's hash, or None where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return sha256_of(stream)
    except OSError:
        return None


def sha256_of(stream: IO[bytes]) -> str:
    """The hash of what is left to read."""
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()


def _make(directory: str) -> None:
    """Make the directory and those above it readable by all, whatever the umask says."""
    if not os.path.isdir(directory):
        _make(os.path.dirname(directory))
        safe_tree.make_directories(directory)
        durable.sync(os.path.dirname(directory))


def replace(path: str, content: str, mode: int = 0o644) -> None:
    """Give the path this text in one step: whoever reads it sees the old text or the new, whole,
    and so does whoever reads it after a power cut; once this returns, the new.
    """
    replace_bytes(path, content.encode("utf-8"), mode)


def replace_bytes(path: str, content: bytes, mode: int = 0o644) -> None:
    """Give the path these bytes in one step."""
    directory, name = os.path.split(path)
    _make(directory)
    os.close(safe_tree.open_directory(directory))  # before anything is made in it
    for rest in abandoned(path):
        safe_tree.unlink(rest)
    handle, temporary = tempfile.mkstemp(prefix=TEMPORARY.format(name[:LONGEST]), dir=directory)
    try:
        with os.fdopen(handle, "wb") as stream:
            workplaces.take(stream)  # so that nobody takes it for abandoned
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            durable.rename(temporary, path)
    except BaseException:
        safe_tree.unlink(temporary)
        raise


def abandoned(path: str) -> List[str]:
    """Return what writers that were killed have left beside the file at `path`, whose name may be * for all in its directory."""
    directory, name = os.path.split(path)
    name = name if name == "*" else glob.escape(name[:LONGEST])
    pattern = os.path.join(glob.escape(directory), TEMPORARY.format(name) + "?" * 8)  # as many as mkstemp takes
    return [rest for rest in sorted(glob.glob(pattern)) if not workplaces.is_held(rest)]
