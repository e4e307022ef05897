# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables are what their sources say, are read strictly, and take a site's rows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Build, Wheels
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.row_reader import TablesError

from script import mutate_tables
from tests.unit.plugin_utils.compatibility import table_checks

RAW = tables.read()


@pytest.mark.parametrize("check", table_checks.CHECKS, ids=lambda check: check.__name__)
def test_tables_are_as_their_sources_say(check: table_checks.Check) -> None:
    assert list(check(RAW, tables.load())) == []


@pytest.mark.parametrize("mutant", list(islice(mutate_tables.mutants(RAW), 0, None, 60)), ids=str)
def test_a_wrong_value_is_seen(mutant: mutate_tables.Mutant) -> None:
    assert mutate_tables.seen(RAW, mutant)


def test_rows_cannot_be_changed() -> None:
    ours = tables.load()
    with pytest.raises(TypeError):
        ours.releases["2.99.0"] = ours.stable[0]  # type: ignore[index]  # that is what is tried
    with pytest.raises(AttributeError):
        ours.stable[0].version = "2.99.0"  # type: ignore[misc]  # that is what is tried


def test_tables_are_read_once() -> None:
    assert tables.load() is tables.load()


@pytest.mark.parametrize(
    ("device", "builds", "package"),
    [
        ("cpu", {"tensorflow": "gpu", "tensorflow-cpu": "cpu"}, "tensorflow-cpu"),
        ("cpu", {"tensorflow": "cpu", "tensorflow-gpu": "gpu"}, "tensorflow"),
        ("cpu", {"tensorflow": "gpu"}, "tensorflow"),
        ("gpu", {"tensorflow": "gpu", "tensorflow-gpu": "gpu"}, "tensorflow"),
        ("gpu", {"tensorflow": "cpu", "tensorflow-gpu": "gpu"}, "tensorflow-gpu"),
        ("gpu", {"tensorflow": "cpu"}, None),
    ],
)
def test_package_for_a_device(device: str, builds: dict[str, str], package: str | None) -> None:
    listed = tuple(Build(name, kind, 1) for name, kind in builds.items())
    for order in (listed, listed[::-1]):
        found = Wheels((), "2.17", order).build(device)
        assert (found and found.package) == package


def test_a_site_adds_a_release() -> None:
    row = {"x86_64": {"python": ["3.14"], "glibc": "2.35", "packages": {"tensorflow": "cpu 300"}}}
    ours = tables.override({"tensorflow": {"releases": {"2.21.9": row}}})
    assert ours.stable[0].version == "2.21.9"
    assert ours.stable[0].pythons == ["3.14"]
    assert ours.stable[1] == tables.load().stable[0]
    assert "2.21.9" not in tables.load().releases


def test_a_site_changes_one_value_of_a_row() -> None:
    ours = tables.override({"python": {"providers": {"deadsnakes": {"implemented": False}}}})
    assert not ours.providers["deadsnakes"].implemented
    assert ours.providers["deadsnakes"].distributions == ("Ubuntu",)


def test_no_rows_change_nothing() -> None:
    assert tables.override({}) is tables.load()


def broken() -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows that cannot be read, each with what is said of them."""
    release: dict[str, Any] = {"tensorflow": {"releases": {"2.21.0": {}}}}

    def at(**values: Any) -> dict[str, Any]:
        rows: dict[str, Any] = copy.deepcopy(release)
        rows["tensorflow"]["releases"]["2.21.0"] = values
        return rows

    yield "tensorflw is not a table", {"tensorflw": {}}
    yield "tensorflow is not a mapping", {"tensorflow": []}
    yield "tensorflow.releases is not a mapping of rows", {"tensorflow": {"releases": ["2.21.0"]}}
    yield "with texts for names (quote numbers)", {"tensorflow": {"releases": {2.21: {}}}}
    yield (
        "releases.2.99.0.series is '2.99', which no row has for its name",
        {"tensorflow": {"releases": {"2.99.0": {}}}},
    )
    yield "tensorflow.releases.2.21.0.chanel is not a name that this table knows", at(chanel="stable")
    yield "tensorflow.releases.2.21.0.channel is 'beta', not one of stable, prerelease, nightly", at(channel="beta")
    yield "tensorflow.releases.2.21.0.date is not a text (quote it)", at(date=2026)
    yield "tensorflow.releases.2.21.0.x86_64.python is not a list of texts (quote numbers)", at(x86_64={"python": 3.1})
    yield "tensorflow.releases.2.21.0.x86_64.python is 'three', not a version", at(x86_64={"python": "three"})
    yield "tensorflow.releases.2.21.0.x86_64.glibc is '2,27', not a version", at(x86_64={"glibc": "2,27"})
    yield "tensorflow.releases.2.21.0.requires_python: '3.9' is not a range", at(requires_python="3.9")
    yield "x86_64.packages is not a mapping of texts", at(x86_64={"packages": {"tensorflow": 300}})
    yield "is 'cpu', not a device and a size such as 'gpu 572'", at(x86_64={"packages": {"tensorflow": "cpu"}})
    yield "releases.2.21.0.and_cuda.pins is 'cu99', which no row has", at(and_cuda={"pins": "cu99"})
    yield "tensorflow.builds.disk_mb is not a whole number", {"tensorflow": {"builds": {"disk_mb": True}}}
    yield "tensorflow.constraints is not a list of rows", {"tensorflow": {"constraints": {}}}
    yield "series.2.21.cuda is '99.0', which no row has", {"tensorflow": {"series": {"2.21": {"cuda": "99.0"}}}}
    yield "nvidia.drivers.new: the name of a driver branch is a number", {"nvidia": {"drivers": {"new": {}}}}
    yield "gpus.chips.GH100.ids: 'zz' is not a device id", {"gpus": {"chips": {"GH100": {"ids": "zz"}}}}
    yield (
        "providers.conda.implemented is not true or false",
        {"python": {"providers": {"conda": {"implemented": "yes"}}}},
    )
    yield "the rows are not plain data", {"tensorflow": {"releases": {"2.21.0": {"date": object()}}}}


@pytest.mark.parametrize(("message", "rows"), list(broken()), ids=[message for message, _ in broken()])
def test_rows_that_cannot_be_read_are_named_with_their_place(message: str, rows: dict[str, Any]) -> None:
    for _ in range(2):  # the second time it is remembered
        with pytest.raises(TablesError) as error:
            tables.override(rows)
        assert message in str(error.value)
