# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the wheels of TensorFlow and of what it needs: enough API, in pure Python, for the session test, and nothing else.

A session in it proves that an environment was built, found and switched to; that TensorFlow itself works is proved elsewhere, with
the real one.
"""

from __future__ import annotations

from tests.doubles.wheels import Wheel

TENSORFLOW = '''"""A stand-in for TensorFlow."""
import types
import numpy
{at_import}
__version__ = {version!r}


class Tensor(object):
    def __init__(self, value):
        self.value = value


class Graph(object):
    def as_default(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


class Session(Graph):
    def run(self, tensor):
        return tensor.value

    def list_devices(self):
        return [types.SimpleNamespace(name="/device:" + kind + ":0", device_type=kind) for kind in {devices!r}]


def constant(value):
    return Tensor(value.encode("utf-8") if isinstance(value, str) else value)


def matmul(left, right, transpose_b=False):
    assert transpose_b
    return Tensor(numpy.array([[sum(a * b for a, b in zip(x, y)) for y in right.value] for x in left.value]))


compat = types.SimpleNamespace(v1=types.SimpleNamespace(Session=Session))
test = types.SimpleNamespace(is_built_with_cuda=lambda: {cuda_build!r})
'''

# Imported on demand, as much of the real TensorFlow is: by then the environment's path may lead to another release.
LAZY = '''"""A part of the stand-in that is imported late."""
VERSION = {version!r}
'''

NUMPY = '''"""A stand-in for NumPy."""
__version__ = {version!r}


class array(list):
    def tolist(self):
        return list(self)
'''

PROGRAM = """import sys


def main():
    import tensorflow
    print(sys.argv[0], tensorflow.__version__)
"""

PIP = '''"""A stand-in for pip: says that it was called."""
import sys


def main():
    print("stand-in pip " + " ".join(sys.argv[1:]))
'''


def tensorflow(
    version: str,
    package: str = "tensorflow-cpu",
    at_import: str = "",
    cuda_build: bool = False,
    devices: tuple[str, ...] = ("CPU",),
    requires: tuple[str, ...] = ("numpy>=1",),
    says: str | None = None,
    data: bytes = b"",
) -> Wheel:
    """Return a stand-in for the wheel of a TensorFlow release.

    `at_import` is code that runs when it is imported (`raise …`, to be a broken one); `says` another version than the wheel's.
    """
    text = TENSORFLOW.format(version=says or version, at_import=at_import, cuda_build=cuda_build, devices=devices)
    files = {
        "tensorflow/__init__.py": text,
        "tensorflow/lazy.py": LAZY.format(version=version),
        "tensorflow/tools.py": PROGRAM,
        "tensorflow/template.py": "this is {no} Python\n",
    }
    return Wheel(package, version, files, requires, programs=(("saved_model_cli", "tensorflow.tools:main"),), data=data)


def numpy(version: str = "2.3.0") -> Wheel:
    """Return a stand-in for the wheel of NumPy."""
    return Wheel(
        "numpy", version, {"numpy/__init__.py": NUMPY.format(version=version)}, programs=(("f2py", "numpy:main"),)
    )


def pip(version: str = "26.3") -> Wheel:
    """Return a stand-in for the wheel of pip, as an environment's users find it."""
    files = {"pip/__init__.py": PIP, "pip/_internal/__init__.py": "", "pip/_internal/cli/__init__.py": ""}
    files["pip/_internal/cli/main.py"] = "from pip import main\n"
    return Wheel("pip", version, files, programs=(("pip", "pip:main"),))
