# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's variables, those included whose values ask for variables of another host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import Undefined, pass_context


class Readable(Mapping[str, Any]):
    """hostvars[host], which cannot read a value with hostvars in it; such a value the template engine reads where a filter is used."""

    def __init__(self, variables: Mapping[str, Any], read: Callable[[str], Any]) -> None:
        self._variables = variables
        self._read = read

    def __getitem__(self, name: str) -> Any:
        value = self._variables[name]
        # From 2.19 on such a value is undefined, and before it stays as it was written.
        unread = isinstance(value, Undefined) or (isinstance(value, str) and "{{" in value)
        return self._read(name) if unread else value

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def reading(position: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose argument at this position is hostvars[inventory_hostname], all values of which it can read."""

    @pass_context
    @wraps(function)
    def filtered(context: Any, *arguments: Any, **named: Any) -> Any:
        given = list(arguments)
        if len(given) > position and isinstance(given[position], Mapping):
            given[position] = Readable(given[position], context.resolve)
        return function(*given, **named)

    return filtered
