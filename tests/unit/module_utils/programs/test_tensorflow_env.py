# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import grp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import permissions
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import tensorflow_env

from tests.unit.support.environment_site import PYTHON, Site, hear, running, tell


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, in which virtualenvs are noted."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path / "home"


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
        "def fail(*_): raise OSError(28, 'No space left on device')\n"
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


def test_no_line_that_a_package_has_run_at_each_start_is_run_by_root_s_command(
    site: Site, mine: Path, tmp_path: Path
) -> None:
    (place,) = site.release(site.current).glob("lib/*/site-packages")
    (place / "evil.pth").write_text(f"import os; open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    group = grp.getgrgid(os.getgid()).gr_name
    for arguments in (["list"], ["create", "--group", group, str(tmp_path / "shared")]):
        assert run(site, *arguments).returncode == 0
        assert not (tmp_path / "ran").exists(), arguments
    ask(site.path / "bin" / "python", "")
    assert (tmp_path / "ran").exists(), "the line is one that Python runs"


def test_scripts_and_settings_name_the_place_and_not_where_it_was_made(site: Site, mine: Path) -> None:
    texts = [path.read_text() for path in [*(mine / "bin").iterdir(), mine / "pyvenv.cfg"] if not path.is_symlink()]
    assert not [text for text in texts if tensorflow_env.WORKPLACE.format("mine") in text]
    shown = subprocess.check_output(
        ["sh", "-c", f". {mine}/bin/activate; echo $VIRTUAL_ENV; command -v pip"], text=True
    )
    assert shown == f"{mine}\n{mine}/bin/pip\n"


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


# --- list and run ----------------------------------------------------------------------------------------------------


def registered(site: Site, tmp_path: Path, **more: object) -> Path:
    """Return the host's command, over a registry of its own."""
    row = {
        "name": "tensorflow",
        "path": str(site.path),
        "method": "virtualenv",
        "python": "",
        "version": "",
        "device": "",
    }
    registry = tmp_path / "environments.json"
    registry.write_text(json.dumps({"shared": [{**row, **more}], "groups": []}))
    command = tmp_path / "tensorflow-env"
    command.write_text(tensorflow_env.program(str(PYTHON)).replace(tensorflow_env.REGISTRY, str(registry)))
    command.chmod(0o755)
    return command


def call(command: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False, env=environment)


def rows(command: Path, **variables: str) -> dict[str, list[str]]:
    """Return name → cells of what is listed; the first cell tells what is in use."""
    lines = call(command, "list", **variables).stdout.splitlines()[1:]
    return {line[3:].split()[0]: [line[0], *line[3:].split(maxsplit=5)[1:]] for line in lines}


def test_the_list_tells_of_shared_and_own_environments(site: Site, mine: Path, tmp_path: Path) -> None:
    command = registered(site, tmp_path)
    series = "{}.{}".format(*sys.version_info[:2])
    listed = rows(command, PATH=f"{mine}/bin:/usr/bin:/bin")
    assert listed == {
        "tensorflow": [" ", str(site.path), "2.20.0", series, "-", "shared"],
        "mine": ["*", str(mine), "2.20.0", series, "-", f"yours, on {site.path}"],
    }
    site.present("2.21.0")
    assert rows(command, PATH=f"{site.path}/bin:/usr/bin:/bin")["tensorflow"][0] == "*"
    assert rows(command)["mine"][2] == "2.21.0"


def test_the_list_forgets_what_is_gone(site: Site, mine: Path, tmp_path: Path, home: Path) -> None:
    noted = home / ".local" / "share" / "tensorwright" / "environments"
    assert noted.read_text() == f"{mine}\n"
    shutil.rmtree(mine)
    assert "mine" not in rows(registered(site, tmp_path))
    assert noted.read_text() == ""


def test_the_list_says_what_has_to_be_made_anew(site: Site, mine: Path, tmp_path: Path) -> None:
    (pth,) = mine.glob("lib/*/site-packages/tensorwright.pth")
    text = pth.read_text()
    series = "{}.{}".format(*sys.version_info[:2])
    pth.write_text(text.replace(f"/lib/python{series}/", "/lib/python3.5/"))
    assert rows(registered(site, tmp_path))["mine"][-1].endswith("made for Python 3.5: make it anew")
    pth.write_text(text)
    site.state("absent")
    assert rows(registered(site, tmp_path))["mine"][-1] == f"yours, on {site.path}, which is gone"


def test_the_hosts_command_lets_the_environments_make_virtualenvs(site: Site, mine: Path, tmp_path: Path) -> None:
    command = registered(site, tmp_path)
    made = call(command, "create", str(tmp_path / "second"))
    assert made.stdout == f"source {tmp_path}/second/bin/activate\n", made.stderr
    assert set(rows(command)) == {"tensorflow", "mine", "second"}
    assert ask(tmp_path / "second" / "bin" / "python", "import sys; print(sys.prefix)") == str(tmp_path / "second")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("docker", "tensorflow is an image; start it with tensorflow-docker"),
        ("native", "python3 -m venv --system-site-packages makes a virtualenv on it"),
    ],
)
def test_what_has_no_virtualenvs_says_what_to_do(
    site: Site, mine: Path, tmp_path: Path, method: str, said: str
) -> None:
    refused = call(registered(site, tmp_path, method=method), "create", str(tmp_path / "new"))
    assert refused.returncode == 1
    assert said in refused.stderr


def test_run_gives_the_path_of_a_login_shell_with_the_environment_first(site: Site, mine: Path, tmp_path: Path) -> None:
    command = registered(site, tmp_path)
    login = subprocess.check_output(["env", "-i", "/bin/sh", "-c", '. /etc/profile; printf %s "$PATH"'], text=True)
    program = "import os, sys; print(os.environ['PATH'], sys.prefix, sys.argv[1:])"
    for start in ("/usr/bin:/bin", "/usr/local/sbin:/usr/sbin:/sbin", f"{site.path}/bin:/bin"):
        told = call(command, "run", "--", "python", "-c", program, "-e", PATH=start).stdout.strip()
        assert told == f"{site.path}/bin:{login} {site.release(site.current)} ['-e']"
    told = call(command, "run", "-e", str(mine), "--", "python", "-c", program).stdout
    assert told.startswith(f"{mine}/bin:{login} {mine} ")


def test_run_says_what_is_missing(site: Site, mine: Path, tmp_path: Path) -> None:
    command = registered(site, tmp_path)
    refused = call(command, "run", "--", "no-such-program")
    assert (refused.returncode, refused.stderr) == (127, "tensorflow-env: there is no command no-such-program\n")
    refused = call(command, "run", "-e", "other", "--", "true")
    assert refused.stderr == "tensorflow-env: there is no environment other; there is tensorflow, mine\n"
    assert call(command, "run").stderr == "tensorflow-env: there is nothing to run; say what after --\n"


def test_a_group_s_is_writable_for_it_and_pip_leaves_it_so(site: Site, mine: Path, tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    made = run(site, "create", "--group", group, "--private", str(tmp_path / "shared"))
    assert made.returncode == 0, made.stderr
    top = tmp_path / "shared"
    assert permissions.look(str(top), group, True) == ([], [], [])
    assert str(top) not in call(registered(site, tmp_path), "list").stdout, "it is the group's, and no user's own"
    show = "import os; mask = os.umask(0); print(oct(mask))"
    for arguments, mask in (
        (["bin/python", "-c", show], "0o77"),
        (["bin/python", "show.py"], "0o77"),
        (["bin/pip", "list"], "0o2"),
        (["bin/python", "-m", "pip", "list"], "0o2"),
    ):
        (top / "show.py").write_text(show)
        (own,) = top.glob("lib/*/site-packages")
        (own / "pip").mkdir(exist_ok=True)  # in place of the real one: tells the umask that it was started with
        for name in ("__init__.py", "__main__.py"):
            (own / "pip" / name).write_text("" if name == "__init__.py" else show)
        (own / "pip" / "_internal" / "cli").mkdir(parents=True, exist_ok=True)
        (own / "pip" / "_internal" / "cli" / "main.py").write_text(f"def main():\n    exec({show!r})\n")
        ran = subprocess.run(arguments, cwd=top, capture_output=True, text=True, check=True, umask=0o077)
        assert ran.stdout.strip() == mask, arguments


def test_a_group_that_is_not_there_leaves_nothing(site: Site, mine: Path, tmp_path: Path) -> None:
    refused = run(site, "create", "--group", "no-such-group", str(tmp_path / "shared"))
    assert refused.stderr == "tensorflow-env: there is no group no-such-group on this host\n"
    assert not (tmp_path / "shared").exists()
    assert "goes with --group" in run(site, "create", "--private", str(tmp_path / "shared")).stderr


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "no text", "link"])
def test_what_a_member_has_put_in_the_place_of_its_file_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    """Root looks into groups' environments, where members put what they like."""
    place = tmp_path / "vision" / "lib" / "python3.11" / "site-packages"
    place.mkdir(parents=True)
    pth = place / "tensorwright.pth"
    pth.write_text(tensorflow_env.PTH.format("/opt/tensorflow/lib/python3.11/site-packages"))
    assert tensorflow_env.virtualenv(str(tmp_path / "vision"), "group")
    pth.rename(place / "before")
    if kind == "pipe":
        os.mkfifo(pth)
    elif kind == "device":
        pth.symlink_to("/dev/zero")
    elif kind == "directory":
        pth.mkdir()
    elif kind == "no text":
        pth.write_bytes(b"\xff\xfe\x80" * 100_000)
    else:
        pth.symlink_to("before")
    assert tensorflow_env.virtualenv(str(tmp_path / "vision"), "group") is None
