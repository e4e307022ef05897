# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the wheel of uv: small, and its program is the real uv that the tests were installed with."""

from __future__ import annotations

from typing import Any

import uv

from tests.doubles.wheels import Wheel

VERSION = "0.0.1"


def wheel(program: str | None = None) -> Wheel:
    """Return the wheel; `program` is another text for its program."""
    text = program or f'#!/bin/sh\nexec {uv.find_uv_bin()} "$@"\n'
    return Wheel("uv", VERSION, {f"uv-{VERSION}.data/scripts/uv": text})


def pin(made: Wheel) -> dict[str, Any]:
    """Return the pin of a tool as the plan has it."""
    return {
        "name": made.project,
        "version": made.version,
        "wheel": {"file": made.file, "sha256": made.sha256},
    }
