#!/usr/bin/python
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build, prove, switch, roll back and remove TensorFlow environments on the managed host."""

DOCUMENTATION = r"""
module: environment
short_description: TensorFlow environments as sealed releases behind one link
version_added: 0.1.0
description:
  - A release is built beside the one in use, proved by a session as an ordinary user, sealed, and only then switched to.
  - Whatever stops before the switch leaves the environment as it was; the next run clears what was left unfinished.
  - One run at a time works on an environment.
author: The Tensorwright developers (@tensorwright)
options:
  path:
    description: The path that users activate; becomes a link to the current release.
    type: path
    required: true
  state:
    description:
      - V(present) makes the environment what is asked for.
      - V(rolled_back) proves the release that was in use before the current one and switches back to it.
      - V(absent) removes the environment with all its releases.
    type: str
    choices: [present, rolled_back, absent]
    default: present
  python:
    description: The interpreter to build on. Required for O(state=present).
    type: path
  requirements:
    description:
      - What to install, as requirement specifiers, TensorFlow's first.
      - C(tf-nightly) without a version stands for one build, which the seal names.
    type: list
    elements: str
    default: []
  conda:
    description: For prefixes of conda's in place of virtualenvs, with C(python) (such as V(3.6)) and C(channels).
    type: dict
  wheel:
    description: The wheel to take for the first requirement instead of what the index offers, with C(url) and C(sha256), if known.
    type: dict
  wheel_login:
    description: User and password for that URL, as C(user:password).
    type: str
    default: ""
  guide_url:
    description: Where the first requirement's wheel may be had if the index has no match.
    type: str
    default: ""
  moves:
    description: Whether C(tf-nightly) is the newest build; if not, it stays the one in use.
    type: bool
    default: false
  constraints:
    description: Versions that must not be left, as requirement specifiers.
    type: list
    elements: str
    default: []
  version:
    description: The TensorFlow version that the session must find.
    type: str
  cuda_build:
    description: Whether the session must find a build with GPU support; unset accepts either.
    type: bool
  native:
    description: Whether the system's own Python imports from this environment as well.
    type: bool
    default: false
  installer:
    description:
      - The pinned tool that installs, with C(name) (V(uv) or V(pip)), C(version) and C(wheel) (C(file) and C(sha256)).
      - For Python 2.7 also C(virtualenv), its pinned wheel.
    type: dict
  index_url:
    description: The package index; empty means the one that the host's environment names, or the public one.
    type: str
    default: ""
  extra_index_urls:
    description: Further indexes.
    type: list
    elements: str
    default: []
  ca_file:
    description: A bundle of CA certificates to trust instead of the system's.
    type: str
    default: ""
  package_cache:
    description: The site's package cache, as the filter P(tensorwright.fleet.package_cache#filter) gives it. Nothing means none.
    type: dict
    default: {}
  cache:
    description: Directory of the installers' cache; empty means one beside the releases, so that files can be linked.
    type: str
    default: ""
  timeout:
    description: Seconds that the network may stay silent.
    type: int
    default: 60
  retries:
    description: How often a broken download is tried again.
    type: int
    default: 3
  keep:
    description: How many sealed releases stay, the current one counted.
    type: int
    default: 2
  rebuild:
    description: Whether a release is built anew beside the one in use, although that is what is asked for.
    type: bool
    default: false
  prove:
    description: Whether a release that is there already is to pass the session test; one that fails is built anew beside it.
    type: bool
    default: false
  in_use:
    description:
      - What to do with a release that is to go while processes use it. V(refuse) leaves it for a later run, or, for O(state=absent),
        fails and names them. V(ignore) removes it; the processes then miss what they have not loaded yet.
    type: str
    choices: [refuse, ignore]
    default: refuse
  lock_timeout:
    description: Seconds to wait for another run on this environment.
    type: int
    default: 600
  session_user:
    description: Who runs the session where the module runs as root; empty means a user without rights that exists only meanwhile.
    type: str
    default: ""
  sdists:
    description:
      - Whether packages may be built from their sources where the index has no wheel of them. V(auto) says no to all but releases of
        TensorFlow before 2.7, which need packages that never had wheels.
      - A build runs what its package says, without rights where the module runs as root.
    type: str
    choices: [auto, always, never]
    default: auto
  plan:
    description: The plan that the release is built from; kept in its seal.
    type: dict
    default: {}
  inputs:
    description: Hash of the role's inputs for the receipt; without it no receipt is written.
    type: str
"""

EXAMPLES = r"""
- name: Build and prove the environment
  tensorwright.fleet.environment:
    path: /opt/tensorflow
    python: /usr/bin/python3.11
    requirements: ["tensorflow-cpu==2.21.0", "pip"]
    version: 2.21.0
    installer: "{{ tensorflow_plan.installer }}"

- name: Switch back to the previous release
  tensorwright.fleet.environment:
    path: /opt/tensorflow
    state: rolled_back
"""

RETURN = r"""
release:
  description: Name of the current release.
  type: str
  returned: always
previous:
  description: Name of the release that was current before, if any.
  type: str
  returned: always
session:
  description: What the session found, where one ran.
  type: dict
  returned: when a session ran
sealed:
  description: The current release's seal.
  type: dict
  returned: for O(state=present) and O(state=rolled_back)
added_by_users:
  description: Distributions that users had installed into the previous release; they are not in the new one.
  type: list
  elements: str
  returned: when a release was built
mended:
  description: What was wrong with the permissions of a shared release, one sentence each.
  type: list
  elements: str
  returned: for O(state=present), where a shared release was there already
rebuilt:
  description: Why a release was built in the place of one that was there, one sentence each.
  type: list
  elements: str
  returned: always
other_runs:
  description: What other runs on the environment did or will do meanwhile that this one should know of, one sentence each.
  type: list
  elements: str
  returned: always
left_cache:
  description: Why the origin was asked although there is a package cache; empty if it was not.
  type: str
  returned: when a release was built
wheel:
  description: The wheel that came from a URL, with C(url), C(sha256), and whether that was C(checked).
  type: dict
  returned: when a release was built from one
busy:
  description: Which releases stay only because processes use them, one sentence each.
  type: list
  elements: str
  returned: for O(state=present)
removed:
  description: What was removed, as names of releases, or paths.
  type: list
  elements: str
  returned: always
left:
  description: What stays on the host after O(state=absent), one sentence each.
  type: list
  elements: str
  returned: for O(state=absent)
"""

import contextlib
import os
import pathlib
import re
import subprocess
from inspect import getsource
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, permissions, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import (
    cache_marks,
    native,
    release_files,
    runtimes,
    session_test,
    wheel_records,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import (
    builder_user,
    bytecode,
    conda,
    installers,
    takeover,
    workshop,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download, package_cache
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_libraries
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import release_pin, tensorflow_env
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import facts as source_facts
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import kept as kept_builds

PIP_MARK = "# Tensorwright writes this file anew when the site's settings change.\n"
NIGHTLY = re.compile(r"tf-nightly(?:\[[\w-]+\])?$")
NIGHTLY_BUILD = re.compile(r"tf-nightly(?:\[[\w-]+\])?==(.+)")
FULL = "No space left on device"  # what the system calls it, whatever it is that is used up
NO_INODES = (
    "the file system has no inode left for another file, however much space is free; remove files from it (`df -i` shows which "
    "file systems have none left), or set `tensorflow_path` to a place on another disk"
)
NO_MATCH = ("no-wheel", "no-such-version")  # troubles for which another place may help
PIN = "import _tensorwright_release; _tensorwright_release.pin()\n"


class Builder(object):
    """One run of the module on one environment."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.params = module.params
        self.environment = releases.Environment(self.params["path"], self.params["in_use"] == "ignore")
        self.python = self.params["python"]
        self.conda = runtimes.Runtimes(self.environment).link(runtimes.CONDA)
        self.package_cache = package_cache.Cache(self.params["package_cache"])
        self.cache = self.params["cache"] or self.environment.shared("cache")
        self.distrusted: List[str] = []
        self.inodes_are_gone = False
        self.switched = False  # whether users have another release than before this run
        self.seen: Optional[str] = None  # the release in use before this run had the lock
        self.result: Dict[str, Any] = {
            "changed": False,
            "release": None,
            "previous": None,
            "removed": [],
            "rebuilt": [],
            "other_runs": [],
        }
        self.params["sdists"] = builds(self.params["sdists"], self.params["version"] or "")

    # --- state: present -------------------------------------------------------------------------------------------

    def present(self) -> None:
        """Make the environment what is asked for."""
        environment = self.environment
        previous = environment.current()
        if self.module.check_mode and not os.path.exists(self.conda if self.params["conda"] else self.python):
            self.result["changed"] = True  # an earlier step of the run would have installed it
            return
        host = native.probe(self.python) if self.params["native"] else {}
        self.refuse_shadow(host)
        self.pin_nightly()
        contents = self.contents()
        name = self.usable(releases.release_name(contents))
        built = environment.sealed(name) is None
        self.result.update(release=name, previous=previous)
        if self.module.check_mode:
            moved = built or previous != name or self.has_leftovers()
            self.result["changed"] = (
                moved or self.settle(name) or self.renew_command(name) or self.adjust(name, host) or self.mend(name)
            )
            return
        workshop.clear_killed(self.cache)
        if cache_marks.distrusted(environment) and not self.params["cache"]:
            with contextlib.suppress(OSError):
                safe_tree.remove(self.cache)
        cache_marks.clear(environment)
        self.clear_leftovers()
        if built:
            self.build(name, contents, native.constraints(host.get("requires", [])))
            self.result["added_by_users"] = self.added_by_users(previous)
        if previous != name or built:
            self.tell_of_earlier(previous, name)
            self.prove_and_switch(name)
        elif not release_files.listed(environment.directory(name)):  # of an earlier version, and whole
            release_files.write(environment.directory(name))
        environment.count(name)
        for release in self.distrusted:  # nobody is to go back to it, and it goes as soon as nothing uses it
            remove_file(os.path.join(environment.directory(release), releases.SEAL))
        seal = environment.sealed(name) or {}
        if self.settle(name) | self.renew_command(name) | self.adjust(name, host) | self.mend(name):
            self.result["changed"] = True
        self.clear_surplus()
        self.write_receipt(name, seal, host)
        self.result["sealed"] = seal
        self.tell_of_next()

    def tell_of_earlier(self, previous: Optional[str], name: str) -> None:
        """Tell of a release that another run has put to use while this one waited for it, and that this one replaces."""
        if previous in (None, self.seen, name):
            return
        version = (self.environment.sealed(str(previous)) or {}).get("version")
        self.result["other_runs"].append(
            "Release {} (TensorFlow {}), which another run had put to use while this one waited, was replaced.".format(
                previous, version
            )
        )

    def tell_of_next(self) -> None:
        """Tell of a run that waits to make something else of the environment."""
        after = self.environment.next_run()
        if after and after.get("wanted") != self.environment.wanted:
            self.result["other_runs"].append(
                "Process {process} of user {user} waited meanwhile and works on it next; it wants {wanted}.".format(
                    **dict({"process": "?", "user": "?", "wanted": "?"}, **after)
                )
            )

    def wanted(self) -> str:
        """Return what this run is to make of the environment, in words."""
        words = {"rolled_back": "the release before", "absent": "it removed"}
        asked = matcher.without_logins(", ".join(self.params["requirements"]))
        return words.get(self.params["state"], asked)

    def pin_nightly(self) -> None:
        """Let tf-nightly mean one build: the one in use unless this run is asked to move on, else the newest of the index."""
        params = self.params
        match = NIGHTLY.match(params["requirements"][0])
        if match is None:
            return
        current = self.environment.current()
        seal = (self.environment.sealed(current) if current else None) or {"contents": {}}
        there = [NIGHTLY_BUILD.match(one) for one in seal["contents"].get("requirements", [])]
        builds = [found.group(1) for found in there if found]
        params["version"] = builds[0] if builds and not params["moves"] else self.newest_nightly()
        params["requirements"][0] += "==" + params["version"]

    def newest_nightly(self) -> str:
        """Return the newest nightly build that the index has for the planned Python. Raises InstallError."""
        params = self.params
        tag = "cp" + self.series().replace(".", "")
        indexes = [params["index_url"] or download.default_index()] + params["extra_index_urls"]
        try:
            return download.newest_build(
                "tf-nightly", tag, indexes, params["ca_file"], params["timeout"], params["retries"], self.package_cache
            )
        except download.DownloadError as error:
            raise installers.InstallError(matcher.explain(str(error)) or str(error), str(error)) from error

    def contents(self) -> Dict[str, Any]:
        """Return what a release is made of; equal contents have the same name."""
        params = self.params
        contents = {
            "python": [runtimes.CONDA if params["conda"] else os.path.realpath(self.python), self.series()],
            "requirements": sorted(params["requirements"]),
            "constraints": sorted(params["constraints"]),
            **({"sha256": params["wheel"]["sha256"]} if params["wheel"] and params["wheel"].get("sha256") else {}),
            "installer": params["installer"]["name"],
            "native": params["native"],
        }
        # One wheel makes other releases where another CUDA is planned, or none.
        cuda = cuda_libraries.planned(params["plan"])
        return dict(contents, cuda=cuda) if cuda else contents

    def series(self) -> str:
        """Return the planned Python's major and minor version."""
        planned = self.params["conda"]
        return str(planned["python"]) if planned else "{}.{}".format(*installers.version_of(self.python))

    def choose(self, name: str) -> str:
        """Return the release to use: the whole one of this name, of several the one in use; where none is whole, a free name.

        One that was distrusted in this run is not whole.

        A damaged release stays as it is for the processes that use it; its successor is made beside it, as name-2.
        """
        environment = self.environment
        current = environment.current()
        there = [release for release in environment.all_releases() if re.match(name + r"(-\d+)?$", release)]
        for release in sorted(there, key=lambda release: (release != current, release)):
            if release in self.distrusted or self.params["rebuild"]:
                continue
            damage = environment.damage(release)
            if damage and environment.sealed(release):
                self.distrust(release, damage)
            elif not damage and self.trusted(release):
                return release
        unfinished = environment.unsealed()
        candidate, number = name, 1
        while candidate in there and candidate not in unfinished:
            number += 1
            candidate = "{}-{}".format(name, number)
        return candidate

    def distrust(self, release: str, why: str) -> None:
        """Let another release be built in the place of this one, to which nobody is to go back."""
        self.distrusted.append(release)
        word = "would be" if self.module.check_mode else "was"
        self.result["rebuilt"].append("Release {} {}, so it {} built anew beside it.".format(release, why, word))

    def usable(self, name: str) -> str:
        """Return the release of this name to use: a whole one whose session passes; else a free name."""
        chosen = self.choose(name)
        while not self.module.check_mode and self.environment.sealed(chosen) and not self.passes(chosen):
            chosen = self.choose(name)
        return chosen

    def passes(self, release: str) -> bool:
        """Tell whether a sealed release passes the session test. Raises SessionError for what fails in any release."""
        if not self.params["prove"]:
            return True
        if self.mend(release):  # or a session would fail for permissions alone, for which nothing has to be built
            self.result["changed"] = True
        try:
            self.prove(self.environment.directory(release))
        except session_test.SessionError as error:
            if not error.suspects_release:
                raise
            self.distrust(release, "fails its session ({})".format(error))
            return False
        return True

    def is_shared(self) -> bool:
        """Tell whether the environment is one of all users, whose permissions matter: a home's are its owner's business."""
        return os.geteuid() == 0

    def trusted(self, release: str) -> bool:
        """Tell whether nobody but its owner has put anything into a shared release, as far as its files tell.

        Where others could write, files are held against their wheels' hashes. What they were linked from, the cache, is no better then.
        """
        if not self.is_shared():
            return True
        directory = self.environment.directory(release)
        wrong = permissions.look(directory)
        spoilt = [
            path for place in releases.site_packages(directory) for path in wheel_records.altered(place, wrong.open)
        ]
        if not wrong.foreign and not spoilt:
            return True
        self.distrust(release, "may have been changed by others")
        if not self.module.check_mode and not self.params["cache"]:
            with contextlib.suppress(OSError):
                safe_tree.remove(self.cache)
        return False

    def mend(self, release: str) -> bool:
        """Let all read the shared release and nobody but its owner write to it; tell whether anything was otherwise."""
        directory = self.environment.directory(release)
        if not self.is_shared():
            return False
        wrong = permissions.look(directory)
        if (wrong.open or wrong.closed) and not self.module.check_mode:
            permissions.mend(directory)
        self.result["mended"] = self.result.get("mended", []) + list(permissions.sentences(directory, wrong))
        return bool(wrong.open or wrong.closed)

    def has_leftovers(self) -> bool:
        """Tell whether earlier runs left something to clear."""
        environment = self.environment
        return bool(environment.unsealed() or self.stale() or environment.surplus(self.params["keep"]))

    def stale(self) -> List[str]:
        """Return the files that runs which were killed have left outside the releases."""
        return self.environment.stale() + installers.abandoned(self.cache)

    def clear_leftovers(self) -> None:
        """Clear what earlier runs left unfinished."""
        for path in self.stale():
            releases.remove_tree(path)
            self.result["changed"] = True
        self.clear(self.environment.unsealed())

    def clear(self, names: List[str]) -> None:
        """Remove releases."""
        for name in names:
            self.environment.remove(name)
            self.result["removed"].append(name)
            self.result["changed"] = True

    def refuse_shadow(self, host: Dict[str, Any]) -> None:
        """Fail where the system's Python would import another TensorFlow than ours."""
        found = host.get("tensorflow")
        if found and os.sep + releases.STORE + os.sep not in found:
            raise installers.InstallError(
                "{} already imports a TensorFlow that Tensorwright did not install, {}; remove that one first "
                "(pip uninstall tensorflow), or choose tensorflow_method virtualenv".format(self.python, found)
            )

    def added_by_users(self, previous: Optional[str]) -> List[str]:
        """Return what users installed into the previous release themselves: it stays there, but is not in the new one."""
        seal = self.environment.sealed(previous) if previous else None
        if previous is None or seal is None:
            return []
        there = releases.installed(self.environment.directory(previous))
        ours = seal["distributions"]
        return sorted("{}=={}".format(*item) for item in there.items() if ours.get(item[0]) != item[1])

    def build(self, name: str, contents: Dict[str, Any], system_constraints: List[str]) -> None:
        """Build release `name`; what a failure leaves is removed at once, so that a full disk is free again."""
        directory = self.environment.directory(name)
        self.result["changed"] = True
        try:
            self.fill_whole(directory, contents["constraints"] + system_constraints)
            if self.is_shared():
                permissions.mend(directory)  # installers leave locks that all may write
            found = self.prove(directory)
            release_files.write(directory)
            self.environment.seal(name, self.facts(directory, contents, found))
        except BaseException:
            self.inodes_are_gone = inodes_are_gone(self.environment.store)  # before the next lines give some back
            with contextlib.suppress(OSError):
                self.environment.remove(name)
            raise
        finally:
            cache_marks.clear(self.environment)

    def fill_whole(self, directory: str, constraints: List[str]) -> None:
        """Fill a release, once more with an empty cache where that one had damaged files. Raises InstallError."""
        cache_marks.write(self.environment)
        self.fill(directory, constraints)
        damaged = self.damaged_wheels(directory)
        if damaged and not self.params["cache"]:
            self.environment.remove(os.path.basename(directory))
            with contextlib.suppress(OSError):
                safe_tree.remove(self.cache)
            self.fill(directory, constraints)
            damaged = self.damaged_wheels(directory)
        if damaged:
            why = "the installer left {} damaged; empty its cache, {}, or look for what is wrong with the disk"
            raise installers.InstallError(why.format(damaged[0], self.cache))

    @staticmethod
    def damaged_wheels(directory: str) -> List[str]:
        """Return the files of a release that are not as large as their wheels brought them."""
        return [path for place in releases.site_packages(directory) for path in wheel_records.damaged(place)]

    def builder_groups(self) -> Optional[List[int]]:
        """Return the groups of the user without rights who is to build; None where that is who we are. Raises StoreError."""
        groups = workshop.account_groups([self.environment.store])
        if groups is not None and not self.params["conda"]:
            needed = builder_user.groups_for([self.python])
            if needed is None or not needed <= set(groups):
                raise releases.StoreError(
                    "{} cannot be started by all who reach {}: it lies in {}, which is closed to them; choose another Python".format(
                        self.python, self.environment.path, os.path.dirname(os.path.realpath(self.python))
                    )
                )
        return groups

    @contextlib.contextmanager
    def working(self) -> Iterator[workshop.Workshop]:
        """Open the place where the release is made, under the lock of the cache where a builder without rights fills it."""
        tools, lend, groups = self.environment.shared("tools"), [self.params["ca_file"]], self.builder_groups()
        if groups is None:
            with workshop.opened(tools, None, []) as shop:
                yield shop
            return
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(workshop.locked(self.cache, self.params["lock_timeout"]))
            shop = stack.enter_context(workshop.opened(tools, groups, lend, workshop.killed(lock)))
            workshop.note(lock, shop.account)
            stack.callback(workshop.note, lock, None)
            yield shop

    def fill(self, directory: str, constraints: List[str]) -> None:
        """Install into a new virtualenv, compile it, and put into it what keeps its processes on their release."""
        store = self.environment.shared
        log = store("log", self.environment.name + ".log")
        write(log, "")  # one run's output
        with self.working() as shop:
            # Where packages' code runs while they are installed, the builder gets a cache that goes with it.
            cache = os.path.join(shop.home, "cache") if shop.account and self.runs_code() else self.cache
            tool = installers.choose(self.params["installer"], self.params, store("tools"), cache, log, shop)
            tool.python = tuple(map(int, self.series().split(".")))
            compiled = self.unpack(tool, shop, directory, constraints)
            (site_packages,) = releases.site_packages(directory)
            self.complete(directory, site_packages, constraints)
            if compiled:
                linked, kept = compiled.complete(site_packages)
                self.result["bytecode"] = {"linked": linked, "kept": kept}

    def runs_code(self) -> bool:
        """Tell whether packages are run while they are installed: build scripts, conda's scripts, pip in the release."""
        return bool(self.params["sdists"] or self.params["conda"] or self.params["installer"]["name"] == "pip")

    def unpack(
        self, tool: installers.Installer, shop: workshop.Workshop, directory: str, constraints: List[str]
    ) -> Optional[bytecode.Bytecode]:
        """Let the builder make the release, install into it, and take it over; return what is left to compile it, if anything."""
        shop.give(directory)
        bounds = os.path.join(shop.directory, "constraints.txt")
        write(bounds, "".join(line + "\n" for line in constraints))
        with contextlib.ExitStack() as meanwhile:
            if shop.account and tool.cache.startswith(self.cache + os.sep):
                meanwhile.enter_context(workshop.lent(tool.cache, shop.account))
            self.create(tool, shop, directory)
            compiled = None
            if not tool.compiles:
                # What packages could have tampered with is for this release only.
                place = shop.directory if shop.account and self.runs_code() else self.cache
                shelf = os.path.join(place, "shelf" if place == shop.directory else "bytecode")
                compiled = bytecode.Bytecode(os.path.join(directory, "bin", "python"), shelf, shop)
                meanwhile.enter_context(compiled.ahead(tool.cache))
            self.install(tool, directory, bounds)
        self.result["left_cache"] = tool.left_cache
        if shop.account:
            shop.take(directory)
            if tool.cache.startswith(shop.home + os.sep):
                shop.take(shop.home)
            takeover.link(directory, tool.cache, [self.conda, interpreter_prefix(self.python)])
        return compiled

    def complete(self, directory: str, site_packages: str, constraints: List[str]) -> None:
        """Put into a release what is ours: it is who we are who writes it, as nobody else can write there by now."""
        write(os.path.join(directory, "constraints.txt"), "".join(line + "\n" for line in constraints))
        write(os.path.join(directory, releases.HOLD), "")
        write(os.path.join(site_packages, "_tensorwright_release.py"), getsource(release_pin))
        write(os.path.join(site_packages, "zz_tensorwright.pth"), PIN)  # last by name: it resolves what others added
        if not self.params["native"] and tuple(map(int, self.series().split("."))) >= (3, 6):
            write(*self.users_command(directory), mode=0o755)
        for path, text in conda.activation(self.conda, directory).items() if self.params["conda"] else ():
            write(path, text)
        self.place_cuda(directory)

    def create(self, tool: installers.Installer, shop: workshop.Workshop, directory: str) -> None:
        """Make the release as an empty virtualenv, or as a prefix of conda's."""
        if not self.params["conda"]:
            tool.create(self.python, directory, self.environment.name)
            return
        cache = os.path.dirname(tool.cache)
        maker = conda.maker(self.params, self.conda, self.environment.shared("tools"), cache, tool.log, shop)
        safe_tree.make_directories(os.path.dirname(directory))
        maker.create(self.params["conda"]["python"], directory, self.environment.name)

    def install(self, tool: installers.Installer, directory: str, bounds: str) -> None:
        """Install what is asked for; where the index has no such TensorFlow, the wheel that the guides fetched it from serves."""
        params = self.params
        if params["wheel"]:
            self.install_wheel(tool, directory, bounds, params["wheel"]["url"], params["wheel"].get("sha256"))
            return
        try:
            tool.install(directory, params["requirements"], bounds)
        except installers.InstallError as error:
            row = matcher.diagnose(error.output)
            # Nobody knows that wheel's hash, so that TLS is all that vouches for it.
            if not params["guide_url"].startswith("https://") or row is None or row.id not in NO_MATCH:
                raise
            try:
                self.install_wheel(tool, directory, bounds, params["guide_url"], None)
            except installers.InstallError as second:
                message = "{}; nor can it be had from {}: {}".format(error, params["guide_url"], second)
                raise installers.InstallError(message, error.output) from second

    def install_wheel(
        self, tool: installers.Installer, directory: str, bounds: str, url: str, sha256: Optional[str]
    ) -> None:
        """Install a wheel of TensorFlow from its URL, fetched first: a login in it is for no command line and no log."""
        login = self.params["wheel_login"] if self.params["wheel"] else ""
        with tool.workplace() as place:
            path, found = tool.fetch_url(url.replace("://", "://" + login + "@", 1) if login else url, place, sha256)
            extra = re.search(r"\[[^\]]*\]", self.params["requirements"][0])
            name = os.path.basename(path).split("-")[0] + (extra.group() if extra else "")
            wanted = "{} @ {}".format(name, pathlib.Path(path).as_uri())
            tool.install(directory, [wanted] + self.params["requirements"][1:], bounds)
        self.result["wheel"] = {"url": url, "sha256": found, "checked": bool(sha256)}

    def place_cuda(self, directory: str) -> None:
        """Let a release for GPUs find the CUDA that is planned for it. Raises MissingError."""
        cuda = cuda_libraries.planned(self.params["plan"])
        if cuda:
            (site_packages,) = releases.site_packages(directory)
            cuda_libraries.place(directory, site_packages, cuda, self.params["native"])

    def pip_configuration(self) -> str:
        """Return the settings that let users' own `pip install` in the environment reach the site's index as the installer did."""
        lines, index, extra = [], self.params["index_url"], self.params["extra_index_urls"]
        if self.package_cache.only:  # pip knows no other place to ask in its stead
            index = self.package_cache.of(index or download.default_index())
            extra = [self.package_cache.of(url) for url in extra]
            if self.package_cache.plain_host:
                lines.append("trusted-host = " + self.package_cache.plain_host)
        if index:
            lines.append("index-url = " + download.without_login(index))
        if extra:
            lines.append("extra-index-url = " + "\n  ".join(map(download.without_login, extra)))
        if self.params["ca_file"]:
            lines.append("cert = " + self.params["ca_file"])
        return PIP_MARK + "[global]\n" + "\n".join(lines) + "\n" if lines else ""

    def prove(self, directory: str) -> Dict[str, Any]:
        """Run the session test in a release. Raises SessionError."""
        params = self.params
        site_packages = releases.site_packages(directory)
        if not site_packages:
            message = "release {} is damaged: its packages are gone".format(os.path.basename(directory))
            raise session_test.SessionError(message, suspects_release=True)
        extra = site_packages[0] if params["native"] else None
        python = self.python if params["native"] else os.path.join(directory, "bin", "python")
        found = session_test.run(python, params["session_user"], extra)
        wrong = session_test.faults(found, params["version"], params["cuda_build"])
        if wrong:
            raise session_test.SessionError(
                "; ".join(wrong), suspects_release=found.get("tensorflow") != params["version"]
            )
        self.result["session"] = found
        return found

    def facts(self, directory: str, contents: Dict[str, Any], found: Dict[str, Any]) -> Dict[str, Any]:
        """Return the seal of a release that was just proved."""
        return {
            "contents": contents,
            "plan": self.params["plan"],
            "distributions": releases.installed(directory),
            "version": self.params["version"],
            "cuda_build": self.params["cuda_build"],
            "native": self.params["native"],
            "python": found["python"],
            "session": found,
            "wheel": self.result.get("wheel"),
            "interpreter": self.python,
            "proved": releases.now(),
            "used": None,  # not yet
        }

    def prove_and_switch(self, name: str) -> None:
        """Prove a release that was sealed earlier, then let the path lead to it."""
        environment = self.environment
        seal = environment.sealed(name) or {}
        if "session" not in self.result:
            self.prove(environment.directory(name))
        if seal.get("session") != self.result["session"]:
            environment.seal(name, dict(seal, session=self.result["session"], proved=releases.now()))
        environment.put_to_use(name)
        self.switched = True
        self.result["changed"] = True

    def adjust(self, name: str, host: Dict[str, Any]) -> bool:
        """Let the system's Python import from release `name`, or no longer from this environment; tell whether that is a change."""
        check_mode = self.module.check_mode
        environment = self.environment
        if self.params["native"]:
            (site_packages,) = releases.site_packages(environment.directory(name))
            pointed = native.point(self.pth(host), site_packages, check_mode, native.is_python_2(self.python))
            return bool(native.link_tools(environment.path, check_mode)["changed"]) or pointed
        pth_files = native.pth_files(environment.name, environment.releases)
        if pth_files and not check_mode:  # the method was native until now
            self.result["removed"] += pth_files + native.tools(environment.path)
            self.leave_system(pth_files)
        return bool(pth_files)

    def users_command(self, directory: str) -> Tuple[str, str]:
        """Return the path and the text of a release's own `tensorflow-env`."""
        path = os.path.join(directory, "bin", "tensorflow-env")
        return path, tensorflow_env.program(os.path.join(directory, "bin", "python"))

    def renew_command(self, name: str) -> bool:
        """Give a release that is there already the `tensorflow-env` of today; tell whether it had another one."""
        path, text = self.users_command(self.environment.directory(name))
        if not os.path.exists(path) or files.text(path) == text:
            return False
        if not self.module.check_mode:
            files.replace(path, text, 0o755)
        return True

    def settle(self, name: str) -> bool:
        """Write the release's pip.conf anew where the site's index has changed since; tell whether it has."""
        path, text = os.path.join(self.environment.directory(name), "pip.conf"), self.pip_configuration()
        there = files.text(path)
        if there == text or (there and not there.startswith(PIP_MARK)):  # a user's own stays
            return False
        if not self.module.check_mode:
            if text:
                files.replace(path, text)
            else:
                remove_file(path)
        return True

    def pth(self, host: Dict[str, Any]) -> str:
        """Return the .pth file that leads the system's Python here."""
        return native.pth_file(host["site"], self.environment.name)

    def leave_system(self, pth_files: List[str]) -> None:
        """Let the system's Python no longer import from this environment."""
        for path in pth_files:
            remove_file(path)
        native.unlink_tools(self.environment.path)

    def clear_surplus(self) -> None:
        """Clear the releases beyond those to keep, and a damaged one that is no longer in use."""
        environment = self.environment
        self.clear(environment.surplus(self.params["keep"]))
        self.clear(environment.unsealed())
        others = [name for name in environment.sealed_releases() if name != environment.current()]
        self.result["busy"] = [
            "release {} stays, as {} uses it".format(name, releases.in_words(environment.users(name)))
            for name in others[max(self.params["keep"] - 1, 0) :]
        ]

    def write_receipt(self, name: str, seal: Dict[str, Any], host: Dict[str, Any]) -> None:
        """Write down what is on the host now and from which inputs."""
        if not self.params["inputs"]:
            return
        environment = self.environment
        directory = environment.directory(name)
        is_native = self.params["native"]
        footprint: Dict[str, Any] = {
            "files": ([self.pth(host)] if is_native else []) + [os.path.join(directory, releases.SEAL)],
            "links": (native.link_tools(environment.path)["links"] if is_native else []) + [environment.path],
            "distributions": {path: sorted(seal["distributions"]) for path in releases.site_packages(directory)},
            "trees": {directory: {"files": True, "own": not self.is_shared()}},
        }
        if drift.write(environment.receipt, "tensorflow_pip", self.params["inputs"], footprints.record(footprint)):
            self.result["changed"] = True

    # --- state: rolled_back ---------------------------------------------------------------------------------------

    def rolled_back(self) -> None:
        """Switch to the release that was in use before the current one, after proving that it still runs."""
        environment = self.environment
        current, earlier = environment.current(), environment.earlier()
        if current is None or not earlier:
            raise releases.StoreError("{} has no earlier release to go back to".format(environment.path))
        damage = {name: environment.damage(name) for name in earlier}
        name = next((name for name in earlier if not damage[name]), earlier[0])
        seal = environment.sealed(name) or {}
        self.python = seal["interpreter"]
        self.params.update(version=seal["version"], cuda_build=seal["cuda_build"], native=seal["native"])
        self.result.update(changed=True, release=name, previous=current, sealed=seal)
        if self.module.check_mode:
            return
        host = native.probe(self.python) if seal["native"] else {}
        if damage[name]:
            self.prove(environment.directory(name))  # whose words say more, if it fails
            raise releases.StoreError("release {}, the one before, {}".format(name, damage[name]))
        self.prove_and_switch(name)
        self.adjust(name, host)
        self.result["sealed"] = environment.sealed(name)
        self.tell_of_next()

    # --- state: absent --------------------------------------------------------------------------------------------

    def absent(self) -> None:
        """Remove the environment wholly: its link, its releases, what leads the system's Python to it, its receipt."""
        environment = self.environment
        receipt = environment.receipt
        names = environment.all_releases()
        current = environment.current()
        users = sorted({user for name in names for user in environment.users(name)})
        if users:
            raise releases.StoreError(
                "{} is in use by {}; stop it and run again, or remove the environment all the same with "
                "tensorflow_pip_in_use: ignore".format(environment.path, releases.in_words(users))
            )
        pth, tools = native.pth_files(environment.name, environment.releases), native.tools(environment.path)
        doomed = kept_builds.unused(environment, environment.name)
        building = kept_builds.at_work(environment) if environment.shared(source_facts.BUILDS) in doomed else {}
        if building:
            raise releases.StoreError(
                "TensorFlow is being built in {} by {}; stop it, or wait for it, and run again".format(
                    ", ".join(building), releases.in_words(sorted(building.values()))
                )
            )
        doomed += runtimes.Runtimes(environment).unused(leaving=environment.name)
        self.result["removed"] = [environment.path] * bool(current) + pth + tools + names + doomed
        self.result.update(changed=bool(self.result["removed"] or os.path.exists(receipt)), previous=current)
        self.result["left"] = self.left_behind()
        if self.module.check_mode:
            return
        self.leave_system(pth)
        if os.path.islink(environment.path):
            safe_tree.unlink(environment.path)
            durable.sync(environment.parent)
        for name in names:
            environment.remove(name)
        for path in (environment.shared("log", environment.name + ".log"), receipt):
            remove_file(path)
        environment.clear_stale()
        for path in doomed:
            kept_builds.remove(path)
        if os.path.isdir(environment.releases):
            safe_tree.rmdir(environment.releases)
            environment.drop_lock()
            environment.remove_store()

    def left_behind(self) -> List[str]:
        """Return what stays on the host, and why."""
        others = [
            name
            for name in sorted(listdir(self.environment.store))
            if name not in releases.SHARED + releases.ON_DEMAND + (self.environment.name,)
        ]
        if others:
            return ["{} stays: the environments {} use it".format(self.environment.store, ", ".join(others))]
        return []


def builds(sdists: str, version: str) -> bool:
    """Tell whether packages may be built from sources: `sdists` is auto, always or never."""
    return sdists == "always" or (sdists == "auto" and needs_sdists(version))


def needs_sdists(version: str) -> bool:
    """Tell whether a TensorFlow requires packages that never had wheels (termcolor 1, wrapt 1.12, gast 0.2)."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found.group(1)), int(found.group(2))) < (2, 7)


def interpreter_prefix(python: str) -> str:
    """Return the directory that an interpreter's own files lie in: /usr, of /usr/bin/python3.11."""
    return os.path.dirname(os.path.dirname(os.path.realpath(python)))


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file anew, with the mode it is to have whatever the umask is; what another link leads to stays as it is."""
    remove_file(path)
    with safe_tree.open_file(path, "x", mode) as out:
        out.write(text)


def inodes_are_gone(path: str) -> bool:
    """Tell whether a file system that takes no more files lacks inodes rather than space. Some have no bound of them."""
    try:
        there = os.statvfs(path)
    except OSError:
        return False
    return there.f_favail * 20 < there.f_files and there.f_bavail * 20 > there.f_blocks


def remove_file(path: str) -> None:
    """Remove a file that may be gone already."""
    if os.path.lexists(path):
        safe_tree.unlink(path)


def listdir(path: str) -> List[str]:
    """Return the entries of a directory that may not be there."""
    return os.listdir(path) if os.path.isdir(path) else []


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "rolled_back", "absent"], "default": "present"},
            "python": {"type": "path"},
            "requirements": {"type": "list", "elements": "str", "default": []},
            "constraints": {"type": "list", "elements": "str", "default": []},
            "version": {"type": "str"},
            "cuda_build": {"type": "bool"},
            "native": {"type": "bool", "default": False},
            "conda": {"type": "dict"},
            "wheel": {"type": "dict"},
            "wheel_login": {"type": "str", "default": "", "no_log": True},
            "guide_url": {"type": "str", "default": ""},
            "moves": {"type": "bool", "default": False},
            "installer": {"type": "dict"},
            "index_url": {"type": "str", "default": "", "no_log": True},  # may carry a login
            "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "ca_file": {"type": "str", "default": ""},
            "package_cache": {"type": "dict", "default": {}},
            "cache": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 60},
            "retries": {"type": "int", "default": 3},
            "keep": {"type": "int", "default": 2},
            "rebuild": {"type": "bool", "default": False},
            "prove": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 600},
            "session_user": {"type": "str", "default": ""},
            "in_use": {"type": "str", "choices": ["refuse", "ignore"], "default": "refuse"},
            "sdists": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            "plan": {"type": "dict", "default": {}},
            "inputs": {"type": "str"},
        },
        required_if=[("state", "present", ("python", "requirements", "version", "installer"))],
        supports_check_mode=True,
    )
    os.umask(0o022)  # a shared environment is readable by all, whoever's umask this run has
    builder: Optional[Builder] = None
    try:
        builder = Builder(module)
        steps = {"present": builder.present, "rolled_back": builder.rolled_back, "absent": builder.absent}
        environment, state = builder.environment, module.params["state"]
        builder.seen = (
            environment.current()
        )  # before anything is made: a path that is not ours is refused without a trace
        environment.wanted = builder.wanted()
        if module.check_mode or (state != "present" and not os.path.isdir(environment.store)):
            environment.refuse_foreign()
            steps[state]()
        else:
            with environment.locked(module.params["lock_timeout"]):
                steps[state]()
        module.exit_json(**builder.result)
    except KeyboardInterrupt:
        fail(module, builder, "interrupted", "")
    except (installers.InstallError, session_test.SessionError, native.ProbeError) as error:
        fail(module, builder, str(error), error.output)
    except (releases.StoreError, cuda_libraries.MissingError, subprocess.SubprocessError) as error:
        fail(module, builder, str(error), "")
    except OSError as error:
        fail(module, builder, "; ".join(filter(None, (str(error), matcher.explain(str(error))))), "")


def fail(module: Any, builder: Optional[Builder], why: str, output: str) -> None:
    """Fail in one sentence that says what the environment's users have now."""
    path = module.params["path"]
    current, log, switched = None, "", builder is not None and builder.switched
    if builder is not None:
        log = builder.environment.shared("log", builder.environment.name + ".log")
        with contextlib.suppress(releases.StoreError):
            current = builder.environment.current()
    state = "release {} {} in use".format(current, "is now" if switched else "stays")
    state = state if current else "nothing was put in its place"
    if builder is not None and (builder.inodes_are_gone or inodes_are_gone(builder.environment.store)):
        why = why.replace(matcher.explain(FULL), NO_INODES)
    msg = matcher.without_logins("{}: {}; {}".format(path, why, state))
    there = {"log": log} if output and os.path.isfile(log) else {}
    module.fail_json(msg=msg, output=matcher.without_logins(output[-4000:]), changed=switched, **there)


if __name__ == "__main__":
    main()
