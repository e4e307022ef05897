# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg has installed, read from its status file: a tenth of the time that asking dpkg-query takes."""

import os
import re
from typing import Dict, Iterable, Iterator, List, NamedTuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text

STATUS = "/var/lib/dpkg/status"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Package = NamedTuple("Package", [("name", str), ("version", str), ("architecture", str), ("held", bool)])


def _installed(pattern: str, status: str) -> Iterator[Package]:
    """The fully installed packages whose whole name matches the pattern."""
    for paragraph in re.finditer(r"^Package: (?:" + pattern + r")\n(?:.+\n?)*", text(status), re.MULTILINE):
        fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.+)$", paragraph.group(), re.MULTILINE))
        want, flag, state = (fields.get("Status", "").split() + ["", "", ""])[:3]
        if (flag, state) == ("ok", "installed"):
            yield Package(fields["Package"], fields.get("Version", ""), fields.get("Architecture", ""), want == "hold")


def interrupted(status: str = STATUS) -> bool:
    """Tell whether a dpkg that was killed has left states of packages that its list does not have yet; until then apt does nothing."""
    updates = os.path.join(os.path.dirname(status), "updates")
    return os.path.isdir(updates) and any(name.isdigit() for name in os.listdir(updates))


def packages(names: Iterable[str], status: str = STATUS) -> Dict[str, Package]:
    """Those of the named packages that are installed. A name may carry its architecture (libc6:i386)."""
    wanted = {name: name.partition(":")[0] for name in names}
    if not wanted:
        return {}
    pattern = "|".join(sorted(re.escape(name) for name in set(wanted.values())))
    found: Dict[str, List[Package]] = {}
    for package in _installed(pattern, status):
        found.setdefault(package.name, []).append(package)
    native = ARCHITECTURES.get(os.uname().machine, "")
    answer = {}
    for name, bare in wanted.items():
        architecture = name.partition(":")[2]
        candidates = [
            package
            for package in found.get(bare, [])
            if not architecture or package.architecture in (architecture, "all")
        ]
        if candidates:
            answer[name] = min(candidates, key=lambda package: package.architecture not in (native, "all"))
    return answer


def matching(pattern: str, status: str = STATUS) -> List[str]:
    """The versions of the installed packages whose names match."""
    return [package.version for package in _installed(pattern, status)]
