# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the PPA deadsnakes: its layout, really signed, and of its packages the one that no Debian has.

    python -m tests.doubles.deadsnakes DIRECTORY

writes it, the key that signs it, and that key's fingerprint. The Python itself is that of the host, a Debian that calls itself Ubuntu.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from pathlib import Path

from tests.doubles.nvidia_repository import server
from tests.doubles.nvidia_repository.debs import Deb

SUITE = "jammy"
PACKAGE = Deb("python3.11-distutils", "3.11.99-1+jammy1", maintainer="A stand-in <stand-in@example.org>")


def main(directory: Path) -> None:
    """Write what a host is served."""
    pool, place = directory / "pool", directory / "dists" / SUITE
    pool.mkdir(parents=True, exist_ok=True)
    built = PACKAGE.build(pool).rename(pool / PACKAGE.file)
    packages = PACKAGE.entry(built).replace("Filename: ", "Filename: pool/").encode()
    lists = {"main/binary-amd64/Packages": packages, "main/binary-amd64/Packages.gz": gzip.compress(packages, mtime=0)}
    for name, content in lists.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    sums = "".join(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in lists.items())
    fields = {"Origin": "LP-PPA-deadsnakes", "Suite": SUITE, "Codename": SUITE, "Components": "main"}
    fields |= {"Architectures": "amd64", "Date": "Thu, 01 Jan 2026 00:00:00 UTC"}
    text = "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"SHA256:\n{sums}"
    signed = server.gpg("--local-user", server.fingerprints()["current"], "--clearsign", data=text.encode())
    (place / "InRelease").write_bytes(signed)
    (directory / "key").write_text(server.key("current"))
    (directory / "fingerprint").write_text(server.fingerprints()["current"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
