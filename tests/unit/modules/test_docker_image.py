# SPDX-License-Identifier: GPL-3.0-or-later
"""Images are got once, proved before users have them, kept to go back to, and let go: with stand-ins of engine and registry."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import cli as docker_cli
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import client, image_store
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import images as docker_images
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.image_store import Store
from ansible_collections.tensorwright.fleet.plugins.modules import docker_image
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import failures

ONE, TWO = "tensorflow/tensorflow:2.20.0", "tensorflow/tensorflow:2.21.0"
BASE = "hub.example.org/tensorflow/tensorflow:2.21.0"
OWN = "hub.example.org/tensorwright/tensorflow:2.21.0-gpu"
ASKED: dict[str, Any] = {
    "image": ONE,
    "base": "",
    "requirements": [],
    "build": True,
    "push": False,
    "index": {},
    "refresh": False,
    "retries": 2,
    "keep": 2,
    "gpus": 0,
    "gpu_access": "auto",
    "version": "",
    "cuda_build": None,
    "session_user": "",
}


class Engine:
    """Answers docker's commands as far as they are used here."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.tags: dict[str, str] = {}
        self.registry: dict[str, str] = {ONE: "sha256:one", TWO: "sha256:two", BASE: "sha256:base"}
        self.errors: list[str] = []  # what the next pulls say
        self.containers: dict[str, list[str]] = {}
        self.programs: list[str] = []
        self.build_says = ""
        self.commit_says = ""
        self.builders: list[str] = []  # containers by their names
        self.info: dict[str, Any] = {}

    def __call__(self, *words: str, stdin: str | None = None, timeout: float | None = None) -> tuple[int, str, str]:
        self.calls.append(words)
        if words[0] == "pull":
            if self.errors:
                return 1, "", self.errors.pop(0)
            if words[-1] not in self.registry:
                return 1, "", f"Error response from daemon: manifest for {words[-1]} not found: manifest unknown"
            self.tags[words[-1]] = self.registry[words[-1]]
        elif words[:2] == ("image", "inspect"):
            return self.inspect(words[2:])
        elif words[0] == "tag":
            self.tags[words[2]] = words[1]
        elif words[:2] == ("image", "rm"):
            for name in words[2:]:
                del self.tags[name]
        elif words[0] == "ps" and words[3].startswith("name="):
            pattern = words[3].partition("=")[2]
            return 0, "\n".join(name for name in self.builders if re.search(pattern, name)), ""
        elif words[0] == "ps":
            image = words[3].partition("=")[2]
            return 0, "\n".join(self.containers.get(image, [])), ""
        elif words[0] == "run":
            self.programs.append(stdin or "")
            return (1, "", self.build_says) if self.build_says else (0, "", "")
        elif words[0] == "commit" and self.commit_says:
            return 1, "", self.commit_says
        elif words[0] == "rm":
            self.builders = [name for name in self.builders if name not in words]
        elif words[0] == "commit":
            self.tags[words[-1]] = "sha256:built"
        elif words[0] == "push":
            self.registry[words[-1]] = self.tags[words[-1]]
        elif words[0] == "info":
            return 0, json.dumps(self.info), ""
        return 0, "", ""

    def inspect(self, names: tuple[str, ...]) -> tuple[int, str, str]:
        found, lacking = [], []
        for name in names:
            image = name if name in self.tags.values() else self.tags.get(name)
            if image is None:
                lacking.append(f"Error: No such image: {name}")
                continue
            tags = [tag for tag, one in self.tags.items() if one == image]
            digests = [f"{tag.rpartition(':')[0]}@{image.replace('sha256:', 'sha256:of-')}" for tag in tags]
            config = {"Cmd": ["/bin/bash"], "Entrypoint": None}
            found.append({"Id": image, "RepoTags": tags, "RepoDigests": digests, "Config": config})
        return (1 if lacking else 0), json.dumps(found), "\n".join(lacking)

    def count(self, verb: str) -> int:
        return len([call for call in self.calls if call[0] == verb])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    one = Engine()
    monkeypatch.setattr(client, "call", one)
    monkeypatch.setattr(docker_cli, "PAUSE", 0)
    return one


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were proved; one named in `bad` fails."""
    proved: list[str] = []

    def prove(store: Store, record: dict[str, Any], access: str, asked: dict[str, Any]) -> dict[str, Any]:
        if record["reference"].endswith("bad"):
            raise DockerError("the session test failed")
        proved.append(record["id"])
        return {"greeting": "Hello, TensorFlow!", "tensorflow": "2.21.0"}

    monkeypatch.setattr(docker_images, "prove", prove)
    return proved


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "tensorflow_docker"))


def present(store: Store, check_mode: bool = False, **asked: Any) -> dict[str, Any]:
    return docker_image.present(store, {**ASKED, **asked}, check_mode)


def test_an_image_is_pulled_once_and_known_by_its_digest(store: Store, engine: Engine, proofs: list[str]) -> None:
    done = present(store)
    assert done["changed"]
    assert done["image"]["digest"] == "tensorflow/tensorflow@sha256:of-one"
    assert done["session"]["greeting"] == "Hello, TensorFlow!"
    assert Path(store.current).read_text() == (
        "IMAGE=sha256:one\nREFERENCE=tensorflow/tensorflow:2.20.0\nDIGEST=tensorflow/tensorflow@sha256:of-one\nGPUS=none\n"
    )
    engine.registry[ONE] = "sha256:moved"
    again = present(store)
    assert not again["changed"]
    assert "session" not in again
    assert engine.count("pull") == 1
    assert proofs == ["sha256:one"]


def test_it_moves_on_when_asked_and_the_old_one_is_kept(store: Store, engine: Engine, proofs: list[str]) -> None:
    present(store)
    engine.registry[ONE] = "sha256:moved"
    done = present(store, refresh=True)
    assert done["changed"]
    assert [record["id"] for record in store.read()] == ["sha256:moved", "sha256:one"]
    assert engine.tags["tensorwright/kept:one"] == "sha256:one"
    assert not present(store, refresh=True)["changed"]


def test_an_image_that_fails_its_session_is_not_given_to_users(store: Store, engine: Engine, proofs: list[str]) -> None:
    present(store)
    before = Path(store.current).read_text()
    engine.registry["x:bad"] = "sha256:bad"
    with pytest.raises(DockerError, match="the session test failed"):
        present(store, image="x:bad")
    assert Path(store.current).read_text() == before
    assert [record["id"] for record in store.read()] == ["sha256:one"]


def test_check_mode_pulls_nothing(store: Store, engine: Engine, proofs: list[str]) -> None:
    assert present(store, check_mode=True)["changed"]
    assert engine.calls == []
    present(store)
    assert not present(store, check_mode=True)["changed"]
    assert present(store, check_mode=True, image=TWO)["changed"]


def test_an_image_that_was_loaded_from_a_file_is_taken_and_later_left(
    store: Store, engine: Engine, proofs: list[str]
) -> None:
    engine.tags[ONE] = "sha256:loaded"
    assert present(store)["image"]["id"] == "sha256:loaded"
    assert engine.count("pull") == 0
    docker_image.absent(store, ASKED, False)
    assert engine.tags == {ONE: "sha256:loaded"}


def test_an_image_that_was_removed_behind_our_back_is_pulled_again(
    store: Store, engine: Engine, proofs: list[str]
) -> None:
    present(store)
    engine.tags.clear()
    assert present(store)["changed"] is True
    assert engine.count("pull") == 2
    assert engine.tags[ONE] == "sha256:one"


def test_no_more_are_kept_than_asked_and_none_that_a_container_uses_goes(
    store: Store, engine: Engine, proofs: list[str]
) -> None:
    engine.registry["x:3"] = "sha256:three"
    present(store)
    present(store, image=TWO)
    engine.containers["sha256:one"] = ["alices"]
    done = present(store, image="x:3")
    assert done["removed"] == []
    assert done["left"] == [
        "The image tensorflow/tensorflow:2.20.0 stays beyond the 2 that are kept: a container uses it."
    ]
    engine.containers.clear()
    done = present(store, image="x:3")
    assert done["removed"] == [ONE]
    assert done["changed"]
    assert "sha256:one" not in engine.tags.values()
    assert [record["id"] for record in store.read()] == ["sha256:three", "sha256:two"]


def test_rollback_and_forth(store: Store, engine: Engine, proofs: list[str]) -> None:
    present(store)
    with pytest.raises(DockerError, match=f"no image to go back to: {ONE} is the only one"):
        docker_image.rolled_back(store, ASKED, False)
    present(store, image=TWO)
    pulls = engine.count("pull")
    assert docker_image.rolled_back(store, ASKED, False)["image"]["reference"] == ONE
    assert "IMAGE=sha256:one\n" in Path(store.current).read_text()
    assert proofs[-1] == "sha256:one"
    present(store, image=TWO)
    assert engine.count("pull") == pulls


def test_nothing_to_go_back_to_without_any() -> None:
    with pytest.raises(DockerError, match="no TensorFlow image has been installed"):
        docker_image.rolled_back(Store("/nowhere"), ASKED, False)


def test_all_of_ours_go(store: Store, engine: Engine, proofs: list[str]) -> None:
    present(store)
    present(store, image=TWO)
    engine.tags["somebodys:own"] = "sha256:two"
    rehearsed = docker_image.absent(store, ASKED, True)
    assert rehearsed == {"changed": True, "removed": [TWO, ONE]}
    assert store.read()
    assert docker_image.absent(store, ASKED, False) == rehearsed
    assert engine.tags == {"somebodys:own": "sha256:two"}
    assert not Path(store.directory).exists()
    assert docker_image.absent(store, ASKED, False) == {"changed": False, "removed": []}


def test_images_of_containers_do_not_go(store: Store, engine: Engine, proofs: list[str]) -> None:
    present(store)
    engine.containers["sha256:one"] = ["alices"]
    with pytest.raises(DockerError, match="the containers alices were made of"):
        docker_image.absent(store, ASKED, False)
    assert store.read()


# -- pulls that fail ---------------------------------------------------------------------------------------------------


def test_a_broken_pull_is_tried_again(store: Store, engine: Engine, proofs: list[str]) -> None:
    engine.errors = ["net/http: TLS handshake timeout", "read: connection reset by peer"]
    assert present(store)["changed"]
    assert engine.count("pull") == 3


def test_but_not_for_ever(store: Store, engine: Engine, proofs: list[str]) -> None:
    engine.errors = ["unexpected EOF"] * 9
    with pytest.raises(DockerError, match="could not be pulled: a download broke off in the middle; run again"):
        present(store)
    assert engine.count("pull") == 3


def one_cause(message: str, says: str) -> bool:
    """Whether the run tells no other cause of this failure beside the message's."""
    lines = failures.told({"msg": message, "output": says}, ours=True)
    return not [line for line in lines if line.startswith(("cause:", "remedy:"))]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
            "the Docker daemon does not run; `systemctl start docker`; `journalctl -u docker`",
        ),
        ("write /var/lib/docker/tmp/x: no space left on device", "the disk is full; free space on it"),
        ("toomanyrequests: You have reached your pull rate limit", "the limit is reached; `docker login`"),
        (
            'Get "https://r/v2/": x509: certificate signed by unknown authority',
            "an authority that this host does not trust",
        ),
        ('Get "https://r/v2/": http: server gave HTTP response to HTTPS client', "the registry speaks plain http"),
        (
            "manifest for tensorflow/tensorflow:9 not found: manifest unknown: manifest unknown",
            "the registry has no such image or tag",
        ),
        (
            "pull access denied for x, repository does not exist or may require 'docker login'",
            "shows it only after a login; check name and tag",
        ),
        ("unauthorized: authentication required", "the registry denies access"),
        ("dial tcp: lookup registry-1.docker.io: no such host", "name cannot be resolved"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "could not be made or broke off"),
        ("the cat sat on the wire", "an unknown failure, whose last words were: the cat sat on the wire"),
    ],
)
def test_a_failed_pull_names_cause_and_remedy(engine: Engine, says: str, told: str) -> None:
    engine.errors = [says] * 3
    with pytest.raises(DockerError) as error:
        docker_cli.pull(ONE, 0)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert one_cause(str(error.value), says)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "the role nvidia_docker does it"),
        ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9", "does not have that GPU"),
        (
            "requirement error: unsatisfied condition: cuda>=12.3, please update your driver",
            "the driver is older than this CUDA needs: the image wants cuda>=12.3",
        ),
        (
            "nvidia-container-cli: initialization error: nvml error: driver not loaded",
            "the host's NVIDIA driver does not run",
        ),
    ],
)
def test_a_container_without_its_gpus_names_cause_and_remedy(says: str, told: str) -> None:
    assert told in docker_cli.explain(says)
    assert one_cause(docker_cli.explain(says), says)


# -- images that are built ---------------------------------------------------------------------------------------------

BUILD: dict[str, Any] = {
    "image": OWN,
    "base": BASE,
    "requirements": ["tensorflow[and-cuda]==2.21.0", "pandas<3"],
    "gpus": 2,
    "gpu_access": "gpus",
}


def test_a_gpu_image_is_made_of_the_cpu_image_and_the_wheels(store: Store, engine: Engine, proofs: list[str]) -> None:
    index = {
        "url": "https://me:secret@pypi.example.org/simple",
        "ca_file": "/etc/ca.crt",
        "proxy": {"https_proxy": "http://p"},
    }
    done = present(store, **BUILD, index=index)
    assert done["image"]["id"] == "sha256:built"
    assert "GPUS=gpus\n" in Path(store.current).read_text()
    (program,) = engine.programs
    lines = program.splitlines()
    assert lines[0] == "set -eu"
    assert "export PIP_INDEX_URL=https://me:secret@pypi.example.org/simple" in lines
    assert lines[-2] == "python -m pip uninstall --quiet --yes tensorflow-cpu tensorflow"
    assert shlex.split(lines[-1])[-2:] == ["tensorflow[and-cuda]==2.21.0", "pandas<3"]
    assert not any("secret" in word for call in engine.calls for word in call)
    (run,) = [call for call in engine.calls if call[0] == "run"]
    assert run[-3:] == ("sha256:base", "sh", "-s")
    assert run[run.index("--entrypoint") + 1] == ""
    assert "/etc/ca.crt:/tensorwright-ca.crt:ro" in run
    (commit,) = [call for call in engine.calls if call[0] == "commit"]
    assert 'CMD ["/bin/bash"]' in commit
    assert [call for call in engine.calls if call[0] == "rm"]
    assert present(store, **BUILD, index=index)["changed"] is False
    assert len(engine.programs) == 1


def test_a_failed_build_says_why_and_leaves_no_container(store: Store, engine: Engine, proofs: list[str]) -> None:
    engine.build_says = (
        "ERROR: Could not find a version that satisfies the requirement pandas (from versions: none)\n"
        "ERROR: No matching distribution found for pandas"
    )
    with pytest.raises(DockerError, match="could not be built: the package index has nothing of that name"):
        present(store, **BUILD)
    assert engine.calls[-1][0] == "rm"
    assert OWN not in engine.tags


def test_what_a_run_that_was_killed_left_is_cleared_by_the_next(
    store: Store, engine: Engine, proofs: list[str]
) -> None:
    present(store)
    engine.builders = [
        "tensorwright-build-4711",
        "tensorwright-build-12",
        "tensorwright-build-of-alice",
        "my-tensorwright-build-1",
    ]
    Path(store.candidate).write_text("IMAGE=sha256:half\n")
    present(store, check_mode=True)
    assert len(engine.builders) == 4
    present(store)
    assert engine.builders == ["tensorwright-build-of-alice", "my-tensorwright-build-1"]
    assert not Path(store.candidate).exists()
    engine.builders = ["tensorwright-build-4711"]
    docker_image.absent(store, ASKED, False)
    assert engine.builders == []


def test_a_run_that_is_cut_between_the_record_and_what_users_have_is_finished_by_the_next(
    store: Store, engine: Engine, proofs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    present(store)
    before = Path(store.current).read_text()

    class CutError(BaseException):
        """The run ends here, without a word."""

    def replace(path: str, content: str) -> None:
        if path == store.current:
            raise CutError
        files.replace(path, content)

    with monkeypatch.context() as cut:
        cut.setattr(image_store, "replace", replace)
        with pytest.raises(CutError):
            present(store, image=TWO)
    assert Path(store.current).read_text() == before  # an image that is still there
    assert engine.inspect(("sha256:one",))[0] == 0
    assert present(store, image=TWO)["changed"]
    assert "IMAGE=sha256:two\n" in Path(store.current).read_text()
    assert not present(store, image=TWO)["changed"]


FULL = "write /var/lib/docker/tmp/GetImageBlob42: no space left on device"


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("pull", f"failed to register layer: {FULL}"),
        ("run", "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
        ("commit", f"Error response from daemon: {FULL}"),
    ],
)
def test_a_full_disk_in_the_middle_leaves_users_the_image_of_before(
    when: str, says: str, store: Store, engine: Engine, proofs: list[str]
) -> None:
    present(store)
    before = Path(store.current).read_text()
    asked = {"image": TWO} if when == "pull" else BUILD
    engine.errors = [says] if when == "pull" else []
    engine.build_says, engine.commit_says = says * (when == "run"), says * (when == "commit")
    with pytest.raises(DockerError) as failed:
        present(store, **asked)
    verb = "pulled" if when == "pull" else "built"
    told = rf"{asked['image']} could not be {verb}: the disk is full; free space on it: .*docker_data_root.*"
    assert re.fullmatch(told, str(failed.value)), str(failed.value)
    assert Path(store.current).read_text() == before
    assert [record["reference"] for record in store.read()] == [ONE]
    assert asked["image"] not in engine.tags
    engine.build_says = engine.commit_says = ""
    assert present(store, **asked)["changed"]


def test_a_built_image_that_fails_its_session_is_not_taken_by_the_next_run(
    store: Store, engine: Engine, proofs: list[str]
) -> None:
    with pytest.raises(DockerError, match="the session test failed"):
        present(store, **{**BUILD, "image": "own:bad"})
    assert "own:bad" not in engine.tags
    assert BASE in engine.tags


def test_one_host_builds_for_all(store: Store, engine: Engine, proofs: list[str], tmp_path: Path) -> None:
    present(store, **BUILD, push=True)
    assert engine.registry[OWN] == "sha256:built"
    other = Store(str(tmp_path / "other"))
    engine.tags.clear()
    present(other, **{**BUILD, "build": False})
    assert len(engine.programs) == 1
    third = Store(str(tmp_path / "third"))
    engine.tags.clear()
    present(third, **BUILD, push=True)  # the builder itself, made anew
    assert len(engine.programs) == 1


def test_before_it_is_built_others_are_told(store: Store, engine: Engine, proofs: list[str]) -> None:
    with pytest.raises(DockerError, match="the registry has no such image or tag"):
        present(store, **{**BUILD, "build": False})


def test_a_built_image_and_its_base_go(store: Store, engine: Engine, proofs: list[str]) -> None:
    present(store, **BUILD)
    docker_image.absent(store, ASKED, False)
    assert engine.tags == {}


# -- GPUs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "gpus", "specification", "access"),
    [
        ("auto", 0, "nvidia.yaml", "none"),
        ("cdi", 0, "nvidia.yaml", "none"),
        ("auto", 1, "nvidia.yaml", "cdi"),
        ("auto", 1, "nvidia-mig.json", "cdi"),
        ("auto", 1, "other.yaml", "gpus"),
        ("gpus", 1, "nvidia.yaml", "gpus"),
        ("cdi", 1, "other.yaml", "cdi"),
    ],
)
def test_how_containers_get_gpus(
    engine: Engine, tmp_path: Path, wanted: str, gpus: int, specification: str, access: str
) -> None:
    (tmp_path / specification).touch()
    engine.info = {"CDISpecDirs": [str(tmp_path)]}
    assert docker_images.access(wanted, gpus) == access
    engine.info = {}  # an engine that does not know CDI
    assert docker_images.access("auto", 1) == "gpus"


# -- the session -------------------------------------------------------------------------------------------------------

FOUND = {"greeting": "Hello, TensorFlow!", "answer": [[5.0, 14.0], [14.0, 50.0]], "tensorflow": "2.21.0", "gpus": 2}


def launcher(place: Path, *lines: str) -> str:
    """A stand-in of the launcher that says these lines and notes how it was called."""
    program = place / "launcher"
    said = "\n".join(f"echo {shlex.quote(line)}" for line in lines)
    program.write_text(
        f'#!/bin/sh\necho "$@" >{place}/called\ncat "$TENSORFLOW_DOCKER_SETTINGS" >{place}/settings\n{said}\n'
    )
    program.chmod(0o755)
    return str(program)


def prove(store: Store, program: str, **asked: Any) -> dict[str, Any]:
    record = {"id": "sha256:one", "reference": ONE}
    return docker_images.prove(store, record, asked.pop("access", "gpus"), {**ASKED, "gpus": 2, **asked}, program)


def said(**changes: Any) -> str:
    return "tensorwright-session " + json.dumps({**FOUND, **changes})


@pytest.fixture
def nobody_is_me(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.chown", lambda *_: None)


@pytest.mark.usefixtures("nobody_is_me")
def test_the_session_runs_through_the_launcher_before_users_have_the_image(store: Store, tmp_path: Path) -> None:
    found = prove(store, launcher(tmp_path, "Hello, TensorFlow!", said()), version="2.21.0")
    assert (found["gpus"], found["user"]) == (2, "nobody")
    assert (tmp_path / "called").read_text() == "--as nobody -\n"
    assert "IMAGE=sha256:one\n" in (tmp_path / "settings").read_text()
    assert not Path(store.current).exists()
    assert not Path(store.candidate).exists()


@pytest.mark.usefixtures("nobody_is_me")
@pytest.mark.parametrize(
    ("lines", "asked", "told"),
    [
        ([said(gpus=1)], {}, "1 GPUs are seen in the container, 2 are planned"),
        ([said(tensorflow="2.20.0")], {"version": "2.21.0"}, "TensorFlow 2.20.0 is installed, 2.21.0 is planned"),
        ([said(cuda_build=False)], {"cuda_build": True}, "the build is without GPU support"),
        (["No space left on device"], {}, "the disk is full"),
        (["nonsense"], {}, "an unknown failure, whose last words were: nonsense"),
    ],
)
def test_what_is_wrong_with_an_image_is_told(
    store: Store, tmp_path: Path, lines: list[str], asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(DockerError) as error:
        prove(store, launcher(tmp_path, *lines), **asked)
    assert f"the session test in {ONE} failed: " in str(error.value)
    assert told in str(error.value)


@pytest.mark.usefixtures("nobody_is_me")
def test_gpus_are_not_counted_where_none_are_given(store: Store, tmp_path: Path) -> None:
    assert prove(store, launcher(tmp_path, said(gpus=0)), access="none")["gpus"] == 0


def test_a_session_user_who_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DockerError, match="the session user 'no-such-user' does not exist"):
        prove(store, launcher(tmp_path), session_user="no-such-user")


# -- what is remembered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"images": 3}', '{"images": [3, {"id": "x"}]}'])
def test_a_record_that_makes_no_sense_is_none(store: Store, content: str) -> None:
    Path(store.directory).mkdir(parents=True)
    Path(store.file).write_text(content)
    assert store.read() == []


def test_one_run_at_a_time(store: Store) -> None:
    with (
        store.locked(0),
        pytest.raises(DockerError, match="another run has been working"),
        Store(store.directory).locked(0),
    ):
        pass


@pytest.mark.parametrize(("access", "lost"), [(True, ["x:1"]), (False, [])])
def test_an_image_that_is_gone_is_drift_where_the_engine_can_be_asked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, access: bool, lost: list[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: access)
    engine.tags["y:1"] = "sha256:y"
    assert image_store.lost({"sha256:x": "x:1", "sha256:y": "y:1"}) == lost
