"""Groups of hosts with different methods, versions and paths, which the run that made this scenario's hosts has met all at once."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host
from tests.support.runs import GREETING, SESSION, Run

VERSION = "import tensorflow; print(tensorflow.__version__)"
PYTHONS = {
    "debian12": ("python3", "2.21.0"),
    "debian13": ("python3", "2.21.0"),
    "workstation": ("/srv/tf/bin/python", "2.20.0"),
}


def test_each_group_has_its_method_version_and_path(machine: Host, alice: Login) -> None:
    python, version = PYTHONS[machine.name]
    assert alice.check_output(f"{python} -c %s", VERSION) == version
    assert alice.check_output(f"{python} -c %s", SESSION) == GREETING


@pytest.mark.parametrize("machine", ["workstation"], indirect=True)
def test_a_group_has_nothing_of_the_others(machine: Host, alice: Login) -> None:
    assert "No module named 'tensorflow'" in alice.run("python3 -c 'import tensorflow'").stderr
    assert alice.run("test -e /opt/.tensorwright").rc != 0


@pytest.mark.parametrize("machine", ["workstation"], indirect=True)
def test_the_environment_belongs_to_root(machine: Host, login: Callable[[str], Login]) -> None:
    admin = login("admin")
    assert admin.check_output("stat --format %U /srv/tf/ /srv/.tensorwright").split() == ["root", "root"]
    assert admin.run("touch /srv/tf/mine").rc != 0


@pytest.mark.parametrize("machine", ["workstation"], indirect=True)
def test_validation_proves_it_as_somebody_else_than_root(machine: Host, play: Callable[..., Run]) -> None:
    assert GREETING in play("playbooks/validate.yml").changed_nothing().output
