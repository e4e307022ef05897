# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a folder: find out what is needed, compare it with what is there, fetch the rest, write the manifest."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import images as bundle_images
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import manifest as bundle
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import requirements as bundle_needs
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.fetch import Fetcher
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError, Item, Needs

LOCK = ".bundle.lock"
AT_ONCE = 4
SPARE = 50_000_000  # bytes that stay free
LISTED = 5


@dataclass
class Filling:
    """One run.

    hosts: host, or host and path of one of its environments → its needs.
    unasked: hosts of the inventory that this run knows nothing of; what they need stays.
    """

    directory: Path
    hosts: Mapping[str, Mapping[str, Any]]
    unasked: Sequence[str] = ()
    prune: bool = False
    rehearse: bool = False
    timeout: float = 60.0
    retries: int = 3
    tell: bundle_needs.Tell = lambda _line: None
    changed: bool = False
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._fetcher = Fetcher(self.timeout, self.retries)
        self._index = bundle_needs.Index(self._fetcher)
        self._earlier: dict[str, dict[str, Any]] = {}
        self._lacking: list[str] = []

    def run(self) -> dict[str, Any]:
        """Fill the folder; return what a module answers. Raises BundleError."""
        with self._locked(), tempfile.TemporaryDirectory(prefix="tensorwright-bundle-") as place:
            self._earlier = bundle.read_manifest(self.directory)
            items, until = self._needed(Path(place))
            conditions = self._conditions(items)
            self._tell_conditions(items, conditions)
            if not self.rehearse:
                self._provide([item for item in items if conditions[item.path] != "whole"])
            items += self._pages()
            entries = self._entries(items)
            images = self._images()
            still, surplus = bundle.kept(self._earlier, {*(item.path for item in items), *images}, self.unasked)
            surplus = self._surplus(surplus)
            held = [self._earlier[path] for path in surplus] if not self.prune else []
            self._write([*entries, *images.values(), *still, *held], until)
            self._conclude([*entries, *images.values()], until)
        return {"changed": self.changed, "lines": self.lines, "lacking": self._lacking, "valid_until": until}

    # -- what is needed ---------------------------------------------------------------------------------------------------

    def _needed(self, place: Path) -> tuple[list[Item], str | None]:
        apt, until = bundle_needs.debian(self.hosts, self._fetcher, self.tell)
        parts = [bundle_needs.installers(self.hosts), apt, *self._python(place)]
        self._lacking = list(dict.fromkeys(sentence for part in parts for sentence in part.lacking))
        items = [item for part in parts for item in part.items]
        for entry in self._earlier.values():
            self._index.keep(entry, self.unasked)
        return bundle.merged(items), until

    def _python(self, place: Path) -> Iterator[Needs]:
        groups = bundle_needs.grouped(self.hosts, "python")
        tools = [bundle_needs.tools(need, names, self._index) for need, names in groups]
        yield Needs(tuple(item for part in tools for item in part))
        for need, names in groups:
            self.tell(f"uv resolves {need['requirements'][0]} for {bundle_needs.named(names)}")
            uv = bundle_needs.resolver(need, place, self.timeout, self.retries)
            for item in (item for part in tools for item in part):
                uv.seed(self.directory / item.path)
            yield bundle_needs.packages(need, names, self._index, uv)

    def _pages(self) -> list[Item]:
        """What is made of the Python packages that are in the folder by now."""
        made = bundle.merged(self._index.pages(self.directory))
        conditions = self._conditions(made)
        for item in made:
            if conditions[item.path] != "whole":
                self.changed = True
                if not self.rehearse:
                    self._get(item)
        return made

    # -- what is there ----------------------------------------------------------------------------------------------------

    def _conditions(self, items: Sequence[Item]) -> dict[str, str]:
        def look(item: Item) -> str:
            return bundle.condition(self.directory, item, self._earlier.get(item.path))

        self.tell("the folder is compared with the manifest")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip([item.path for item in items], pool.map(look, items), strict=True))

    def _tell_conditions(self, items: Sequence[Item], conditions: Mapping[str, str]) -> None:
        damaged = [path for path, one in conditions.items() if one == "damaged" and path in self._earlier]
        was = "would be fetched again" if self.rehearse else "is fetched again"
        self.lines += [f"{path} is not what was fetched, and {was}." for path in damaged]
        wanted = [item for item in items if conditions[item.path] != "whole"]
        once = self._sized({item.sha256 or item.path: item for item in wanted if item.content is None}.values())
        size = sum(item.size or 0 for item in once)
        unknown = sum(1 for item in once if item.size is None)
        more = f", and {unknown} of unknown size" if unknown else ""
        if self.rehearse:
            self.lines += [f"would fetch {bundle.without_login(item.url)}{_size(item)}" for item in once]
        if wanted:
            self.changed = True
            verb = "would be fetched" if self.rehearse else "are fetched"
            self.lines.append(f"{len(wanted)} of {len(items)} objects {verb}: {bundle.sized(size)}{more}.")
        place = next(one for one in (self.directory, *self.directory.parents) if one.exists())
        free = shutil.disk_usage(place).free
        if size + SPARE > free:
            raise BundleError(
                f"bundle_directory is {self.directory}, whose filesystem has {bundle.sized(free)} free; accepted: one "
                f"with at least {bundle.sized(size + SPARE)} free"
            )

    def _sized(self, items: Iterable[Item]) -> list[Item]:
        """The objects with their sizes, for which the origin is asked where no index tells them."""

        def sized(item: Item) -> Item:
            return item if item.size is not None else replace(item, size=self._fetcher.size(item.url))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(sized, items))

    # -- fetching ---------------------------------------------------------------------------------------------------------

    def _provide(self, items: Sequence[Item]) -> None:
        first: dict[str, Item] = {}
        for item in items:
            first.setdefault(item.sha256 or item.path, item)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for _ in pool.map(self._get, first.values()):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for item in items:
            source = first[item.sha256 or item.path]
            if source is not item:
                _link(self.directory / source.path, self.directory / item.path)

    def _get(self, item: Item) -> None:
        if item.content is not None:
            bundle.place(self.directory, item.path, item.content)
            return
        target = self.directory / item.path
        target.unlink(missing_ok=True)  # another name of it may be right, so nothing is written into it
        self.tell(f"{target.name}{_size(item)}")
        self._fetcher.fetch(item.url, target, item.sha256)

    def _entries(self, items: Iterable[Item]) -> list[dict[str, Any]]:
        found = []
        for item in items:
            file = self.directory / item.path
            more = bundle.of_hosts(self._earlier.get(item.path, {"hosts": ()})["hosts"], self.unasked)
            if self.rehearse:
                found.append(bundle.entry(item, item.sha256, item.size or 0, more))
            else:
                found.append(bundle.entry(item, item.sha256 or bundle.digest(file), file.stat().st_size, more))
        return found

    # -- images -----------------------------------------------------------------------------------------------------------

    def _images(self) -> dict[str, dict[str, Any]]:
        """The archives of the images. A tag that has moved is not seen here; the archive is made once, and kept."""
        wanted = {
            (one["reference"], one["architecture"]): names for one, names in bundle_needs.grouped(self.hosts, "image")
        }
        name = bundle_images.tool()
        found: dict[str, dict[str, Any]] = {}
        missing: list[str] = []
        for (reference, architecture), names in wanted.items():
            path = bundle_images.file_of(reference, architecture)
            target, entry = self.directory / path, self._earlier.get(path)
            if entry is None or bundle.digest(target) != entry["sha256"]:
                if name is None:
                    missing.append(reference)
                    continue
                self.changed = True
                if self.rehearse:
                    self.lines.append(f"would fetch the image {reference}")
                    continue
                self.tell(f"{name} fetches {reference}")
                try:
                    bundle_images.save(reference, architecture, target, name)
                except BundleError as error:
                    self._lacking.append(str(error))
                    continue
            found[path] = {
                "path": path,
                "url": f"docker://{reference}",
                "hosts": names,
                "sha256": bundle.digest(target),
                "size": target.stat().st_size,
            }
        if missing:
            self._lacking.append(bundle_images.missing_tool(missing))
        return found

    # -- the end ----------------------------------------------------------------------------------------------------------

    def _surplus(self, paths: Sequence[str]) -> list[str]:
        there = [path for path in paths if (self.directory / path).exists()]
        if not there:
            return []
        listed = ", ".join(there[:LISTED]) + (f" and {len(there) - LISTED} more" if len(there) > LISTED else "")
        size = bundle.sized(sum(self._earlier[path]["size"] for path in there))
        what = f"{len(there)} objects ({size}) that no plan needs any more"
        if not self.prune:
            self.lines.append(f"{what} stay; bundle_prune: true removes them: {listed}.")
            return there
        self.changed = True
        self.lines.append(f"{what} {'would be' if self.rehearse else 'are'} removed: {listed}.")
        for path in () if self.rehearse else there:
            bundle.remove(self.directory, path)
        return there

    def _write(self, entries: Sequence[Mapping[str, Any]], until: str | None) -> None:
        if self.rehearse:
            return
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = bundle.manifest(entries, self._lacking, until, now)
        file = self.directory / bundle.MANIFEST
        with suppress(FileNotFoundError, ValueError):
            before = json.loads(file.read_text(encoding="utf-8"))
            if {**before, "made": now} == told:
                return
        self.changed = True
        bundle.place(self.directory, bundle.MANIFEST, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())

    def _conclude(self, entries: Sequence[Mapping[str, Any]], until: str | None) -> None:
        size = bundle.sized(sum(entry["size"] for entry in entries))
        holds = "would hold" if self.rehearse else "holds"
        count = len({name.partition(" ")[0] for name in self.hosts})
        hosts = f"{count} host{'s' * (count != 1)}"
        self.lines.append(f"{self.directory} {holds} {len(entries)} objects, {size}, for {hosts}.")
        self.lines += [f"Not in it: {sentence}." for sentence in self._lacking]
        if self.unasked:
            names = bundle_needs.named(sorted(self.unasked))
            self.lines.append(f"Not asked in this run, so without anything new: {names}.")
        if until:
            self.lines.append(f"apt takes its lists until {until}; see docs/bundle.md for later.")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self.rehearse:
            yield
            return
        os.umask(0o022)  # a web server reads it
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / LOCK).open("a")
        except OSError as error:
            raise BundleError(
                f"bundle_directory is {self.directory}, which cannot be written: {error.strerror}; accepted: a directory of "
                "this machine that you may write"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BundleError(f"another run fills {self.directory}; run again when it has ended") from error
            yield


def _size(item: Item) -> str:
    return f" ({bundle.sized(item.size)})" if item.size else ""


def _link(source: Path, target: Path) -> None:
    """The same content under another name, on the disk once where that can be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
