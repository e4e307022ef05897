# SPDX-License-Identifier: GPL-3.0-or-later
"""What a claim on a place of an output is."""

from typing import Dict, NamedTuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import Row


class Claim(NamedTuple):
    """A row that explains what stands at `start` to `end` of a text."""

    row: Row
    start: int
    end: int
    names: Dict[str, str]  # what the text's {names} stand for
    said: str  # the error code, by name and number; or nothing
    rank: int
    level: int  # how grave the record is
    program: str
    chain: int
