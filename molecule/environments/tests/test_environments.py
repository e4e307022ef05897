"""Several environments on one host, from one run. Each test begins where the one before it ended."""

import re
from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.hosts import Host, state
from tests.support.runs import GREETING, SESSION, Run

PYTHONS = {
    "/opt/tensorflow": ("/opt/tensorflow/bin/python", "2.21.0"),
    "/opt/tensorflow-2.20": ("/opt/tensorflow-2.20/bin/python", "2.20.0"),
    "/opt/system": ("python3", "2.21.0"),
}
STORE = "/opt/.tensorwright"


def releases(root: Login) -> dict[str, str]:
    """Return the release of each environment that is there."""
    links = root.check_output("find /opt -maxdepth 1 -type l -printf '%p %l\\n'").splitlines()
    return dict(line.split() for line in links)


@pytest.mark.parametrize("place", PYTHONS)
def test_each_greets_an_ordinary_user_with_its_own_version(alice: Login, place: str) -> None:
    python, version = PYTHONS[place]
    told = alice.check_output("%s -c %s", python, f"{SESSION}\nprint(tf.__version__)")
    assert told.splitlines()[-2:] == [GREETING, version]


def test_each_has_what_it_asked_for_alone(alice: Login) -> None:
    assert alice.run("python3 -c 'import einops'").rc == 0
    assert alice.run("/opt/tensorflow/bin/python -c 'import einops'").rc == 1


def test_they_cost_the_disk_of_what_differs(root: Login) -> None:
    """Two of the same TensorFlow share its files; what is compiled for each is its own."""
    alone, all_three = (
        int(root.check_output(f"du --summarize --block-size=1M --exclude=cache {places} | tail -n 1").split()[0])
        for places in (f"{STORE}/tensorflow", STORE)
    )
    same = root.check_output(
        f"find {STORE}/tensorflow/*/lib {STORE}/system/*/lib -name 'libtensorflow_cc.so.2' -printf '%i\\n'"
    ).split()
    assert len(same) == 2
    assert len(set(same)) == 1
    other = int(root.check_output(f"du --summarize --block-size=1M {STORE}/tensorflow-2.20").split()[0])
    assert all_three - alone - other < 0.35 * alone


def test_the_next_run_changes_nothing_and_tells_of_each(machine: Host, play: Callable[..., Run]) -> None:
    output = play("site.yml").changed_nothing().output
    rows = re.findall(rf"^{machine.name}:(\S+) +(\S+) +cpu +\S+ +(\S+)", output, re.MULTILINE)
    assert rows == [
        ("/opt/tensorflow", "virtualenv", "2.21.0"),
        ("/opt/tensorflow-2.20", "virtualenv", "2.20.0"),
        ("/opt/system", "native", "2.21.0"),
    ]
    assert "1 host: 1 installed; none changed." in output
    play("site.yml", tensorwright_trust_receipts=False).changed_nothing()


def test_the_validation_proves_each(play: Callable[..., Run]) -> None:
    output = play("playbooks/validate.yml").changed_nothing().output
    assert output.count(GREETING) == len(PYTHONS)


def test_one_that_is_impossible_stops_all_before_any_change(root: Login, play: Callable[..., Run]) -> None:
    before = releases(root)
    asked = [{"path": "/opt/tensorflow"}, {"path": "/opt/new", "version": "9.9"}, {"path": "/opt/newer"}]
    refused = play("site.yml", tensorflow_environments=asked)
    assert refused.status == 2
    assert "debian12: /opt/new: tensorflow_version is '9.9', which is not a TensorFlow release" in refused.output
    assert releases(root) == before


def test_a_run_for_one_leaves_the_others(root: Login, play: Callable[..., Run]) -> None:
    before = releases(root)
    asked = [
        {"path": "/opt/tensorflow"},
        {"path": "/opt/tensorflow-2.20", "version": "2.20.0", "extra_packages": ["einops"]},
        {"path": "/opt/system", "method": "native"},
    ]
    play("site.yml", tensorflow_environments=asked, tensorflow_only="/opt/tensorflow-2.20").succeeded()
    after = releases(root)
    assert {place for place in before if before[place] != after[place]} == {"/opt/tensorflow-2.20"}


def test_rolling_back_is_for_one_of_them(root: Login, play: Callable[..., Run]) -> None:
    refused = play("playbooks/rollback.yml")
    assert refused.status == 2
    assert (
        "debian12: tensorflow_only is empty, and this host has several environments; "
        "accepted: one of /opt/tensorflow, /opt/tensorflow-2.20, /opt/system." in refused.output
    )
    before = releases(root)
    play("playbooks/rollback.yml", tensorflow_only="/opt/tensorflow-2.20").succeeded()
    after = releases(root)
    assert {place for place in before if before[place] != after[place]} == {"/opt/tensorflow-2.20"}


def test_one_goes_and_the_others_stay(root: Login, alice: Login, play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml", tensorflow_only="/opt/tensorflow").succeeded()
    assert {*releases(root)} == {"/opt/tensorflow-2.20", "/opt/system"}
    assert alice.check_output("python3 -c %s", SESSION).splitlines()[-1] == GREETING


def test_uninstall_gives_the_host_back_as_it_was(machine: Host, play: Callable[..., Run]) -> None:
    play("playbooks/uninstall.yml").succeeded()
    assert state.changes(machine, but_for=("/home/alice/",)) == []
