# SPDX-License-Identifier: GPL-3.0-or-later
"""Small wheels made by hand."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

EPOCH = (2026, 1, 1, 0, 0, 0)  # equal contents make equal wheels


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Wheel:
    """A pure Python wheel: its files by path, what it requires, the programs it brings (name → module:function)."""

    name: str
    version: str
    files: Mapping[str, str | bytes]
    requires: Sequence[str] = ()
    programs: tuple[tuple[str, str], ...] = ()
    data: bytes = b""  # one more file, for a wheel that takes some time or space
    tag: str = "py3-none-any"

    @property
    def project(self) -> str:
        """The name as an index spells it."""
        return re.sub(r"[-_.]+", "-", self.name).lower()

    @property
    def _stem(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}"

    @property
    def file(self) -> str:
        """The wheel's file name."""
        return f"{self._stem}-{self.tag}.whl"

    @property
    def metadata(self) -> bytes:
        """The text of METADATA."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        return "\n".join([*lines, *(f"Requires-Dist: {line}" for line in self.requires), ""]).encode()

    @cached_property
    def content(self) -> bytes:
        """The wheel itself."""
        info = f"{self._stem}.dist-info"
        members = {name: text.encode() if isinstance(text, str) else text for name, text in self.files.items()}
        if self.data:
            members[f"{self.project}-payload.bin"] = self.data
        members[f"{info}/METADATA"] = self.metadata
        members[f"{info}/WHEEL"] = (
            f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {self.tag}\n".encode()
        )
        if self.programs:
            lines = ["[console_scripts]", *(f"{name} = {where}" for name, where in self.programs)]
            members[f"{info}/entry_points.txt"] = "\n".join(lines).encode() + b"\n"
        lines = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in members.items()]
        members[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
        return out.getvalue()

    @property
    def sha256(self) -> str:
        """The hash that a pin of this wheel holds."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class RealWheel:
    """A wheel that is no stand-in, for an index to offer beside some."""

    file: str
    content: bytes

    @classmethod
    def of(cls, path: Path) -> RealWheel:
        """Return the wheel that a file holds."""
        return cls(path.name, path.read_bytes())

    @property
    def project(self) -> str:
        """The name as an index spells it."""
        return re.sub(r"[-_.]+", "-", self.file.partition("-")[0]).lower()

    @property
    def version(self) -> str:
        """The version."""
        return self.file.split("-")[1]

    @cached_property
    def metadata(self) -> bytes:
        """The text of METADATA."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))

    @property
    def sha256(self) -> str:
        """The hash that a pin of this wheel holds."""
        return hashlib.sha256(self.content).hexdigest()
