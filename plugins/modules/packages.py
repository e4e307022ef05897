#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a role's packages at their planned versions and hold them, or remove them."""

DOCUMENTATION = r"""
module: packages
short_description: A role's apt packages, installed in one transaction at their planned versions, and held
version_added: 0.1.0
description:
  - Installs what is missing in one transaction of apt's.
  - A package named without a version is right in any version, and is not upgraded.
  - Finishes first what an interrupted C(dpkg) left behind.
  - Holds the named packages and all of NVIDIA's that they need, and tells unattended-upgrades to leave exactly these alone.
  - Refuses where apt would remove a package that is not NVIDIA's.
  - Writes down what it is about to install before it does, so that a run which is cut off forgets nothing.
author:
  - The Tensorwright developers
options:
  role:
    description: The role whose packages these are. Its receipt tells what earlier runs installed.
    type: str
    required: true
  state:
    description: Whether the packages are to be there.
    type: str
    choices: [present, absent]
    default: present
  names:
    description: The role's own packages, as V(name) or V(name=version). They are held.
    type: list
    elements: str
    default: []
  plain:
    description:
      - Packages that are needed as well, but are not NVIDIA's. They are not held, and stay when the role is removed.
      - With O(state=absent), those that go as well, where the role has brought them and nothing else needs them.
    type: list
    elements: str
    default: []
  together:
    description: Packages of roles that follow, by role, to be installed in the same transaction. Those roles hold them.
    type: dict
    default: {}
  environments:
    description: The paths of the environments for which it is done, for a role that serves several of a host.
    type: list
    elements: str
    default: []
  same_version:
    description: Packages that have to be of the same upstream version as another, as name to that other's name, or to a version.
    type: dict
    default: {}
  replaces:
    description: Packages that go in the same transaction, as others take their place. Their configuration stays.
    type: list
    elements: str
    default: []
  replace:
    description: Whether packages of the role's receipt that are no longer needed are removed, as for a driver.
    type: bool
    default: false
  wholly:
    description: Whether with O(state=absent) all goes that the role has brought and nothing else needs, what is not held as well.
    type: bool
    default: false
  purge:
    description: Whether what is not held goes with its configuration, and with what its own scripts then delete.
    type: bool
    default: true
  cache_valid_time:
    description: Seconds for which apt's package lists count as fresh.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Tells what apt would do.
    support: full
"""

EXAMPLES = r"""
- name: Install and hold cuDNN
  tensorwright.fleet.packages:
    role: cudnn
    names: [libcudnn8=8.9.7.29-1+cuda12.2]
  become: true
  register: cudnn_packages_result
"""

RETURN = r"""
changes:
  description: What apt did, or would do in check mode, one line for each package.
  returned: always
  type: list
  elements: str
  sample: [install libcudnn8 8.9.7.29-1+cuda12.2]
mended:
  description: Packages that an interrupted C(dpkg) had left half installed.
  returned: always
  type: list
  elements: str
footprint:
  description: What the role's receipt is to name.
  returned: when O(state=present)
  type: dict
"""

import os
import time
from typing import Any, Dict, List, Set

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import packages as package_set
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt.packages import PackagesError
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, host_lock, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift

BLACKLIST = "/etc/apt/apt.conf.d/52tensorwright-{0}"
LISTS = "/var/lib/apt/lists"


class Work:
    """One run of the module."""

    def __init__(self, module: Any) -> None:
        self.asked = module.params
        self.rehearse = module.check_mode
        self.changed = False
        self.changes: List[str] = []
        self.mended: List[str] = []
        self.unfetched = ""
        self.packages = package_set.read()
        role = self.asked["role"]
        self.file = BLACKLIST.format(role)
        self.together = [request for requests in self.asked["together"].values() for request in requests]
        known = drift.of_roles()
        ours = known.pop(role, {})
        self.held_before = set(ours.get("held") or [])
        self.had_before = set(ours.get("packages") or {}) | self.held_before
        self.asked_before = set(ours.get("asked") or [])
        self.of_others = {name for one in known.values() for name in one.get("packages") or {}}

    def do(self) -> Dict[str, Any]:
        """Do what was asked for, and return the answer."""
        self.mended = package_set.mend(self.packages, self.rehearse)
        if self.mended:
            self.changed = True
            self.packages = package_set.read()
        footprint = self.present() if self.asked["state"] == "present" else self.absent()
        return {"changed": self.changed, "changes": self.changes, "mended": self.mended, "footprint": footprint}

    # -- present ------------------------------------------------------------------------------------------------------

    def present(self) -> Dict[str, Any]:
        """Install, hold, and keep unattended-upgrades away."""
        asked = self.asked
        before = package_set.installed(self.packages)
        wanted = asked["names"] + asked["plain"] + self.together
        lacking = package_set.missing(wanted, before)
        partners = [name for name, leader in asked["same_version"].items() if self._apart(name, leader, before)]
        going = [name for name in asked["replaces"] if name in before]
        if lacking or partners or going:
            self.changed = True
            self._install(lacking, before, going)
        after = package_set.installed(self.packages)
        names = [package_set.split(request)[0] for request in asked["names"]] + list(asked["same_version"])
        held = package_set.closure(names, self.packages)
        came = set(after) - set(before) - held - package_set.names(self.together)
        came -= package_set.closure(package_set.names(self.together), self.packages)
        kept = {name for name in self.had_before - self.held_before if name in after}
        older = set() if asked["replace"] else {name for name in self.held_before if name in after}
        self._hold(held | older)
        brought = came | kept
        requested = {package_set.split(request)[0] for request in asked["plain"]} | self.asked_before
        if not (held | older) and not os.path.lexists(self.file):
            return package_set.footprint((), brought, requested & brought, [])
        self._blacklist(held | older)
        return package_set.footprint(held | older, brought, requested & brought, [self.file])

    def _apart(self, name: str, leader: str, there: Dict[str, str]) -> bool:
        wanted = leader if package_set.is_version(leader) else there.get(leader, "")
        versions = [package_set.upstream(one) for one in (there.get(name, ""), wanted)]
        return not versions[0] or versions[0] != versions[1]

    def _install(self, lacking: List[str], before: Dict[str, str], going: List[str]) -> None:
        self._refresh(lacking)
        lacking = lacking + package_set.followers(lacking, self.packages)
        install = ["--no-install-recommends", "--allow-change-held-packages", "--allow-downgrades", "install"]
        if self.asked["replace"]:  # or apt would keep the packages of another branch, which are held
            install.insert(0, "--ignore-hold")
        try:
            removals = [name + "-" for name in going]
            steps = package_set.simulate(install + lacking + removals) if lacking else []
            requests = lacking + package_set.companions(self.asked["same_version"], steps, before)
            removals += [name + "-" for name in self._stale(steps)]
            steps = package_set.simulate(install + requests + removals)
        except PackagesError:
            if not self.rehearse:
                raise
            # On a fresh host the repository is not there yet, so what is asked for is all that can be told.
            self.changes += ["install " + request.replace("=", " ") for request in lacking]
            return
        gone = {one.name for one in steps if one.verb != "Inst"}.difference(going)
        foreign = sorted(name for name in gone if not self._may_go(name))
        if foreign:
            raise PackagesError("apt would remove {0}, which other programs may need".format(", ".join(foreign)))
        self.changes += [_told(one) for one in steps]
        if not self.rehearse:
            self._intend({one.name for one in steps if one.verb == "Inst" and not one.before})
            package_set.fetching(install + requests + removals)
            self.packages = package_set.read()

    def _intend(self, coming: Set[str]) -> None:
        """Write down what was not there before and is about to be: of this role, and of those that follow."""
        asked = self.asked
        held = coming & (package_set.names(asked["names"]) | set(asked["same_version"]))
        of_those = package_set.names(self.together)
        drift.intend(
            asked["role"],
            {
                "packages": sorted(coming - of_those),
                "held": sorted(held),
                "asked": sorted(coming & package_set.names(asked["plain"])),
                "files": [self.file] if held else [],
            },
            asked["environments"],
        )
        for role, requests in sorted(asked["together"].items()):
            names = sorted(coming & package_set.names(requests))
            drift.intend(role, {"packages": names, "held": names})

    def _may_go(self, name: str) -> bool:
        return name in self.packages and self.packages[name].maker and name not in self.of_others

    def _stale(self, steps: List[package_set.Step]) -> List[str]:
        """What earlier runs of a role that replaces its packages held, and what is not to stay beside the new ones."""
        if not self.asked["replace"]:
            return []
        coming = {step.name for step in steps if step.verb == "Inst"}
        there = package_set.installed(self.packages)
        names = [package_set.split(request)[0] for request in self.asked["names"]]
        still = package_set.closure(names, self.packages)
        return sorted(name for name in self.held_before - coming - still - self.of_others if name in there)

    def _refresh(self, lacking: List[str]) -> None:
        """Fetch apt's lists where they are old, or do not know what is asked for."""
        fresh = max([os.stat(path).st_mtime for path in (LISTS, LISTS + "/partial") if os.path.isdir(path)] or [0])
        if self.rehearse or (time.time() - fresh < self.asked["cache_valid_time"] and self._known(lacking)):
            return
        self.unfetched = package_set.unfetched(package_set.fetching(["update"]))

    def _known(self, lacking: List[str]) -> bool:
        for request in lacking:
            name, version = package_set.split(request)
            offered = package_set.versions(name)
            if not offered or (version and version not in offered):
                return False
        return True

    def _hold(self, names: Set[str]) -> None:
        # Not what was held before and is no longer ours: a package that was replaced is gone, and so is its hold.
        loose = sorted(name for name in names if self.packages[name].want != "hold")
        if loose:
            self.changed = True
            self.changes += ["hold {0}".format(name) for name in loose]
            if not self.rehearse:
                drift.intend(self.asked["role"], {"held": loose, "files": [self.file]})
                package_set.run(["apt-mark", "hold"] + loose)

    def _blacklist(self, names: Set[str]) -> None:
        content = package_set.blacklist(names, self.asked["role"])
        if files.text(self.file) != content:
            self.changed = True
            if not self.rehearse:
                files.replace(self.file, content)

    # -- absent -------------------------------------------------------------------------------------------------------

    def absent(self) -> Dict[str, Any]:
        """Remove what the receipt names and no other role's does, and what came along if nothing else needs it."""
        there = set(package_set.installed(self.packages))
        held = sorted((self.held_before & there) - self.of_others)
        if held:
            self.changed = True
            purge = ["--allow-change-held-packages", "purge"]
            steps = package_set.simulate(purge + held)
            others = sorted({step.name for step in steps} - set(held) - self.had_before)
            if others:
                raise PackagesError(
                    "apt would remove {0} as well, which the role did not install".format(", ".join(others))
                )
            self.changes += ["remove {0}".format(name) for name in held]
            if not self.rehearse:
                package_set.run(["apt-get"] + package_set.CALM + purge + held)
        if self.held_before and self.had_before & there and not self.rehearse:
            self._remove_unneeded()  # also where a run was cut off between the two
        if self.asked["wholly"]:
            self._remove_brought()
        if os.path.lexists(self.file):
            self.changed = True
            if not self.rehearse:
                safe_tree.unlink(self.file)
        return {}

    def _remove_brought(self) -> None:
        """Remove what was not there before the role, but for what something else needs or somebody else has asked for since."""
        brought = self.had_before - self.held_before - self.of_others
        came_along = brought - self.asked_before
        names = package_set.removable(brought - (came_along & package_set.manual()), self.packages)
        if names:
            self.changed = True
            self.changes += ["remove {0}".format(name) for name in names]
            if not self.rehearse:
                verb = "purge" if self.asked["purge"] else "remove"
                package_set.run(["apt-get"] + package_set.CALM + [verb] + names)

    def _remove_unneeded(self) -> None:
        """Of what came along, remove what apt itself would call no longer needed."""
        unneeded = {step.name for step in package_set.simulate(["autoremove"]) if step.verb != "Inst"}
        names = sorted(unneeded & self.had_before - self.of_others)
        if names:
            self.changed = True
            self.changes += ["remove {0}".format(name) for name in names]
            package_set.run(["apt-get"] + package_set.CALM + ["purge"] + names)


def _told(step: package_set.Step) -> str:
    if step.verb != "Inst":
        return "remove {0} {1}".format(step.name, step.before)
    verb = "move {0} {1} to {2}" if step.before else "install {0} {2}"
    return verb.format(step.name, step.before, step.after)


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "role": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "names": {"type": "list", "elements": "str", "default": []},
            "plain": {"type": "list", "elements": "str", "default": []},
            "together": {"type": "dict", "default": {}},
            "environments": {"type": "list", "elements": "str", "default": []},
            "same_version": {"type": "dict", "default": {}},
            "replaces": {"type": "list", "elements": "str", "default": []},
            "replace": {"type": "bool", "default": False},
            "wholly": {"type": "bool", "default": False},
            "purge": {"type": "bool", "default": True},
            "cache_valid_time": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    try:
        with host_lock.held("packages of role " + module.params["role"], module.check_mode):
            run(module)
    except host_lock.LockedError as error:
        module.fail_json(msg=str(error))


def run(module: Any) -> None:
    """Do as asked, and end the module."""
    work = Work(module)
    try:
        answer = work.do()
    except PackagesError as error:
        names = sorted(package_set.names(work.asked["names"] + work.together))
        more = ["; {0} forbids it".format(path) for path in package_set.blame(names)]
        more += ["; " + work.unfetched] if work.unfetched else []
        module.fail_json(
            msg=package_set.complaint(error) + "".join(more),
            changes=work.changes,
            mended=work.mended,
            changed=work.changed,
            output=error.output[-4000:],
        )
    except OSError as error:
        told = "{0}: {1}".format(error.filename, error.strerror)
        module.fail_json(msg=told, changed=work.changed, changes=work.changes, mended=work.mended)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
