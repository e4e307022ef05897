# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the wheel of uv: small, and its program is the real uv that the tests were installed with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import uv

from script import controller
from tests.doubles.wheels import RealWheel, Wheel
from tests.hosts.keys import HOME

VERSION = "0.0.1"


def real() -> Path:
    """Return the real wheel of uv, which hosts trust by its hash; fetched now if this machine does not have it yet."""
    wheel = controller.pinned_wheel(controller.PINS.read_text(), os.uname().machine)
    directory = HOME / "wheels" / wheel.sha256[:12]
    if not (directory / wheel.file).exists():
        directory.mkdir(parents=True, exist_ok=True)
        controller.downloader().fetch_wheel("uv", wheel._asdict(), str(directory))
    return directory / wheel.file


def wheel(program: str | None = None) -> Wheel:
    """Return the wheel; `program` is another text for its program."""
    text = program or f'#!/bin/sh\nexec {uv.find_uv_bin()} "$@"\n'
    return Wheel("uv", VERSION, {f"uv-{VERSION}.data/scripts/uv": text})


def pin(made: Wheel | RealWheel) -> dict[str, Any]:
    """Return the pin of a tool as the plan has it."""
    return {
        "name": made.project,
        "version": made.version,
        "wheel": {"file": made.file, "sha256": made.sha256},
    }
