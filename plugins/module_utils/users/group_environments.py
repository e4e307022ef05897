# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments that the members of a group may write to: made, put right, and removed unless somebody would lose something.

Nothing in them is ever run as root, for it may be anybody's of the group.
"""

import os
import subprocess
from typing import List, NamedTuple, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import tensorflow_env

Group = NamedTuple("Group", [("name", str), ("path", str), ("environment", str), ("private", bool)])


class GroupError(Exception):
    """It cannot be made; the text is one sentence."""


def ours(path: str) -> Optional[tensorflow_env.Place]:
    """Return the virtualenv at a path, if it is one from tensorflow-env."""
    return tensorflow_env.virtualenv(path, "group")


def faults(group: Group) -> Optional[str]:
    """Tell what stands against a group's environment, before anything is made."""
    if permissions.group_id(group.name) is None:
        return "there is no group {0}, which is to have {1}".format(group.name, group.path)
    # Its own place, and that of the command which makes it: who could exchange that would have it run as root.
    for place in (os.path.dirname(group.path), os.path.join(group.environment, "bin")):
        fault = safe_tree.look(place)
        if fault:
            return "{0} cannot be made: {1}".format(group.path, safe_tree.UnsafePathError(fault))
    if os.path.lexists(group.path) and (os.path.islink(group.path) or not ours(group.path)):
        return "{0} is there already and is no environment of a group; move it away or choose another path".format(
            group.path
        )
    return None


def make(group: Group) -> None:
    """Make it, by the command of the environment that it is to stand on. Raises GroupError."""
    program = os.path.join(group.environment, "bin", "tensorflow-env")
    private = ["--private"] if group.private else []
    done = subprocess.run(
        [program, "create", "--group", group.name] + private + [group.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    if done.returncode:
        told = (done.stdout.strip().splitlines() or ["no reason given"])[-1]
        raise GroupError("{0} was not made: {1}".format(group.path, told))


def note(group: Group) -> Optional[str]:
    """Tell what members have to know of an environment that is there."""
    place = ours(group.path)
    if place is None:
        return None
    again = "members who need it save their list (pip freeze), remove it, and have it made anew by the next run"
    if place.base != group.environment:
        return "{0} stands on {1} and not on {2}; {3}.".format(group.path, place.base, group.environment, again)
    lib = os.path.join(group.environment, "lib")
    pythons = sorted(os.listdir(lib)) if os.path.isdir(lib) else []
    if pythons and "python" + place.python not in pythons:
        return "{0} was made for Python {1}, which {2} has no more; {3}.".format(
            group.path, place.python, group.environment, again
        )
    return None


def brought(path: str) -> bool:
    """Tell whether anybody has put something into it: what was made for the group is root's, and brings no distributions."""
    # Its members may write in it, so only what is above it can be trusted.
    with safe_tree.parent(path) as (above, name):
        top = os.open(name, safe_tree.DIRECTORY, dir_fd=above)
    try:
        owner = os.fstat(top).st_uid
        return any(
            status.st_uid != owner or name.endswith((".dist-info", ".egg-info"))
            for _above, name, _path, status in safe_tree.walk(top)
        )
    except safe_tree.UnsafePathError:  # nothing of ours nests so deep
        return True
    finally:
        os.close(top)


def clear(path: str, check_mode: bool) -> bool:
    """Remove what a killed run has left beside an environment; tell whether it had left anything."""
    work = tensorflow_env.WORKPLACE.format(os.path.basename(path))
    try:
        with safe_tree.parent(path) as (above, name):
            return work in os.listdir(above) if check_mode else tensorflow_env.clear(above, name)
    except FileNotFoundError:
        return False


def remove(path: str, discard: bool, check_mode: bool) -> Optional[str]:
    """Remove it; tells why it stays where it does."""
    if ours(path) is None:
        return None
    if not discard and brought(path):
        return "{0} stays, with what members of its group have installed; tensorflow_users_discard removes it.".format(
            path
        )
    users: List[int] = releases.users_of(path)
    if users:
        return "{0} stays, as process {1} uses it.".format(path, ", ".join(map(str, users)))
    if not check_mode:
        with safe_tree.parent(path) as (above, name), tensorflow_env.workplace(above, name) as work:
            os.rename(name, name, src_dir_fd=above, dst_dir_fd=work)  # where nobody of the group can go on filling it
    return None
