# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a host: the request and the host facts held against the tables.

Pure and total: the same arguments give the same plan, and a request that cannot be met gives problems, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Obstacle, Problem, problem
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.loader import load, override
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Release, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.row_reader import TablesError
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import facts as hostfacts
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import docker_image
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import location as place
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import python as pythons
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.candidate import Attempt, Context, attempt
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.writer import fill
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import source_options, wheel_url
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import (
    Request,
    misspelt,
    read_request,
)


def resolve(
    request: Mapping[str, Any],
    host: Mapping[str, Any],
    tables: Tables | None = None,
    *,
    names: Iterable[str] = (),
) -> Plan:
    """The plan for one host.

    `names` are its variables: misspelt names are looked for among them, and what a mapping of them says about the image counts.
    """
    given = request if isinstance(request, Mapping) else {}
    base, refused = _tables(given, tables)
    asked, problems = read_request(given, base)
    facts = hostfacts.read(host if isinstance(host, Mapping) else {})
    wish, odd = docker_image.read(names if isinstance(names, Mapping) and asked.method == "docker" else {})
    build, strange = source_options.read(names if isinstance(names, Mapping) and asked.method == "source" else {})
    plan = blank()
    plan["problems"] = [*misspelt(names), *refused, *problems, *odd, *strange, *_clashes(asked)]
    plan["problems"].extend(place.troubles(asked, facts))
    plan["device"] = asked.device if asked.device != "auto" else None
    plan["method"] = asked.method
    plan["path"] = {"given": asked.path, "absolute": place.absolute(asked, facts), "become": _needs_root(asked, facts)}
    available = tuple(pythons.available(facts, asked.method, base, asked.python))
    context = Context(asked, facts, base, available, wish, build)
    candidates = _candidates(context, plan["problems"])
    if candidates:
        _choose(candidates, context, plan)
    return plan


def _tables(given: Mapping[str, Any], tables: Tables | None) -> tuple[Tables, list[Problem]]:
    """The tables with the site's rows over them; without them where they cannot be read."""
    base = tables or load()
    rows = given.get("overrides")
    if not isinstance(rows, Mapping) or not rows:
        return base, []
    try:
        return override(rows), []
    except TablesError as error:
        accepted = "rows of the shape that compatibility/ has, by table: {tensorflow: {releases: {…}}}"
        return base, [problem("overrides", rows, f"and {error}", accepted)]


def _needs_root(asked: Request, host: hostfacts.Host) -> bool:
    return asked.method in ("native", "docker") or bool(host.path and not host.path.writable)


def _clashes(asked: Request) -> list[Problem]:
    """Values that are right alone and wrong together."""
    found = []
    if asked.tensorrt is True and asked.device == "cpu":
        found.append(problem("tensorrt", True, "but tensorflow_device is 'cpu'", "false, or tensorflow_device: gpu"))
    if asked.wheel_url and asked.method in ("docker", "source"):
        why = f"but tensorflow_method is '{asked.method}', which installs {'no' if asked.method == 'docker' else 'its own'} wheel"
        found.append(problem("wheel_url", asked.wheel_url, why, "empty, or tensorflow_method: virtualenv"))
    if asked.method == "docker" and asked.version == "nightly" and asked.nightly not in (None, "keep"):
        why = "but tensorflow_method is 'docker', whose image is the one that the tag nightly leads to"
        accepted = "keep, with tensorflow_docker_refresh: true for one run that asks for it again"
        found.append(problem("nightly", asked.nightly, why, accepted))
    return found


def _candidates(context: Context, problems: list[Problem]) -> list[Release]:
    """The releases that the request may mean, the preferred ones first; none where it was refused already."""
    asked, tables = context.asked, context.tables
    if asked.version is None or asked.method is None or asked.wheel_url is None or asked.nightly is None:
        return []
    if asked.wheel_url:
        return _from_wheel(context, problems)
    if asked.version == "nightly":
        return [tables.nightly]
    if asked.version == "latest":
        return list(tables.stable)
    if asked.version in tables.releases:
        return [tables.releases[asked.version]]
    patches = [release for release in tables.newest_first if release.series == asked.version]
    return [release for release in patches if release.channel == "stable"] or patches


def _from_wheel(context: Context, problems: list[Problem]) -> list[Release]:
    asked, tables = context.asked, context.tables
    wheel = wheel_url.parse(asked.wheel_url or "")
    if wheel is None:
        accepted = "a URL that ends in name-version-python-abi-platform.whl"
        problems.append(problem("wheel_url", asked.wheel_url, "which does not end in a wheel's name", accepted))
        return []
    release = wheel_url.release(wheel, tables)
    if release is None:
        why = f"which is of version {wheel.version}, and no release of that minor version is known"
        problems.append(problem("wheel_url", asked.wheel_url, why, f"a wheel of {_known_series(tables)}"))
        return []
    if asked.version not in ("latest", wheel.version, versions.series(wheel.version)):
        why = f"which is of version {wheel.version}, but tensorflow_version is '{asked.version}'"
        problems.append(
            problem("wheel_url", asked.wheel_url, why, f"a wheel of {asked.version}, or version {wheel.version}")
        )
        return []
    return [release]


def _known_series(tables: Tables) -> str:
    known = versions.ascending(release.series for release in tables.stable)
    return f"{known[0]} to {known[-1]}" if known else "a known release"


def _choose(candidates: list[Release], context: Context, plan: Plan) -> None:
    """Take the first release that can be had, or say why there is none."""
    failed: list[Attempt] = []
    for release in _distinct(candidates, context):
        tried = attempt(release, context)
        if not tried.obstacles:
            fill(plan, tried, context)
            plan["problems"].extend(_told(tried.standing, context))
            if failed:
                plan["notes"].insert(0, _why_older(failed[0], tried, context))
            return
        failed.append(tried)
    plan["problems"].extend(_explain(failed, context))


def _distinct(releases: Iterable[Release], context: Context) -> Iterator[Release]:
    """Without the releases that differ from an earlier one in nothing that decides whether a host can have them."""
    seen = set()
    for release in releases:
        wheels = release.wheels.get(context.host.architecture)
        kind = (release.series, wheels and (wheels.pythons, wheels.glibc), release.cuda_pins, release.cuda_pythons)
        if kind not in seen:
            seen.add(kind)
            yield release


def _why_older(newest: Attempt, chosen: Attempt, context: Context) -> str:
    asked = "the newest" if context.asked.version == "latest" else f"the newest of {context.asked.version}"
    clause = newest.obstacles[0].clause
    return f"TensorFlow {chosen.release.version} is {asked} that this host can run as asked: {clause}."


def _explain(failed: list[Attempt], context: Context) -> list[Problem]:
    """The problems of a request that no release can meet, told by the newest one, or the newest that has the asked Python."""
    asked = context.asked
    teller = next((tried for tried in failed if asked.python in tried.release.pythons), failed[0])
    several = len(failed) > 1
    return _told(teller.obstacles, context, several, _other_release(context))


def _told(
    obstacles: Iterable[Obstacle], context: Context, several: bool = False, other: str | None = None
) -> list[Problem]:
    """Obstacles as problems with what was asked."""
    problems = []
    for obstacle in obstacles:
        why, accepted = f"but {obstacle.clause}", obstacle.accepted
        about = "wheel_url" if obstacle.about == "version" and context.asked.wheel_url else obstacle.about
        if about == "version":
            why = f"but no release of it can be had: {obstacle.clause}" if several else why
            accepted = f"tensorflow_version: {other}, or {accepted}" if other else accepted
        problems.append(problem(about, getattr(context.asked, about), why, accepted))
    return problems


def _other_release(context: Context) -> str | None:
    """The newest release that can be had with all else as asked, a stable one if there is one."""
    tables, asked = context.tables, context.asked
    if asked.wheel_url:
        return None
    stable = () if asked.version == "latest" else tables.stable
    early = (release for release in tables.newest_first[:1] if release.channel != "stable")
    for release in _distinct((*stable, *early, tables.nightly), context):
        if asked.version not in (release.version, release.channel) and not attempt(release, context).obstacles:
            names = {"stable": release.version, "nightly": "nightly"}
            return names.get(release.channel, f"{release.version} (a prerelease)")
    return None
