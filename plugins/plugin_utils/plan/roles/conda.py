# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site says of its conda: whose it is, and whether the site may use it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, one_line
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import without_login

_ANACONDA = re.compile(r"(?i)(^|[/.])anaconda\.com/|(^|/)(ana|mini)conda\d*-[^/]*\.sh$")
# "conda.anaconda.org" serves everybody's channels; these are the company's own.
_OWN_CHANNEL = re.compile(
    r"(?i)^(defaults|main|r|msys2|anaconda)$|repo\.anaconda\.com|conda\.anaconda\.org/(main|r|anaconda)/?$"
)
_YES = ("true", "yes", "on", "1")


def problems(plan: Plan, variables: Mapping[str, Any]) -> Iterator[Problem]:
    """What stands in the way of method conda, before anything is fetched."""
    if plan["method"] != "conda":
        return
    url, channels = str(variables.get("conda_url") or ""), variables.get("conda_channels") or []
    named = [str(one) for one in channels] if isinstance(channels, list) else []
    accepted = str(variables.get("conda_accept_anaconda_licence", False)).strip().lower() in _YES
    if url and not variables.get("conda_sha256"):
        yield _problem("conda_sha256", "is empty, but conda_url names an installer", "the installer's SHA-256")
    if url and not re.fullmatch(r"(https?|file)://\S+", url):
        yield _problem("conda_url", f"is '{_shown(url)}', which is not a URL", "empty, or the URL of an installer")
    licence = "conda_accept_anaconda_licence: true, if the site has that licence, or empty for Miniforge"
    if _ANACONDA.search(without_login(url)) and not accepted:
        yield _problem("conda_url", f"is '{_shown(url)}', which only Anaconda's licence lets you use", licence)
    for channel in named:
        if _OWN_CHANNEL.search(channel) and not accepted:
            why = f"has '{_shown(channel)}', which only Anaconda's licence lets you use"
            yield _problem("conda_channels", why, licence.replace("empty for Miniforge", "conda-forge"))
        if without_login(channel) != channel:
            why = f"has '{_shown(channel)}' with a login, which would be on a command line for all to read"
            yield _problem("conda_channels", why, "a channel without one, or the login in the hosts' ~/.netrc")


def _shown(text: str) -> str:
    return one_line(without_login(text))


def _problem(name: str, why: str, accepted: str) -> Problem:
    return {"about": name, "message": f"{name} {why}", "accepted": accepted}
