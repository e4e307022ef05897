# SPDX-License-Identifier: GPL-3.0-or-later
"""Pythons and a conda that come with the environments and not from the distribution; they lie in the store and go with it.

/opt/.tensorwright/runtimes/conda          -> conda-848194851a98/        what users' shells name
/opt/.tensorwright/runtimes/python3.12     -> python3.12-5acfa3e9ba26/
/opt/.tensorwright/runtimes/<name>-<hash>/   whole once its .tensorwright.json is there; the hash is of the file it came from
"""

import contextlib
import fcntl
import glob
import json
import os
import subprocess
import tarfile
import time
from typing import Any, Dict, Iterator, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import (
    durable,
    files,
    processes,
    safe_tree,
    workplaces,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download, package_cache

DIRECTORY = "runtimes"
CONDA = "conda"


class Runtimes(object):
    """The runtimes in the store of an environment, which the environments beside it share."""

    def __init__(self, environment: releases.Environment) -> None:
        self.environment = environment
        self.directory = environment.shared(DIRECTORY)

    def link(self, name: str) -> str:
        """Return the path by which a runtime is used."""
        return os.path.join(self.directory, name)

    def place(self, name: str, sha256: str) -> str:
        """Return where the runtime that came from a file of this hash lies: it cannot be moved from there."""
        return os.path.join(self.directory, "{}-{}".format(name, sha256[:12]))

    def program(self, name: str, sha256: str) -> str:
        """Return the program that a runtime is there for: conda, or python3.12."""
        return os.path.join(self.place(name, sha256), "bin", name)

    def receipt(self, name: str) -> str:
        """Return the receipt of the role that has put a runtime here."""
        return os.path.join(self.directory, name + ".json")

    def seal(self, name: str, sha256: str) -> str:
        """Return the file that tells that a runtime is whole."""
        return os.path.join(self.place(name, sha256), releases.SEAL)

    def whole(self, name: str, sha256: str) -> bool:
        """Tell whether a runtime is there and whole."""
        try:
            told = json.loads(files.text(self.seal(name, sha256)))
        except ValueError:
            return False
        return told.get("sha256") == sha256 and os.access(self.program(name, sha256), os.X_OK)

    def current(self, name: str, sha256: str) -> bool:
        """Tell whether a runtime is whole and the one in use."""
        with contextlib.suppress(OSError):
            return os.readlink(self.link(name)) == os.path.basename(self.place(name, sha256)) and self.whole(
                name, sha256
            )
        return False

    def install(self, name: str, url: str, sha256: str, site: Dict[str, Any]) -> None:
        """Fetch a runtime, trusted by its hash alone, and put it to use. `url` may hold a login. Raises InstallError."""
        place = self.place(name, sha256)
        if not self.whole(name, sha256):
            if os.path.lexists(place):
                releases.remove_tree(place)
            with workplaces.workplace(self.environment.shared("tools")) as work:
                fetched = os.path.join(work, "fetched")
                self._fetch(url, fetched, sha256, site)
                try:
                    _run_installer(fetched, place, work) if name == CONDA else _unpack(fetched, place)
                    if not os.access(self.program(name, sha256), os.X_OK):
                        raise installers.InstallError("{} brings no bin/{}".format(download.without_login(url), name))
                except BaseException:
                    if os.path.lexists(place):
                        releases.remove_tree(place)
                    raise
            durable.sync_filesystem(place)
            told = {"url": download.without_login(url), "sha256": sha256, "installed": releases.now()}
            files.replace(self.seal(name, sha256), json.dumps(told, indent=1, sort_keys=True) + "\n")
        fresh = self.link("." + name + ".new")
        with contextlib.suppress(FileNotFoundError):
            safe_tree.unlink(fresh)
        safe_tree.symlink(os.path.basename(place), fresh)
        durable.rename(fresh, self.link(name))

    @staticmethod
    def _fetch(url: str, target: str, sha256: str, site: Dict[str, Any]) -> None:
        try:
            cache = package_cache.Cache(site.get("package_cache"))
            cache.reach_directly()
            download.fetch_url(url, target, sha256, site.get("ca_file"), site["timeout"], site["retries"], cache)
        except download.DownloadError as error:
            raise installers.InstallError(
                "; ".join(filter(None, (str(error), matcher.explain(str(error))))), str(error)
            ) from error

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold what the environments beside each other share; call it under an environment's lock. Raises StoreError."""
        deadline = time.time() + timeout
        with safe_tree.open_file(self.environment.shared("locks", ".runtimes"), "w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.time() >= deadline:
                        raise releases.StoreError(
                            "another run has been working in {} for {} s or more; wait for it or stop it".format(
                                self.directory, int(timeout)
                            )
                        ) from None
                time.sleep(0.5)
            yield

    # --- clearing -------------------------------------------------------------------------------------------------

    def surplus(self, name: str) -> List[str]:
        """Return the directories of earlier runtimes of this name that neither a release nor a process uses."""
        used = [os.path.realpath(self.link(name))] + self._interpreters()
        found = sorted(glob.glob(os.path.join(glob.escape(self.directory), name + "-*")))
        return [
            place
            for place in found
            if not any(one == place or one.startswith(place + os.sep) for one in used) and not releases.users_of(place)
        ]

    def unused(self, leaving: str = "") -> List[str]:
        """Return everything here that no environment but `leaving` needs: links, directories, receipts."""
        interpreters = self._interpreters(leaving)
        needs_conda = bool(self._prefixes(leaving))
        found: List[str] = []
        for entry in sorted(os.listdir(self.directory)) if os.path.isdir(self.directory) else []:
            path = os.path.join(self.directory, entry)
            if not os.path.islink(path):
                continue
            place = os.path.realpath(path)
            if needs_conda if entry == CONDA else any(one.startswith(place + os.sep) for one in interpreters):
                continue
            found += [path, place] + [self.receipt(entry)]
        return [path for path in found if os.path.lexists(path)]

    def _releases(self, leaving: str) -> Iterator[str]:
        for path in glob.glob(os.path.join(glob.escape(self.environment.store), "*", "*")):
            name = os.path.basename(os.path.dirname(path))
            if name not in releases.SHARED + releases.ON_DEMAND and name != leaving:
                yield path

    def _interpreters(self, leaving: str = "") -> List[str]:
        """Return the interpreters that releases stand on."""
        found = []
        for release in self._releases(leaving):
            for line in files.text(os.path.join(release, "pyvenv.cfg")).splitlines():
                key, _equals, value = line.partition("=")
                if key.strip() == "home":
                    found.append(os.path.join(os.path.realpath(value.strip()), "python"))
        return found

    def _prefixes(self, leaving: str) -> List[str]:
        """Return the releases that conda has made."""
        return [release for release in self._releases(leaving) if os.path.isdir(os.path.join(release, "conda-meta"))]


def _run_installer(script: str, place: str, work: str) -> None:
    """Run a conda installer without questions. What it would write into a home goes into a place of no account."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CONDA", "PYTHON", "MAMBA"))}
    env.update(HOME=work, LC_ALL="C.UTF-8")
    ran = subprocess.run(
        ["bash", script, "-b", "-p", place],
        cwd=work,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=processes.dying_with_us(),
    )
    output = ran.stdout.decode("utf-8", "replace")
    if ran.returncode:
        raise installers.InstallError(matcher.explain(output) or matcher.unknown(output), output)


def _unpack(archive: str, place: str) -> None:
    """Unpack a standalone build: a directory `python` in a tar archive. Raises InstallError."""
    top: Optional[str] = None
    try:
        with tarfile.open(archive) as source:
            for member in source:
                head, _slash, rest = member.name.partition("/")
                top = top or head
                if head != top or ".." in rest.split("/") or not (member.isfile() or member.isdir() or member.issym()):
                    raise installers.InstallError(
                        "the archive holds {}, which is no part of a Python".format(member.name)
                    )
                member.name, member.uid, member.gid = rest or ".", os.geteuid(), os.getegid()
                member.uname = member.gname = ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                source.extract(member, place)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise installers.InstallError("the archive cannot be unpacked: {}".format(error), str(error)) from error
