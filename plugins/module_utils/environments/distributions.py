# SPDX-License-Identifier: GPL-3.0-or-later
"""Python distributions as their metadata directories tell them: a look into a directory, no interpreter started."""

import os
import re
from typing import Dict, Optional


def distributions(site_packages: str) -> Optional[Dict[str, str]]:
    """Name -> version of the Python distributions in a directory; None where there is no such directory."""
    try:
        entries = os.listdir(site_packages)
    except OSError:
        return None
    found = {}
    for entry in entries:
        match = re.match(r"(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info$", entry)
        if match:
            found[normal(match.group(1))] = match.group(2)
    return found


def normal(name: str) -> str:
    """A distribution's name in the one spelling that indexes compare by."""
    return re.sub(r"[-_.]+", "-", name).lower()
