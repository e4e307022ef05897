# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import sources as apt_sources

OURS = "developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/x86_64"
WHY = "named twice"
STANZAS = f"""\
# NVIDIA
Types: deb
URIs: https://{OURS}/
Suites: /
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
"""


def unwanted(address: str) -> str:
    return WHY if address == OURS else ""


@pytest.mark.parametrize(
    "line",
    [
        f"deb https://{OURS}/ /",
        f"deb [arch=amd64 signed-by=/usr/share/keyrings/cuda.gpg] http://{OURS} /",
        f"  deb-src [ arch=amd64 ] https://{OURS}/   /  # comment",
    ],
)
def test_a_line_is_commented_out_with_the_reason(line: str) -> None:
    other = "deb http://deb.debian.org/debian bookworm main\n"
    text, reasons = apt_sources.without(other + line + "\n" + other, False, unwanted)
    assert reasons == [WHY]
    assert text == f"{other}# Disabled by Tensorwright: {WHY}\n# {line}\n{other}"
    assert apt_sources.without(text, False, unwanted) == (text, [])


def test_a_stanza_is_commented_out_whole() -> None:
    text, reasons = apt_sources.without(STANZAS, True, unwanted)
    assert reasons == [WHY]
    first, second = text.split("\n\n")
    assert all(line.startswith("#") for line in first.splitlines())
    assert second == STANZAS.split("\n\n")[1]
    assert apt_sources.without(text, True, unwanted) == (text, [])


def test_a_disabled_stanza_is_left_alone() -> None:
    text = STANZAS.replace("Types: deb\nURIs: https", "Enabled: no\nTypes: deb\nURIs: https")
    assert apt_sources.without(text, True, unwanted) == (text, [])
