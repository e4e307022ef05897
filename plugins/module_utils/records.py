# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed files held against the hashes that came with their wheels (RECORD)."""

import base64
import csv
import glob
import os
from typing import Iterable, List

from ansible_collections.tensorwright.fleet.plugins.module_utils import files


def altered(site_packages: str, paths: Iterable[str]) -> List[str]:
    """Return those of the paths whose content is not what their wheel brought; what no wheel brought cannot be told."""
    asked = set(paths)
    found = []
    for record in glob.glob(os.path.join(glob.escape(site_packages), "*.dist-info", "RECORD")):
        for row in csv.reader(files.text(record).splitlines()):
            path = os.path.normpath(os.path.join(site_packages, row[0])) if len(row) > 1 else ""
            kind, _, expected = row[1].partition("=") if path in asked else ("", "", "")
            if kind == "sha256" and _digest(path) != expected:
                found.append(path)
    return sorted(found)


def _digest(path: str) -> str:
    """Return a file's hash as RECORD writes it."""
    hexadecimal = files.sha256(path) or ""
    return base64.urlsafe_b64encode(bytes.fromhex(hexadecimal)).decode("ascii").rstrip("=")
