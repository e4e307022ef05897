# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""Written into every release that uses GPUs as `_tensorwright_cuda.py`: its TensorFlow gets the CUDA that was installed for it.

The loader looks into LD_LIBRARY_PATH, as it was when the process began, before it looks where TensorFlow's own files point to, so
another CUDA that a user's shell names would win. But a library that is loaded already is found by its soname before any search. So
these are loaded, by their full paths, the moment that TensorFlow is imported; a Python that never imports it loads none of them.

Runs on Python 2.7 and newer.
"""

import os
import sys

# Written anew for each release, below the functions.
LIBRARIES = ()  # type: tuple[str, ...]  # each after those that it needs; absolute, or below the directory that this file is in
TOOLKIT = ""  # has bin/ptxas and nvvm

failed = {}  # type: dict[str, str]  # path of what could not be loaded: why
_done = []  # type: list[bool]


def _here(path):
    # type: (str) -> str
    return os.path.join(os.path.dirname(os.path.realpath(__file__)), path)


def load():
    # type: () -> None
    """Load the release's CUDA libraries, and lead XLA to the release's ptxas and libdevice."""
    if _done:
        return
    _done.append(True)
    import ctypes  # not before: it would cost every Python of the release its time

    for name in LIBRARIES:
        try:
            ctypes.CDLL(_here(name))
        except OSError as error:
            failed[_here(name)] = str(error)
    toolkit = _here(TOOLKIT)
    if not TOOLKIT or not os.path.isdir(toolkit):
        return
    # TensorFlow looks for ptxas on PATH first, then where this flag says, and for libdevice the other way round.
    os.environ["PATH"] = os.pathsep.join([os.path.join(toolkit, "bin"), os.environ.get("PATH", os.defpath)])
    flags = os.environ.get("XLA_FLAGS", "")
    if "--xla_gpu_cuda_data_dir" not in flags and (not flags or flags.startswith("-")):  # else it names a file of flags
        os.environ["XLA_FLAGS"] = (flags + " --xla_gpu_cuda_data_dir=" + toolkit).strip()


def elsewhere():
    # type: () -> dict[str, str]
    """Return those of the libraries that this process has from another place: {soname: file}."""
    ours = {os.path.realpath(_here(name)) for name in LIBRARIES}
    with open("/proc/self/maps") as source:
        mapped = {line.split(None, 5)[5].rstrip("\n") for line in source if "/" in line}
    found = {}
    for soname in map(os.path.basename, LIBRARIES):
        for path in mapped - ours:
            rest = os.path.basename(path)[len(soname) :]
            if os.path.basename(path).startswith(soname) and (not rest or rest[0] == "."):
                found[soname] = path
    return found


class Watcher(object):
    """First among the finders of modules; finds none itself."""

    # Python 2.7 has no types for specs, loaders and modules.
    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        """Let TensorFlow's loader load the libraries first. To look whether there is a TensorFlow loads nothing."""
        if name != "tensorflow":
            return None
        finders = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        specs = (finder.find_spec(name, path, target) for finder in finders)
        spec = next((spec for spec in specs if spec is not None), None)
        loader = getattr(spec, "loader", None)
        execute = getattr(loader, "exec_module", None)
        if loader is not None and execute is not None:

            def exec_module(module):  # type: ignore[no-untyped-def]  # as above
                load()
                return execute(module)

            loader.exec_module = exec_module
        return spec

    def find_module(self, name, path=None):
        # type: (str, object) -> None
        """Do so on Python 2.7, which asks in this way and has no loader yet."""
        if name == "tensorflow":
            load()


def watch():
    # type: () -> None
    """Notice the import of TensorFlow."""
    if not any(isinstance(finder, Watcher) for finder in sys.meta_path):
        sys.meta_path.insert(0, Watcher())  # type: ignore[arg-type, unused-ignore]  # untyped, as above
