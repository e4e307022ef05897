# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle: a folder that has what the plans of an inventory need, each object below its origin's host and path.

/srv/bundle/bundle.json                                   the manifest
/srv/bundle/deb.debian.org/debian/pool/main/…/x.deb       the object of http://deb.debian.org/debian/pool/main/…/x.deb
/srv/bundle/pypi.org/simple/numpy/index.html              a page of the package index, which names what the bundle has

Any server that serves the folder as it is serves hosts that reach nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SCHEMA = 1
MANIFEST = "bundle.json"
INDEX = "index.html"
PARTIAL = ".tensorwright-part"
CHUNK = 1 << 20  # bytes


class BundleError(Exception):
    """The bundle cannot be made; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object: where it comes from, what it has to be, and which hosts need it.

    sha256: None where nobody has told it; what arrives first counts then. content: what this run itself has made or verified.
    page: of a Python package, the page of the index that names it, with the Pythons that it is for.
    """

    url: str
    hosts: frozenset[str]
    sha256: str | None = None
    size: int | None = None
    content: bytes | None = None
    page: str | None = None
    requires_python: str | None = None

    @property
    def path(self) -> str:
        """Its place in the folder."""
        return path_of(self.url)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a part of the plans comes to: objects, and what the bundle cannot hold, one sentence each."""

    items: tuple[Item, ...] = ()
    lacking: tuple[str, ...] = ()


def path_of(url: str) -> str:
    """The place of an origin's object: HOST/PATH, as a web server looks it up. Raises BundleError."""
    parts = urlsplit(url)
    # NVIDIA's packages are below /./
    names = [name for name in unquote(parts.path).split("/") if name not in ("", ".")]
    host = parts.netloc.rpartition("@")[2].lower()
    if parts.scheme not in ("http", "https") or not host or {".", ".."} & {host, *names} or "\0" in unquote(parts.path):
        raise BundleError(f"{without_login(url)} is not the address of an object that a bundle could hold")
    if parts.path.endswith("/") or not names:
        names.append(INDEX)
    return "/".join([host, *names]) + (f"?{parts.query}" if parts.query else "")


def without_login(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def entry(item: Item, sha256: str | None, size: int, more: Iterable[str] = ()) -> dict[str, Any]:
    """What the manifest says of an object, which `more` hosts need that this run did not ask."""
    told = {
        "path": item.path,
        "url": without_login(item.url),
        "sha256": sha256,
        "size": size,
        "hosts": sorted({*item.hosts, *more}),
        "page": item.page,
        "requires_python": item.requires_python,
    }
    return {name: value for name, value in told.items() if value is not None}


def made(url: str, content: bytes, hosts: Iterable[str]) -> Item:
    """An object whose content this run has."""
    return Item(url, frozenset(hosts), hashlib.sha256(content).hexdigest(), len(content), content)


def merged(items: Iterable[Item]) -> list[Item]:
    """Each object once, with all hosts that need it. Raises BundleError where two origins tell another hash of it."""
    found: dict[str, Item] = {}
    for item in items:
        there = found.get(item.path)
        if there is None:
            found[item.path] = item
            continue
        if there.sha256 and item.sha256 and there.sha256 != item.sha256:
            raise BundleError(
                f"{without_login(item.url)} is to have SHA-256 {there.sha256} for {_some(there.hosts)} and {item.sha256} "
                f"for {_some(item.hosts)}; its origin changed in the middle of this run, or one of the two is wrong: run again"
            )
        known = there if there.sha256 else item
        found[item.path] = replace(known, hosts=there.hosts | item.hosts)
    return [found[path] for path in sorted(found)]


def _some(hosts: Collection[str]) -> str:
    names = sorted(hosts)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# -- the manifest -------------------------------------------------------------------------------------------------------


def read_manifest(directory: Path) -> dict[str, dict[str, Any]]:
    """Path → entry of what earlier runs have put into the folder. Raises BundleError."""
    file = directory / MANIFEST
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise BundleError(f"{file} is of schema {told['schema']}, and this version knows schema {SCHEMA}")
        return {str(entry["path"]): entry for entry in told["objects"]}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{file} is no manifest of a bundle; move it away, and the next run makes a new one"
        ) from error


def manifest(
    entries: Iterable[Mapping[str, Any]], lacking: Iterable[str], until: str | None, now: str
) -> dict[str, Any]:
    """What the folder holds, and for whom."""
    objects = sorted(entries, key=lambda entry: str(entry["path"]))
    return {
        "schema": SCHEMA,
        "made": now,
        "hosts": sorted({host for entry in objects for host in entry["hosts"]}),
        "bytes": sum(entry["size"] for entry in objects),
        "valid_until": until,
        "not_held": sorted(lacking),
        "objects": objects,
    }


def of_hosts(names: Iterable[str], hosts: Collection[str]) -> set[str]:
    """Those of the names that are of these hosts: a host's own, or with a path behind it, of one of its environments."""
    return {name for name in names if name.partition(" ")[0] in hosts}


def kept(
    earlier: Mapping[str, Mapping[str, Any]], wanted: Collection[str], unasked: Collection[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Of what earlier runs fetched and this one does not want: what hosts need that it did not ask, and what none needs.

    unasked: hosts of the inventory that this run leaves out (--limit), or that did not answer.
    """
    still, surplus = [], []
    for path, entry in sorted(earlier.items()):
        if path in wanted:
            continue
        needing = sorted(of_hosts(entry["hosts"], unasked))
        if needing:
            still.append({**entry, "hosts": needing})
        else:
            surplus.append(path)
    return still, surplus


# -- the folder ---------------------------------------------------------------------------------------------------------


def digest(path: Path) -> str | None:
    """The SHA-256 of a file; None where there is none."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                found.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.hexdigest()


def condition(directory: Path, item: Item, entry: Mapping[str, Any] | None) -> str:
    """How an object is in the folder: whole, absent, older (as an earlier run left it) or damaged."""
    there = digest(directory / item.path)
    if there is None:
        return "absent"
    before = entry["sha256"] if entry else None
    if there == (item.sha256 or before):
        return "whole"
    return "older" if there == before else "damaged"


def place(directory: Path, path: str, content: bytes) -> None:
    """Put content into the folder; a reader finds the old or the new one, never a part."""
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + PARTIAL)
    partial.write_bytes(content)
    os.replace(partial, target)


def remove(directory: Path, path: str) -> None:
    """Remove an object, and the directories that it leaves empty."""
    target = directory / path
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == directory or any(parent.iterdir()):
            break
        parent.rmdir()


def sized(count: int) -> str:
    """A size as a person reads it."""
    for least, unit, digits in ((10**9, "GB", 2), (10**6, "MB", 1), (10**3, "kB", 0)):
        if count >= least:
            return f"{count / least:.{digits}f} {unit}"
    return f"{count} bytes"
