"""An interrupted build, failures, the way back, and the end of it. The stand-ins are those of the other file."""

import json
from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host as Login

from tests.doubles.source_tree import HOLD, PARTS
from tests.hosts import Host, state
from tests.support.runs import GREETING, SESSION, Run

BUILDS = "/opt/.tensorwright/builds"
# Another wheel than the one that is there, and its directory kept to be looked at.
ANOTHER = {"tensorflow_source_options": ["--config=nogcp"], "tensorflow_source_keep_tree": True}
# What users have made themselves.
THEIRS = ("/home/alice/", "/home/bob/", "/root/.keras")


@pytest.fixture
def held(root: Login) -> Iterator[None]:
    """Let the stand-in Bazel wait in the middle of its work."""
    root.check_output("touch %s", HOLD)
    yield
    root.run("rm -f %s", HOLD)


@pytest.mark.parametrize("machine", ["builder"], indirect=True)
def test_a_build_goes_on_without_the_run_and_after_it_was_killed(
    root: Login, alice: Login, play: Callable[..., Run], held: None
) -> None:
    before = root.check_output("readlink /opt/tensorflow")
    # The run gives up after the first look; its connection ends, the build does not.
    waited = play("site.yml", **ANOTHER, tensorflow_source_timeout=1)
    assert waited.status != 0
    assert "Traceback" not in waited.output
    compiled = f"cat {BUILDS}/*/output/compiled"
    root.check_output(f"timeout 90 sh -c 'until [ $({compiled} | wc -l) = {PARTS - 2} ]; do sleep 0.2; done'")
    build = json.loads(root.check_output(f'cat $(grep --files-with-matches \'"step": "build"\' {BUILDS}/*/state.json)'))
    assert root.run("kill -0 %s", str(build["process"])).rc == 0
    assert root.check_output("readlink /opt/tensorflow") == before
    root.check_output("kill -9 %s", str(build["process"]))
    root.check_output("rm %s", HOLD)
    play("site.yml", **ANOTHER).succeeded()
    done = root.check_output(compiled).splitlines()
    assert len(done) == len(set(done)) == PARTS
    assert "--config=nogcp" in root.check_output(f"cat {BUILDS}/*/output/calls")
    assert root.check_output("readlink /opt/tensorflow") != before
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING


@pytest.mark.parametrize("machine", ["builder"], indirect=True)
def test_what_cannot_be_is_told_and_leaves_the_release_in_use(root: Login, play: Callable[..., Run]) -> None:
    before = root.check_output("readlink /opt/tensorflow")
    refused = play("site.yml", tensorflow_source_commit="0" * 40)
    assert refused.status != 0
    assert "and tensorflow_source_commit names 0000000000" in refused.output
    assert "Traceback" not in refused.output
    assert root.check_output("readlink /opt/tensorflow") == before


@pytest.mark.parametrize("machine", ["builder"], indirect=True)
def test_a_dry_run_lists_what_would_be_removed(root: Login, play: Callable[..., Run]) -> None:
    listed = play("playbooks/uninstall.yml", "--check").succeeded()
    assert "Would be removed: " in listed.output
    assert listed.names("/opt/tensorflow")
    assert listed.names(BUILDS)
    assert listed.names("clang-16")
    assert root.run(f"ls {BUILDS}/*/record.json").rc == 0


@pytest.mark.parametrize("machine", ["builder"], indirect=True)
def test_rollback(root: Login, play: Callable[..., Run]) -> None:
    now = root.check_output("readlink /opt/tensorflow")
    play("playbooks/rollback.yml").succeeded()
    assert root.check_output("readlink /opt/tensorflow") != now


def test_uninstall_gives_the_host_back_as_it_was(machine: Host, play: Callable[..., Run]) -> None:
    assert any(BUILDS in line for line in state.changes(machine))
    play("playbooks/uninstall.yml").succeeded()
    assert state.changes(machine, but_for=THEIRS) == []
