# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a host: the request and the host facts held against the tables.

Pure and total: the same arguments give the same plan, and a request that cannot be met gives problems, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils import (
    hostfacts,
    place,
    pythons,
    versions,
    wheelurl,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils import (
    request as requests,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils import tables as compatibility
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.attempt import Attempt, Context, attempt
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import Plan, blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.problems import Problem, problem
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import IMPLEMENTED_ROLES, METHODS, Request
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.rows import TablesError
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.tables import Release, Tables


def resolve(
    request: Mapping[str, Any],
    host: Mapping[str, Any],
    tables: Tables | None = None,
    *,
    implemented: frozenset[str] = IMPLEMENTED_ROLES,
    names: Iterable[str] = (),
) -> Plan:
    """The plan for one host.

    `names` are the names of its variables, among which misspelt ones are looked for; `implemented` the roles that there are.
    """
    given = request if isinstance(request, Mapping) else {}
    base, refused = _tables(given, tables)
    asked, problems = requests.read(given, base, implemented)
    facts = hostfacts.read(host if isinstance(host, Mapping) else {})
    plan = blank()
    plan["problems"] = [*requests.misspelt(names), *refused, *problems, *_clashes(asked, implemented)]
    plan["problems"].extend(place.troubles(asked, facts))
    plan["device"] = asked.device if asked.device != "auto" else None
    plan["method"] = asked.method
    plan["path"] = {"absolute": place.absolute(asked, facts), "become": _needs_root(asked, facts)}
    available = tuple(pythons.available(facts, asked.method, base))
    context = Context(asked, facts, base, implemented, available)
    candidates = _candidates(context, plan["problems"])
    if candidates:
        _choose(candidates, context, plan)
    return plan


def _tables(given: Mapping[str, Any], tables: Tables | None) -> tuple[Tables, list[Problem]]:
    """The tables with the site's rows over them; without them where they cannot be read."""
    base = tables or compatibility.load()
    rows = given.get("overrides")
    if not isinstance(rows, Mapping) or not rows:
        return base, []
    try:
        return compatibility.override(rows), []
    except TablesError as error:
        accepted = "rows of the shape that compatibility/ has, by table: {tensorflow: {releases: {…}}}"
        return base, [problem("overrides", rows, f"and {error}", accepted)]


def _needs_root(asked: Request, host: hostfacts.Host) -> bool:
    return asked.method == "native" or bool(host.path and not host.path.writable)


def _clashes(asked: Request, implemented: frozenset[str]) -> list[Problem]:
    """Values that are right alone and wrong together."""
    found = []
    if asked.method and not implemented.issuperset(METHODS[asked.method]):
        built = ", ".join(name for name, roles in METHODS.items() if implemented.issuperset(roles))
        found.append(problem("method", asked.method, "which is not built yet", built))
    if asked.tensorrt is True and asked.device == "cpu":
        found.append(problem("tensorrt", True, "but tensorflow_device is 'cpu'", "false, or tensorflow_device: gpu"))
    if asked.wheel_url and asked.method in ("docker", "source"):
        why = f"but tensorflow_method is '{asked.method}', which installs no wheel"
        found.append(problem("wheel_url", asked.wheel_url, why, "empty, or tensorflow_method: virtualenv"))
    return found


def _candidates(context: Context, problems: list[Problem]) -> list[Release]:
    """The releases that the request may mean, the preferred ones first; none where it was refused already."""
    asked, tables = context.asked, context.tables
    if asked.version is None or asked.method is None or asked.wheel_url is None:
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
    wheel = wheelurl.parse(asked.wheel_url or "")
    if wheel is None:
        accepted = "a URL that ends in name-version-python-abi-platform.whl"
        problems.append(problem("wheel_url", asked.wheel_url, "which does not end in a wheel's name", accepted))
        return []
    release = wheelurl.release(wheel, tables)
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
            _fill(plan, tried, context)
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
    other = _other_release(context)
    problems = []
    for obstacle in teller.obstacles:
        why, accepted = f"but {obstacle.clause}", obstacle.accepted
        if obstacle.about == "version":
            why = f"but no release of it can be had: {obstacle.clause}" if several else why
            accepted = f"tensorflow_version: {other}, or {accepted}" if other else accepted
        problems.append(problem(obstacle.about, getattr(asked, obstacle.about), why, accepted))
    return problems


def _other_release(context: Context) -> str | None:
    """The newest release that can be had with all else as asked, a stable one if there is one."""
    tables, asked = context.tables, context.asked
    if asked.wheel_url:
        return None
    stable = () if asked.version == "latest" else tables.stable
    early = (release for release in tables.newest_first[:1] if release.channel != "stable")
    for release in _distinct((*stable, *early, tables.nightly), context):
        if release.version != asked.version and not attempt(release, context).obstacles:
            return release.version
    return None


def _fill(plan: Plan, tried: Attempt, context: Context) -> None:
    """Write a release that can be had into the plan."""
    asked, host, tables = context.asked, context.host, context.tables
    release, series = tried.release, tables.series[tried.release.series]
    package = tried.build.package if tried.build else "tensorflow"
    plan["device"] = tried.device
    plan["tensorflow"] = {
        "version": release.version,
        "package": package,
        "requirement": _requirement(tried, package, asked.wheel_url),
        "channel": release.channel,
        "wheel_url": asked.wheel_url or None,
        "cuda_build": None if asked.wheel_url or not tried.build else tried.build.device == "gpu",
    }
    if tried.python:
        plan["python"] = {
            "version": tried.python.version,
            "path": tried.python.path,
            "provider": tried.python.provider,
        }
        _installer(plan, tried.python.version, context)
    roles = list(METHODS[asked.method]) if asked.method else []
    if tried.gpu:
        _fill_gpu(plan, tried, context)
        roles = [*tried.gpu.roles, *roles]
    plan["roles"] = [role for role in roles if role != "python" or _needs_python(tried, context)]
    if asked.method == "docker":
        plan["cuda"]["from"] = "image" if tried.device == "gpu" else "none"
        plan["image"] = _image(tried, context)
    if asked.method == "source" and series.build:
        plan["build"] = {"bazel": series.build.bazel, "compiler": series.build.compiler}
    if asked.method not in ("docker", "source"):
        plan["constraints"] = _constraints(tried, context)
    plan["space"] = {"needed_mb": place.needed_mb(tried, asked.method, tables.space)}
    plan["notes"].extend([*_choices(tried, context), *tried.notes])
    if not _is_there(plan, host.sealed):
        full = place.too_full(asked, host, plan["space"]["needed_mb"])
        plan["problems"].extend([full] if full else [])


def _needs_python(tried: Attempt, context: Context) -> bool:
    """Whether role python has anything to do: users of a shared host get the tools; alone, an interpreter that is there will do."""
    missing = tried.python is not None and tried.python.path is None
    return missing or (context.host.become and (context.host.shared or context.asked.method == "native"))


def _requirement(tried: Attempt, package: str, wheel_url: str | None) -> str:
    extra = "[and-cuda]" if tried.gpu and tried.gpu.source == "wheels" else ""
    if wheel_url:
        return f"{package}{extra} @ {wheel_url}"
    return f"{package}{extra}=={tried.release.version}"


def _installer(plan: Plan, python: str, context: Context) -> None:
    tables = context.tables
    pip = tables.pip.get(python)
    uv = tables.uv
    wheel = uv.wheels.get(context.host.architecture)
    if wheel and versions.at_least(python, uv.floor):
        plan["installer"] = {
            "name": "uv",
            "version": uv.version,
            "file": wheel.file,
            "sha256": wheel.sha256,
            "pip": pip,
        }
    else:
        plan["installer"] = {"name": "pip", "version": pip, "file": None, "sha256": None, "pip": pip}


def _fill_gpu(plan: Plan, tried: Attempt, context: Context) -> None:
    gpu = tried.gpu
    if gpu is None:
        return
    series = context.tables.series[tried.release.series]
    toolkit = context.tables.cuda[series.cuda]
    plan["cuda"] = {
        "from": gpu.source,
        "version": series.cuda,
        "packages": gpu.cuda_packages,
        "libraries": [toolkit.library],
    }
    plan["cudnn"] = {"version": series.cudnn, "packages": gpu.cudnn_packages}
    plan["nccl"] = {"version": series.nccl.version, "packages": gpu.nccl_packages}
    plan["tensorrt"] = {"version": gpu.tensorrt_version, "packages": gpu.tensorrt_packages}
    plan["driver"] = {
        "minimum": gpu.driver.minimum,
        "branch": gpu.driver.branch,
        "packages": list(gpu.driver.packages),
    }
    if gpu.repository:
        plan["repository"] = {
            "distro": gpu.repository.name,
            "architecture": context.host.architecture,
            "key": context.tables.keys[gpu.repository.key].fingerprint,
            "drivers": gpu.driver.repository,
            "retired_keys": [
                {"fingerprint": key.fingerprint, "name": name} for name, key in context.tables.keys.items()
            ],
            "retired_files": [{"file": row.file, "why": row.why} for row in context.tables.retired],
        }


def _image(tried: Attempt, context: Context) -> Any:
    images = context.tables.images[context.tables.series[tried.release.series].images]
    tag = "X-gpu" if tried.device == "gpu" else "X"
    if f"{tag}-py3" in images.tags and context.asked.python != "2.7":
        tag = f"{tag}-py3"
    return {"name": images.repository, "tag": tag.replace("X", tried.release.version)}


def _constraints(tried: Attempt, context: Context) -> list[str]:
    """The pins that keep later uploads of the release's dependencies away."""
    python = tried.python.version if tried.python else ""
    pins: list[str] = []
    for row in context.tables.constraints:
        if not versions.within(tried.release.version, row.releases) or not versions.within(python, row.python):
            continue
        if row.cuda and (tried.gpu is None or tried.gpu.source != row.cuda):
            continue
        lowest = row.below_capability
        if lowest and not (
            tried.gpu and any(versions.order(one) < versions.order(lowest) for one in tried.gpu.capabilities)
        ):
            continue
        pins.extend(pin for pin in row.pins if pin not in pins)
    return pins


def _choices(tried: Attempt, context: Context) -> list[str]:
    """What was chosen in the user's name."""
    notes = []
    python, asked = tried.python, context.asked
    if python and python.path is None:
        origin = "the distribution's packages" if python.provider == "system" else python.provider
        notes.append(f"Python {python.version} is installed from {origin}.")
    elif python and asked.python == "auto" and asked.method != "native":
        newer = [one for one in context.pythons if versions.order(one.version) > versions.order(python.version)]
        first = context.pythons[0] if context.pythons else None
        if first in newer:
            name = tried.release.version
            notes.append(f"Python {python.version} is used: TensorFlow {name} has no wheel for {first.version}.")
        elif newer:
            newest = max(newer, key=lambda one: versions.order(one.version))
            notes.append(
                f"The system's Python {python.version} is used, not the newer {newest.version} that this host has as well."
            )
    if tried.release.channel == "nightly":
        notes.append(f"The nightly build is {tried.release.version}, the newest that the tables know.")
    return notes


def _is_there(plan: Plan, sealed: Mapping[str, object]) -> bool:
    """Whether the environment in use was made from this plan, so that no space is needed for another."""
    requirements, python = sealed.get("requirements"), sealed.get("python")
    return (
        isinstance(requirements, (list, tuple))
        and isinstance(python, (list, tuple))
        and plan["tensorflow"]["requirement"] in requirements
        and plan["python"]["version"] in python
        and sealed.get("constraints") == sorted(plan["constraints"])
    )
