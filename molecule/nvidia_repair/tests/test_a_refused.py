"""What cannot be put right without harm is refused with its reason."""

from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host as Login

from tests.doubles import nvidia_repository
from tests.hosts import Host
from tests.support.runs import Run

FORBIDDEN = "Package: *\nPin: release l=NVIDIA CUDA\nPin-Priority: -1\n"
UNINSTALLER = "/usr/local/cuda-12.3/bin/cuda-uninstaller"


@pytest.fixture
def laid_out(root: Login, request: pytest.FixtureRequest) -> Iterator[None]:
    """Files that stand in the way, and are taken away again."""
    path, content = request.param
    root.check_output("mkdir -p $(dirname %s); printf '%%s' %s >%s", path, content, path)
    yield
    root.check_output("rm -rf %s /usr/local/cuda /usr/local/cuda-12.3", path)


def test_a_rehearsal_shows_the_packages_and_changes_nothing(root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output("dpkg-query --show; ls /etc/apt/*")
    shown = play("playbooks/nvidia.yml", "--check").succeeded().output
    for package in ("libcudnn8=8.9.7.29-1+cuda12.2", "cuda-command-line-tools-12-3", "nvidia-driver-580-server-open"):
        assert package in shown
    assert root.check_output("dpkg-query --show; ls /etc/apt/*") == before


@pytest.mark.parametrize(
    ("laid_out", "tags", "words"),
    [
        (
            ("/etc/apt/preferences.d/site", FORBIDDEN),
            "nvidia_repo",
            ["/etc/apt/preferences.d/site forbids all packages"],
        ),
        ((UNINSTALLER, ""), "all", ["run file", UNINSTALLER]),
        (("/usr/local/cuda/version.txt", ""), "all", ["/usr/local/cuda is a directory", "moved"]),
    ],
    ids=["a pin that forbids the repository", "the same CUDA from a run file", "a directory in the place of the link"],
    indirect=["laid_out"],
)
@pytest.mark.usefixtures("laid_out")
def test_refused_with_its_reason(
    machine: Host, root: Login, play: Callable[..., Run], tags: str, words: list[str]
) -> None:
    refused = play("playbooks/nvidia.yml", "--tags", tags)
    assert refused.status != 0
    told = [line for line in refused.output.splitlines() if all(word in line for word in [machine.name, *words])]
    assert told, refused.output
    assert "Traceback" not in refused.output
    # Neither the driver nor anything else has been touched by then.
    assert refused.changed() == {machine.name: 0}
    assert not root.run("dpkg-query --show 'nvidia-driver-*' 2>/dev/null | grep -q .").succeeded


def test_a_key_that_is_not_the_expected_one(play: Callable[..., Run], root: Login) -> None:
    root.check_output("rm -f /etc/apt/sources.list.d/tensorwright* /etc/apt/keyrings/tensorwright*")
    place = "http://nvidia_repair-nvidia-repository/compute/cuda/repos/ubuntu2204/x86_64"
    wanted, retired = "0" * 40, nvidia_repository.fingerprints()["retired"]
    for url, told in (
        (f"{place}/Release", "holds no key that can be read"),
        (f"{place}/{retired[-8:].lower()}.pub", f"not {wanted}"),
    ):
        asked = {"nvidia_repo_key_url": url, "nvidia_repo_key_fingerprint": wanted}
        refused = play("playbooks/nvidia.yml", "--tags", "nvidia_repo", **asked)
        assert refused.status != 0
        assert told in refused.output
    assert not root.file("/etc/apt/sources.list.d/tensorwright-nvidia.list").exists
