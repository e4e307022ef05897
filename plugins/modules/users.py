#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let users reach the environments of a host."""

DOCUMENTATION = r"""
module: users
short_description: How users reach the environments of a host
version_added: 0.1.0
description:
  - Provides the command C(tensorflow-env) for all users, and as asked a login-shell snippet, modulefiles, Jupyter kernels, environments
    that groups may write to, and the GPUs that sessions see.
  - Brings all of it in line with what is asked for, and removes what earlier runs made and nobody asks for any more.
  - Refuses before any change where a group or a user does not exist, or something of others is in the way.
author:
  - The Tensorwright developers
options:
  state:
    description: Whether any of it is to be there.
    type: str
    choices: [present, absent]
    default: present
  environments:
    description: The plans of the environments. Users get the first one unasked.
    type: list
    elements: dict
    default: []
  groups:
    description: Environments of groups, each with C(name), C(path), C(environment), C(members) and C(private).
    type: list
    elements: dict
    default: []
  profile:
    description: Whether login shells find the first environment.
    type: bool
    default: false
  modules:
    description: Where modulefiles go; V(auto) for where the host's tool looks, V(false), or directories.
    type: raw
    default: "false"
  kernels:
    description: Whether each environment has a Jupyter kernel.
    type: bool
    default: false
  gpus:
    description: Which GPUs the sessions of a C(group) or a C(user) see, as C(gpus).
    type: list
    elements: dict
    default: []
  memory_growth:
    description: Whether TensorFlow takes a GPU's memory as it needs it, in all sessions.
    type: bool
    default: false
  discard:
    description: Whether a group's environment that nobody asks for any more goes with what its members have installed.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be changed.
    support: full
"""

EXAMPLES = r"""
- name: Let users reach the environment
  tensorwright.fleet.users:
    environments: ["{{ tensorflow_plan }}"]
    groups: [{name: vision, path: /opt/vision, environment: /opt/tensorflow}]
    modules: auto
  become: true
"""

RETURN = r"""
changes:
  description: What was changed, one line each.
  returned: always
  type: list
  elements: str
notes:
  description: What users have to know, one sentence each.
  returned: always
  type: list
  elements: str
footprint:
  description: What the receipt is to name.
  returned: always
  type: dict
"""

import contextlib
import os
import pwd
import shutil
from typing import Any, Dict, List, Set

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, host_lock, permissions, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import tensorflow_env
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift
from ansible_collections.tensorwright.fleet.plugins.module_utils.users import access_files, group_environments

PAM_UPDATE = "pam-auth-update"
ROLE = "tensorflow_users"


class UsersError(Exception):
    """It cannot be done; the text is one sentence."""


class Work:
    """One run of the module."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.asked = module.params
        self.rehearse = module.check_mode
        self.former = drift.of_role(ROLE)
        self.absent = self.asked["state"] == "absent"
        self.groups = [
            group_environments.Group(
                str(row["name"]),
                str(row["path"]).rstrip("/"),
                str(row["environment"]).rstrip("/"),
                bool(row.get("private")),
            )
            for row in ([] if self.absent else self.asked["groups"])
        ]
        self.changes: List[str] = []
        self.notes: List[str] = []
        self.made: Set[str] = set(tensorflow_env.read_json(tensorflow_env.REGISTRY).get("directories", []))

    def run(self) -> Dict[str, Any]:
        """Do as asked, and return the answer."""
        wanted = {} if self.absent else self.files()
        self.refuse(wanted)
        self.intend(wanted)
        members = self.members()
        for group in self.groups:
            self.provide(group)
        self.leave_groups()
        former = set(self.former.get("files") or {}) - set(access_files.PAM_RESULTS)
        gone = sorted(path for path in former - set(wanted) if self.may_go(path))
        if access_files.PAM_PROFILE in gone and not self.rehearse:
            self.update_pam("--remove", os.path.basename(access_files.PAM_PROFILE))
        for path in gone:
            self.changes.append("remove " + path)
            if not self.rehearse:
                safe_tree.unlink(path)
        self.write(wanted)
        self.tidy()
        self.apply_pam(wanted)
        return {
            "changed": bool(self.changes),
            "changes": self.changes,
            "notes": self.notes,
            "footprint": {
                "files": sorted(wanted) + list(access_files.PAM_RESULTS) * (access_files.PAM_PROFILE in wanted),
                "members": members,
                "trees": {group.path: {"group": group.name, "private": group.private} for group in self.groups},
            },
        }

    def intend(self, wanted: access_files.Files) -> None:
        """Write down what is about to be made and who is about to get rights: a run that is cut off then forgets nobody."""
        members: Dict[str, List[str]] = {}
        for row in [] if self.absent else self.asked["groups"]:
            members.setdefault(str(row["name"]), []).extend(map(str, row.get("members") or []))
        trees = {group.path: {"group": group.name, "private": group.private} for group in self.groups}
        request = {"files": sorted(wanted), "members": members, "trees": trees}
        if not self.absent:
            drift.intend(ROLE, request, check_mode=self.rehearse)

    def may_go(self, path: str) -> bool:
        """Whether a file that the receipt names is there, and is one that this role writes: it says so itself."""
        if not os.path.lexists(path):
            return False
        if path == access_files.PAM_PROFILE or access_files.MARK in files.text(path):
            return True
        self.notes.append("{0} stays, as it is no longer what Tensorwright wrote.".format(path))
        return False

    # --- what is wanted -------------------------------------------------------------------------------------------

    def files(self) -> access_files.Files:
        """Return all files that are wanted but for the registry, which names the directories made for them."""
        asked = self.asked
        environments = access_files.read(asked["environments"])
        wanted = access_files.command()
        if asked["profile"]:
            wanted.update(access_files.profile(environments))
        wanted.update(access_files.modulefiles(environments, access_files.module_directories(asked["modules"])))
        if asked["kernels"]:
            wanted.update(access_files.kernels(environments))
        wanted.update(access_files.sessions(asked["gpus"], asked["memory_growth"]))
        wanted[tensorflow_env.REGISTRY] = ("", 0o644)
        return wanted

    def refuse(self, wanted: access_files.Files) -> None:
        """Fail before any change for what cannot be."""
        for group in self.groups:
            wrong = group_environments.faults(group)
            if wrong:
                raise UsersError(wrong)
        for row in self.asked["gpus"] if not self.absent else []:
            if row.get("group") and permissions.group_id(str(row["group"])) is None:
                raise UsersError("there is no group {0}, whose GPUs are named".format(row["group"]))
            if row.get("user") and not exists(str(row["user"])):
                raise UsersError("there is no user {0}, whose GPUs are named".format(row["user"]))
        for row in self.asked["groups"] if not self.absent else []:
            for user in row.get("members") or []:
                if not exists(str(user)):
                    raise UsersError("there is no user {0} to be put into group {1}".format(user, row["name"]))
        ours = self.former.get("files") or {}
        for path in wanted:
            known = path in ours or path == access_files.PAM_PROFILE or access_files.MARK in files.text(path)
            if os.path.lexists(path) and not known:
                raise UsersError("{0} is there already and was not made by Tensorwright; move it away".format(path))
        if access_files.PAM_PROFILE in wanted and not shutil.which(PAM_UPDATE):
            raise UsersError("GPUs are given to sessions by {0}, which this host does not have".format(PAM_UPDATE))

    # --- groups ---------------------------------------------------------------------------------------------------

    def members(self) -> Dict[str, List[str]]:
        """Put the named users into their groups, take out those of earlier runs who are named no more; return whom the role put in."""
        put: Dict[str, List[str]] = {}
        former = self.former.get("members") or {}
        wanted: Dict[str, List[str]] = {}
        for row in [] if self.absent else self.asked["groups"]:
            wanted.setdefault(str(row["name"]), []).extend(map(str, row.get("members") or []))
        for group in sorted(set(wanted) | set(former)):
            there = drift.members(group)
            names, ours = wanted.get(group, []), former.get(group, [])
            for user in sorted(set(names) - set(there)):
                self.membership("--add", user, group)
            for user in sorted((set(ours) - set(names)) & set(there)):
                self.membership("--delete", user, group)
            kept = sorted({user for user in names if user in ours or user not in there})
            if kept:
                put[group] = kept
        return put

    def membership(self, flag: str, user: str, group: str) -> None:
        """Put a user into a group, or take one out."""
        self.changes.append("{0} {1} {2} group {3}".format(flag[2:], user, "to" if flag == "--add" else "from", group))
        if not self.rehearse:
            self.command(["gpasswd", flag, user, group])

    def provide(self, group: group_environments.Group) -> None:
        """Make a group's environment, or put its permissions right."""
        self.clear(group.path)
        if not os.path.lexists(group.path):
            self.changes.append("make {0} for group {1}".format(group.path, group.name))
            if not self.rehearse:
                group_environments.make(group)
            return
        wrong = permissions.look(group.path, group.name, group.private)
        if wrong.open or wrong.closed:
            self.changes.extend(permissions.sentences(group.path, wrong, group.name))
            if not self.rehearse:
                permissions.mend(group.path, group.name, group.private)
        note = group_environments.note(group)
        if note:
            self.notes.append(note)

    def clear(self, path: str) -> None:
        """Clear what a killed run has left of making or removing a group's environment."""
        if group_environments.clear(path, self.rehearse):
            self.changes.append("clear what a run left of {0}".format(path))

    def leave_groups(self) -> None:
        """Remove the groups' environments that nobody asks for any more, but for those in which somebody has installed something."""
        for path in sorted(set(self.former.get("trees") or {}) - {group.path for group in self.groups}):
            self.clear(path)
            if not os.path.lexists(path):
                continue
            why = group_environments.remove(path, self.asked["discard"], self.rehearse)
            if why:
                self.notes.append(why)
            else:
                self.changes.append("remove " + path)

    # --- files ----------------------------------------------------------------------------------------------------

    def write(self, wanted: access_files.Files) -> None:
        """Write the files that are not as wanted; the registry first, which names the directories that are about to be made."""
        if not self.rehearse:
            self.made.update(name for path in wanted for name in missing_directories(os.path.dirname(path)))
        for path in sorted(wanted, key=lambda path: path != tensorflow_env.REGISTRY):
            if not self.rehearse:
                self.make_directory(os.path.dirname(path))
            content, mode = wanted[path]
            if path == tensorflow_env.REGISTRY:
                rows = [group._asdict() for group in self.groups]
                environments = access_files.read(self.asked["environments"])
                content = access_files.registry(environments, rows, sorted(self.made))[path][0]
            if files.text(path) == content and os.stat(path).st_mode & 0o7777 == mode:
                continue
            self.changes.append("write " + path)
            if not self.rehearse:
                files.replace(path, content, mode)

    def make_directory(self, directory: str) -> None:
        """Make a directory, with those above it."""
        if not os.path.isdir(directory):
            self.make_directory(os.path.dirname(directory))
            safe_tree.make_directories(directory)

    def tidy(self) -> None:
        """Remove the directories that were made for files which are gone."""
        own = {os.path.dirname(tensorflow_env.REGISTRY)}  # nobody else's by its name, and the first one to be made
        for directory in sorted(self.made | own, key=len, reverse=True):
            if not self.rehearse:
                with contextlib.suppress(OSError):  # something of others is in it
                    safe_tree.rmdir(directory)

    # --- PAM ------------------------------------------------------------------------------------------------------

    def apply_pam(self, wanted: access_files.Files) -> None:
        """Let PAM's own tool take the profile up where it changed, or somebody has taken it out."""
        if access_files.PAM_PROFILE not in wanted:
            return
        fresh = "write " + access_files.PAM_PROFILE in self.changes
        taken = all(access_files.PAM_SETTINGS in files.text(path) for path in access_files.PAM_RESULTS)
        if taken and not fresh:
            return
        if not fresh:
            self.changes.append("give sessions their GPUs again")
        if self.rehearse:
            return
        self.update_pam("--enable", os.path.basename(access_files.PAM_PROFILE))
        if not all(access_files.PAM_SETTINGS in files.text(path) for path in access_files.PAM_RESULTS):
            raise UsersError(
                "{0} was changed by hand, so {1} left it alone; run {1} --force once, then run again".format(
                    access_files.PAM_RESULTS[0], PAM_UPDATE
                )
            )

    def update_pam(self, *arguments: str) -> None:
        """Run PAM's own tool."""
        self.command([PAM_UPDATE, "--package"] + list(arguments))

    def command(self, words: List[str]) -> None:
        """Run a command of the system's."""
        status, out, err = self.module.run_command(words, environ_update={"DEBIAN_FRONTEND": "noninteractive"})
        if status:
            told = (err or out).strip().splitlines() or ["no reason given"]
            raise UsersError("'{0}' failed: {1}".format(" ".join(words), told[-1]))


def missing_directories(directory: str) -> List[str]:
    """The directory and those above it, as far as they are not there."""
    if os.path.isdir(directory) or directory in ("", "/"):
        return []
    return [directory] + missing_directories(os.path.dirname(directory))


def exists(user: str) -> bool:
    """Whether there is such a user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "environments": {"type": "list", "elements": "dict", "default": []},
            "groups": {"type": "list", "elements": "dict", "default": []},
            "profile": {"type": "bool", "default": False},
            "modules": {"type": "raw", "default": "false"},
            "kernels": {"type": "bool", "default": False},
            "gpus": {"type": "list", "elements": "dict", "default": []},
            "memory_growth": {"type": "bool", "default": False},
            "discard": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    try:
        with host_lock.held("role " + ROLE, module.check_mode):
            run(module)
    except host_lock.LockedError as error:
        module.fail_json(msg=str(error))


def run(module: Any) -> None:
    """Do as asked, and end the module."""
    work = Work(module)
    try:
        answer = work.run()
    except (UsersError, group_environments.GroupError, tensorflow_env.RefusedError) as error:
        module.fail_json(msg=str(error), changed=bool(work.changes), changes=work.changes)
    except OSError as error:
        told = "{0}: {1}".format(error.filename, error.strerror)
        module.fail_json(msg=told, changed=bool(work.changes), changes=work.changes)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
