# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages made by hand."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NVIDIA = "cudatools <cudatools@nvidia.com>"
UBUNTU = "Ubuntu Core Developers <ubuntu-devel-discuss@lists.ubuntu.com>"


@dataclass(frozen=True)
class Deb:
    """A package: its files by path; a path that ends in ` ->` is a link, one below bin/ a program."""

    name: str
    version: str
    depends: Sequence[str] = ()
    provides: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    maintainer: str = NVIDIA
    architecture: str = "amd64"

    @property
    def file(self) -> str:
        """The package's file name, without the epoch."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"

    @property
    def control(self) -> str:
        """The text of its control file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": self.maintainer,
            "Depends": ", ".join(self.depends),
            "Provides": ", ".join(self.provides),
            "Conflicts": ", ".join(self.conflicts),
            "Replaces": ", ".join(self.conflicts),
            "Section": "devel",
            "Priority": "optional",
            "Description": "stand-in of the tests",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)

    def recipe(self) -> str:
        """All that the package is made of, as text."""
        return repr((self.control, sorted(self.files.items()), sorted(self.scripts.items())))

    def build(self, directory: Path) -> Path:
        """Build the package into a directory."""
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            root.chmod(0o755)
            (root / "DEBIAN").mkdir()
            (root / "DEBIAN" / "control").write_text(self.control)
            for name, text in self.scripts.items():
                (root / "DEBIAN" / name).write_text(f"#!/bin/sh\nset -e\n{text}\n")
                (root / "DEBIAN" / name).chmod(0o755)
            for path, text in self.files.items():
                place = root / path.removesuffix(" ->").lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                if path.endswith(" ->"):
                    place.symlink_to(text)
                else:
                    place.write_text(text)
                    place.chmod(0o755 if place.parent.name == "bin" else 0o644)
            target = directory / self.file
            command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", scratch, str(target)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return target

    def entry(self, file: Path) -> str:
        """The package's paragraph in a repository's index."""
        content = file.read_bytes()
        return (
            f"{self.control}Filename: ./{self.file}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
