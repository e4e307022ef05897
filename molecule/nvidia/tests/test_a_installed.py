"""What a run of the NVIDIA playbook leaves on hosts with GPUs, against the stand-in repository and stand-in GPUs."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.doubles import gpu_host
from tests.hosts import Host, inside
from tests.hosts.restarts import restarted
from tests.support.runs import Run, run
from tests.support.traces import traces

DRIVERS = {"a100": "580.95.05", "h100": "580.95.05", "v100": "465.19.01"}
# The guides' set for TensorFlow 1.10, and the current one with CUDA from apt, as name → version.
PLANNED = {
    "v100": {
        "cuda-command-line-tools-9-0": "9.0.176-1",
        "cuda-cudart-9-0": "9.0.176-1",
        "cuda-cublas-9-0": "9.0.176.4-1",
        "cuda-cufft-9-0": "9.0.176-1",
        "cuda-curand-9-0": "9.0.176-1",
        "cuda-cusolver-9-0": "9.0.176-1",
        "cuda-cusparse-9-0": "9.0.176-1",
        "libcudnn7": "7.1.4.18-1+cuda9.0",
        "libnccl2": "2.2.13-1+cuda9.0",
        "libnvinfer4": "4.1.2-1+cuda9.0",
        "nvidia-driver-465": "465.19.01-1",
    },
    "a100": {
        "cuda-command-line-tools-12-3": "12.3.2-1",
        "cuda-cudart-12-3": "12.3.101-1",
        "cuda-cupti-12-3": "12.3.101-1",
        "libcublas-12-3": "12.3.4.1-1",
        "libcudnn8": "8.9.7.29-1+cuda12.2",
        "libnccl2": "2.19.3-1+cuda12.3",
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


@pytest.mark.parametrize("machine", ["a100", "v100"], indirect=True, scope="session")
def test_one_transaction_for_the_driver_one_for_the_libraries_and_one_update(machine: Host, root: Login) -> None:
    history = root.file("/var/log/apt/history.log").content_string
    commands = [
        line for line in re.findall(r"^Commandline: (.+)", history, re.MULTILINE) if re.search(r"cuda|nvidia", line)
    ]
    assert len(commands) == 2, commands
    log = ["podman", "logs", "nvidia-nvidia-repository"]
    requests = subprocess.run(log, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    updates = [line for line in requests.splitlines() if line.startswith(machine.address) and "/cuda/" in line]
    assert len([line for line in updates if "InRelease" in line]) == 1, updates


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


def test_before_the_reboot_the_next_run_asks_for_it(inventory: Path) -> None:
    refused = run("playbooks/nvidia.yml", inventory)
    assert refused.status != 0
    for name in DRIVERS:
        told = [line for line in refused.output.splitlines() if "is not loaded" in line and f"[{name}]" in line]
        assert told, refused.output
        assert "reboot" in told[0]


@pytest.mark.parametrize("machine", ["a100"], indirect=True, scope="session")
def test_where_it_is_allowed_the_next_run_reboots_the_host(
    machine: Host, root: Login, play: Callable[..., Run]
) -> None:
    """A real reboot of the container; the stand-in of the kernel then loads what is installed."""
    pid_before = root.check_output("stat -c %Y /proc/1")
    with restarted(machine):
        told = play("playbooks/nvidia.yml", nvidia_driver_reboot=True).succeeded()
    assert "Make sure that the installed driver is the one that runs" in told.output
    assert root.check_output("stat -c %Y /proc/1") != pid_before
    assert DRIVERS["a100"] in root.check_output("cat /var/lib/stand-in/driver/version")
    assert root.service("nvidia-persistenced").is_running
    play("playbooks/nvidia.yml", nvidia_driver_reboot=True).changed_nothing()


@pytest.mark.parametrize("machine", ["h100", "v100"], indirect=True, scope="session")
def test_somebody_else_reboots_the_others(machine: Host) -> None:
    inside(machine, gpu_host.load_driver(DRIVERS[machine.name]))


def test_after_the_reboot_nothing_is_left_to_do(inventory: Path) -> None:
    quick = run("playbooks/nvidia.yml", inventory).changed_nothing()
    assert "Install and hold" not in quick.output
    # Facts, plan, and whether it is refused: a host that is right is asked nothing else.
    assert all(int(ok) <= 2 for ok in re.findall(r"^\S+ +: ok=(\d+)", quick.output, re.MULTILINE)), quick.output
    full = run("playbooks/nvidia.yml", inventory, tensorwright_trust_receipts=False)
    full.succeeded()
    assert "Install and hold the driver" in full.output
    # The services are started by the first run that finds the driver loaded, unless the boot has done it.
    assert max(full.changed().values()) <= 2, full.output
    run("playbooks/nvidia.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()


@pytest.mark.parametrize("machine", DRIVERS, indirect=True, scope="session")
def test_all_of_it_is_held_still(root: Login) -> None:
    assert held(root) == set(of_nvidia(root))
