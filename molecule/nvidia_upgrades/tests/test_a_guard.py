"""A driver is not changed while somebody is on the GPUs, and else it is. The processes are those that the stand-in nvidia-smi lists."""

from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host as Login

from tests.doubles import gpu_host
from tests.hosts import Host, inside
from tests.support.runs import Run

MACHINES = ["a100"]
PROCESSES = f"{gpu_host.STAND_IN}/nvidia-smi/processes"
DRIVERS = "dpkg-query --show 'nvidia-*' 'libnvidia-*' | sort; apt-mark showhold; cat /etc/apt/apt.conf.d/52tensorwright-nvidia_driver"


@pytest.fixture(scope="module", autouse=True)
def rebooted(machine: Host, play: Callable[..., Run]) -> None:
    """The host after the reboot that a new driver needs."""
    inside(machine, gpu_host.load_driver("580.95.05"))
    play("playbooks/nvidia.yml", tensorwright_trust_receipts=False).succeeded()


@pytest.fixture
def busy(root: Login) -> Iterator[str]:
    """A process on the GPUs."""
    pid = root.check_output("systemd-run --quiet --unit=training sleep infinity; systemctl show -P MainPID training")
    root.check_output("echo %s >%s", f"{pid}, /opt/tensorflow/bin/python3", PROCESSES)
    yield pid
    root.check_output("rm -f %s; systemctl stop training", PROCESSES)


def test_refused_and_nothing_has_moved(machine: Host, root: Login, busy: str, play: Callable[..., Run]) -> None:
    before = root.check_output(DRIVERS)
    refused = play("playbooks/nvidia.yml", tensorflow_driver_branch="550")
    assert refused.status != 0
    sentence = next(line for line in refused.output.splitlines() if f"process {busy}" in line)
    for word in (machine.name, "python3", "nvidia_driver_wait", "nvidia_driver_despite_processes"):
        assert word in sentence
    assert root.check_output(DRIVERS) == before


def test_removal_is_refused_as_well(root: Login, busy: str, play: Callable[..., Run]) -> None:
    before = root.check_output(DRIVERS)
    refused = play("playbooks/nvidia_remove.yml", "--tags", "nvidia_driver")
    assert refused.status != 0
    assert f"process {busy}" in refused.output
    assert root.check_output(DRIVERS) == before


@pytest.mark.usefixtures("busy")
def test_what_changes_no_driver_goes_on(root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output(DRIVERS)
    play("playbooks/nvidia.yml", tensorwright_trust_receipts=False).changed_nothing()
    assert root.check_output(DRIVERS) == before


@pytest.mark.usefixtures("busy")
def test_waiting_for_the_process_to_end(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    root.check_output("systemd-run --quiet --on-active=20 --timer-property=AccuracySec=1s rm %s", PROCESSES)
    play("playbooks/nvidia.yml", tensorflow_driver_branch="550", nvidia_driver_wait=300).succeeded()
    assert not root.file(PROCESSES).exists
    names = {line.split()[0] for line in root.check_output("dpkg-query --show 'nvidia-*' 'libnvidia-*'").splitlines()}
    installed = {name for name in names if root.package(name).is_installed}
    assert installed
    assert all("-550" in name for name in installed), installed
    assert {name for name in root.check_output("apt-mark showhold").split() if "nvidia" in name} == installed


def test_until_the_reboot_what_runs_is_told_to_be_another(root: Login, play: Callable[..., Run]) -> None:
    told = play("playbooks/validate.yml", tensorflow_driver_branch="550")
    assert told.status != 0
    assert "the driver in use, 580.95.05, is not the installed one, 550.163.01" in told.output


def test_nobody_is_rebooted_away_either(machine: Host, root: Login, busy: str, play: Callable[..., Run]) -> None:
    """The reboot that an earlier run left undone is made up for, under the same guard."""
    started = root.check_output("stat -c %Y /proc/1")
    refused = play("playbooks/nvidia.yml", tensorflow_driver_branch="550", nvidia_driver_reboot=True)
    assert refused.status != 0
    sentence = next(line for line in refused.output.splitlines() if f"process {busy}" in line)
    assert "the host would be rebooted" in sentence
    assert root.check_output("stat -c %Y /proc/1") == started
    inside(machine, gpu_host.load_driver("550.163.01"))


def test_a_driver_of_ours_that_will_do_stays(root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output(DRIVERS)
    play("playbooks/nvidia.yml").succeeded()
    assert root.check_output(DRIVERS) == before


@pytest.mark.usefixtures("busy")
def test_the_branch_is_upgraded_despite_processes(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    play("playbooks/nvidia.yml", tensorflow_driver_branch="580", nvidia_driver_despite_processes=True).succeeded()
    assert root.package("nvidia-driver-580-server-open").version.startswith("580.95.05")
    assert not root.package("nvidia-driver-550-server-open").is_installed
    inside(machine, gpu_host.load_driver("580.95.05"))
    play("playbooks/nvidia.yml").succeeded()
