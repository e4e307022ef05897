# SPDX-License-Identifier: GPL-3.0-or-later
"""The last stop of all text before a terminal and before Ansible's own log: nothing gets there that is not printable, and no login."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable, without_logins

# The colours that Ansible puts into what it displays; no other sequence, and none where the output has no colours.
COLOUR = re.compile(r"(\x1b\[(?:0|[01];[39][0-7]|38;5;\d{1,3})m)")


class PrintableDisplay:
    """What Ansible's Display does when it displays something, with printable text and without the logins of URLs.

    All of Ansible's output comes through there: that of callbacks, warnings, and what -v shows.
    """

    def __init__(self, display: Any, colours: bool) -> None:
        self._display, self._colours = display.display, colours

    def __call__(self, msg: Any, *arguments: Any, **options: Any) -> None:
        """Display a text."""
        self._display(self.clean(msg) if isinstance(msg, str) else msg, *arguments, **options)

    def clean(self, text: str) -> str:
        """Return the text as it may be shown; colours stay."""
        parts = COLOUR.split(text) if self._colours else [text]
        return "".join(part if COLOUR.fullmatch(part) else without_logins(printable(part)) for part in parts)


def guard(display: Any, colours: bool) -> None:
    """Make a Display of Ansible's print printable text only; once is enough for it.

    colours: whether Ansible colours its output.
    """
    if not isinstance(display.display, PrintableDisplay):
        display.display = PrintableDisplay(display, colours)
