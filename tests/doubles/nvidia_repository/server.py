# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in repositories signed, and served over HTTP by a container in the test hosts' network."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import inspect
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.doubles.nvidia_repository import contents
from tests.doubles.nvidia_repository.debs import Deb
from tests.hosts.keys import HOME

PLACE = HOME / "nvidia"
KEYRING = HOME / "gnupg"
# The key that signs, and the one that signed until it was retired.
KEYS = ("current", "retired")
MOMENTS = ("first", "second")
FIRST_DAY = 1767225600  # 2026-01-01, as the Release files say


def gpg(*arguments: str, data: bytes | None = None) -> bytes:
    """Run gpg with the stand-ins' own keyring."""
    command = ["gpg", "--homedir", str(KEYRING), "--batch", "--quiet", "--yes", "--passphrase", "", *arguments]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def fingerprints() -> dict[str, str]:
    """Return name → fingerprint of the stand-in keys, made now if this machine has none yet."""
    if not (KEYRING / "made").exists():
        KEYRING.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in KEYS:
            gpg("--quick-generate-key", f"{name} (stand-in)", "rsa3072", "sign", "never")
        (KEYRING / "made").touch()
    if not (PLACE / "fingerprints.json").exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        (PLACE / "fingerprints.json").write_text(json.dumps({name: fingerprint(name) for name in KEYS}))
    found: dict[str, str] = json.loads((PLACE / "fingerprints.json").read_text())
    return found


def fingerprint(name: str) -> str:
    """Return the fingerprint of a stand-in key."""
    listing = gpg("--with-colons", "--list-keys", f"{name} (stand-in)").decode()
    return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))


def key(name: str) -> str:
    """Return a stand-in key as text."""
    return gpg("--armor", "--export", fingerprints()[name]).decode()


def recipe() -> str:
    """Return a hash of all that the repositories are made of."""
    parts = [repr(fingerprints()), inspect.getsource(repository)]
    parts += [repository + deb.recipe() for moment in MOMENTS for repository, _, debs in trees(moment) for deb in debs]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def trees(moment: str) -> Iterable[tuple[str, dict[str, str], list[Deb]]]:
    """Path, fields of the release file, and packages of each repository."""
    for distribution in contents.CARRIED:
        release = {"Origin": "NVIDIA", "Label": "NVIDIA CUDA"}
        yield f"compute/cuda/repos/{distribution}/x86_64", release, list(contents.nvidia(distribution, moment))
    yield "ubuntu", {"Origin": "Ubuntu", "Label": "Ubuntu", "Suite": "stable"}, list(contents.ubuntu(moment))
    release = {"Origin": "Debian", "Label": "Debian-Security", "Suite": "stable-security"}
    yield "security", release, list(contents.security(moment))


def build() -> Path:
    """Return the directory of both moments' repositories, built now unless this recipe's are there already."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = PLACE / recipe()
        if not directory.exists():
            for older in PLACE.iterdir():
                if older.is_dir():
                    shutil.rmtree(older)
            partial = directory.with_suffix(".partial")
            pool = partial / "pool"
            pool.mkdir(parents=True)
            for day, moment in enumerate(MOMENTS):
                for path, release, debs in trees(moment):
                    repository(partial / moment / path, release, debs, pool, FIRST_DAY + day * 86400)
            shutil.rmtree(pool)
            partial.rename(directory)
    return directory


def repository(place: Path, release: dict[str, str], debs: list[Deb], pool: Path, when: int) -> None:
    """Write one flat repository, signed; `when` (seconds since 1970) is what its lists say they were changed."""
    place.mkdir(parents=True)
    entries = []
    for deb in debs:
        built = pool / (hashlib.sha256(deb.recipe().encode()).hexdigest() + ".deb")
        if not built.exists():
            deb.build(pool).rename(built)
        (place / deb.file).hardlink_to(built)
        entries.append(deb.entry(built))
    packages = "\n".join(entries).encode()
    files = {"Packages": packages, "Packages.gz": gzip.compress(packages, mtime=0)}
    for name, content in files.items():
        (place / name).write_bytes(content)
    sums = "".join(f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in files.items())
    fields = {**release, "Architectures": "amd64", "Date": "Thu, 01 Jan 2026 00:00:00 UTC"}
    text = "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"SHA256:\n{sums}"
    (place / "Release").write_text(text)
    (place / "InRelease").write_bytes(gpg("--local-user", fingerprints()["current"], "--clearsign", data=text.encode()))
    for name, fingerprint in fingerprints().items():
        (place / f"{fingerprint[-8:].lower()}.pub").write_text(key(name))
    # apt asks for what has changed since: two moments that were written within one second would be one to it.
    for name in (*files, "Release", "InRelease"):
        os.utime(place / name, (when, when))


def serve(group: str, image: str, label: str, network: str) -> str:
    """Start the container that serves the repositories of the first moment, and return its name, which is its address as well."""
    name = f"{group}-nvidia-repository"
    script = "ln -sfn /srv/all/first /srv/now; exec python3 -m http.server --directory /srv/now 80"
    command = ["podman", "--runtime", "runc", "run", "--detach", "--name", name, "--label", label, "--network", network]
    command += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]  # as for the test hosts
    command += ["--volume", f"{build()}:/srv/all:ro", "--entrypoint", "sh", image, "-c", script]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return name


def publish(group: str, moment: str) -> None:
    """Let the container serve another moment from now on."""
    command = ["podman", "exec", f"{group}-nvidia-repository", "ln", "-sfn", f"/srv/all/{moment}", "/srv/now"]
    subprocess.run(command, check=True)
