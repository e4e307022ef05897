# SPDX-License-Identifier: GPL-3.0-or-later
"""An ordinary user of a real host attacks what root does there with the product, and loses each of at least 500 tries.

What a try is, duel.py says. Each attack has won against the tree in which a review found these holes; TENSORWRIGHT_ATTACKED names the
checkout that is attacked. That they can still win, the last test shows with root's work as it was then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.attacks import rig
from tests.hosts import Host, inside, ssh_arguments
from tests.hosts.keys import KEY
from tests.support.runs import run

TRIES = 500
# What the receipts name, and would be gone if they were believed.
LOOK = "ls -ln /etc/precious.conf /root/precious /root/.bashrc /etc/shadow /etc/passwd; getent group; systemctl is-enabled ssh; dpkg -l"
Record = Callable[[str, object], None]


@pytest.fixture
def lost(host: Host, record_property: Record) -> Callable[..., dict[str, Any]]:
    """Run an attack, make sure that it was one and that it has reached nothing, and return how it went."""

    def attack(name: str, *arguments: object, rounds: int) -> dict[str, Any]:
        told = rig.attack(host, name, rounds, *arguments)
        record_property("attack", json.dumps({key: told[key] for key in ("rounds", "tries", "seconds")}))
        print(f"{name}: root worked {told['rounds']} times, {told['tries']} tries were made, in {told['seconds']} s")
        assert told["won"] == []
        assert told["tries"] >= TRIES
        assert told["rounds"] >= rounds
        return told

    return attack


def test_a_member_who_exchanges_what_is_in_a_groups_environment_that_is_made(lost: Callable[..., Any]) -> None:
    """Files of /etc keep owner and mode; root's work succeeds each time. It won in round 14."""
    assert lost("group_environment", rounds=40)["failures"] == []


def test_a_member_who_exchanges_what_is_in_a_groups_environment_that_is_put_right_and_removed(
    lost: Callable[..., Any],
) -> None:
    """Nor do pipes, devices and files that are no text hold root up."""
    told = lost("tree_of_a_group", rounds=40)
    assert len(told["failures"]) < told["rounds"] / 2, told  # a directory that is a link just now, say


def test_the_owner_of_a_directory_above_an_environment_who_exchanges_its_store(lost: Callable[..., Any]) -> None:
    """Root runs no program of his, and writes into no file of root's through his links. It won in round 1."""
    told = lost("foreign_parent", rounds=120)
    assert len(told["failures"]) == told["rounds"]  # each is refused


def test_a_user_who_is_first_to_make_the_names_that_root_makes_in_a_directory_of_all(lost: Callable[..., Any]) -> None:
    """Root makes nothing in the user's directories, and follows none of the links."""
    lost("sticky", rounds=60)


def test_receipts_that_users_forge(lost: Callable[..., Any]) -> None:
    """None is believed, and what they name stays. It won in round 1."""
    assert lost("forged_receipts", rounds=150)["failures"] == []


def test_packages_whose_lines_and_build_scripts_run_while_root_installs_them(lost: Callable[..., Any]) -> None:
    """None runs as root, and what they leave behind is not in the release. They ran 3003 times as root."""
    lost("hostile_packages", rounds=3)


def test_a_user_who_holds_every_lock(lost: Callable[..., Any]) -> None:
    """Builds, clearings and uninstallations succeed all the same. It won in round 3."""
    assert lost("held_locks", rounds=6)["failures"] == []


def test_paths_that_are_sentences_of_a_shell(lost: Callable[..., Any]) -> None:
    """No login shell runs a word of them."""
    assert lost("quoting", rounds=TRIES)["failures"] == []


def test_the_same_attack_wins_where_root_works_by_path(host: Host) -> None:
    """So that it is known to be able to: the tree is made as the product once did."""
    told = rig.attack(host, "group_environment", 1000, "by-path")
    assert any(line.startswith("/etc/") for line in told["won"]), told


def test_uninstalling_believes_no_receipt_of_a_user_s(host: Host, tmp_path: Path, record_property: Record) -> None:
    """The real playbook by the real Ansible, on a host on which alice has put down hundreds of receipts."""
    forged = rig.program(host, "attacks.programs.forged_receipts", "lay-out", TRIES)
    assert forged["tries"] >= TRIES
    variables = {
        "ansible_host": rig.address(host),
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(KEY),
        "ansible_ssh_common_args": " ".join(ssh_arguments()),
        "tensorflow_path": "/data/tensorflow",
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {host.name: variables}}}))
    before = inside(host, LOOK)
    told = run("playbooks/uninstall.yml", inventory)
    record_property("attack", json.dumps({"tries": forged["tries"], "status": told.status}))
    assert inside(host, LOOK) == before, told.output
    assert "bob" in inside(host, "getent group sudo")
