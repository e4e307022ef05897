"""What older guides, other tools and cut-off runs leave is put right by one run."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.doubles import gpu_host, nvidia_repository
from tests.hosts import Host, inside
from tests.support.runs import Run

REPOSITORY = "http://nvidia_repair-nvidia-repository/compute/cuda/repos/ubuntu2204/x86_64"
LEARNING = "http://nvidia_repair-nvidia-repository/compute/machine-learning/repos/ubuntu1804/x86_64"
CONFLICT = "Conflicting values set for option Signed-By"


def update(root: Login) -> str:
    """Return what apt-get update prints."""
    done = root.run("apt-get update 2>&1")
    return str(done.stdout)


@pytest.fixture(scope="module")
def mess(machine: Host) -> str:
    """What years of guides leave: return apt's words about it."""
    retired, current = nvidia_repository.key("retired"), nvidia_repository.key("current")
    script = f"""
    printf '%s' '{retired}' >/etc/apt/trusted.gpg.d/cuda.asc
    printf '%s\\n%s' '{retired}' '{current}' >/etc/apt/trusted.gpg.d/site.asc
    mkdir -p /etc/apt/keyrings; printf '%s' '{retired}' >/etc/apt/keyrings/tensorwright-nvidia.gpg
    printf '%s' '{retired}' >/usr/share/keyrings/cuda-archive-keyring.asc
    cd /etc/apt/sources.list.d
    echo 'deb [signed-by=/usr/share/keyrings/cuda-archive-keyring.asc] {REPOSITORY}/ /' >cuda-ubuntu2204-x86_64.list
    printf 'Types: deb\\nURIs: {REPOSITORY}\\nSuites: /\\nSigned-By: /etc/apt/trusted.gpg.d/site.asc\\n' >nv.sources
    echo 'deb {LEARNING} /' >learning.list
    echo 'deb http://nowhere.invalid/ /' >cuda.list
    mkdir -p /usr/local/cuda-11.8/bin; ln -sfn /usr/local/cuda-11.8 /usr/local/cuda
    """
    inside(machine, script)
    return inside(machine, "apt-get update 2>&1 || true")


def test_apt_is_broken_before(mess: str) -> None:
    assert CONFLICT in mess


@pytest.mark.usefixtures("mess")
def test_one_run_puts_it_right(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    keys = {nvidia_repository.fingerprints()["retired"]: "retired"}
    play("playbooks/nvidia.yml", nvidia_repo_retired_keys=keys).succeeded()
    shown = update(root)
    assert CONFLICT not in shown
    assert not [line for line in shown.splitlines() if line.startswith(("E:", "W:"))]
    assert not root.file("/etc/apt/trusted.gpg.d/cuda.asc").exists
    assert root.file("/etc/apt/trusted.gpg.d/site.asc").exists  # with the one key in it that is not retired
    for name in ("cuda-ubuntu2204-x86_64.list", "nv.sources", "learning.list", "cuda.list"):
        lines = root.file(f"/etc/apt/sources.list.d/{name}").content_string.splitlines()
        assert lines[0].startswith("# Disabled by Tensorwright: "), name
        assert all(line.startswith("#") for line in lines), name
    inside(machine, gpu_host.load_driver("580.95.05"))
    assert root.package("libcublas-12-3").is_installed


def test_a_cuda_that_was_linked_by_hand_stays_among_the_alternatives(root: Login) -> None:
    assert root.check_output("update-alternatives --list cuda").split() == [
        "/usr/local/cuda-11.8",
        "/usr/local/cuda-12.3",
    ]


OLDER = "libcudnn8=8.9.6.50-1+cuda12.2"
BROKEN = {
    "unpacked and never configured": (
        "cd /tmp && apt-get download -q libcublas-12-3=12.3.4.1-1 && dpkg --unpack --force-hold libcublas-12-3_*.deb",
        "package libcublas-12-3 is not installed",
    ),
    "a dependency removed by force from under held packages": (
        "dpkg --force-depends --force-hold --remove libnvjitlink-12-3",
        "package libnvjitlink-12-3 is not installed",
    ),
    "held at another version": (
        f"apt-get install -y -q --allow-downgrades --allow-change-held-packages {OLDER} && apt-mark hold libcudnn8",
        "package libcudnn8 is 8.9.6.50-1+cuda12.2 instead of 8.9.7.29-1+cuda12.2",
    ),
}


def test_broken_packages(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output("dpkg-query --show 'cuda*' 'libcu*' 'libnv*' | sort")
    # The last one first: apt would refuse it once the others are broken.
    for script, _told in reversed(BROKEN.values()):
        inside(machine, f"exec 2>&1; {script}")
    shown = play("playbooks/validate.yml").output
    for _script, told in BROKEN.values():
        assert told in shown
    play("playbooks/nvidia.yml").succeeded()
    assert root.check_output("dpkg-query --show 'cuda*' 'libcu*' 'libnv*' | sort") == before
    assert root.run("apt-get check").rc == 0
    play("playbooks/nvidia.yml").changed_nothing()


def test_a_pin_on_a_planned_package_is_named(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    inside(machine, "dpkg --force-depends --force-hold --purge libcufft-12-3 2>&1")
    root.check_output(
        "printf 'Package: libcufft-*\\nPin: version *\\nPin-Priority: -1\\n' >/etc/apt/preferences.d/site"
    )
    refused = play("playbooks/nvidia.yml")
    assert refused.status != 0
    assert "/etc/apt/preferences.d/site forbids it" in refused.output
    root.check_output("rm /etc/apt/preferences.d/site")
    play("playbooks/nvidia.yml").succeeded()
    assert root.package("libcufft-12-3").is_installed
