# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose conda a site uses, and whether it may."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import conda as condasite

from tests.unit.plugin_utils.plan.hosts import debian, planned

MINICONDA = "https://repo.anaconda.com/miniconda/Miniconda3-py313_25.9.1-1-Linux-x86_64.sh"
HASH = "0" * 64


def messages(method: str = "conda", **variables: Any) -> list[str]:
    plan = planned({"method": method}, debian())
    return [f"{one['message']}; accepted: {one['accepted']}" for one in condasite.problems(plan, variables)]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"conda_url": MINICONDA, "conda_sha256": HASH},
            (
                f"conda_url is '{MINICONDA}', which only Anaconda's licence lets you use; accepted: "
                "conda_accept_anaconda_licence: true, if the site has that licence, or empty for Miniforge"
            ),
        ),
        (
            {"conda_url": "https://mirror.example.org/Anaconda3-2025.06-Linux-x86_64.sh", "conda_sha256": HASH},
            (
                "conda_url is 'https://mirror.example.org/Anaconda3-2025.06-Linux-x86_64.sh', which only Anaconda's licence lets you "
                "use; accepted: conda_accept_anaconda_licence: true, if the site has that licence, or empty for Miniforge"
            ),
        ),
        (
            {"conda_channels": ["defaults"]},
            (
                "conda_channels has 'defaults', which only Anaconda's licence lets you use; accepted: "
                "conda_accept_anaconda_licence: true, if the site has that licence, or conda-forge"
            ),
        ),
        (
            {"conda_channels": ["https://bob:s3cret@mirror.example.org/forge"]},
            (
                "conda_channels has 'https://mirror.example.org/forge' with a login, which would be on a command line for all to read; "
                "accepted: a channel without one, or the login in the hosts' ~/.netrc"
            ),
        ),
        (
            {"conda_url": "https://mirror.example.org/Miniforge3-Linux-x86_64.sh"},
            "conda_sha256 is empty, but conda_url names an installer; accepted: the installer's SHA-256",
        ),
        (
            {"conda_url": "Miniforge3.sh", "conda_sha256": HASH},
            "conda_url is 'Miniforge3.sh', which is not a URL; accepted: empty, or the URL of an installer",
        ),
    ],
)
def test_refusals(variables: dict[str, Any], message: str) -> None:
    assert messages(**variables) == [message]
    assert messages("virtualenv", **variables) == []


def test_what_is_accepted() -> None:
    assert messages() == []
    assert messages(conda_url=MINICONDA, conda_sha256=HASH, conda_accept_anaconda_licence=True) == []
    assert messages(conda_channels=["defaults"], conda_accept_anaconda_licence="yes") == []
    mirror = "https://bob:s3cret@mirror.example.org/Miniforge3-Linux-x86_64.sh"
    assert messages(conda_url=mirror, conda_sha256=HASH) == []
    assert messages(conda_channels=["conda-forge", "https://conda.anaconda.org/conda-forge"]) == []
