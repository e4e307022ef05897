# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import inspect
import json
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import session_test as session
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.session_test import SessionError
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import session_test as session_program

from tests.doubles import tensorflow_wheel
from tests.unit.support.environment_site import PYTHON, ROOT, children, is_running, running, wait_until
from tests.unit.support.interpreters import interpreter

ME = releases.user_name(os.geteuid())
FOUND: dict[str, Any] = {
    "greeting": "Hello, TensorFlow!",
    "answer": [[5.0, 14.0], [14.0, 50.0]],
    "tensorflow": "2.21.0",
    "cuda_build": False,
}


def install(directory: Path, **changes: Any) -> Path:
    """Put the stand-in for TensorFlow into a directory."""
    for wheel in (tensorflow_wheel.tensorflow("2.21.0", **changes), tensorflow_wheel.numpy()):
        for name, text in wheel.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
    return directory


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of a virtualenv with nothing in it."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "environment"], check=True)
    return tmp_path / "environment" / "bin" / "python"


@pytest.fixture
def site_packages(python: Path) -> Path:
    """Where the virtualenv's packages are."""
    return next(python.parent.parent.glob("lib/*/site-packages"))


# -- the session test -------------------------------------------------------------------------------------------------


def test_a_session_tells_what_it_found(python: Path, site_packages: Path) -> None:
    install(site_packages)
    found = session.run(str(python), ME)
    assert found.pop("seconds") < 10
    assert found == {
        **FOUND,
        "file": str(site_packages / "tensorflow" / "__init__.py"),
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "gpus": 0,
        "user": ME,
    }
    assert session.faults(found, "2.21.0", False) == []


def test_it_counts_gpus(python: Path, site_packages: Path) -> None:
    install(site_packages, devices=("CPU", "GPU", "GPU"), cuda_build=True)
    found = session.run(str(python), ME)
    assert (found["gpus"], found["cuda_build"]) == (2, True)


CUDA: dict[str, Any] = {"libraries": 12, "failed": {}, "elsewhere": {}, "driver": False, "cards": 0}


@pytest.mark.parametrize(
    ("gpus", "changes", "words"),
    [
        (0, {}, "CUDA libraries load; no GPU on this host"),
        (0, {"cards": 2}, "CUDA libraries load; no NVIDIA driver is loaded, so its GPUs cannot be used yet"),
        (
            0,
            {"driver": True, "cards": 2},
            "CUDA libraries load; TensorFlow sees no GPU although NVIDIA's driver is loaded",
        ),
        (1, {"driver": True, "cards": 1}, "1 GPU"),
        (8, {"driver": True, "cards": 8}, "8 GPUs"),
    ],
)
def test_it_says_of_gpus_what_it_has_proved(gpus: int, changes: dict[str, Any], words: str) -> None:
    assert session.device(gpus, {**CUDA, **changes}) == words


def test_libraries_that_do_not_load_are_faults() -> None:
    broken = {**CUDA, "failed": {"/usr/lib/x/libcudnn.so.9": "/usr/lib/x/libcudnn.so.9: file too short"}}
    (fault,) = session.faults({**FOUND, "cuda": broken}, "2.21.0")
    assert fault == (
        "the CUDA library libcudnn.so.9 does not load: /usr/lib/x/libcudnn.so.9: file too short; "
        "reinstall the package that it belongs to, which `dpkg -S /usr/lib/x/libcudnn.so.9` names"
    )
    undriven = {**CUDA, "failed": {"/x/libcudnn_engines.so.9": "libcuda.so.1: cannot open shared object file"}}
    assert session.faults({**FOUND, "cuda": undriven}, "2.21.0") == []
    (fault,) = session.faults({**FOUND, "cuda": {**undriven, "driver": True}}, "2.21.0")
    assert fault.endswith("that one belongs to the driver: playbooks/nvidia.yml installs the planned one")
    astray = {**CUDA, "elsewhere": {"libcudart.so.12": "/opt/cuda-12.8/lib64/libcudart.so.12.8.57"}}
    (fault,) = session.faults({**FOUND, "cuda": astray}, "2.21.0")
    assert fault.startswith(
        "the CUDA library libcudart.so.12 comes from /opt/cuda-12.8/lib64/libcudart.so.12.8.57 and not"
    )
    assert session.faults({**FOUND, "cuda": CUDA}, "2.21.0") == []


def test_nothing_of_the_callers_decides_what_is_imported(
    python: Path, site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site_packages)
    for place in (tmp_path / "here", tmp_path / "path"):
        place.mkdir()
        (place / "tensorflow.py").write_text("raise SystemExit('a stray file was imported')\n")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    assert session.run(str(python), ME)["tensorflow"] == "2.21.0"


def test_it_leaves_nothing_behind(
    python: Path, site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    install(site_packages, at_import="import os; open(os.path.expanduser('~/cache'), 'w').close()")
    session.run(str(python), ME)
    assert os.listdir(tmp_path / "tmp") == []


def test_the_native_method_imports_from_where_the_pth_file_will_lead(
    python: Path, site_packages: Path, tmp_path: Path
) -> None:
    """Behind the system Python's own local additions, and before whatever else is on its path."""
    install(tmp_path / "release")
    other = tmp_path / "dist-packages"
    (other / "tensorflow").mkdir(parents=True)
    (other / "tensorflow" / "__init__.py").write_text("raise SystemExit('the distribution has one as well')\n")
    (site_packages / "distribution.pth").write_text(f"{other}\n")
    found = session.run(str(python), ME, str(tmp_path / "release"))
    assert found["file"] == str(tmp_path / "release" / "tensorflow" / "__init__.py")
    (site_packages / "numpy.py").write_text("__version__ = 'local'\n")
    with pytest.raises(SessionError, match=r"numpy does not have numpy.array"):
        session.run(str(python), ME, str(tmp_path / "release"))


@pytest.mark.parametrize(
    ("there", "path"),
    [
        (["/local", "/distribution"], ["/stdlib", "/local", "RELEASE", "/distribution"]),
        (["/distribution"], ["/stdlib", "RELEASE", "/distribution"]),  # the .pth file will make /local
        ([], ["/stdlib", "RELEASE"]),
    ],
)
def test_the_place_of_the_pth_file(there: list[str], path: list[str]) -> None:
    prelude = f"import site, sys; site.getsitepackages = lambda: ['/local', '/distribution']; sys.path[:] = {['/stdlib', *there]!r}\n"
    program = session.NATIVE.format("RELEASE").replace("exec(sys.stdin.read())", "print(sys.path)")
    assert subprocess.check_output([PYTHON, "-c", prelude + program], text=True) == f"{path}\n"


@pytest.mark.parametrize(
    ("at_import", "why"),
    [
        ("raise ImportError('libcudart.so.12: cannot open')", "ImportError: libcudart.so.12: cannot open$"),
        (
            "raise OSError(28, 'No space left on device')",
            "^the session test failed: the disk is full; free space on it",
        ),
        ("import os; os.kill(os.getpid(), 4)", "was killed by signal 4: the CPU lacks an instruction that this build"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9: if nobody did that by hand, it lacked memory$"),
        ("import os; os.kill(os.getpid(), 15)", "was killed by signal 15$"),
        ("import os; os.write(2, b'\\xff\\xfe'); os._exit(3)", "whose last words were: \ufffd\ufffd$"),
        ("import os; os._exit(0)", r"whose last words were: \(nothing\)$"),
        ("print('tensorwright-session {'); raise SystemExit(0)", "said something else than what it found"),
    ],
)
def test_a_session_that_fails_says_why(python: Path, site_packages: Path, at_import: str, why: str) -> None:
    install(site_packages, at_import=at_import)
    with pytest.raises(SessionError, match=why):
        session.run(str(python), ME)


def test_output_beside_the_findings_does_no_harm(python: Path, site_packages: Path) -> None:
    noise = "import os; os.write(1, b'\\xff noise\\n' * 20000); os.write(2, b'\\xfe noise\\n' * 20000)"
    install(site_packages, at_import=noise)
    assert session.run(str(python), ME)["greeting"] == "Hello, TensorFlow!"


def test_a_session_that_hangs_is_ended_with_what_it_started(
    python: Path, site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TIMEOUT", 0.5)
    pid_file = tmp_path / "pid"
    program = f"import subprocess, time; open({str(pid_file)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid)); time.sleep(60)"
    install(site_packages, at_import=program)
    started = time.monotonic()
    with pytest.raises(SessionError, match=r"did not end within 0.5 s"):
        session.run(str(python), ME)
    assert time.monotonic() - started < 10
    wait_until(lambda: not is_running(int(pid_file.read_text())))


def test_a_session_ends_with_the_run_that_started_it(python: Path, site_packages: Path) -> None:
    install(site_packages, at_import="import time; time.sleep(60)")
    program = (
        "import sys; from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import session_test as session;"
        "session.run(sys.argv[1], sys.argv[2])"
    )
    with running(sys.executable, "-c", program, python, ME, PYTHONPATH=f"{ROOT}/collections") as caller:
        wait_until(lambda: children(caller.pid))
        (test,) = children(caller.pid)
        caller.kill()
        caller.wait()
    wait_until(lambda: not is_running(test))


def test_a_python_that_does_not_start() -> None:
    with pytest.raises(SessionError, match=r"could not be started with /nowhere/python as user \S+: .*No such file"):
        session.run("/nowhere/python", ME)


# -- as whom ----------------------------------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_an_ordinary_user_stays_who_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert session.choose_user(str(tmp_path), "alice") == pwd.getpwuid(65534).pw_name


def test_a_user_without_a_name_can_run_a_session(
    python: Path, site_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, or while the directory service is down."""

    def nobody_knows(_uid: int) -> None:
        raise KeyError

    install(site_packages)
    monkeypatch.setattr(pwd, "getpwuid", nobody_knows)
    user = session.choose_user(str(python.parent), "")
    if os.geteuid() != 0:
        assert user == str(os.geteuid())
    assert session.run(str(python), str(os.geteuid()))["user"] == str(os.geteuid())


def test_root_becomes_whom_the_request_names_else_nobody(monkeypatch: pytest.MonkeyPatch, open_directory: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert session.choose_user(str(open_directory), "alice") == "alice"
    assert session.choose_user(str(open_directory)) == "nobody"
    (open_directory / "closed").mkdir(mode=0o700)
    assert session.choose_user(str(open_directory / "closed")) == "root"
    (open_directory / "closed" / "below").mkdir(mode=0o755)
    assert session.choose_user(str(open_directory / "closed" / "below")) == "root"


def test_a_session_user_that_does_not_exist(python: Path) -> None:
    with pytest.raises(SessionError, match="the session user 'nosuchuser' does not exist on this host"):
        session.run(str(python), "nosuchuser")


@as_root
def test_root_runs_the_session_as_an_ordinary_user(
    open_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Path("/usr/bin/python3")
    if not system.exists():
        pytest.skip("this machine has no Python that every user can start")
    # The caller's own directory for temporary files, as libpam-tmpdir makes it, is closed to the session's user.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    show = (
        "import json, os; print('who ' + json.dumps("
        "[os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd(), os.listdir(os.environ['HOME'])]))"
    )
    subprocess.run([system, "-m", "venv", "--without-pip", open_directory / "environment"], check=True)
    (place,) = (open_directory / "environment").glob("lib/*/site-packages")
    install(place, at_import=show + "; raise SystemExit(1)")
    groups_of_root = os.getgroups()
    os.setgroups([0, 4242])
    try:
        with pytest.raises(SessionError) as failed:
            session.run(str(open_directory / "environment" / "bin" / "python"), "nobody")
    finally:
        os.setgroups(groups_of_root)
    line = next(line for line in failed.value.output.splitlines() if line.startswith("who "))
    users, groups, more, directory, listed = json.loads(line[4:])
    entry = pwd.getpwnam("nobody")
    assert (set(users), set(groups)) == ({entry.pw_uid}, {entry.pw_gid})
    assert not {0, 4242} & set(more)
    assert directory.startswith("/tmp/tensorwright-session-")
    assert listed == []
    assert not Path(directory).exists()


@as_root
def test_a_python_that_the_sessions_user_cannot_start(open_directory: Path, tmp_path: Path) -> None:
    """The environment is for all, and its interpreter is in somebody's home: no user could have started it."""
    tmp_path.chmod(0o700)
    (tmp_path / "python").symlink_to(PYTHON)
    (open_directory / "python").symlink_to(tmp_path / "python")
    with pytest.raises(SessionError, match=r"could not be started with \S+ as user nobody: .*Permission denied"):
        session.run(str(open_directory / "python"), "nobody")


# -- the judgement ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "version", "cuda_build", "fault"),
    [
        ({}, "2.20.0", None, "TensorFlow 2.21.0 is installed, 2.20.0 is planned"),
        ({"greeting": "Hello"}, "2.21.0", None, "the session printed 'Hello' instead of 'Hello, TensorFlow!'"),
        (
            {"answer": [[5.0, 14.0], [14.0, 49.0]]},
            "2.21.0",
            None,
            "the session computed [[5.0, 14.0], [14.0, 49.0]] instead of [[5.0, 14.0], [14.0, 50.0]]",
        ),
        ({}, "2.21.0", True, "the build is without GPU support, the plan wants one with"),
        ({"cuda_build": True}, "2.21.0", False, "the build is with GPU support, the plan wants one without"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], version: str, cuda_build: bool | None, fault: str) -> None:
    assert session.faults({**FOUND, **changes}, version, cuda_build) == [fault]


def test_nothing_found_is_everything_wrong() -> None:
    assert len(session.faults({}, "2.21.0", True)) == 4


@pytest.mark.parametrize(
    ("told", "planned"),
    [("2.21.0", "2.21.0"), ("2.15.0", "2.15.0.post1"), ("2.22.0-dev20260101", "2.22.0.dev20260101")],
)
def test_versions_are_compared_as_tensorflow_tells_them(told: str, planned: str) -> None:
    assert session.faults({**FOUND, "tensorflow": told}, planned) == []


@pytest.mark.parametrize("cuda_build", [True, False])
def test_either_build_is_right_where_the_plan_does_not_say(cuda_build: bool) -> None:
    assert session.faults({**FOUND, "cuda_build": cuda_build}, "2.21.0", None) == []


# -- the program ------------------------------------------------------------------------------------------------------

OLD = """
class Session(object):
    def __enter__(self): return self
    def __exit__(self, *exception): return None
    def run(self, value): return value
    def list_devices(self): return []
class Graph(Session):
    def as_default(self): return self
class Matrix(list):
    def tolist(self): return list(self)
class test: is_built_with_cuda = staticmethod(lambda: False)
def constant(value): return value.encode("utf-8") if not isinstance(value, list) else value
def matmul(a, b, transpose_b): return Matrix([[sum(x * y for x, y in zip(r, s)) for s in b] for r in a])
__version__ = "1.7.0"
"""


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7", "3.9", "3.12", "3.13"])
def test_the_program_runs_on_old_pythons_and_with_tensorflow_1(tmp_path: Path, version: str) -> None:
    (tmp_path / "tensorflow.py").write_text(OLD)
    ran = subprocess.run(
        [interpreter(version), "-"],
        input=inspect.getsource(session_program),
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    greeting, findings = ran.stdout.splitlines()
    assert greeting == "Hello, TensorFlow!"
    found = json.loads(findings.removeprefix(session.MARK))
    assert found["python"].startswith(version)
    assert session.faults(found, "1.7.0", False) == []
