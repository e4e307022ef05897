# SPDX-License-Identifier: GPL-3.0-or-later
"""A container image that is made on the test host itself, as no registry is in reach: a shell and its tools."""

from __future__ import annotations

NAME = "stand-in/shell:1"


def script() -> str:
    """Return the script that makes the image out of Debian's busybox."""
    return f"""
    apt-get install -y -q --no-install-recommends busybox-static >/dev/null
    root=$(mktemp -d)
    mkdir -p "$root/bin" "$root/tmp"
    cp /bin/busybox "$root/bin/"
    for tool in sh echo sleep ls cat env test id; do ln -s busybox "$root/bin/$tool"; done
    tar -C "$root" -c . | docker import - {NAME} >/dev/null
    rm -rf "$root"
    """
