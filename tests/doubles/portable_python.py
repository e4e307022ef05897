# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the archives of standalone Pythons: the Python of a Debian image, in the archives' layout and with their ways.

What it takes from Debian's ways is that local additions go into dist-packages below /usr/local; the rest is a CPython like any other.
"""

from __future__ import annotations

import subprocess

from tests.hosts.containers import START

# The whole of it as one archive with the directory `python`, on standard output.
HARVEST = r"""
set -eu
cd /tmp && mkdir -p python/bin python/lib
version=$(basename "$(readlink -f /usr/bin/python3)")
cp "/usr/bin/$version" python/bin/
ln -s "$version" python/bin/python3
ln -s "$version" python/bin/python
cp -r "/usr/lib/$version" python/lib/
cd "python/lib/$version"
rm -rf EXTERNALLY-MANAGED config-* test __pycache__ */__pycache__
mkdir -p site-packages
sed -i "s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" sysconfig.py
rm -f sitecustomize.py
cat >sitecustomize.py <<'END'
import os, site, sys
if sys.prefix == sys.base_prefix:
    site.addsitedir(os.path.join(sys.prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages"))
END
tar --create --gzip --directory /tmp python
"""


def archive(image: str) -> bytes:
    """Return the archive made from an image's Python."""
    command = ["podman", *START, "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", HARVEST]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
