# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for what `conda create` makes: a prefix with a Python of its own, quickly, from the Python that runs this.

The interpreter is a copy, so that the prefix is where Python looks; its library consists of links. Debian's ways are taken from it:
conda's Pythons keep what is installed in site-packages of their prefix.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = ("site-packages", "dist-packages", "EXTERNALLY-MANAGED", "__pycache__", "sitecustomize.py")
CHANGED = {"sysconfig.py": ("prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'")}
OWN_PLACE = """import os, site, sys
place = os.path.join(sys.prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
if sys.prefix == sys.base_prefix and place not in sys.path:
    site.addsitedir(place)
"""


def main(prefix: Path) -> None:
    """Make the prefix."""
    name = "python{}.{}".format(*sys.version_info[:2])
    library, ours = prefix / "lib" / name, Path(sysconfig.get_path("stdlib"))
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (library / "site-packages").mkdir(parents=True)
    (prefix / "lib" / "python3.1").symlink_to(name)
    shutil.copy(os.path.realpath(sys.executable), prefix / "bin" / name)
    for other in ("python3", "python"):
        (prefix / "bin" / other).symlink_to(name)
    (library / "sitecustomize.py").write_text(OWN_PLACE)
    for entry in ours.iterdir():
        if entry.name in CHANGED:
            (library / entry.name).write_text(entry.read_text().replace(*CHANGED[entry.name]))
        elif entry.name not in LEFT_OUT:
            (library / entry.name).symlink_to(entry)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
