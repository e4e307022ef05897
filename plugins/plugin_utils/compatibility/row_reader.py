# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading rows of data strictly: every value by name and type, every complaint with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions

T = TypeVar("T")

# What every row may carry for its readers, and no program reads.
_PROSE = frozenset({"source", "note"})


class TablesError(ValueError):
    """A table that cannot be read; the message names the place in it."""


class Row:
    """A mapping of a table that is read by name and type."""

    def __init__(self, data: object, place: str) -> None:
        if not isinstance(data, Mapping):
            raise TablesError(f"{place} is not a mapping")
        self._data = data
        self._unread = set(data) - _PROSE
        self.place = place

    def _take(self, name: str) -> Any:
        self._unread.discard(name)
        return self._data.get(name)

    def _checked(self, name: str, kinds: type | tuple[type, ...], what: str) -> Any:
        value = self._take(name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise TablesError(f"{self.place}.{name} is not {what}")
        return value

    def has(self, name: str) -> bool:
        return self._data.get(name) is not None

    def text(self, name: str) -> str:
        return str(self._checked(name, str, "a text (quote it)"))

    def optional(self, name: str) -> str | None:
        return None if self._take(name) is None else self.text(name)

    def choice(self, name: str, choices: tuple[str, ...], default: str = "") -> str:
        """One of a few words; where the row has none, the default if there is one."""
        value = self.text(name) if self.has(name) or not default else default
        if value not in choices:
            raise TablesError(f"{self.place}.{name} is {value!r}, not one of {', '.join(choices)}")
        return value

    def number(self, name: str) -> int:
        return int(self._checked(name, int, "a whole number"))

    def fraction(self, name: str) -> float:
        return float(self._checked(name, (int, float), "a number"))

    def flag(self, name: str, default: bool | None = None) -> bool:
        if default is not None and not self.has(name):
            return default
        return bool(self._checked(name, bool, "true or false"))

    def words(self, name: str) -> tuple[str, ...]:
        """Short texts, written as a list or as one text with blanks between them."""
        value = self._take(name)
        words = value.split() if isinstance(value, str) else value
        if value is None:
            return ()
        if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
            raise TablesError(f"{self.place}.{name} is not a list of texts (quote numbers)")
        return tuple(str(word) for word in words)

    def version(self, name: str) -> str:
        return self._version(name, self.text(name))

    def optional_version(self, name: str) -> str | None:
        value = self.optional(name)
        return None if value is None else self._version(name, value)

    def versions(self, name: str) -> tuple[str, ...]:
        return tuple(self._version(name, word) for word in self.words(name))

    def _version(self, name: str, value: str) -> str:
        if versions.key(value) is None:
            raise TablesError(f"{self.place}.{name} is {value!r}, not a version")
        return value

    def span(self, name: str) -> str:
        """A range of versions; empty for all."""
        value = self.optional(name) or ""
        try:
            versions.within("0", value)
        except ValueError as error:
            raise TablesError(f"{self.place}.{name}: {error}") from None
        return value

    def row(self, name: str) -> Row:
        return Row(self._take(name), f"{self.place}.{name}")

    def named(self, name: str, build: Callable[[str, Row], T]) -> Mapping[str, T]:
        """The rows of a mapping of mappings, built into what they stand for, by name."""
        value = self._take(name)
        if value is None:
            return MappingProxyType({})
        if not isinstance(value, Mapping):
            raise TablesError(f"{self.place}.{name} is not a mapping of rows")
        built: dict[str, T] = {}
        for key, data in value.items():
            if not isinstance(key, str):
                raise TablesError(f"{self.place}.{name}: the name {key!r} is not a text (quote it)")
            built[str(key)] = Row(data, f"{self.place}.{name}.{key}").into(partial(build, key))
        return MappingProxyType(built)

    def listed(self, name: str) -> Iterator[Row]:
        """The rows of a list of mappings."""
        value = self._take(name)
        if value is None:
            return
        if not isinstance(value, (list, tuple)):
            raise TablesError(f"{self.place}.{name} is not a list of rows")
        for number, data in enumerate(value):
            yield Row(data, f"{self.place}.{name}[{number}]")

    def names(self, name: str) -> Mapping[str, str]:
        """A mapping of texts to texts."""
        value = self._take(name)
        if value is None:
            return MappingProxyType({})
        if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
            raise TablesError(f"{self.place}.{name} is not a mapping of texts")
        return MappingProxyType({str(key): str(text) for key, text in value.items()})

    def into(self, build: Callable[[Row], T]) -> T:
        """Build something from this row, and refuse names in it that nothing reads: they are typing errors."""
        built = build(self)
        if self._unread:
            raise TablesError(f"{self.place}.{min(map(str, self._unread))} is not a name that this table knows")
        return built
