"""What somebody changes on a host behind Tensorwright's back is found, and mended by the next run."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION, Run

MACHINES = ["debian12", "ubuntu2404"]


@pytest.fixture
def footprint(root: Login) -> Callable[[str], dict[str, Any]]:
    """Return a function that reads one kind of thing out of all receipts of the host."""

    def of_kind(kind: str) -> dict[str, Any]:
        receipts = root.check_output("cat /var/lib/tensorwright/receipts/*.json /opt/.tensorwright/receipts/*.json")
        return {key: value for one in documents(receipts) for key, value in (one["footprint"].get(kind) or {}).items()}

    return of_kind


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Return the JSON documents that follow each other in a text."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        yield document
        text = text[end:]


def found_and_mended(name: str, play: Callable[..., Run], alice: Login) -> None:
    """Make sure that validation names what has drifted, that one run mends it, and that nothing is left to do then."""
    found = play("playbooks/validate.yml")
    assert found.status != 0, found.output
    assert name in found.output
    assert "Traceback" not in found.output
    mended = play("site.yml").succeeded()
    assert any(mended.changed().values()), mended.output
    play("playbooks/validate.yml").changed_nothing()
    play("site.yml").changed_nothing()
    assert alice.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING


def test_an_edited_file(footprint: Callable[[str], Any], root: Login, alice: Login, play: Callable[..., Run]) -> None:
    path = min(footprint("files"))
    original = root.file(path).content
    root.check_output("echo '# edited by hand' >>%s", path)
    found_and_mended(path, play, alice)
    assert root.file(path).content == original


def test_a_moved_link(root: Login, alice: Login, play: Callable[..., Run]) -> None:
    target = root.check_output("readlink /opt/tensorflow")
    root.check_output("ln -sfn /srv /opt/tensorflow")
    found_and_mended("/opt/tensorflow", play, alice)
    assert root.check_output("readlink /opt/tensorflow") == target


def test_a_removed_distribution(root: Login, alice: Login, play: Callable[..., Run]) -> None:
    root.check_output("/opt/tensorflow/bin/python -m pip uninstall --quiet --yes absl-py")
    found_and_mended("absl", play, alice)


def test_a_removed_package(
    footprint: Callable[[str], Any], root: Login, alice: Login, play: Callable[..., Run]
) -> None:
    package = min(footprint("packages"))
    root.check_output("dpkg --force-depends --remove %s", package)
    found_and_mended(package, play, alice)
    assert root.package(package).is_installed
