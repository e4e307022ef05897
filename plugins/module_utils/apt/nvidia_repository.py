# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's apt repository on a host: its source with its key, and whatever older guides left in its way."""

import contextlib
import glob
import os
import re
import urllib.error
import urllib.request
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import locks, openpgp
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import sources as apt_sources
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import NONE, Cache

LIST = "sources.list.d/tensorwright-nvidia.list"
KEYRING = "keyrings/tensorwright-nvidia.gpg"
PINS = "preferences.d/tensorwright-nvidia"
MIRRORS = "tensorwright-{0}.mirrors"  # beside sources.list: where apt asks, one after the other
SECONDS = 60
MACHINE_LEARNING = "/compute/machine-learning/repos/"


class RepositoryError(Exception):
    """The repository cannot be set up; the text is one sentence."""


class Edit:
    """Changes of files, counted, and made unless this is a rehearsal."""

    def __init__(self, rehearse: bool) -> None:
        self.rehearse = rehearse
        self.changed = False
        self.repaired: List[str] = []

    def write(self, path: str, content: bytes, why: str = "") -> None:
        """Give a file this content."""
        if _bytes(path) == content:
            return
        self._note(why)
        if not self.rehearse:
            files.replace_bytes(path, content)

    def remove(self, path: str, why: str = "") -> None:
        """Remove a file."""
        if not os.path.lexists(path):
            return
        self._note(why)
        if not self.rehearse:
            safe_tree.unlink(path)

    def _note(self, why: str) -> None:
        self.changed = True
        if why:
            self.repaired.append(why)


def _bytes(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def certificate(data: bytes, wanted: str, origin: str) -> bytes:
    """The one key of this fingerprint, in binary form. Raises RepositoryError."""
    try:
        found = openpgp.certificates(data)
    except openpgp.OpenPgpError as error:
        raise RepositoryError("{0} holds no key that can be read: {1}".format(origin, error)) from error
    match = next((one for one in found if one.fingerprint == wanted.replace(" ", "").upper()), None)
    if match is None:
        there = ", ".join(one.fingerprint for one in found)
        raise RepositoryError(
            "{0} holds the key {1}, not {2}: it was replaced, or somebody else answers at that address".format(
                origin, there, wanted
            )
        )
    return match.content


def download(url: str, variables: str = "nvidia_repo", cache: Cache = NONE) -> bytes:
    """What is at an address, which variables of this prefix decide, by way of the package cache. Raises RepositoryError."""
    cache.reach_directly()
    for place in cache.places(url)[:-1] if cache.usable() else ():
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(place, timeout=SECONDS) as answer:
            return bytes(answer.read())
    try:
        with urllib.request.urlopen(cache.places(url)[-1], timeout=SECONDS) as answer:
            return bytes(answer.read())
    except (OSError, ValueError, urllib.error.URLError) as error:
        if cache.refusal():
            raise RepositoryError(cache.refusal()) from error
        reason = getattr(error, "reason", error)
        raise RepositoryError(
            "the repository's key {0} cannot be fetched: {1}; check network, proxy and {2}_url, or give the key as "
            "{2}_key_file".format(url, reason, variables)
        ) from error


def always(why: str) -> Callable[[str], str]:
    """A rule that finds every source unwanted."""
    return lambda _place: why


def repair_sources(edit: Edit, apt: str, url: str, retired: Mapping[str, str]) -> None:
    """Disable what stands beside our own source: the same repository with another key, and retired ones."""
    ours = apt_sources.address(url)

    def unwanted(place: str) -> str:
        if place == ours:
            return "the same repository, which another file names with the key that apt is to use"
        return "NVIDIA retired the machine-learning repository and its key" if MACHINE_LEARNING in place + "/" else ""

    for path in [os.path.join(apt, "sources.list")] + sorted(glob.glob(os.path.join(apt, "sources.list.d", "*"))):
        if path == os.path.join(apt, LIST) or not path.endswith((".list", ".sources")):
            continue
        text = files.text(path)
        why = retired.get(path)
        changed, reasons = apt_sources.without(text, path.endswith(".sources"), always(why) if why else unwanted)
        if reasons:
            note = "{0}: disabled, {1}.".format(path, reasons[0])
            edit.write(path, changed.encode("utf-8"), note)


def repair_keyrings(edit: Edit, apt: str, unwanted: Mapping[str, str]) -> None:
    """Take keys out of the keyrings with which apt would trust any repository."""
    paths = [os.path.join(apt, "trusted.gpg")]
    paths += sorted(glob.glob(os.path.join(apt, "trusted.gpg.d", "*.gpg")))
    paths += sorted(glob.glob(os.path.join(apt, "trusted.gpg.d", "*.asc")))
    for path in paths:
        try:
            found = openpgp.certificates(_bytes(path) or b"")
        except openpgp.OpenPgpError:  # a keybox of gpg's, which apt does not read either
            continue
        kept = [one for one in found if one.fingerprint not in unwanted]
        if len(kept) == len(found):
            continue
        names = ", ".join(unwanted[one.fingerprint] for one in found if one.fingerprint in unwanted)
        note = "{0}: removed the key {1}, with which apt would trust any repository.".format(path, names)
        if kept:
            content = b"".join(one.content for one in kept)
            edit.write(path, openpgp.armor(content) if path.endswith(".asc") else content, note)
        else:
            edit.remove(path, note)


def foreign_pins(apt: str, url: str, label: str) -> List[str]:
    """Sentences about other files' pins that keep this repository's packages away."""
    host = apt_sources.address(url).partition("/")[0].partition(":")[0]
    found = []
    for path in sorted(glob.glob(os.path.join(apt, "preferences.d", "*"))) + [os.path.join(apt, "preferences")]:
        if path == os.path.join(apt, PINS) or os.path.splitext(path)[1] not in ("", ".pref"):
            continue
        for stanza in files.text(path).split("\n\n"):
            fields = dict(line.partition(":")[::2] for line in stanza.splitlines() if ":" in line and line[0] != "#")
            pin = fields.get("Pin", "")
            try:
                priority = int(fields.get("Pin-Priority", "0"))
            except ValueError:
                continue
            if priority < 0 and (host in pin or label in pin) and fields.get("Package", "").strip() == "*":
                found.append("{0} forbids all packages of this repository ({1})".format(path, pin.strip()))
    return found


def present(edit: Edit, asked: Mapping[str, Any], apt: str = "/etc/apt") -> Dict[str, str]:
    """Set the repository up; return the files that are ours. Raises RepositoryError before any change."""
    forbidden = foreign_pins(apt, asked["url"], asked["label"])
    if forbidden:
        raise RepositoryError("; ".join(forbidden))
    keyring = os.path.join(apt, KEYRING)
    key = wanted_key(asked, keyring)
    cache = Cache(asked.get("package_cache"))
    place = mirrored(edit, "nvidia", asked["url"], cache, apt)
    line = "deb [arch={0} signed-by={1}] {2} /\n".format(asked["architecture"], keyring, place)
    repair_sources(edit, apt, asked["url"], asked["retired_files"])
    repair_keyrings(edit, apt, asked["retired_keys"])
    edit.write(keyring, key)
    edit.write(os.path.join(apt, LIST), line.encode("utf-8"))
    edit.write(os.path.join(apt, PINS), asked["pins"].encode("utf-8"))
    ours = {"keyring": keyring, "list": os.path.join(apt, LIST), "pins": os.path.join(apt, PINS)}
    return dict(ours, mirrors=os.path.join(apt, MIRRORS.format("nvidia"))) if place != asked["url"] else ours


def mirrored(edit: Edit, name: str, url: str, cache: Cache, apt: str) -> str:
    """The address by which apt asks the package cache first and then the origin; the repository's own where no cache has it."""
    path, places = os.path.join(apt, MIRRORS.format(name)), cache.places(url)
    if places == [url]:
        edit.remove(path)
        return url
    lines = ["{0}\tpriority:{1}\n".format(place, number) for number, place in enumerate(places, 1)]
    edit.write(path, "".join(lines).encode("utf-8"))
    return place_of(name, url, cache, apt)


def wanted_key(asked: Mapping[str, Any], keyring: str, variables: str = "nvidia_repo") -> bytes:
    """The key: the one that is there already if it is right, else the given or the downloaded one."""
    try:
        return certificate(_bytes(keyring) or b"", asked["fingerprint"], keyring)
    except RepositoryError:
        if asked.get("key"):
            return certificate(asked["key"].encode("utf-8"), asked["fingerprint"], "the given key file")
        content = download(asked["key_url"], variables, Cache(asked.get("package_cache")))
        return certificate(content, asked["fingerprint"], asked["key_url"])


def absent(edit: Edit, apt: str = "/etc/apt") -> None:
    """Remove what is ours."""
    for name in (LIST, KEYRING, PINS, MIRRORS.format("nvidia")):
        edit.remove(os.path.join(apt, name))


def lists_of(url: str, lists: str = "/var/lib/apt/lists") -> Tuple[str, ...]:
    """The package lists that apt keeps of this repository, by the address that its source names."""
    place = re.sub(r"^[a-z+]+:(//)?", "", url).rstrip("/")
    prefix = place.replace("_", "%5f").replace("/", "_")
    return tuple(sorted(glob.glob(os.path.join(lists, glob.escape(prefix) + "_*"))))


def place_of(name: str, url: str, cache: Cache, apt: str = "/etc/apt") -> str:
    """The address that a repository's source names: its own, or that of the file with all places to ask."""
    return mirror_file(name, apt) if cache.has(url) else url


def mirror_file(name: str, apt: str = "/etc/apt") -> str:
    """The address that stands for the places in a file."""
    return "mirror+file:" + os.path.join(apt, MIRRORS.format(name))


def update(url: str, place: str = "") -> None:
    """Fetch apt's lists; a fault of this repository is an error, another's is not ours. Raises RepositoryError."""
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300"] + package_cache.apt_options() + ["update"]
    status, output = locks.patiently(command)
    lines = output.splitlines()
    faults = [line for line in lines if line.startswith(("E:", "W:", "Err:"))]
    ours = [line for line in faults if apt_sources.address(url) in line.lower() or (place and place in line)]
    if status != 0 or ours:
        why = (ours or faults or lines or ["no word of why"])[0]
        raise RepositoryError(
            "the lists of {0} cannot be fetched: {1}".format(url, re.sub(r"^(E|W|Err):\s*\d*\s*", "", why))
        )
