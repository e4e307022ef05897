# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways of a TensorFlow into a release that are not the index's: wheels from URLs, nightly builds, prefixes of conda's."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import tensorflow_wheel
from tests.doubles.package_index import BREAK, PackageIndex
from tests.doubles.wheels import Wheel
from tests.unit.support.environment_site import PYTHON, ROOT, Answer, Site, hear, run_module, running, tell

SERIES = "{}.{}".format(*sys.version_info[:2])
LOGIN = "bob:s3cret-word"


def version(site: Site) -> str:
    """Return the TensorFlow that the environment's users import."""
    return site.ask("import tensorflow; print(tensorflow.__version__)")


# -- wheels from URLs -------------------------------------------------------------------------------------------------


@pytest.fixture
def offered(site: Site) -> Wheel:
    """A wheel whose URL the site knows, and whose project its index does not have."""
    wheel = tensorflow_wheel.tensorflow("2.19.5", package="site-tensorflow")
    site.index.add(wheel)
    site.index.fail(404, on="/simple/site-tensorflow/")
    return wheel


def from_url(site: Site, wheel: Wheel, **changes: Any) -> dict[str, Any]:
    """Return the parameters that name a wheel by its URL."""
    url = f"http://{site.index.address}/files/{wheel.file}"
    wanted = {"url": url, "sha256": wheel.sha256, **changes}
    return {"requirements": [f"{wheel.project} @ {url}", "pip"], "wheel": wanted}


def test_a_wheel_from_its_url(site: Site, offered: Wheel) -> None:
    made = site.present("2.19.5", **from_url(site, offered))
    assert version(site) == "2.19.5"
    assert made["wheel"] == {**from_url(site, offered)["wheel"], "checked": True}
    assert made["sealed"]["wheel"] == made["wheel"]
    assert made["sealed"]["distributions"]["site-tensorflow"] == "2.19.5"
    again = site.present("2.19.5", **from_url(site, offered))
    assert (again["changed"], "wheel" in again) == (False, False)


def test_the_hash_of_a_wheel_that_nobody_checks_is_told(site: Site, offered: Wheel) -> None:
    made = site.present("2.19.5", **from_url(site, offered, sha256=None))
    assert (made["wheel"]["sha256"], made["wheel"]["checked"]) == (offered.sha256, False)


def test_a_wheel_of_another_hash_is_refused(site: Site, offered: Wheel) -> None:
    failed = site.try_present("2.19.5", **from_url(site, offered, sha256="0" * 64))
    assert "a download is not the file that was expected" in failed["msg"]
    assert failed["msg"].endswith("; nothing was put in its place")
    assert offered.sha256 in failed["output"]


def test_a_wheel_of_a_new_hash_is_another_release(site: Site, offered: Wheel) -> None:
    first = site.present("2.19.5", **from_url(site, offered))["release"]
    again = Wheel(offered.name, offered.version, {**offered.files, "more.py": ""}, offered.requires)
    site.index.add(again)
    assert site.present("2.19.5", **from_url(site, again))["release"] != first


def test_the_login_of_a_wheels_url_is_nowhere(site: Site, offered: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    site.index.login = ("bob", "s3cret-word")
    commands: list[str] = []
    popen = subprocess.Popen

    def watch(command: Any, **options: Any) -> Any:
        commands.append(str(command))
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", watch)
    wanted = from_url(site, offered)
    denied = site.try_present("2.19.5", index_url=site.index.url_with_login, **wanted)
    assert denied["failed"], "without the login, the wheel is not to be had"
    made = site.present("2.19.5", index_url=site.index.url_with_login, wheel_login=LOGIN, **wanted)
    site.index.fail(BREAK, on=offered.file)
    broken = site.try_present("2.19.5", wheel_login=LOGIN, constraints=["numpy<9"], **wanted)
    assert broken["failed"]
    assert len(commands) > 5
    assert "s3cret-word" not in f"{commands} {made} {denied} {broken}"
    assert b"s3cret-word" not in b"".join(path.read_bytes() for path in site.root.rglob("*") if path.is_file())


# -- the guides' address ----------------------------------------------------------------------------------------------


@pytest.fixture
def guides(tmp_path: Path) -> Iterator[PackageIndex]:
    """A server with TLS, as the one that the guides fetched wheels from; the CA file that vouches for it is `trusted`."""
    key, trusted, both = (tmp_path / name for name in ("key", "trusted", "both"))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=guides"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(trusted)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    both.write_text(key.read_text() + trusted.read_text())
    with PackageIndex(certificate=both) as server:
        yield server


def guided(site: Site, guides: PackageIndex, wheel: str) -> dict[str, Any]:
    """Return the parameters by which the wheel may come from the guides' address."""
    return {"guide_url": f"https://{guides.address}/files/{wheel}", "ca_file": str(site.root.parent / "trusted")}


def test_the_guides_address_serves_where_the_index_has_no_match(site: Site, guides: PackageIndex) -> None:
    wheel = tensorflow_wheel.tensorflow("2.18.9", package="tensorflow-cpu")
    guides.add(wheel)
    wanted = guided(site, guides, wheel.file)
    made = site.present("2.18.9", **wanted)
    assert version(site) == "2.18.9"
    assert made["wheel"] == {"url": wanted["guide_url"], "sha256": wheel.sha256, "checked": False}
    assert site.present("2.18.9", **wanted)["changed"] is False


def test_the_guides_address_counts_only_with_tls(site: Site) -> None:
    """An index that says it has no match must not lead to a wheel that whoever is on the line can exchange."""
    wheel = tensorflow_wheel.tensorflow("2.18.9", package="tensorflow-cpu")
    site.index.add(wheel)
    site.index.fail(404, on="/simple/tensorflow-cpu/")
    failed = site.try_present("2.18.9", guide_url=f"http://{site.index.address}/files/{wheel.file}")
    assert "the package index has nothing of" in failed["msg"]
    assert not site.index.asked_for(f"/files/{wheel.file}")


@pytest.mark.parametrize("only", [False, True])
def test_the_guides_wheel_does_not_come_by_a_cache_without_tls(site: Site, guides: PackageIndex, only: bool) -> None:
    wheel = tensorflow_wheel.tensorflow("2.18.9", package="tensorflow-cpu")
    guides.add(wheel)
    with PackageIndex(stands_for=guides.address) as cache:
        cache.add(tensorflow_wheel.tensorflow("2.18.9", package="tensorflow-cpu"))
        asked = {"url": f"http://{cache.address}", "only": only, "hosts": [guides.address]}
        answer = site.try_present("2.18.9", package_cache=asked, **guided(site, guides, wheel.file))
        assert not cache.asked_for(f"/files/{wheel.file}")
    if only:
        assert answer["failed"]
    else:
        assert answer["wheel"]["checked"] is False


def test_where_neither_has_it_both_are_told(site: Site, guides: PackageIndex) -> None:
    wanted = guided(site, guides, "none-2.18.9-py3-none-any.whl")
    failed = site.try_present("2.18.9", **wanted)
    assert "the package index does not have the version that is asked for" in failed["msg"]
    assert f"nor can it be had from {wanted['guide_url']}" in failed["msg"]


def test_the_guides_address_is_not_asked_for_other_failures(site: Site, guides: PackageIndex) -> None:
    guides.add(tensorflow_wheel.tensorflow("2.20.0"))
    site.index.fail(403, on="/simple/tensorflow-cpu/")
    failed = site.try_present("2.20.0", **guided(site, guides, tensorflow_wheel.tensorflow("2.20.0").file))
    assert "the server denies access" in failed["msg"]
    assert not guides.asked_for(".whl")


# -- nightly builds ---------------------------------------------------------------------------------------------------


class Nightly(Wheel):
    """A wheel for one Python and this machine, as nightly builds are."""

    @property
    def file(self) -> str:
        tag = f"cp{SERIES.replace('.', '')}"
        return f"{self._stem}-{tag}-{tag}-manylinux_2_17_{platform.machine()}.whl"


def nightly(build: str, kind: type[Wheel] = Nightly) -> Wheel:
    """Return a stand-in for a nightly build."""
    made = tensorflow_wheel.tensorflow(build, package="tf_nightly", says=build.replace(".dev", "-dev"))
    return kind(made.name, made.version, made.files, made.requires)


WANTED: Mapping[str, Any] = {"requirements": ["tf-nightly", "pip"]}


def test_a_nightly_build_is_pinned_and_moves_only_when_asked(site: Site) -> None:
    site.index.add(nightly("2.23.0.dev20261026"), nightly("2.23.0.dev20260930"), nightly("2.99.0.dev20261027", Wheel))
    made = site.present("nightly", **WANTED)
    assert version(site) == "2.23.0-dev20261026"
    assert made["sealed"]["version"] == "2.23.0.dev20261026"
    assert "tf-nightly==2.23.0.dev20261026" in made["sealed"]["contents"]["requirements"]

    site.index.add(nightly("2.23.0.dev20261101"))
    for kept in ("nightly", "2.23.0.dev20261026"):  # what the plan says before and after the first run
        assert site.present(kept, **WANTED)["changed"] is False
    assert site.present("nightly", moves=True, **WANTED)["previous"] == made["release"]
    assert version(site) == "2.23.0-dev20261101"
    assert site.present("nightly", moves=True, **WANTED)["changed"] is False
    assert site.present("nightly", **WANTED)["changed"] is False


def test_an_index_without_nightly_builds_for_this_python(site: Site) -> None:
    site.index.add(nightly("2.99.0.dev20261027", Wheel))
    failed = site.try_present("nightly", **WANTED)
    assert "the package index does not have the version that is asked for" in failed["msg"]
    assert "does not offer tf-nightly for cp" in failed["output"]


# -- conda ------------------------------------------------------------------------------------------------------------

CONDA = f"""#!/bin/sh
# A stand-in for conda.
echo "$@" >>"$(dirname "$0")/../calls"
env | grep -E '^(CONDA_|HOME=)' | sort >"$(dirname "$0")/../environment"
while [ $# -gt 0 ]; do
    case $1 in --prefix) prefix=$2 ;; python=9*) echo 'PackagesNotFoundError: python=9.9' >&2; exit 1 ;; esac
    shift
done
exec {PYTHON} -s -E {ROOT}/tests/doubles/conda_prefix.py "$prefix"
"""
INSTALLER = """#!/bin/sh
# A stand-in for the Miniforge installer.
[ "$1 $2" = "-b -p" ] || exit 2
[ ! -e "$3" ] || exit 3
mkdir -p "$3/bin"
cat >"$3/bin/conda" <<'END'
@CONDA@END
chmod +x "$3/bin/conda"
echo noise >"$HOME/.condarc"
"""


def served(directory: Path, name: str, content: bytes) -> dict[str, str]:
    """Write a file and return how the module is told of it."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(content)
    return {"url": (directory / name).as_uri(), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.fixture
def installer(tmp_path: Path) -> dict[str, str]:
    """The conda installer."""
    return served(tmp_path / "served", "Miniforge3.sh", INSTALLER.replace("@CONDA@", CONDA).encode())


def provide(site: Site, name: str = "conda", **changes: Any) -> Answer:
    """Run the module that provides a conda or a Python."""
    answer = run_module("runtime", path=str(site.path), name=name, retries=0, lock_timeout=0, **changes)
    assert not answer.get("failed"), answer
    return answer


def with_conda(**changes: Any) -> dict[str, Any]:
    """Return the parameters of an environment of conda's."""
    return {"conda": {"python": SERIES, "channels": ["https://mirror.example.org/forge", "conda-forge"]}, **changes}


def test_a_life_with_conda(site: Site, installer: dict[str, str], tmp_path: Path) -> None:
    inputs = {"role": "conda", "inputs": "abc"}
    assert provide(site, **installer, **inputs, _ansible_check_mode=True)["changed"] is True
    assert not site.store.exists()
    first = provide(site, **installer, **inputs)
    assert first["changed"] is True
    assert first["directory"] == str(site.store / "runtimes" / "conda")
    assert provide(site, **installer, **inputs)["changed"] is False
    assert os.listdir(tmp_path / "home") == [], "what the installer writes into a home is gone"

    made = site.present("2.20.0", **with_conda())
    assert version(site) == "2.20.0"
    assert made["sealed"]["contents"]["python"] == ["conda", SERIES]
    root = site.store / "runtimes" / "conda"
    assert (root / "calls").read_text().split() == [
        *(
            "create",
            "--yes",
            "--quiet",
            "--no-default-packages",
            "--prefix",
            str(site.release(site.current)),
            "--override-channels",
        ),
        *("--channel", "https://mirror.example.org/forge", "--channel", "conda-forge", f"python={SERIES}"),
    ]
    told = dict(line.split("=", 1) for line in (root / "environment").read_text().splitlines())
    assert told["CONDA_PKGS_DIRS"] == str(site.store / "cache" / "conda")
    assert told["CONDA_REGISTER_ENVS"] == "false"
    assert told["HOME"].startswith(str(site.store / "tools" / "unfinished-"))
    activate = (site.path / "bin" / "activate").read_text()
    assert activate == f". '{root}/etc/profile.d/conda.sh'\nconda activate '{site.release(site.current)}'\n"

    assert site.present("2.20.0", **with_conda())["changed"] is False
    site.present("2.21.0", **with_conda())
    assert site.state("rolled_back")["release"] == made["release"]
    assert version(site) == "2.20.0"

    listed = site.state("absent", _ansible_check_mode=True)
    assert {str(site.path), str(root)} <= set(listed["removed"])
    assert version(site) == "2.20.0"
    assert site.state("absent")["removed"] == listed["removed"]
    assert os.listdir(site.path.parent) == []


LAZY = "import sys; print('ready', flush=True); input(); import tensorflow.lazy; print(tensorflow.lazy.VERSION, sys.base_prefix)"


def test_a_process_belongs_to_its_prefix(site: Site, installer: dict[str, str]) -> None:
    provide(site, **installer, role="conda")
    old = site.release(site.present("2.20.0", **with_conda())["release"])
    with running(str(site.path / "bin" / "python"), "-c", LAZY) as process:
        assert hear(process) == "ready"
        site.present("2.21.0", keep=1, **with_conda())
        tell(process)
        assert hear(process) == f"2.20.0 {old}"


def test_users_build_on_a_prefix_and_follow_the_environment(
    site: Site, installer: dict[str, str], tmp_path: Path
) -> None:
    provide(site, **installer, role="conda")
    old = site.release(site.present("2.20.0", **with_conda())["release"])
    subprocess.run([site.path / "bin" / "tensorflow-env", "create", tmp_path / "mine"], check=True)
    python = tmp_path / "mine" / "bin" / "python"
    show = "import sys, tensorflow; print(sys.prefix, sys.base_prefix, tensorflow.__version__)"
    assert site.ask(show, python=python) == f"{tmp_path}/mine {old} 2.20.0"
    with running(str(python), "-c", LAZY) as process:
        assert hear(process) == "ready"
        site.present("2.21.0", keep=1, **with_conda())
        assert old.exists()
        tell(process)
        assert hear(process) == f"2.20.0 {old}"
    site.present("2.21.0", keep=1, **with_conda())
    assert not old.exists()
    assert site.ask(show, python=python) == f"{tmp_path}/mine {site.release(site.current)} 2.21.0"


def test_conda_stays_for_another_environment_of_its(site: Site, installer: dict[str, str]) -> None:
    provide(site, **installer, role="conda", inputs="abc")
    other = site.path.with_name("other")
    plain = site.path.with_name("plain")
    site.present(path=str(other), **with_conda())
    site.present(**with_conda())
    site.present(path=str(plain))
    assert str(site.store / "runtimes" / "conda") not in site.state("absent")["removed"]
    run_module("environment", path=str(other), state="absent", lock_timeout=0)
    assert os.listdir(site.store / "runtimes") == []
    assert subprocess.check_output([plain / "bin" / "python", "-c", "import tensorflow"]) == b""


def test_a_conda_that_lacks_the_python_says_so(site: Site, installer: dict[str, str]) -> None:
    provide(site, **installer, role="conda")
    failed = site.try_present(**with_conda(conda={"python": "9.9", "channels": ["conda-forge"]}))
    assert "none of conda's channels has that" in failed["msg"]
    assert "PackagesNotFoundError: python=9.9" in failed["output"]
    assert site.releases == []


# -- what is fetched --------------------------------------------------------------------------------------------------


def standalone(directory: Path, *extra: tuple[tarfile.TarInfo, bytes]) -> dict[str, str]:
    """Return a stand-in for a standalone Python: a link to the real one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        text = f'#!/bin/sh\nexec {PYTHON} "$@"\n'.encode()
        entry = tarfile.TarInfo(f"python/bin/python{SERIES}")
        entry.size, entry.mode, entry.uid = len(text), 0o700, 4242
        archive.addfile(entry, io.BytesIO(text))
        for more, content in extra:
            archive.addfile(more, io.BytesIO(content))
    return served(directory, "python.tar.gz", out.getvalue())


def test_a_standalone_python_is_unpacked_for_all(site: Site, tmp_path: Path) -> None:
    name = f"python{SERIES}"
    archive = standalone(tmp_path)
    provide(site, name, **archive, role="python", inputs="abc")
    program = site.store / "runtimes" / name / "bin" / name
    assert (program.stat().st_mode & 0o777, program.stat().st_uid) == (0o755, os.geteuid())
    receipt = json.loads((site.store / "runtimes" / f"{name}.json").read_text())
    assert receipt["footprint"]["links"] == {str(site.store / "runtimes" / name): f"{name}-{archive['sha256'][:12]}"}


def test_the_next_build_takes_the_place_of_the_one_before(site: Site, tmp_path: Path) -> None:
    name = f"python{SERIES}"
    provide(site, name, **standalone(tmp_path / "1"), role="python")
    provide(site, name, **standalone(tmp_path / "2", (tarfile.TarInfo("python/new"), b"")), role="python")
    assert sorted(path.is_symlink() for path in (site.store / "runtimes").iterdir()) == [False, True]
    assert (site.store / "runtimes" / name / "new").exists()


def test_a_half_installed_one_is_installed_anew(site: Site, installer: dict[str, str]) -> None:
    provide(site, **installer, role="conda")
    place = (site.store / "runtimes" / "conda").resolve()
    (place / ".tensorwright.json").unlink()
    (place / "rest").touch()
    assert provide(site, **installer, role="conda")["changed"] is True
    assert not (place / "rest").exists()


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.LNKTYPE, target
    return entry, b""


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ((tarfile.TarInfo("elsewhere/x"), b""), "the archive holds elsewhere/x"),
        ((tarfile.TarInfo("python/../../x"), b""), "the archive holds python/../../x"),
        (link("python/y", "/etc/passwd"), "the archive holds python/y"),
    ],
)
def test_an_archive_that_is_none_leaves_nothing(
    site: Site, tmp_path: Path, extra: tuple[tarfile.TarInfo, bytes], why: str
) -> None:
    wanted = {"path": str(site.path), "name": f"python{SERIES}", "role": "python", **standalone(tmp_path, extra)}
    failed = run_module("runtime", **wanted)
    assert why in failed["msg"]
    assert os.listdir(site.store / "runtimes") == []
    assert os.listdir(site.store / "tools") == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sha256": "0" * 64}, "a download is not the file that was expected"),
        ({"url": "file:///nowhere/x.sh"}, "No such file or directory"),
        ({"name": "python9.9"}, "cannot be unpacked"),
    ],
)
def test_what_cannot_be_provided_leaves_nothing(
    site: Site, installer: dict[str, str], changes: dict[str, str], why: str
) -> None:
    wanted = {"path": str(site.path), "name": "conda", "role": "conda", "retries": 0, **installer, **changes}
    failed = run_module("runtime", **wanted)
    assert failed["failed"]
    assert why in failed["msg"]
    assert os.listdir(site.store / "runtimes") == []


def test_an_installer_that_fails_says_what_it_said(site: Site, tmp_path: Path) -> None:
    wanted = served(tmp_path, "x.sh", b'mkdir -p "$3"; echo "ERROR: no space for conda" >&2; exit 1\n')
    failed = run_module("runtime", path=str(site.path), name="conda", role="conda", **wanted)
    assert "ERROR: no space for conda" in failed["msg"]
    assert os.listdir(site.store / "runtimes") == []
