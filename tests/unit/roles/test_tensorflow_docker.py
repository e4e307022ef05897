# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that users type, with a stand-in for docker that notes how it was called."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles" / "tensorflow_docker" / "files"
DOCKER = """#!/bin/sh
if [ "$1 $2" = "image inspect" ]; then
    [ -z "$SAYS" ] || { echo "$SAYS" >&2; exit 1; }
    exit 0
fi
for word; do printf '%s\\0' "$word"; done >"$CALLED"
env >"$CALLED.env"
exit "${STATUS:-0}"
"""


@dataclass
class Desk:
    """A user's place: a home, a working directory, and a docker that only notes."""

    place: Path

    @property
    def work(self) -> Path:
        return self.place / "home" / "work dir"

    def settings(self, gpus: str = "none") -> None:
        (self.place / "current").write_text(
            f"IMAGE=sha256:0f\nREFERENCE=tensorflow/tensorflow:2.21.0\nDIGEST=''\nGPUS={gpus}\n"
        )

    def type(
        self, *words: str, name: str = "tensorflow-docker", cwd: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Type a command; `called` tells what docker was asked for."""
        (self.place / "called").unlink(missing_ok=True)
        environment = {
            "PATH": f"{self.place / 'bin'}:/usr/sbin:/usr/bin:/bin",
            "HOME": str(self.place / "home"),
            "TENSORFLOW_DOCKER_SETTINGS": str(self.place / "current"),
            "CALLED": str(self.place / "called"),
            "XDG_RUNTIME_DIR": str(self.place),
            **env,
        }
        return subprocess.run(
            [FILES / name, *words],
            cwd=cwd or self.work,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def called(self) -> list[str]:
        return (self.place / "called").read_text().split("\0")[:-1]

    def run(self, *words: str, **env: str) -> list[str]:
        """Type a command that works, and return docker's arguments."""
        typed = self.type(*words, **env)
        assert typed.returncode == 0, typed.stderr
        return self.called()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk on which an image has been installed."""
    desk = Desk(tmp_path)
    desk.work.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    desk.settings()
    return desk


def command(arguments: list[str]) -> list[str]:
    """What runs in the container."""
    return arguments[arguments.index("sha256:0f") + 1 :]


def options(arguments: list[str], name: str) -> list[str]:
    """The values that an option of docker was given."""
    before = arguments[: arguments.index("sha256:0f")]
    return [value for option, value in pairwise(before) if option == name]


@pytest.mark.parametrize(
    ("typed", "runs"),
    [
        ([], ["bash"]),
        (["train.py", "--epochs", "3"], ["python", "train.py", "--epochs", "3"]),
        (["-c", "print(1, 'a b')"], ["python", "-c", "print(1, 'a b')"]),
        (["-"], ["python", "-"]),
        (["-m", "pip", "list"], ["python", "-m", "pip", "list"]),
        (["--", "nvidia-smi", "-L"], ["nvidia-smi", "-L"]),
    ],
)
def test_what_runs(desk: Desk, typed: list[str], runs: list[str]) -> None:
    assert command(desk.run(*typed)) == runs


def test_it_runs_as_the_caller_where_the_caller_is(desk: Desk) -> None:
    called = desk.run("x.py")
    assert called[:3] == ["run", "--rm", "--init"]
    assert "--interactive" in called
    assert "--tty" not in called  # there is no terminal here
    assert options(called, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert options(called, "--workdir") == [str(desk.work)]
    assert {*options(called, "--group-add")} == {str(group) for group in {*os.getgroups(), os.getgid()}}
    kept = desk.place / "home" / ".local" / "share" / "tensorflow-docker"
    assert options(called, "--mount") == [
        f"type=bind,source={kept},target=/home/tensorflow",
        f"type=bind,source={desk.work},target={desk.work}",
    ]
    assert kept.is_dir()
    assert "HOME=/home/tensorflow" in options(called, "--env")
    assert not {"--gpus", "--device", "--publish"} & {*called}


def test_without_a_home_that_can_be_written_there_is_one_for_the_time_being(desk: Desk) -> None:
    called = desk.run("x.py", HOME="/proc/nowhere")
    assert options(called, "--tmpfs") == [f"/home/tensorflow:uid={os.getuid()},gid={os.getgid()},mode=0700,exec"]


def test_an_engine_of_one_s_own_knows_the_user_as_root(desk: Desk) -> None:
    called = desk.run("x.py", DOCKER_HOST="unix:///run/user/1000/docker.sock")
    assert options(called, "--user") == ["0:0"]
    assert options(called, "--group-add") == []


@pytest.mark.parametrize(
    ("gpus", "visible", "expected"),
    [
        ("none", "0", []),
        ("gpus", None, ["--gpus", "all"]),
        ("gpus", "0,2", ["--gpus", '"device=0,2"']),
        ("gpus", "GPU-8a1", ["--gpus", '"device=GPU-8a1"']),
        ("gpus", "", []),
        ("gpus", "-1", []),
        ("cdi", None, ["--device", "nvidia.com/gpu=all"]),
        ("cdi", "0,2", ["--device", "nvidia.com/gpu=2", "--device", "nvidia.com/gpu=0"]),
        ("cdi", "", []),
    ],
)
def test_gpus_are_those_that_the_caller_chose(desk: Desk, gpus: str, visible: str | None, expected: list[str]) -> None:
    desk.settings(gpus)
    called = desk.run("x.py", **({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}))
    start = called.index("--interactive") + 1
    assert called[start : start + len(expected)] == expected
    assert ("--gpus" in called or "--device" in called) == bool(expected)


@pytest.mark.parametrize(
    ("typed", "port"),
    [(["--jupyter"], "8888"), (["--port", "9000", "--jupyter"], "9000"), (["--jupyter", "--port", "9000"], "9000")],
)
def test_jupyter_listens_for_this_host_alone_and_its_token_is_no_argument(
    desk: Desk, typed: list[str], port: str
) -> None:
    called = desk.run(*typed)
    assert options(called, "--publish") == [f"127.0.0.1:{port}:{port}"]
    assert "JUPYTER_TOKEN" in options(called, "--env")
    token = dict(line.partition("=")[::2] for line in (desk.place / "called.env").read_text().splitlines())[
        "JUPYTER_TOKEN"
    ]
    assert len(token) == 48
    assert token not in "".join(called)
    assert command(called)[-2] == port


def test_tensorboard_sees_its_logs_wherever_they_are(desk: Desk) -> None:
    logs = desk.place / "logs"
    logs.mkdir()
    called = desk.run("--tensorboard", str(logs))
    assert f"type=bind,source={logs},target={logs}" in options(called, "--mount")
    assert command(called)[3:] == ["--logdir", str(logs), "--host", "0.0.0.0", "--port", "6006"]
    inside = desk.work / "runs"
    inside.mkdir()
    called = desk.run("--tensorboard", "runs")
    assert len(options(called, "--mount")) == 2
    assert command(called)[3:5] == ["--logdir", str(inside)]


def test_tensorboard_s_address_has_its_token(desk: Desk) -> None:
    typed = desk.type("--tensorboard", ".")
    token = dict(line.partition("=")[::2] for line in (desk.place / "called.env").read_text().splitlines())[
        "TENSORBOARD_TOKEN"
    ]
    assert f"TensorBoard: http://127.0.0.1:6006/{token}/" in typed.stderr
    assert token not in "".join(desk.called())


def test_a_service_s_token_comes_from_its_file(desk: Desk) -> None:
    (desk.place / "token").write_text("of-the-file")
    called = desk.run(
        "--name", "tensorflow-jupyter-x", "--address", "0.0.0.0", "--token-file", str(desk.place / "token"), "--jupyter"
    )
    assert "JUPYTER_TOKEN=of-the-file\n" in (desk.place / "called.env").read_text()
    assert options(called, "--name") == ["tensorflow-jupyter-x"]
    assert options(called, "--publish") == ["0.0.0.0:8888:8888"]


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket",
            "may not use Docker: ask the administrator for the group docker",
        ),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "Docker's engine does not run"),
        ("Error: No such image: sha256:0f", "the image tensorflow/tensorflow:2.21.0 has been removed from this host"),
        ("something else", "Docker says: something else"),
    ],
)
def test_what_docker_refuses_is_told_in_a_sentence(desk: Desk, says: str, sentence: str) -> None:
    typed = desk.type("x.py", SAYS=says)
    assert typed.returncode == 125
    assert sentence in typed.stderr
    assert len(typed.stderr.splitlines()) == 1
    assert not (desk.place / "called").exists()


def test_an_engine_of_one_s_own_has_to_get_the_image_first(desk: Desk) -> None:
    typed = desk.type("x.py", SAYS="No such image: x", DOCKER_HOST="unix:///run/user/1000/docker.sock")
    assert "type 'docker pull tensorflow/tensorflow:2.21.0'" in typed.stderr


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["--jupiter"], "'--jupiter' is no option"),
        (["--port", "x", "--jupyter"], "'x' is not a port"),
        (["--tensorboard"], "'' is not a directory"),
        (["--tensorboard", "nowhere"], "'nowhere' is not a directory"),
        (["--jupyter", "more"], "'more' is too much"),
    ],
)
def test_what_cannot_be_meant(desk: Desk, typed: list[str], sentence: str) -> None:
    done = desk.type(*typed)
    assert done.returncode == 125
    assert sentence in done.stderr
    assert not (desk.place / "called").exists()


def test_nobody_works_in_the_system_s_directories(desk: Desk) -> None:
    for place in ("/", "/etc", "/usr/bin"):
        typed = desk.type("x.py", cwd=place)
        assert "go to a directory of yours first" in typed.stderr


def test_without_an_image_the_administrator_is_named(desk: Desk) -> None:
    (desk.place / "current").unlink()
    assert "no image has been installed on this host" in desk.type().stderr


def test_without_docker(desk: Desk) -> None:
    (desk.place / "bin" / "docker").unlink()
    links = desk.place / "tools"
    links.mkdir()
    for tool in ("sh", "id", "cut", "getent", "mkdir", "test", "tr", "od", "env"):
        (links / tool).symlink_to(f"/usr/bin/{tool}")
    assert "there is no docker command on this host" in desk.type("x.py", PATH=str(links)).stderr


def test_a_container_that_does_not_start_has_a_hint(desk: Desk) -> None:
    desk.settings("gpus")
    typed = desk.type("--jupyter", STATUS="125")
    assert typed.returncode == 125
    assert "choose another with --port" in typed.stderr
    assert "CUDA_VISIBLE_DEVICES= runs without any" in typed.stderr


def test_a_program_s_own_status_is_the_command_s(desk: Desk) -> None:
    typed = desk.type("x.py", STATUS="3")
    assert (typed.returncode, typed.stderr) == (3, "")


def test_help_and_the_image(desk: Desk) -> None:
    assert "usage: tensorflow-docker" in desk.type("--help").stdout
    assert desk.type("--image").stdout == "tensorflow/tensorflow:2.21.0 (sha256:0f)\n"


def test_a_container_gets_no_more_rights_than_it_needs(desk: Desk) -> None:
    called = desk.run("x.py")
    assert options(called, "--security-opt") == ["no-new-privileges"]
    assert options(called, "--cap-drop") == ["ALL"]
    assert options(called, "--pids-limit") == ["16384"]
    assert bool(options(called, "--cap-add")) == (os.getuid() == 0)
    own = desk.run("x.py", DOCKER_HOST="unix:///run/user/1000/docker.sock")
    assert {*options(own, "--cap-add")} == {"CHOWN", "DAC_OVERRIDE", "FOWNER"}


# -- for somebody else -------------------------------------------------------------------------------------------------

only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root runs it for others")
PASSWD = """#!/bin/sh
echo "nobody:x:65534:65534::$NOBODYS_HOME:/bin/sh"
"""


@pytest.fixture
def shared_desk(desk: Desk) -> Iterator[Desk]:
    """A desk of nobody's, whose home is there, in a place that everybody can reach."""
    with tempfile.TemporaryDirectory() as place:
        moved = Desk(Path(place))
        shutil.copytree(desk.place, place, dirs_exist_ok=True)
        (moved.place / "bin" / "getent").write_text(PASSWD)
        (moved.place / "bin" / "getent").chmod(0o755)
        for directory in (moved.place, moved.place / "home", moved.work):
            directory.chmod(0o755)
            os.chown(directory, 65534, 65534)
        yield moved


def start(desk: Desk, **mounted: Path) -> subprocess.CompletedProcess[str]:
    """Run what the container was asked to run, with the directories that the engine would find at each path now."""
    words = command(desk.called())
    there = [str(mounted.get(Path(word).name.replace(" ", "_"), word)) for word in words]
    return subprocess.run(there, capture_output=True, text=True, check=False)


def run_as_nobody(desk: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    return desk.type("--as", "nobody", *words, NOBODYS_HOME=str(desk.place / "home"))


@only_root
def test_what_is_mounted_for_a_user_is_what_the_user_could_reach(shared_desk: Desk) -> None:
    desk, home = shared_desk, shared_desk.place / "home"
    kept, logs, secret = home / ".local" / "share" / "tensorflow-docker", home / "logs", desk.place / "secret"
    secret.mkdir(mode=0o700)
    (secret / "letters").mkdir(mode=0o755)
    logs.mkdir(mode=0o755)
    typed = run_as_nobody(desk, "--tensorboard", str(logs))
    assert typed.returncode == 0, typed.stderr
    sources = [one.split(",")[1] for one in options(desk.called(), "--mount")]
    assert sources == [f"source={one}" for one in (kept, logs, desk.work)]
    run_as_nobody(desk, "--", "true")
    assert start(desk, tensorflow=kept).returncode == 0
    for exchanged in ({"tensorflow": secret / "letters"}, {"tensorflow": kept, "work_dir": secret / "letters"}):
        refused = start(desk, **exchanged)
        assert refused.returncode == 125
        assert "is not the directory that it was" in refused.stderr


@only_root
@pytest.mark.parametrize("what", ["working directory", "event files"])
def test_a_directory_that_the_user_may_not_enter_is_not_mounted(shared_desk: Desk, what: str) -> None:
    desk = shared_desk
    secret = desk.place / "secret"
    (secret / "letters").mkdir(parents=True, mode=0o755)
    secret.chmod(0o700)
    lure = desk.place / "home" / "lure"
    lure.symlink_to(secret / "letters")
    words = ["--tensorboard", str(lure)] if what == "event files" else ["x.py"]
    cwd = str(lure) if what == "working directory" else ""
    typed = desk.type("--as", "nobody", *words, cwd=cwd, NOBODYS_HOME=str(desk.place / "home"))
    assert typed.returncode == 125
    assert "nobody may not enter" in typed.stderr or "is not a directory of event files" in typed.stderr
    assert not (desk.place / "called").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may run it for others")
def test_only_root_runs_it_for_others(desk: Desk) -> None:
    assert "--as is for root" in desk.type("--as", "nobody", "x.py").stderr


@pytest.mark.parametrize(
    ("typed", "env", "became"),
    [
        (["run", "-it", "x:latest-gpu"], {}, ["run", "--gpus", "all", "-it", "x:latest-gpu"]),
        (
            ["run", "--rm", "x", "nvidia-smi"],
            {"NV_GPU": "0,1"},
            ["run", "--gpus", '"device=0,1"', "--rm", "x", "nvidia-smi"],
        ),
        (["ps", "-a"], {}, ["ps", "-a"]),
    ],
)
def test_nvidia_docker_says_what_it_became(
    desk: Desk, typed: list[str], env: dict[str, str], became: list[str]
) -> None:
    done = desk.type(*typed, name="nvidia-docker", **env)
    assert desk.called() == became
    assert done.stderr == f"nvidia-docker: this became: docker {' '.join(became)}\n"


def test_nvidia_docker_tells_of_an_image_that_finds_no_gpu(desk: Desk) -> None:
    done = desk.type("run", "-it", "tensorflow/tensorflow:latest-gpu", name="nvidia-docker")
    assert "finds no GPU since TensorFlow 2.18" in done.stderr
