# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils import releases, tensorflow_env

from tests.unit.environments import PYTHON, Site, hear, running, tell


def run(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the environment's command as its users do."""
    return subprocess.run(
        [site.path / "bin" / "tensorflow-env", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def mine(site: Site, tmp_path: Path) -> Path:
    """A user's own virtualenv on top of the environment."""
    site.present("2.20.0")
    made = run(site, "create", str(tmp_path / "mine"))
    assert made.stdout == f"source {tmp_path}/mine/bin/activate\n", made.stderr
    return tmp_path / "mine"


def ask(python: Path, program: str) -> str:
    ran = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return ran.stdout.strip()


def test_it_sees_the_environments_packages_and_has_a_place_for_its_own(site: Site, mine: Path) -> None:
    python = mine / "bin" / "python"
    assert ask(python, "import sys; print(sys.prefix)") == str(mine)
    assert ask(python, "import tensorflow; print(tensorflow.__file__)").startswith(str(site.release(site.current)))
    (own,) = mine.glob("lib/*/site-packages")
    (own / "numpy.py").write_text("__version__ = 'mine'\n")
    assert ask(python, "import numpy; print(numpy.__version__)") == "mine"


def test_what_the_environments_packages_do_at_start_is_done_there_too(site: Site, mine: Path) -> None:
    """TensorFlow up to 2.15 imports distutils, which setuptools provides in this way where Python has none."""
    (place,) = site.release(site.current).glob("lib/*/site-packages")
    (place / "distutils-precedence.pth").write_text("import sys; sys.shim = 'there'\n")
    assert ask(mine / "bin" / "python", "import sys; print(sys.shim, sys.prefix)") == f"there {mine}"


def test_its_pip_is_the_environments_run_by_its_own_python(mine: Path) -> None:
    for name in ("pip", "pip3"):
        assert subprocess.check_output([mine / "bin" / name, "list"], text=True) == "stand-in pip list\n"
        assert (mine / "bin" / name).read_text().splitlines()[0] == f"#!{mine}/bin/python"


def test_it_has_the_sites_index(site: Site, mine: Path) -> None:
    assert f"index-url = {site.index.url}\n" in (mine / "pip.conf").read_text()


def test_it_follows_the_environment_and_its_processes_do_not(site: Site, mine: Path) -> None:
    program = "import sys; print('ready', flush=True); input(); import tensorflow.lazy; print(tensorflow.lazy.VERSION)"
    with running(str(mine / "bin" / "python"), "-c", program) as process:
        assert hear(process) == "ready"
        old = site.current
        site.present("2.21.0", keep=1)
        assert site.releases == sorted([old, site.current])  # the process has imported nothing yet, and holds it
        tell(process)
        assert hear(process) == "2.20.0"
    assert ask(mine / "bin" / "python", "import tensorflow; print(tensorflow.__version__)") == "2.21.0"
    assert releases.users_of(str(site.release(old))) == []


def test_where_the_environment_is_gone_python_starts_without_it(site: Site, mine: Path) -> None:
    site.state("absent")
    assert ask(mine / "bin" / "python", "import importlib.util as u; print(u.find_spec('tensorflow'))") == "None"


def test_a_path_that_is_there_already_is_refused(site: Site, mine: Path) -> None:
    before = (mine / "pyvenv.cfg").read_text()
    refused = run(site, "create", str(mine))
    assert (refused.returncode, refused.stderr) == (
        1,
        f"tensorflow-env: {mine} is there already; choose another path\n",
    )
    assert (mine / "pyvenv.cfg").read_text() == before


def test_what_fails_leaves_nothing_and_says_why(site: Site, mine: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = run(site, "create", str(tmp_path / "file" / "mine"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("tensorflow-env: [Errno 20] Not a directory")
    # Half done: nothing may be made at the last step.
    program = (
        "import sys; sys.argv[0] = 'x'; import runpy; f = runpy.run_path(sys.argv[1])\n"
        "def fail(path): raise OSError(28, 'No space left on device')\n"
        "f['create'].__globals__['fill'] = fail\n"
        "sys.argv[1:] = ['create', sys.argv[2]]; f['main']()"
    )
    command: list[str | Path] = [
        site.path / "bin" / "python",
        "-c",
        program,
        site.path / "bin" / "tensorflow-env",
        tmp_path / "half",
    ]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.stderr == "tensorflow-env: [Errno 28] No space left on device\n"
    assert not (tmp_path / "half").exists()


def test_help_names_the_environment(site: Site, mine: Path) -> None:
    assert str(site.path) in run(site, "--help").stdout.replace("\n", "")
    assert run(site).returncode == 2


@pytest.mark.parametrize("place", ["short", "with a blank", "long/" + "x" * 150])
def test_scripts_start_from_wherever_their_python_is(tmp_path: Path, place: str) -> None:
    python = tmp_path / place / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(PYTHON)
    script = tmp_path / "script"
    script.write_text(tensorflow_env.shebang(str(python)) + "import sys\nprint(sys.executable, sys.argv[1:])\n")
    script.chmod(0o755)
    assert subprocess.check_output([script, "a b"], text=True) == f"{python} ['a b']\n"
