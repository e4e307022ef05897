# SPDX-License-Identifier: GPL-3.0-or-later
"""What the provocations of troubles need on a host: broken repositories, packages, programs and certificates, below /srv.

It is run inside a test host, by its own Python. Everything that then complains is real: apt, dpkg, pip, uv, Python, the loader.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

SRV = Path("/srv")
REPOSITORIES = SRV / "apt"
KEYS = SRV / "keys"
GNUPG = SRV / "gnupg"
NOW = datetime.now(timezone.utc)
LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)
PACKAGES = ["curl", "gnupg", "python3-pip", "python3-setuptools"]


def run(*command: str, **environment: str) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout.decode()}"


# --- packages -----------------------------------------------------------------------------------------------------------


def deb(name: str, version: str = "1.0", depends: str = "", file: str = "", script: str = "") -> Path:
    """Make a Debian package."""
    tree = SRV / "debs" / f"{name}_{version}"
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    fields = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Tests <tests@example.org>\n"
    fields += f"Depends: {depends}\n" if depends else ""
    (tree / "DEBIAN" / "control").write_text(f"{fields}Description: made for a test\n")
    if file:
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        (tree / file).write_text(name)
    if script:
        (tree / "DEBIAN" / "postinst").write_text(f"#!/bin/sh\n{script}\n")
        (tree / "DEBIAN" / "postinst").chmod(0o755)
    made = tree.with_name(f"{tree.name}.deb")
    run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(made))
    return made


def packages() -> list[Path]:
    """Make the packages of the repositories."""
    return [
        deb("demo"),
        deb("demo", "2.0"),
        deb("demo-a", depends="demo (= 1.0)"),
        deb("demo-b", depends="demo (= 2.0)"),
        deb("demo-left", file="usr/share/demo/shared"),
        deb("demo-right", file="usr/share/demo/shared"),
        deb("demo-failing", script="echo 'demo: the licence server does not answer' >&2; exit 1"),
        deb("demo-needy", depends="demo-nowhere"),
    ]


# --- repositories -------------------------------------------------------------------------------------------------------


def key(name: str, at: datetime, validity: str) -> None:
    """Make a key, as if at another time."""
    when = ["--faked-system-time", at.strftime("%Y%m%dT%H%M%S!")]
    gpg = ["gpg", "--homedir", str(GNUPG), "--batch", "--quiet", *when]
    run(*gpg, "--passphrase", "", "--quick-generate-key", f"{name} <{name}@example.org>", "ed25519", "sign", validity)
    run("gpg", "--homedir", str(GNUPG), "--batch", "--quiet", "--output", str(KEYS / f"{name}.gpg"), "--export", name)


def repository(name: str, signer: str | None, date: datetime = NOW, until: datetime | None = None) -> Path:
    """Make a signed repository of all packages."""
    place = REPOSITORIES / name
    place.mkdir(parents=True)
    index = ""
    for package in sorted((SRV / "debs").glob("*.deb")):
        shutil.copy(package, place)
        fields = subprocess.run(
            ["dpkg-deb", "--field", str(package)], check=True, capture_output=True, text=True
        ).stdout
        content = package.read_bytes()
        index += (
            f"{fields}Filename: {package.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n\n"
        )
    (place / "Packages").write_text(index)
    release = f"Origin: {name}\nSuite: stable\nCodename: stable\nDate: {format_datetime(date, usegmt=True)}\n"
    release += f"Valid-Until: {format_datetime(until, usegmt=True)}\n" if until else ""
    release += f"SHA256:\n {hashlib.sha256(index.encode()).hexdigest()} {len(index)} Packages\n"
    (place / "Release").write_text(release)
    if signer:
        sign(place, signer, date)
    return place


def sign(place: Path, signer: str, at: datetime) -> None:
    """Sign a repository's Release."""
    when = ["--faked-system-time", max(at, LONG_AGO + timedelta(days=1)).strftime("%Y%m%dT%H%M%S!")]
    gpg = ["gpg", "--homedir", str(GNUPG), "--batch", "--quiet", *when, "--local-user", signer]
    run(*gpg, "--output", str(place / "InRelease"), "--clearsign", str(place / "Release"))


def repositories() -> None:
    """Make them all: a sound one, and one for each way to be broken."""
    GNUPG.mkdir(mode=0o700)
    KEYS.mkdir()
    key("right", LONG_AGO, "0")
    key("other", LONG_AGO, "0")
    key("expired", LONG_AGO, "30d")
    repository("sound", "right")
    repository("old-key", "expired", LONG_AGO + timedelta(days=2))
    repository("future", "right", NOW + timedelta(days=9))
    repository("outdated", "right", NOW - timedelta(days=9), until=NOW - timedelta(days=2))
    repository("unsigned", None)
    manipulated = repository("manipulated", "right")
    text = (manipulated / "InRelease").read_text()
    (manipulated / "InRelease").write_text(text.replace("Origin: manipulated", "Origin: Manipulated"))
    (REPOSITORIES / "login-page").mkdir()
    (REPOSITORIES / "login-page" / "InRelease").write_text("<html><body>Please log in.</body></html>\n")
    (REPOSITORIES / "empty").mkdir()
    (repository("lost", "right") / "demo_2.0.deb").unlink()
    package = repository("damaged", "right") / "demo_2.0.deb"
    package.write_bytes(package.read_bytes()[:-8] + b"damaged!")


# --- programs and libraries -----------------------------------------------------------------------------------------------


def patched(source: str, target: str, pattern: bytes, replacement: bytes) -> None:
    """Copy a program or a library with another name, of the same length, for what it needs."""
    content, count = re.subn(pattern, replacement, Path(source).read_bytes())
    assert count, f"{source} has no {pattern!r}"
    path = SRV / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)


def binaries() -> None:
    """Make programs and libraries that the loader refuses, each for its reason."""
    libraries = Path(f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}")
    patched("/usr/bin/true", "bin/newer-libc", rb"GLIBC_2\.\d\d\0", b"GLIBC_2.99\0")
    apt = min(libraries.glob("libapt-pkg.so.*"))  # the name by which it is looked for
    patched(str(apt), f"lib/{apt.name}", rb"GLIBCXX_3\.4\.\d\d\0", b"GLIBCXX_3.4.99\0")
    patched(sys.executable, "bin/other-machine", rb"(?s)^(\x7fELF.{14})..", b"\\1\x16\x00")
    modules = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    (module,) = modules.glob("_ctypes.cpython-*.so")
    patched(str(module), f"symbol/{module.name}", rb"PyModule(_Create|Def_Ini).\0", b"PyModule\\1x\0")
    shutil.copy(module, "/noexec")


def certificates() -> None:
    """Make certificates of each kind, and one authority that nobody trusts."""
    place = SRV / "tls"
    place.mkdir()
    os.chdir(place)
    (place / "index.txt").write_text("")
    (place / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n"
        "copy_extensions=copyall\nunique_subject=no\n[any]\ncommonName=supplied\n"
    )
    for name, subject, begin, end in (
        ("stranger", "localhost", "20200101000000Z", "20990101000000Z"),
        ("expired", "localhost", "20200101000000Z", "20200201000000Z"),
        ("future", "localhost", "20980101000000Z", "20990101000000Z"),
        ("other-name", "other.example.org", "20200101000000Z", "20990101000000Z"),
    ):
        request = ["-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}"]
        extension = ["-addext", f"subjectAltName=DNS:{subject}", "-addext", "basicConstraints=CA:FALSE"]
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", *request, *extension)
        own = ["-selfsign", "-keyfile", f"{name}.key", "-in", f"{name}.csr", "-out", f"{name}.crt", "-notext"]
        run("openssl", "ca", "-batch", "-config", "ca.cnf", "-rand_serial", *own, "-startdate", begin, "-enddate", end)


def sources() -> None:
    """Make Python projects that cannot be built."""
    (SRV / "empty").mkdir()
    project = SRV / "compiled"
    project.mkdir()
    (project / "x.c").write_text("#include <Python.h>\n")
    (project / "setup.py").write_text(
        "from setuptools import Extension, setup\nsetup(name='demo-compiled', version='1', ext_modules=[Extension('x', ['x.c'])])\n"
    )


def main() -> None:
    """Make everything."""
    assert platform.system() == "Linux"
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "-qq", "update")
    run("apt-get", "-qq", "-y", "--no-install-recommends", "install", *PACKAGES, *sys.argv[1:], **quiet)
    packages()
    repositories()
    binaries()
    certificates()
    sources()
    run("/srv/uv", "venv", "--quiet", "--system-site-packages", "/srv/venv")
    run("/srv/uv", "venv", "--quiet", "/srv/bare")


if __name__ == "__main__":
    main()
