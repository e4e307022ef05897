# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""Written into every release as `_tensorwright_release.py`: keeps a Python on the release that it started from.

`~/tensorflow/bin/python` is reached through the environment's link. Left alone, Python would keep the link in `sys.prefix` and
`sys.path`, and an import made after an upgrade would load half of the next release. So the link is resolved once, at start.

An open, locked file tells Tensorwright that this release is in use. Runs on Python 2.7 and newer.
"""

import fcntl
import os
import sys

HOLD = ".tensorwright.hold"
FIRST_FD = 100  # out of the way of programs that expect low descriptor numbers to be theirs


def _resolve(path, link, release):
    # type: (str, str, str) -> str
    if path == link or path.startswith(link + os.sep):
        return release + path[len(link) :]
    return path


def _hold(release):
    # type: (str) -> None
    try:
        low = os.open(os.path.join(release, HOLD), os.O_RDONLY)
    except OSError:
        return
    try:
        high = fcntl.fcntl(low, fcntl.F_DUPFD, FIRST_FD)
        fcntl.fcntl(high, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        fcntl.flock(high, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (IOError, OSError):  # a file system without locks: the keeper still sees mapped libraries
        pass
    finally:
        os.close(low)


def hold_site(site_packages):
    # type: (str) -> None
    """Hold the release that a site-packages directory belongs to: for a user's own virtualenv on top of it."""
    release = os.path.dirname(os.path.dirname(os.path.dirname(site_packages)))
    base = getattr(sys, "base_prefix", sys.prefix)
    if (
        base != release and os.path.realpath(base) == release
    ):  # one of conda's, in which the standard library lies as well
        _settle(base, release)
    _hold(release)


def _settle(link, release):
    # type: (str, str) -> None
    for name in ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix", "executable", "_base_executable"):
        value = getattr(sys, name, None)
        if value:
            setattr(sys, name, _resolve(value, link, release))
    for index, path in enumerate(sys.path):
        sys.path[index] = _resolve(path, link, release)
    prefixes = getattr(sys.modules.get("site"), "PREFIXES", [])
    prefixes[:] = [_resolve(path, link, release) for path in prefixes]


def pin():
    # type: () -> None
    """Resolve `sys.prefix` and all that was derived from it to the release, and hold the release while this Python lives."""
    link = sys.prefix
    release = os.path.realpath(link)
    if release != link:
        _settle(link, release)
        _hold(release)
    elif not getattr(sys, "_tensorwright_release", None):
        _hold(release)
    setattr(sys, "_tensorwright_release", release)  # noqa: B010  # no checker knows it; remembered: `site` may read our .pth twice
    kept = []
    for path in sys.path:
        if path not in kept:
            kept.append(path)
    sys.path[:] = kept
