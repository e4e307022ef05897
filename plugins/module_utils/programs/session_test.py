# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session test, as it runs inside an environment: prints the greeting, then one line of JSON with what it found.

It is fed to the environment's Python on standard input and runs on Python 2.7 and newer, TensorFlow 1.4 and newer.
"""

from __future__ import print_function

import glob
import json
import sys


def cuda():
    # type: () -> object
    """Return how the release's CUDA fared in this process, and what the host has; None for a release without."""
    try:
        import _tensorwright_cuda as ours  # type: ignore[import-not-found, unused-ignore]  # only in releases for GPUs
    except ImportError:
        return None
    vendors = glob.glob("/sys/bus/pci/devices/*/vendor")
    cards = [path for path in vendors if read(path) == "0x10de" and read(path[:-6] + "class").startswith("0x03")]
    return {
        "libraries": len(ours.LIBRARIES),
        "failed": ours.failed,
        "elsewhere": ours.elsewhere(),
        "driver": bool(read("/proc/driver/nvidia/version")),
        "cards": len(cards),
    }


def read(path):
    # type: (str) -> str
    """Return the text of one of the kernel's files, or nothing."""
    try:
        with open(path) as source:
            return source.read().strip()
    except (IOError, OSError):
        return ""


def main():
    # type: () -> int
    """Run the guides' program and a product with a known answer in a session; return the exit status."""
    import tensorflow as tf  # type: ignore[import-not-found, import-untyped, unused-ignore]  # only where the session runs

    v1 = tf.compat.v1 if int(tf.__version__.split(".")[0]) >= 2 else tf
    with tf.Graph().as_default():
        hello = tf.constant("Hello, TensorFlow!")
        left = tf.constant([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
        product = tf.matmul(left, left, transpose_b=True)
        with v1.Session() as session:
            greeting = session.run(hello).decode("utf-8")
            answer = session.run(product).tolist()
            gpus = [device.name for device in session.list_devices() if device.device_type == "GPU"]
    print(greeting)
    found = {
        "greeting": greeting,
        "tensorflow": tf.__version__,
        "file": tf.__file__,
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "cuda_build": bool(tf.test.is_built_with_cuda()),
        "gpus": len(gpus),
        "answer": answer,
    }
    libraries = cuda()
    if libraries:
        found["cuda"] = libraries
    print("tensorwright-session " + json.dumps(found, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
