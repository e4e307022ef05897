# SPDX-License-Identifier: GPL-3.0-or-later

"""Compile a release's bytecode once, and link it wherever the same source files are installed again.

Users of a shared environment cannot write into it: what is not compiled when it is built, each of their imports compiles anew.
The installer links equal files from one cache, so an equal source is the same inode; its bytecode is kept under that inode.
Python itself checks each file's recorded source time and size, so a stale entry costs a compilation, never a wrong import.
"""

import os
import subprocess
from typing import Dict, Iterator, Tuple

COMPILE = "import compileall, sys; sys.exit(not compileall.compile_dir(sys.argv[1], quiet=2, workers=0, maxlevels=99))"
TAG = "import sys; print(sys.implementation.cache_tag)"


def _sources(root: str) -> Iterator[Tuple[str, str]]:
    """Yield (source file, its key in the cache) for each Python source that shares its inode with the installer's cache."""
    for directory, _subdirectories, files in os.walk(root):
        for name in files:
            if name.endswith(".py"):
                path = os.path.join(directory, name)
                status = os.lstat(path)
                if status.st_nlink > 1:
                    yield path, "{}-{}-{}".format(status.st_ino, status.st_mtime_ns, status.st_size)


def _compiled(source: str, tag: str) -> str:
    directory, name = os.path.split(source)
    return os.path.join(directory, "__pycache__", "{}.{}.pyc".format(name[:-3], tag))


def _link(existing: str, new: str) -> bool:
    """Link, making the directory at need; False where that cannot be done (another file system, or there already)."""
    try:
        os.link(existing, new)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(new), mode=0o755, exist_ok=True)
        return _link(existing, new) if os.path.exists(existing) else False
    except OSError:
        return False
    return True


def compile_release(python: str, site_packages: str, cache: str) -> Dict[str, int]:
    """Give every source below `site_packages` its bytecode, from `cache` where it holds it; return {linked, compiled}."""
    # -E: settings of the caller's Python (PYTHONPYCACHEPREFIX) are not for this one. What is printed must not reach Ansible.
    program = [python, "-s", "-E", "-c"]
    tag = subprocess.check_output(program + [TAG], universal_newlines=True, stderr=subprocess.DEVNULL).strip()
    shelf = os.path.join(cache, tag)
    known = set(os.listdir(shelf)) if os.path.isdir(shelf) else set()
    os.makedirs(shelf, mode=0o755, exist_ok=True)
    linked, missing = 0, []
    for source, key in _sources(site_packages):
        if key in known and _link(os.path.join(shelf, key), _compiled(source, tag)):
            linked += 1
        else:
            missing.append((source, key))
    # A source that this Python cannot compile (a template, Python 2 code) is left alone, as pip does.
    subprocess.call(
        program + [COMPILE, site_packages],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for source, key in missing:
        _link(_compiled(source, tag), os.path.join(shelf, key))
    return {"linked": linked, "compiled": len(missing)}
