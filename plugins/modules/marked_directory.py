#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a directory that is the role's own, and remove such a one alone."""

DOCUMENTATION = r"""
module: marked_directory
short_description: A directory that is known by a mark in it, and that goes only with that mark
version_added: 0.1.0
description:
  - A directory that is made, or that is there and has nothing in it, gets a mark. Any other without the mark is refused.
  - With all that is in it a directory is removed only where the mark is in it, whatever the path has come to be meanwhile.
  - All directories above it have to be such that nobody but root, or the acting user, can write there.
author:
  - The Tensorwright developers
options:
  path:
    description: The directory.
    type: path
    required: true
  state:
    description: Whether it is to be there.
    type: str
    choices: [present, absent]
    default: present
  mark:
    description:
      - The name of the file that is the mark. With O(state=absent) it may be a pattern.
      - It counts only where it belongs to root, or to the acting user.
    type: str
    required: true
  owner:
    description: Whose the directory is, with that user's group. Empty means the acting user's.
    type: str
    default: ""
  mode:
    description: Its permissions.
    type: str
    default: "0755"
  contents:
    description: Names of all that the role's services make there. A directory of O(owner) with these and nothing else counts as marked.
    type: list
    elements: str
    default: []
  required:
    description: Whether O(state=absent) fails where a directory without the mark is there. Otherwise that one is left, with a warning.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be done, or why it would be refused.
    support: full
"""

EXAMPLES = r"""
- name: Make the cache's directory
  tensorwright.fleet.marked_directory:
    path: /var/cache/tensorwright-package-cache
    mark: .tensorwright-package-cache
    owner: www-data
    mode: "0750"
  become: true
"""

RETURN = r"""
left:
  description: Why a directory was not removed; empty where it was, or was not there.
  returned: with O(state=absent)
  type: str
"""

import fnmatch
import os
import pwd
import stat
from typing import Any, Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule

TEXT = "The directory in which this file lies was made by Tensorwright, which removes it with all that is in it.\n"


class DirectoryError(Exception):
    """It cannot be as asked; the text is one sentence."""


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "mark": {"type": "str", "required": True},
            "owner": {"type": "str", "default": ""},
            "mode": {"type": "str", "default": "0755"},
            "contents": {"type": "list", "elements": "str", "default": []},
            "required": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    verb = present if asked["state"] == "present" else absent
    try:
        answer = verb(asked, module.check_mode)
    except DirectoryError as error:
        module.fail_json(msg=str(error))
    except safe_tree.UnsafePathError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="{0}: {1}".format(asked["path"], error.strerror))
    if answer.get("left"):
        module.warn(answer["left"])
    module.exit_json(**answer)


def present(asked: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Make the directory, or take one that is ours or empty. Raises DirectoryError and OSError."""
    uid, gid = owner(asked)
    try:
        with safe_tree.parent(asked["path"], None if check_mode else 0o755) as (above, name):
            made = not exists(above, name)
            if made and check_mode:
                return {"changed": True}
            if made:
                os.mkdir(name, 0o700, dir_fd=above)  # nobody's but ours until the mark is in it
            here = enter(above, name, asked["path"])
            try:
                return {"changed": settle(here, asked, uid, gid, check_mode) or made}
            finally:
                os.close(here)
    except FileNotFoundError:  # directories above it are to be made as well
        if not check_mode:
            raise
        return {"changed": True}


def settle(here: int, asked: Dict[str, Any], uid: int, gid: int, check_mode: bool) -> bool:
    """Give an open directory its mark, owner and permissions; tell whether anything was otherwise. Raises DirectoryError."""
    names, mode = os.listdir(here), int(asked["mode"], 8)
    if names and not is_ours(here, asked):
        message = "{0} has other things in it: {1}; accepted is a directory that is empty, or that does not exist yet"
        raise DirectoryError(message.format(asked["path"], some(names)))
    unmarked, state = not marks(here, asked["mark"]), os.fstat(here)
    if unmarked and not check_mode:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(asked["mark"], flags, 0o644, dir_fd=here), "w") as stream:
            stream.write(TEXT)
            os.fchmod(stream.fileno(), 0o644)
            stream.flush()
            os.fsync(stream.fileno())
    right = (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (uid, gid, mode)
    if not right and not check_mode:
        os.fchown(here, uid, gid)
        os.fchmod(here, mode)
    return unmarked or not right


def absent(asked: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Remove the directory where it is ours. Raises DirectoryError and OSError."""
    try:
        with safe_tree.parent(asked["path"]) as (above, name):
            if not exists(above, name):
                return {"changed": False, "left": ""}
            here = enter(above, name, asked["path"])
            try:
                if not is_ours(here, asked):
                    why = "{0} is not removed: the mark {1} of what we have made is not in it, but {2}"
                    left = why.format(asked["path"], asked["mark"], some(os.listdir(here)) or "nothing")
                    if asked["required"]:
                        raise DirectoryError(left + "; accepted is a directory with that mark, or none")
                    return {"changed": False, "left": left}
            finally:
                os.close(here)
            if not check_mode:
                safe_tree.remove_at(above, name)
    except FileNotFoundError:
        return {"changed": False, "left": ""}
    return {"changed": True, "left": ""}


def owner(asked: Dict[str, Any]) -> Any:
    """Return the numbers of the owner and the group. Raises DirectoryError."""
    if not asked["owner"]:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(asked["owner"])
    except KeyError:
        raise DirectoryError(
            "there is no user {0}, to whom {1} is to belong".format(asked["owner"], asked["path"])
        ) from None
    return entry.pw_uid, entry.pw_gid


def exists(above: int, name: str) -> bool:
    """Whether an open directory has such an entry."""
    try:
        os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def enter(above: int, name: str, path: str) -> int:
    """Open a directory, which is neither a link nor anything else. Raises DirectoryError."""
    if not name or not stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
        raise DirectoryError(
            "{0} is no directory of its own; accepted is the path of a directory, not of a link".format(path)
        )
    return os.open(name, safe_tree.DIRECTORY, dir_fd=above)


def marks(here: int, pattern: str) -> List[str]:
    """Return the marks in an open directory: files that nobody else can have put there."""
    found = []
    for name in fnmatch.filter(os.listdir(here), pattern):
        state = os.stat(name, dir_fd=here, follow_symlinks=False)
        if stat.S_ISREG(state.st_mode) and state.st_uid in safe_tree.owners() and state.st_nlink == 1:
            found.append(name)
    return found


def is_ours(here: int, asked: Dict[str, Any]) -> bool:
    """Whether an open directory has the mark, or is one that was made before there were marks."""
    if marks(here, asked["mark"]):
        return True
    names = os.listdir(here)
    return bool(names) and set(names) <= set(asked["contents"]) and os.fstat(here).st_uid == owner(asked)[0]


def some(names: List[str]) -> str:
    """Return a few names for a sentence."""
    return ", ".join(sorted(names)[:3]) + (" and more" if len(names) > 3 else "")


if __name__ == "__main__":
    main()
