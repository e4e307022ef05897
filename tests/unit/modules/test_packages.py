# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the packages that a role has brought may go with it. What apt would do is given; apt itself is tried in scenarios."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils import package_set
from ansible_collections.tensorwright.fleet.plugins.module_utils.package_set import Step
from ansible_collections.tensorwright.fleet.plugins.modules import packages

# What else goes where a package goes.
NEEDED_BY = {"g++": ["build-essential"], "clang-16": [], "patchelf": [], "theirs": []}


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The removals that apt was asked to rehearse."""
    calls: list[list[str]] = []

    def simulate(words: list[str]) -> list[Step]:
        calls.append(words[1:])
        names = {name for word in words[1:] for name in (word, *NEEDED_BY[word])}
        return [Step("Purg", name, "1", None) for name in sorted(names)]

    monkeypatch.setattr(package_set, "simulate", simulate)
    return calls


@pytest.fixture
def dispensable() -> Callable[..., set[str]]:
    def of(plain: list[str], brought: set[str], of_others: set[str] | None = None) -> set[str]:
        work = object.__new__(packages.Work)
        work.asked = {"plain": plain}
        work.had_before, work.of_others = brought, of_others or set()
        return work._dispensable({"g++", "clang-16", "patchelf", "theirs", "build-essential"})

    return of


def test_what_was_brought_goes_in_one_step(asked_for: list[list[str]], dispensable: Callable[..., set[str]]) -> None:
    assert dispensable(["clang-16", "patchelf", "gone"], {"clang-16", "patchelf", "gone"}) == {"clang-16", "patchelf"}
    assert asked_for == [["clang-16", "patchelf"]]


def test_what_others_need_stays(asked_for: list[list[str]], dispensable: Callable[..., set[str]]) -> None:
    assert dispensable(["clang-16", "g++"], {"clang-16", "g++"}) == {"clang-16"}
    assert dispensable(["clang-16", "patchelf"], {"clang-16", "patchelf"}, {"patchelf"}) == {"clang-16"}


def test_what_was_there_before_stays(asked_for: list[list[str]], dispensable: Callable[..., set[str]]) -> None:
    assert dispensable(["theirs", "clang-16"], {"clang-16"}) == {"clang-16"}
    assert dispensable(["theirs"], set()) == set()
    assert asked_for == [["clang-16"]]
