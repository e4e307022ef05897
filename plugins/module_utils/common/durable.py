# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the disk and not only in the kernel's memory: what a mark vouches for must be there before the mark is.

The kernel writes files to the disk up to half a minute after they were written, and in no particular order. A power cut in that time
may keep a mark that was synced by itself and lose what it stands for.
"""

import errno
import os

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

# File systems without a cache of their own, or whose directories cannot be synced alone, say one of these.
UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)


def sync_filesystem(path: str) -> None:
    """Wait until all that was written to the file system of `path` is on its disk. Raises OSError where the disk refuses."""
    import ctypes  # which costs each look at a host more than all else that is imported here

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            os.sync()
        elif syncfs(descriptor):
            number = ctypes.get_errno()
            if number not in UNSUPPORTED:
                raise OSError(number, os.strerror(number), path)
            os.sync()
    finally:
        os.close(descriptor)


def sync(path: str) -> None:
    """Wait until a file's content, or a directory's names, are on the disk. Raises OSError where the disk refuses."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def rename(source: str, target: str) -> None:
    """Put a file or a link in its place for good: its content first, then its name. Raises OSError."""
    if os.path.isfile(source) and not os.path.islink(source):
        sync(source)
    safe_tree.rename(source, target)
    sync(os.path.dirname(target))
