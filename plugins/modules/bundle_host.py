#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a bundle has to know of a host: apt's sources with their keys, and the packages that are installed."""

DOCUMENTATION = r"""
module: bundle_host
short_description: What a bundle has to know of a host
version_added: 0.3.0
description:
  - Reads apt's sources, the keys that they are signed by, apt's preferences, and what dpkg has installed.
  - Changes nothing. The files of logins (C(auth.conf)) are not read.
author: The Tensorwright developers (@tensorwright)
options:
  directory:
    description: Where apt has its configuration.
    type: path
    default: /etc/apt
  status:
    description: dpkg's status file.
    type: path
    default: /var/lib/dpkg/status
attributes:
  check_mode:
    description: It only looks.
    support: full
"""

EXAMPLES = r"""
- name: Ask the host for its apt sources and packages
  tensorwright.fleet.bundle_host:
  register: bundle_host_result
"""

RETURN = r"""
architecture:
  description: The host's architecture in dpkg's words.
  returned: always
  type: str
sources:
  description: Path → text of apt's sources.
  returned: always
  type: dict
preferences:
  description: Path → text of apt's preferences.
  returned: always
  type: dict
keys:
  description: Path → content, in base64, of the keyrings that sources are signed by, or that apt trusts for all of them.
  returned: always
  type: dict
status:
  description: What dpkg has installed, as dpkg writes it down, without what apt does not resolve by; compressed, in base64.
  returned: always
  type: str
"""

import base64
import glob
import os
import re
import zlib
from typing import Any, Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule

SIGNED = re.compile(r"signed-by\s*[:=]\s*([^\]\n]+)", re.IGNORECASE)
# What apt resolves by.
FIELDS = [
    "Package",
    "Status",
    "Version",
    "Architecture",
    "Multi-Arch",
    "Essential",
    "Important",
    "Protected",
    "Priority",
]
FIELDS += ["Installed-Size", "Depends", "Pre-Depends", "Recommends", "Provides", "Conflicts", "Breaks", "Replaces"]
FIELD = re.compile(r"^(" + "|".join(FIELDS) + r"): .*(?:\n[ \t].*)*", re.MULTILINE)


def texts(paths: List[str]) -> Dict[str, str]:
    """Path → text of those files that are there."""
    return {path: files.text(path) for path in paths if os.path.isfile(path)}


def sources(directory: str) -> Dict[str, str]:
    """apt's sources."""
    parts = sorted(glob.glob(os.path.join(directory, "sources.list.d", "*")))
    return texts(
        [os.path.join(directory, "sources.list")] + [path for path in parts if path.endswith((".list", ".sources"))]
    )


def preferences(directory: str) -> Dict[str, str]:
    """apt's preferences, of the names that apt reads."""
    parts = sorted(glob.glob(os.path.join(directory, "preferences.d", "*")))
    return texts(
        [os.path.join(directory, "preferences")]
        + [path for path in parts if os.path.splitext(path)[1] in ("", ".pref")]
    )


def keys(directory: str, named: Dict[str, str]) -> Dict[str, str]:
    """The keyrings: those that sources name, and those that apt trusts for every source."""
    paths = [os.path.join(directory, "trusted.gpg")]
    paths += sorted(glob.glob(os.path.join(directory, "trusted.gpg.d", "*")))
    for text in named.values():
        for value in SIGNED.findall(text):
            paths += [word for word in re.split(r"[\s,]+", value) if word.startswith("/")]
    found = {}
    for path in paths:
        try:
            with open(path, "rb") as stream:
                found[path] = base64.b64encode(stream.read()).decode("ascii")
        except OSError:
            continue
    return found


def status(path: str) -> str:
    """What is installed."""
    kept = []
    for paragraph in files.text(path).split("\n\n"):
        kept.append("\n".join(match.group() for match in FIELD.finditer(paragraph)))
    text = "\n\n".join(filter(None, kept)) + "\n"
    return base64.b64encode(zlib.compress(text.encode("utf-8"))).decode("ascii")


def main() -> None:
    """Run the module."""
    module: Any = FleetModule(
        argument_spec={
            "directory": {"type": "path", "default": "/etc/apt"},
            "status": {"type": "path", "default": dpkg.STATUS},
        },
        supports_check_mode=True,
    )
    directory = module.params["directory"]
    machine = os.uname().machine
    named = sources(directory)
    module.exit_json(
        changed=False,
        architecture=dpkg.ARCHITECTURES.get(machine, machine),
        sources=named,
        preferences=preferences(directory),
        keys=keys(directory, named),
        status=status(module.params["status"]),
    )


if __name__ == "__main__":
    main()
