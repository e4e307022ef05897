# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed files held against the hashes and sizes that came with their wheels (RECORD)."""

import base64
import csv
import glob
import os
from typing import Iterable, Iterator, List, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files


def damaged(site_packages: str, thoroughly: bool = False) -> List[str]:
    """Return the files of wheels that are missing or not as large as they were; thoroughly: or of other content, which reads them all.

    What conda has installed does not count: it writes some of the files anew.
    """
    found = set()
    for path, digest, size in _rows(site_packages):
        if path.endswith(".pyc"):  # some wheels bring bytecode, which an installer that compiles writes anew
            continue
        try:
            is_right = not size or os.stat(path).st_size == int(size)
        except OSError:
            is_right = False
        if not is_right or (thoroughly and digest and _digest(path) != digest):
            found.add(path)
    return sorted(found)


def _rows(site_packages: str) -> Iterator[Tuple[str, str, str]]:
    """Yield path, hash and size of each file of a wheel; empty what RECORD does not tell. A RECORD that is empty should not be."""
    for record in glob.glob(os.path.join(glob.escape(site_packages), "*.dist-info", "RECORD")):
        lines = files.text(record).splitlines()
        if files.text(os.path.join(os.path.dirname(record), "INSTALLER")).strip() == "conda":
            continue
        if not lines:
            yield record, "", "1"
        for row in csv.reader(lines):
            if len(row) == 3:
                kind, _, digest = row[1].partition("=")
                path = os.path.normpath(os.path.join(site_packages, row[0]))
                yield path, digest if kind == "sha256" else "", row[2] if row[2].isdigit() else ""


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
