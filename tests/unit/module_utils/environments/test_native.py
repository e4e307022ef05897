# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import native

from tests.unit.module_utils.programs.test_release_pin import make_old_virtualenv
from tests.unit.support.environment_site import PYTHON, snapshot
from tests.unit.support.interpreters import interpreter


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A stand-in for the system's Python: a virtualenv, whose site-packages stand for /usr/local/lib/python3.x/dist-packages."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "system"], check=True)
    return tmp_path / "system" / "bin" / "python"


@pytest.fixture
def local(python: Path) -> Path:
    """The stand-in's directory of local additions."""
    (found,) = (python.parent.parent / "lib").glob("python3*/site-packages")
    return found


@pytest.fixture(autouse=True)
def bins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for /usr/local/bin and /usr/bin."""
    monkeypatch.setattr(native, "BIN", str(tmp_path / "local-bin"))
    monkeypatch.setattr(native, "SYSTEM_BINS", (str(tmp_path / "bin"),))
    (tmp_path / "bin").mkdir()
    return tmp_path


def install(site: Path, name: str, version: str, *requires: str) -> None:
    """Install a distribution that consists of its metadata."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
        *(f"Requires-Dist: {line}" for line in requires),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")


# -- what the system's Python has -------------------------------------------------------------------------------------


def test_the_probe_tells_place_and_requirements(python: Path, local: Path) -> None:
    install(local, "certbot", "2.1", "acme<3,>=2.1", "parsedatetime", 'pytest; extra == "test"')
    install(local, "twisted", "22.4", "attrs>=19.2.0")
    answer = native.probe(str(python))
    assert answer["site"] == str(local)
    assert answer["tensorflow"] is None
    assert {"acme<3,>=2.1", "parsedatetime", "attrs>=19.2.0"} <= set(answer["requires"])
    assert not any("pytest" in line for line in answer["requires"])


def test_the_probe_leaves_our_own_releases_out(python: Path, local: Path, tmp_path: Path) -> None:
    release = tmp_path / "opt" / ".tensorwright" / "tensorflow" / "abc" / "lib" / "site-packages"
    install(release, "numpy", "2.1.0", "needed-by-ours<2")
    (local / "tensorwright-tensorflow.pth").write_text(f"{release}\n")
    assert "needed-by-ours<2" not in native.probe(str(python))["requires"]


def test_the_probe_finds_another_tensorflow_without_importing_it(python: Path, local: Path) -> None:
    (local / "tensorflow").mkdir()
    (local / "tensorflow" / "__init__.py").write_text("raise SystemExit('imported')\n")
    assert native.probe(str(python))["tensorflow"] == str(local / "tensorflow" / "__init__.py")


def test_the_probe_writes_nothing(python: Path, local: Path) -> None:
    (local / "sitecustomize.py").write_text("")  # every start imports it
    before = snapshot(python.parent.parent)
    native.probe(str(python))
    assert snapshot(python.parent.parent) == before


def test_the_probe_runs_no_line_of_a_pth_file(python: Path, local: Path, tmp_path: Path) -> None:
    """Root asks, and the files are packages'."""
    more = tmp_path / "more"
    install(more, "found", "1.0", "by-its-path<2")
    (local / "spy.pth").write_text(f"import os; os.mkdir({str(tmp_path / 'ran')!r})\n{more}\n")
    assert "by-its-path<2" in native.probe(str(python))["requires"]
    assert not (tmp_path / "ran").exists()


def test_a_python_that_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(native.ProbeError, match=r"^/nowhere/python cannot tell what it has installed: .*No such file"):
        native.probe("/nowhere/python")
    old = tmp_path / "python3.7"
    old.write_text("#!/bin/sh\nprintf 'x\\n\\377 No module named importlib.metadata\\n' >&2\nexit 1\n")
    old.chmod(0o755)
    with pytest.raises(native.ProbeError, match=r"installed: \S+ No module named importlib.metadata$"):
        native.probe(str(old))


@pytest.mark.parametrize(
    ("requires", "bounds"),
    [
        ("protobuf<4", "protobuf<4"),
        ("protobuf (>=3.12,<4)", "protobuf>=3.12,<4"),
        ("requests[socks] >= 2.20 ; python_version < '3.12'", "requests>= 2.20; python_version < '3.12'"),
        ("zope.interface~=5.0", "zope.interface~=5.0"),
        ("numpy==1.24.*", "numpy==1.24.*"),
    ],
)
def test_bounds_are_taken_over(requires: str, bounds: str) -> None:
    assert native.constraints([requires, requires]) == [bounds]


@pytest.mark.parametrize(
    "line",
    ["six", "six ; python_version<'3'", "x @ https://index.example/x.whl", "x>=1 tools", "x>=dev", "x>", "@x>=1", ""],
)
def test_what_bounds_nothing_or_is_malformed_is_left_out(line: str) -> None:
    """One line that the installer cannot read would make it refuse all."""
    assert native.constraints([line]) == []


# -- the .pth file ----------------------------------------------------------------------------------------------------


def test_the_pth_file_names_the_release(local: Path) -> None:
    pth = native.pth_file(str(local), "tensorflow")
    assert pth == str(local / "tensorwright-tensorflow.pth")
    assert native.point(pth, "/opt/.tensorwright/tensorflow/abc/lib/python3.11/site-packages")
    assert Path(pth).read_text() == "/opt/.tensorwright/tensorflow/abc/lib/python3.11/site-packages\n"
    assert Path(pth).stat().st_mode & 0o777 == 0o644
    assert not native.point(pth, "/opt/.tensorwright/tensorflow/abc/lib/python3.11/site-packages")
    assert native.point(pth, "/elsewhere")
    assert [path.name for path in local.iterdir()] == ["tensorwright-tensorflow.pth"]


def test_check_mode_writes_no_pth_file(local: Path) -> None:
    pth = native.pth_file(str(local), "tensorflow")
    assert native.point(pth, "/elsewhere", check_mode=True)
    assert not Path(pth).exists()


def test_a_link_that_was_laid_out_beforehand_is_not_followed(local: Path, tmp_path: Path) -> None:
    """Debian lets the group staff write into that directory."""
    (tmp_path / "precious").write_text("x")
    pth = Path(native.pth_file(str(local), "tensorflow"))
    pth.with_name(pth.name + ".new").symlink_to(tmp_path / "precious")
    assert native.point(str(pth), "/elsewhere")
    assert (tmp_path / "precious").read_text() == "x"
    assert not pth.is_symlink()


def test_the_release_comes_behind_local_additions_and_before_the_distributions_packages(
    python: Path, local: Path, tmp_path: Path
) -> None:
    release, distribution = tmp_path / "release", tmp_path / "dist-packages"
    for place in (release, distribution):
        place.mkdir()
    native.point(native.pth_file(str(local), "tensorflow"), str(release))
    (local / "zz-distribution.pth").write_text(f"{distribution}\n")
    paths = subprocess.check_output([python, "-c", "import sys; print(*sys.path, sep='\\n')"], text=True).split()
    assert paths[-3:] == [str(local), str(release), str(distribution)]
    assert len(paths) == len(set(paths))


def test_pth_files_of_other_environments_are_not_ours(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "SITES", str(local))
    ours, releases = native.pth_file(str(local), "tensorflow"), "/opt/.tensorwright/tensorflow"
    native.point(ours, f"{releases}/abc/lib/python3.11/site-packages")
    native.point(native.pth_file(str(local), "tensorflow-old"), f"{releases}-old/abc/lib/python3.11/site-packages")
    assert native.pth_files("tensorflow", releases) == [ours]
    assert native.pth_files("tensorflow", "/srv/.tensorwright/tensorflow") == []


# -- programs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(bins: Path) -> Path:
    directory = bins / "opt" / "tensorflow" / "bin"
    directory.mkdir(parents=True)
    for name in (
        "python",
        "python3.11",
        "pip",
        "activate.csh",
        "tensorboard",
        "saved_model_cli",
        "f2py",
        "tensorflow-env",
    ):
        (directory / name).touch(0o755)
    (directory / "notes.txt").touch(0o644)
    (directory / "__pycache__").mkdir()
    return directory.parent


def test_programs_are_linked_where_their_name_is_free(environment: Path, bins: Path) -> None:
    (bins / "bin" / "f2py").touch()  # the distribution's own: a link of ours would come first on everybody's PATH
    (bins / "local-bin").mkdir()
    (bins / "local-bin" / "saved_model_cli").write_text("somebody's own")
    links = [str(bins / "local-bin" / "tensorboard")]
    assert native.link_tools(str(environment), check_mode=True) == {"links": links, "changed": True}
    assert sorted(os.listdir(bins / "local-bin")) == ["saved_model_cli"]
    assert native.link_tools(str(environment)) == {"links": links, "changed": True}
    assert os.readlink(links[0]) == str(environment / "bin" / "tensorboard")
    assert (bins / "local-bin" / "saved_model_cli").read_text() == "somebody's own"
    assert native.link_tools(str(environment)) == {"links": links, "changed": False}


def test_links_follow_what_the_next_release_has(environment: Path, bins: Path) -> None:
    native.link_tools(str(environment))
    (environment / "bin" / "tensorboard").unlink()
    (environment / "bin" / "toco").touch(0o755)
    assert native.link_tools(str(environment), check_mode=True)["changed"]
    assert native.link_tools(str(environment))["changed"]
    assert sorted(os.listdir(bins / "local-bin")) == ["f2py", "saved_model_cli", "toco"]


def test_all_our_links_go_and_only_ours(environment: Path, bins: Path) -> None:
    native.link_tools(str(environment))
    other = bins / "local-bin" / "other"
    other.symlink_to(f"{environment}-other/bin/tensorboard")
    subprocess.run(["rm", "-r", environment], check=True)
    assert len(native.tools(str(environment))) == 3
    native.unlink_tools(str(environment))
    assert os.listdir(bins / "local-bin") == ["other"]


def test_no_directory_of_programs_no_links(tmp_path: Path) -> None:
    assert native.tools(str(tmp_path / "tensorflow")) == []
    native.unlink_tools(str(tmp_path / "tensorflow"))


# -- Python 2.7 -------------------------------------------------------------------------------------------------------


@pytest.fixture
def python2(tmp_path: Path) -> Path:
    """A stand-in for the system's Python 2.7: a copy that looks for local additions in a place of its own."""
    system = tmp_path / "system"
    make_old_virtualenv(system, interpreter("2.7"))
    program = system / "bin" / "python2.7"
    (system / "bin" / "python").rename(program)
    return program


def test_the_probe_asks_python_2_as_well(python2: Path) -> None:
    local = python2.parent.parent / "lib" / "python2.7" / "site-packages"
    install(local, "certbot", "2.1", "acme<3,>=2.1", 'pytest; extra == "test"')
    (local / "old-1.0.egg-info").mkdir()
    (local / "old-1.0.egg-info" / "requires.txt").write_text("six>=1.9\n\n[test]\nmock\n")
    (local / "tensorflow").mkdir()
    (local / "tensorflow" / "__init__.py").touch()
    answer = native.probe(str(python2))
    assert answer == {
        "site": str(local),
        "requires": ["acme<3,>=2.1", "six>=1.9"],
        "tensorflow": str(local / "tensorflow"),
    }


def test_python_2_reads_the_release_s_own_pth_files(python2: Path, tmp_path: Path) -> None:
    """Namespace packages are made by them there: protobuf's is one."""
    release = tmp_path / "release"
    (release / "more").mkdir(parents=True)
    (release / "more" / "found.py").touch()
    (release / "nspkg.pth").write_text(f"{release}/more\n")
    pth = python2.parent.parent / "lib" / "python2.7" / "site-packages" / "tensorwright-tensorflow.pth"
    assert native.point(str(pth), str(release), follow=native.is_python_2(str(python2)))
    imported = subprocess.run([python2, "-c", "import found"], check=False)
    assert imported.returncode == (1 if os.geteuid() == 0 else 0), "root runs no line of a package's"
    assert native.leads_to(str(pth)) == str(release)
    assert not native.point(str(pth), str(release), follow=True)
