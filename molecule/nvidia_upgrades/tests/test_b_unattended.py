"""What would move the NVIDIA packages does not, and what moved them by force is told and mended."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.doubles import nvidia_repository
from tests.hosts import Host, inside
from tests.support.runs import Run

MACHINES = ["a100"]
# The harshest setting that administrators use: everything from everywhere.
EVERYTHING = 'Unattended-Upgrade::Origins-Pattern { "origin=*"; };'
VERSIONS = "dpkg-query --show 'nvidia-*' 'libnvidia-*' 'cuda-*' 'libcu*' | sort"


@pytest.fixture(scope="module")
def upgrades(root: Login) -> Login:
    """The administrator of a host with unattended upgrades, for which newer packages have been uploaded since."""
    root.check_output("apt-get update && apt-get install -y --no-install-recommends unattended-upgrades leaky-stand-in")
    root.check_output("echo %s >/etc/apt/apt.conf.d/99everything", EVERYTHING)
    nvidia_repository.publish("nvidia_upgrades", "second")
    root.check_output("apt-get update")
    return root


def test_newer_packages_wait(upgrades: Login) -> None:
    assert "8.9.7.99" in upgrades.check_output("apt-cache madison libcudnn8")
    assert "580.105.08" in upgrades.check_output("apt-cache madison nvidia-driver-580-server-open")
    assert upgrades.package("leaky-stand-in").version == "1.0-1"


def upgraded(upgrades: Login) -> str:
    """Return the line in which a rehearsal of unattended-upgrades says what it would upgrade."""
    shown = upgrades.run("unattended-upgrade --dry-run -d").stdout
    line = next(line for line in shown.splitlines() if line.startswith("Packages that will be upgraded:"))
    assert "leaky-stand-in" in line
    return str(line)


def test_the_rehearsal_leaves_them_alone_even_where_somebody_has_taken_the_holds_off(upgrades: Login) -> None:
    for script in ("true", "apt-mark unhold $(apt-mark showhold)"):
        upgrades.check_output(script)
        line = upgraded(upgrades)
        assert not [word for word in line.split() if "nvidia" in word or "cu" in word], line


def test_the_real_run_installs_the_security_update_and_moves_nothing_of_nvidia(upgrades: Login) -> None:
    before = upgrades.check_output(VERSIONS)
    upgrades.check_output("unattended-upgrade -v")
    assert upgrades.package("leaky-stand-in").version == "1.0-1+deb12u1"
    assert upgrades.check_output(VERSIONS) == before


def test_what_was_unheld_and_moved_by_force_is_told_and_mended(
    machine: Host, upgrades: Login, play: Callable[..., Run]
) -> None:
    before = upgrades.check_output(VERSIONS)
    inside(machine, "DEBIAN_FRONTEND=noninteractive apt-get install -y libcudnn8=8.9.7.99-1+cuda12.2")
    told = play("playbooks/validate.yml")
    assert told.status != 0
    for sentence in (
        "package libcudnn8 is no longer held",
        "package libcudnn8 is 8.9.7.99-1+cuda12.2 instead of 8.9.7.29-1+cuda12.2",
    ):
        assert sentence in told.output, told.output
    play("playbooks/nvidia.yml").succeeded()
    assert upgrades.check_output(VERSIONS) == before
    assert "libcudnn8" in upgrades.check_output("apt-mark showhold").split()
    play("playbooks/nvidia.yml").changed_nothing()
