"""What a run of the NVIDIA playbook leaves on hosts with GPUs, against the stand-in repository and stand-in GPUs."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.doubles import gpu_host
from tests.hosts import Host, inside
from tests.runs import Run
from tests.traces import traces

DRIVERS = {"a100": "580.95.05", "h100": "580.95.05", "v100": "580.95.05"}
# The guides' set for TensorFlow 1.10, and the current one with CUDA from apt, as name → version.
PLANNED = {
    "v100": {
        "cuda-command-line-tools-9-0": "9.0.176-1",
        "cuda-cublas-9-0": "9.0.176.4-1",
        "cuda-cufft-9-0": "9.0.176-1",
        "cuda-curand-9-0": "9.0.176-1",
        "cuda-cusolver-9-0": "9.0.176-1",
        "cuda-cusparse-9-0": "9.0.176-1",
        "libcudnn7": "7.1.4.18-1+cuda9.0",
        "libnccl2": "2.2.13-1+cuda9.0",
        "libnvinfer4": "4.1.2-1+cuda9.0",
        "nvidia-driver-580": "580.95.05-1",
    },
    "a100": {
        "cuda-command-line-tools-12-3": "12.3.2-1",
        "cuda-cupti-12-3": "12.3.101-1",
        "libcublas-12-3": "12.3.4.1-1",
        "libcudnn8": "8.9.7.29-1+cuda12.2",
        "nvidia-driver-580-server-open": "580.95.05-0ubuntu0.1",
    },
    "h100": {
        "nvidia-driver-580-server-open": "580.95.05-0ubuntu0.1",
        "nvidia-fabricmanager-580": "580.95.05-0ubuntu0.1",
    },
}


def of_nvidia(login: Login) -> dict[str, str]:
    """Return name → version of the host's NVIDIA packages."""
    lines = login.check_output("dpkg-query --show --showformat '${db:Status-Abbrev}\\t${Package}\\t${Version}\\n'")
    rows = [line.split("\t") for line in lines.splitlines()]
    words = ("nvidia", "cuda", "cudnn", "nccl", "nvinfer", "libcu", "libnv")
    return {name: version for state, name, version in rows if state[1] == "i" and any(word in name for word in words)}


def held(login: Login) -> set[str]:
    """Return the packages that are held."""
    return set(login.check_output("apt-mark showhold").split())


@pytest.mark.parametrize("machine", PLANNED, indirect=True, scope="session")
def test_exactly_the_planned_versions_are_there_and_held(machine: Host, root: Login) -> None:
    there = of_nvidia(root)
    assert {name: there.get(name) for name in PLANNED[machine.name]} == PLANNED[machine.name]
    assert held(root) == set(there)


@pytest.mark.parametrize("machine", ["cpu"], indirect=True, scope="session")
def test_a_host_without_gpu_gets_nothing_of_nvidia(machine: Host, root: Login) -> None:
    assert of_nvidia(root) == {}
    assert root.run("grep -ri nvidia-repository /etc/apt/sources.list.d/tensorwright-nvidia.list").rc != 0
    assert not {path for path in traces(machine) if "nvidia" in path or "cuda" in path}


@pytest.mark.parametrize("machine", ["h100"], indirect=True, scope="session")
def test_with_cuda_from_wheels_only_the_driver_and_fabric_manager_come_from_apt(root: Login) -> None:
    assert not [name for name in of_nvidia(root) if name.startswith(("cuda", "libcu"))]
    assert root.service("nvidia-fabricmanager").is_enabled
    assert root.service("nvidia-persistenced").is_enabled
    assert not root.file("/etc/apt/sources.list.d/tensorwright-nvidia.list").exists


@pytest.mark.parametrize("machine", ["a100", "v100"], indirect=True, scope="session")
def test_the_repository_has_its_own_key_and_no_other_trust(root: Login) -> None:
    line = root.file("/etc/apt/sources.list.d/tensorwright-nvidia.list").content_string
    assert "signed-by=/etc/apt/keyrings/tensorwright-nvidia.gpg" in line
    assert root.run("grep -c NVIDIA /etc/apt/trusted.gpg /etc/apt/trusted.gpg.d/*").stdout.count(":0") >= 1
    policy = root.check_output("apt-cache policy")
    assert "release o=NVIDIA,l=NVIDIA CUDA" in policy
    assert "600 http://nvidia-nvidia-repository" in policy


@pytest.mark.parametrize(
    ("machine", "version"), [("a100", "12.3"), ("v100", "9.0")], indirect=["machine"], scope="session"
)
def test_the_paths_agree(root: Login, alice: Login, version: str) -> None:
    home = f"/usr/local/cuda-{version}"
    assert alice.check_output("bash -lc 'echo $CUDA_HOME'") == home
    assert f"{home}/bin" in alice.check_output("bash -lc 'echo $PATH'").split(":")
    loader = root.file("/etc/ld.so.conf.d/00-tensorwright-cuda.conf").content_string.splitlines()
    assert loader[1:] == [f"{home}/lib64", f"{home}/extras/CUPTI/lib64"]
    assert root.check_output("readlink -f /usr/local/cuda") == home
    assert root.check_output("ls %s", f"{home}/extras/CUPTI/lib64").startswith("libcupti.so")


@pytest.mark.parametrize("machine", DRIVERS, indirect=True, scope="session")
def test_before_the_reboot_the_next_run_asks_for_it(machine: Host, play: Callable[..., Run]) -> None:
    refused = play("playbooks/nvidia.yml")
    assert refused.status != 0
    assert "is not loaded" in refused.output
    assert "reboot" in refused.output


@pytest.mark.parametrize("machine", DRIVERS, indirect=True, scope="session")
def test_after_the_reboot_nothing_is_left_to_do(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    inside(machine, gpu_host.load_driver(DRIVERS[machine.name]))
    before = held(root)
    quick = play("playbooks/nvidia.yml").changed_nothing()
    assert "Install and hold" not in quick.output
    full = play("playbooks/nvidia.yml", tensorwright_trust_receipts=False)
    full.succeeded()
    assert "Install and hold the driver" in full.output
    # The services are started by the first run that finds the driver loaded, unless the boot has done it.
    assert full.changed()[machine.name] <= 2, full.output
    play("playbooks/nvidia.yml", tensorwright_trust_receipts=False).changed_nothing()
    assert held(root) == before


@pytest.mark.parametrize("machine", ["a100"], indirect=True, scope="session")
def test_then_the_plan_no_longer_asks_for_a_reboot(play: Callable[..., Run]) -> None:
    shown = play("playbooks/plan.yml").succeeded().output
    assert "branch 580" in shown
    assert "reboot" not in shown
