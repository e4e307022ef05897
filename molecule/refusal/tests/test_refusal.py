"""Requests that cannot be met are refused in one sentence, before anything on the host has changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, differences
from tests.support.runs import Run

I686_PORT = 2222


@dataclass(frozen=True)
class Refusal:
    """A request, and the words that its refusal must have beside the host's name."""

    variable: str
    given: str
    accepted: str
    request: dict[str, Any] = field(default_factory=dict)  # beside or instead of variable: given
    machine: str = "debian12"

    def variables(self) -> dict[str, Any]:
        """Return the variables of the run."""
        return self.request or {self.variable: self.given}


REFUSALS = {
    "version that was never released": Refusal("tensorflow_version", "9.9", "2.21"),
    "version without a wheel for the host's only Python": Refusal(
        "tensorflow_version", "2.21.0", "2.20", machine="debian11"
    ),
    "misspelled value": Refusal("tensorflow_method", "vitualenv", "virtualenv"),
    "misspelled name": Refusal("tensorflow_verison", "2.20.0", "tensorflow_version", {"tensorflow_verison": "2.20.0"}),
    "path under a file": Refusal("tensorflow_path", "/etc/hostname/tensorflow", "~/tensorflow"),
    "path that the run may not write": Refusal(
        "tensorflow_path",
        "/opt/mine/tensorflow",
        "~/tensorflow",
        {
            "tensorflow_path": "/opt/mine/tensorflow",
            "ansible_user": "alice",
            "ansible_become": False,
            "ca_certificates_files": [],  # these need root as well
        },
    ),
    "too little free space": Refusal("tensorflow_path", "/small/tensorflow", "at least"),
    "architecture without wheels": Refusal("tensorflow_version", "i686", "x86_64", {"ansible_port": I686_PORT}),
}


@pytest.fixture
def i686(root: Login) -> None:
    """A second way into the host, on which it says of itself that it is a 32-bit machine (systemd's Personality=)."""
    unit = "systemd-run --quiet --unit=sshd-i686 --property=Personality=x86 --property=RuntimeDirectory=sshd"
    if root.run("systemctl is-active sshd-i686").rc != 0:
        root.check_output(f"{unit} /usr/sbin/sshd -D -p {I686_PORT}")


@pytest.mark.usefixtures("i686")
@pytest.mark.parametrize(
    ("machine", "refusal"),
    [(refusal.machine, refusal) for refusal in REFUSALS.values()],
    ids=REFUSALS.keys(),
    indirect=["machine"],
    scope="session",
)
def test_refused_in_one_sentence_before_any_change(machine: Host, refusal: Refusal, play: Callable[..., Run]) -> None:
    before = differences(machine)
    run = play("site.yml", **refusal.variables())
    assert run.status != 0, run.output
    assert "Traceback" not in run.output
    words = (machine.name, refusal.variable, refusal.given, refusal.accepted)
    sentences = [line for line in run.output.splitlines() if all(word in line for word in words)]
    assert sentences, run.output
    assert not any(run.changed().values())
    ours = {
        path
        for path in differences(machine) - before
        if "/.ansible" not in path and not path.startswith(("/var/log", "/run"))
    }
    assert not ours


def test_all_problems_are_told_at_once(machine: Host, play: Callable[..., Run]) -> None:
    run = play("site.yml", tensorflow_version="9.9", tensorflow_method="vitualenv", tensorflow_verison="2.20.0")
    assert run.status != 0
    for word in ("9.9", "vitualenv", "tensorflow_verison"):
        assert any(machine.name in line and word in line for line in run.output.splitlines()), run.output
