# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for NVIDIA's apt repositories, and for what of Ubuntu's archive the NVIDIA roles install.

Real: apt, the signatures, and the packages' names, versions and dependencies. Stand-ins: the keys, and the packages' contents, which
are small stubs. There are two moments, `first` and `second`: in the second, newer packages have been uploaded.
"""

from tests.doubles.nvidia_repository.server import fingerprints, key, publish, serve

__all__ = ["fingerprints", "key", "publish", "serve"]
