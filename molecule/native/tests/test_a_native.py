"""TensorFlow for everybody's python3, beside a distribution that stays as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION, run

MACHINES = ["debian12", "debian13"]


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_any_user_runs_a_session_with_python3(login: Callable[[str], Login], name: str) -> None:
    assert login(name).check_output("python3 -c %s", SESSION) == GREETING


def test_requirements_of_all_packages_are_met(alice: Login) -> None:
    assert alice.check_output("python3 -m pip check") == "No broken requirements found."


def test_the_distribution_is_untouched(root: Login) -> None:
    assert root.check_output("dpkg --verify") == ""


def test_python_is_still_marked_as_externally_managed(root: Login) -> None:
    marks = root.check_output("ls /usr/lib/python3.*/EXTERNALLY-MANAGED").splitlines()
    assert marks
    for mark in marks:
        root.check_output("dpkg --search %s", mark)


def test_a_second_run_changes_nothing_when_receipts_are_not_trusted(inventory: Path) -> None:
    run("site.yml", inventory, tensorwright_trust_receipts=False).changed_nothing()
