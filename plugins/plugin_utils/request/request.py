# SPDX-License-Identifier: GPL-3.0-or-later
"""The request: which variables there are, what each accepts, and what was meant by a misspelt one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import (
    PREFIX,
    Problem,
    one_line,
    problem,
    show,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.roles import METHODS
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Tables

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "version": "latest",
        "device": "auto",
        "method": "virtualenv",
        "python": "auto",
        "cuda_from": "auto",
        "tensorrt": False,
        "nccl": "auto",
        "driver_branch": "auto",
        "path": "~/tensorflow",
        "wheel_url": "",
        "wheel_sha256": "",
        "nightly": "keep",
        "overrides": {},
        "keep_releases": 2,
        "validate": "changed",
        "all_or_nothing": False,
        "lock_timeout": 600,
        "session_user": "",
        "rebuild": False,
    }
)
# Variables of the roles that install, and what the plays derive: known, so that nobody is told that they are misspelt.
_ROLE_NAMES = (
    "environments",
    "only",
    "pip_index_url",
    "pip_extra_index_urls",
    "pip_timeout",
    "pip_retries",
    "pip_cache",
    "pip_ca_file",
    "pip_extra_packages",
    "pip_in_use",
    "pip_sdists",
    "docker_state",
    "docker_image",
    "docker_jupyter",
    "docker_extra_packages",
    "docker_digest",
    "docker_registry",
    "docker_builder",
    "docker_refresh",
    "docker_retries",
    "docker_gpu_access",
    "docker_nvidia_docker",
    "docker_services",
    "source_url",
    "source_commit",
    "source_bazelisk_url",
    "source_bazelisk_sha256",
    "source_bazel_url",
    "source_bazel_sha256",
    "source_compiler",
    "source_march",
    "source_capabilities",
    "source_options",
    "source_jobs",
    "source_memory_mb",
    "source_build_host",
    "source_wheels",
    "source_timeout",
    "source_keep_tree",
    "users_environments",
    "users_groups",
    "users_profile",
    "users_modules",
    "users_kernels",
    "users_gpus",
    "users_memory_growth",
    "users_discard",
)
_DERIVED_NAMES = (
    *(
        "host",
        "request",
        "requests",
        "methods",
        "place",
        "places",
        "plan",
        "plans",
        "problems",
        "due",
        "unproved",
        "unneeded",
        "served",
    ),
    *("resolved", "result", "results", "report_state"),
    *("pip_result", "pip_results", "docker_result", "source_result", "source_offer", "source_given", "source_wheel"),
    *("accounts", "users_result", "look"),
)
OPTIONS: Final = tuple(PREFIX + name for name in (*DEFAULTS, *_ROLE_NAMES))
KNOWN_NAMES: Final = (*OPTIONS, *(PREFIX + name for name in _DERIVED_NAMES))

_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")
_RELEASE = re.compile(r"\d+(\.\d+){1,3}((a|b|rc)\d+)?(\.post\d+)?")
_QUOTE = "the version in quotes, as YAML reads a bare one as a number"

_LOGIN = re.compile(r"//[^/@\s]+@")  # a misspelt variable may hold a URL with a password


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. None stands for a value that was refused, and is asked about no further."""

    version: str | None
    device: str | None
    method: str | None
    python: str | None
    cuda_from: str | None
    tensorrt: bool | str | None
    nccl: bool | str | None
    driver_branch: str | None
    path: str | None
    wheel_url: str | None  # without a login
    wheel_sha256: str | None
    nightly: str | None


class RefusedError(Exception):
    """A value that is not accepted; carries why not and what would be."""

    def __init__(self, why: str, accepted: str) -> None:
        super().__init__(why)
        self.why = why
        self.accepted = accepted


def misspelt(names: Iterable[object]) -> list[Problem]:
    """Variables that begin like ours and are not, each with the name that was probably meant; with its value, if given."""
    values = names if isinstance(names, Mapping) else {}
    found: list[Problem] = []
    for name in sorted({str(name) for name in names if isinstance(name, str) and name.startswith(PREFIX)}):
        if name not in KNOWN_NAMES:
            near = get_close_matches(name[len(PREFIX) :], [known[len(PREFIX) :] for known in OPTIONS], n=1, cutoff=0.6)
            accepted = PREFIX + near[0] if near else "the names in docs/variables.md"
            given = _LOGIN.sub("//…@", show(values[name])) if name in values else "set"
            message = f"{one_line(name)} is {given}, but no variable has that name"
            found.append({"about": one_line(name[len(PREFIX) :]), "message": message, "accepted": accepted})
    return found


def near_one(given: str, choices: Iterable[str]) -> str:
    """' (the nearest is x)', where a choice resembles what was given."""
    near = get_close_matches(given.lower(), list(choices), n=1, cutoff=0.5)
    return f" (the nearest is {near[0]})" if near else ""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError("which is not a text", "a text")
    return str(value).strip()


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        listed = ", ".join(choices)
        if not isinstance(value, str):
            raise RefusedError("which is not a text", listed)
        if value.strip() not in choices:
            raise RefusedError("which is none of its values", listed + near_one(value, choices))
        return str(value).strip()

    return read


def _switch(value: object) -> bool:
    word = str(value).strip().lower() if isinstance(value, str) else value
    if isinstance(word, bool):
        return word
    if word in _YES or word in _NO:
        return word in _YES
    raise RefusedError("which is neither true nor false", "true, false")


def _switch_or_auto(value: object) -> bool | str:
    if isinstance(value, str) and value.strip() == "auto":
        return "auto"
    try:
        return _switch(value)
    except RefusedError:
        raise RefusedError("which is neither true nor false nor auto", "true, false, auto") from None


def _whole(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        digits = value.strip() if isinstance(value, str) else value
        number = int(digits) if isinstance(digits, str) and digits.isascii() and digits.isdigit() else digits
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise RefusedError(f"which is not a whole number from {least}", f"a whole number from {least}")
        return number

    return read


def _path(value: object) -> str:
    accepted = "a path that begins with / or ~/, such as ~/tensorflow or /opt/tensorflow"
    if not isinstance(value, str):
        raise RefusedError("which is not a text", accepted)
    path = str(value).strip()
    if not path.startswith(("/", "~/")):
        raise RefusedError("which is not an absolute path", accepted)
    if ":" in path or not path.isprintable():
        raise RefusedError(
            "which no PATH and no file of settings can hold", "a path without colons and control characters"
        )
    if not path.strip("/~") or ".." in path.split("/"):
        raise RefusedError("which names no directory of its own", accepted)
    return path


def _overrides(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RefusedError("which is not a mapping", "a mapping of tables to rows, such as {} for none")
    return value


def _number_as_version(value: object, known: Iterable[str]) -> object:
    """2.15 for 2.15, but not 2.2 for what may have been 2.20: YAML drops the last zero."""
    if not isinstance(value, float):
        return value
    bare = repr(value)
    if f"{bare}0" in known:
        raise RefusedError(f"a number, which may stand for {bare} or {bare}0", f'{_QUOTE}: "{bare}" or "{bare}0"')
    return bare


def _version(tables: Tables) -> Callable[[object], str]:
    stable = tables.stable
    accepted = (
        f"latest, nightly, or a release from {stable[-1].version} to {stable[0].version}" if stable else "nightly"
    )
    names = tables.version_names

    def read(value: object) -> str:
        given = _number_as_version(value, names)
        if not isinstance(given, str):
            raise RefusedError("which is not a text", accepted)
        given = str(given).strip()
        if given in ("latest", "nightly"):
            return given
        if not _RELEASE.fullmatch(given):
            hint = near_one(given, ("latest", "nightly"))
            raise RefusedError("which is not a TensorFlow release", accepted + hint)
        if given not in names:
            nearest = versions.nearest(given, (release.version for release in stable))
            raise RefusedError("which is not a TensorFlow release", f"{accepted} (the nearest is {nearest})")
        return given

    return read


def _python(tables: Tables) -> Callable[[object], str]:
    known = tables.pythons
    accepted = f"auto, or a Python with TensorFlow wheels: {', '.join(known)}"

    def read(value: object) -> str:
        given = _number_as_version(value, known)
        if not isinstance(given, str):
            raise RefusedError("which is not a text", accepted)
        given = str(given).strip()
        if given == "auto" or given in tables.every_python:
            return given
        if not re.fullmatch(r"\d+\.\d+", given):
            short = versions.series(given)
            hint = f" (the nearest is {short})" if short in tables.every_python else near_one(given, ("auto",))
            raise RefusedError("which is not a Python's major and minor version", accepted + hint)
        raise RefusedError(
            "for which no TensorFlow release has a wheel",
            f"{accepted} (the nearest is {versions.nearest(given, known)})",
        )

    return read


def _branch(tables: Tables) -> Callable[[object], str]:
    accepted = f"auto, or a driver branch: {', '.join(versions.ascending(tables.drivers))}"

    def read(value: object) -> str:
        given = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if given == "auto" or given in tables.drivers:
            return given
        hint = f" (the nearest is {versions.nearest(given, tables.drivers)})" if given.isdigit() else ""
        raise RefusedError("which is not a known driver branch", accepted + hint)

    return read


def _wheel_url(value: object) -> str:
    accepted = "empty, or the URL of a wheel: https://…/tensorflow-2.15.1-cp311-cp311-linux_x86_64.whl"
    if not isinstance(value, str):
        raise RefusedError("which is not a text", accepted)
    url = str(value).strip()
    if url and not re.fullmatch(r"(https?|file)://[^\s]+", url):
        raise RefusedError("which is not a URL", accepted)
    return without_login(url)


def without_login(text: str) -> str:
    """A text without the user and password of any URL in it: plans are shown, and kept in seals."""
    return _LOGIN.sub("//", text)


def _sha256(value: object) -> str:
    accepted = "empty, or the 64 hexadecimal digits of the wheel's SHA-256"
    if not isinstance(value, str) or not re.fullmatch(r"([0-9a-fA-F]{64})?", value.strip()):
        raise RefusedError("which is no SHA-256", accepted)
    return str(value).strip().lower()


def _nightly(value: object) -> str:
    accepted = "keep, newest, or a build such as 2.23.0.dev20261026"
    if not isinstance(value, str):
        raise RefusedError("which is not a text", accepted)
    given = str(value).strip()
    if given not in ("keep", "newest") and not re.fullmatch(r"\d+\.\d+\.\d+\.dev\d{8}", given):
        raise RefusedError("which is not a nightly build", accepted + near_one(given, ("keep", "newest")))
    return given


def _method(value: object) -> str:
    listed = ", ".join(METHODS)
    if not isinstance(value, str):
        raise RefusedError("which is not a text", listed)
    given = str(value).strip()
    if given not in METHODS:
        raise RefusedError("which is not a method", listed + near_one(given, METHODS))
    return given


def read_request(given: Mapping[str, object], tables: Tables) -> tuple[Request, list[Problem]]:
    """The request as it was meant, and a problem for every value that is not accepted."""
    readers: dict[str, Callable[[object], Any]] = {
        "version": _version(tables),
        "device": _one_of("auto", "cpu", "gpu"),
        "method": _method,
        "python": _python(tables),
        "cuda_from": _one_of("auto", "wheels", "apt"),
        "tensorrt": _switch_or_auto,
        "nccl": _switch_or_auto,
        "driver_branch": _branch(tables),
        "path": _path,
        "wheel_url": _wheel_url,
        "wheel_sha256": _sha256,
        "nightly": _nightly,
        "overrides": _overrides,
        "keep_releases": _whole(1),
        "validate": _one_of("changed", "always", "never"),
        "all_or_nothing": _switch,
        "lock_timeout": _whole(0),
        "session_user": _text,
        "rebuild": _switch,
    }
    values: dict[str, Any] = {}
    problems = misspelt({PREFIX + str(name): given[name] for name in given if name not in DEFAULTS})
    for name, reader in readers.items():
        value = given.get(name, DEFAULTS[name])
        try:
            values[name] = reader(value)
        except RefusedError as refusal:
            values[name] = None
            shown = _LOGIN.sub("//…@", value) if isinstance(value, str) else value
            problems.append(problem(name, shown, refusal.why, refusal.accepted))
    asked = Request(**{name: values[name] for name in Request.__dataclass_fields__})
    return asked, problems
