# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks of builds at work: after a power cut, one is left that names another boot, and the cache may hold files without their content.

/opt/.tensorwright/locks/tensorflow.building    there from a build's begin until what it has put into the cache is on the disk
"""

import contextlib
import glob
import json
import os
from typing import Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, safe_tree, workplaces
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases

MARK = ".building"
BOOT = "/proc/sys/kernel/random/boot_id"
HOST = "/etc/machine-id"


def _here() -> Dict[str, str]:
    return {"boot": files.text(BOOT).strip(), "host": files.text(HOST).strip() or os.uname().nodename}


def _path(environment: releases.Environment) -> str:
    return environment.shared("locks", environment.name + MARK)


def _cut(environment: releases.Environment) -> List[str]:
    """Return the marks of builds that a power cut has ended; of those beside this environment, not of one that is at work again."""
    found = []
    for path in glob.glob(os.path.join(glob.escape(environment.shared("locks")), "*" + MARK)):
        lock = path[: -len(MARK)] + ".lock"
        with contextlib.suppress(ValueError):
            if json.loads(files.text(path)) == _here():
                continue
        if path == _path(environment) or not workplaces.is_held(lock):
            found.append(path)
    return found


def distrusted(environment: releases.Environment) -> bool:
    """Tell whether the cache may be damaged since the power was cut; call it under the environment's lock."""
    return bool(_cut(environment))


def write(environment: releases.Environment) -> None:
    """Mark the begin of a build."""
    files.replace(_path(environment), json.dumps(_here()) + "\n", 0o600)


def clear(environment: releases.Environment) -> None:
    """Take back the mark of this environment's build, and those of cut ones, once all that they put into the cache is on the disk."""
    found = [path for path in [_path(environment)] + _cut(environment) if os.path.exists(path)]
    if not found:
        return
    durable.sync_filesystem(environment.store)
    for path in set(found):
        with contextlib.suppress(FileNotFoundError):
            safe_tree.unlink(path)
