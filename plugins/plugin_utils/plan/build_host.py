# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host builds a wheel from source, and for whom: hosts of the same plan share one.

Each host offers what the others have to know of it; from all offers each comes to the same choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, both, either, problem
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.source_build import serves

Offer = Mapping[str, Any]
Offers = Mapping[str, Offer]
# Of the build, what only the host itself has to know, and which is too much to keep for each of many hosts.
_OWN = ("environment", "requirements", "packages", "bazelisk", "options")


def offer(plan: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, Any]:
    """What other hosts have to know of this one; nothing where it has no such plan."""
    build = plan.get("build") or {}
    if plan.get("problems") or not build.get("key"):
        return {}
    known = {key: value for key, value in build.items() if key not in _OWN}
    return {**known, "glibc": host.get("glibc"), "wheels": list((host.get("source") or {}).get("builds") or ())}


def elect(plan: Mapping[str, Any], name: str, offers: Mapping[str, Any], order: Iterable[str]) -> dict[str, Any]:
    """The plan with who builds, or with a problem where nobody can."""
    build = plan.get("build") or {}
    known = {str(host): offers[host] for host in order if offers.get(host)}
    if plan.get("problems") or not build.get("key") or name not in known:
        return {**plan}
    choice = _choice(name, known)
    if not isinstance(choice, str):
        return {**plan, "problems": [choice]}
    users = [other for other in known if _builds_for(name, other, known)]
    makes = bool(users)
    capabilities = versions.ascending({one for other in users for one in known[other]["capabilities"]})
    elected = {
        **build,
        "host": choice,
        "given": _wheel(known[name], known[choice]) if choice in known else None,
        "makes": makes,
        "for_capabilities": capabilities or build["capabilities"],
        "users": [user for user in users if user != name],
    }
    return {**plan, "build": elected, "notes": [*plan["notes"], *_notes(name, elected)]}


def _builds_for(name: str, other: str, offers: Offers) -> bool:
    """Whether a host is the one that has to build for another."""
    return not _holder(other, offers) and _choice(other, offers) == name


def _choice(name: str, offers: Offers) -> str | Problem:
    """Who gives a host its wheel: itself, who has one that fits, or who is to build it. Or why nobody does."""
    own = offers[name]
    holder = _holder(name, offers)
    if holder:
        return holder
    asked = own.get("asked_host")
    if asked:
        return _asked(name, str(asked), offers) or str(asked)
    able = [host for host in _same(own, offers) if not offers[host]["short"] and _runs(offers[host]["glibc"], own)]
    # The one with the oldest C library builds for all; of several, the first of the run.
    able.sort(key=lambda host: versions.order(str(offers[host]["glibc"] or "0")))
    if able:
        return able[0]
    short: list[Problem] = list(own["short"])
    return short[0] if short else problem("method", "source", "but no host of this run can build it", "another")


def _holder(name: str, offers: Offers) -> str | None:
    """A host that has a wheel which fits: this one, else the one that was asked for, else any other of the same plan."""
    own = offers[name]
    others = [own["asked_host"]] if own.get("asked_host") else list(_same(own, offers))
    for host in (name, *others):
        if host in offers and _wheel(own, offers[host]):
            return str(host)
    return None


def _wheel(own: Offer, holder: Offer) -> dict[str, Any] | None:
    """The newest of a host's wheels that fits."""
    fitting = [{**wheel} for wheel in holder["wheels"] if _fits(wheel, own)]
    return max(fitting, key=lambda wheel: str(wheel.get("built")), default=None)


def _fits(wheel: Mapping[str, Any], own: Offer) -> bool:
    return wheel.get("key") == own["key"] and serves(wheel, own["capabilities"]) and _runs(wheel.get("glibc"), own)


def _runs(glibc: Any, own: Offer) -> bool:
    """Whether what was built with a C library runs with this host's: it may be newer there, not older."""
    return not glibc or versions.at_least(own["glibc"], str(glibc))


def _same(own: Offer, offers: Offers) -> Iterator[str]:
    yield from (host for host, one in offers.items() if one["key"] == own["key"])


def _asked(name: str, asked: str, offers: Offers) -> Problem | None:
    """Why the host that is to build cannot."""
    own, variable = offers[name], "source_build_host"
    same = [host for host in _same(own, offers) if host != name]
    accepted = f"empty, or {either(same)}" if same else "empty"
    builder = offers.get(asked)
    if builder is None:
        why = "which is no host of this run with method source and a plan that holds"
        return problem(variable, asked, why, accepted)
    different = [part for part in builder["parts"] if part not in own["parts"]]
    if different:
        return problem(variable, asked, f"whose plan is another, with {both(different)}", accepted)
    if not _runs(builder["glibc"], own):
        why = f"whose glibc {builder['glibc']} is newer than this host's {own['glibc']}"
        return problem(variable, asked, why, accepted)
    if builder["short"]:
        first: Problem = builder["short"][0]
        return problem(variable, asked, f"which cannot build it: {first['message']}", first["accepted"])
    return None


def _notes(name: str, build: Mapping[str, Any]) -> Iterator[str]:
    if build["makes"]:
        hours = f"{build['hours']} hour" if build["hours"] == 1 else f"{build['hours']} hours"
        users = f", also for {both(build['users'])}" if build["users"] else ""
        yield (
            f"TensorFlow is built on this host{users}: about {hours} with {build['jobs']} at once, {build['disk_mb']} MB below "
            f"{build['directory']} and up to {build['memory_mb']} MB of memory."
        )
    elif build["host"] != name:
        yield f"The wheel comes from {build['host']}."
