# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's own variables say about builds from source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, one_line, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import without_login

PREFIX = "tensorflow_source_"
_URL = re.compile(r"(https?|git|ssh|file)://\S+|/\S+")
_FETCHED = re.compile(r"(https?|file)://\S+")
_MARCH = re.compile(r"[a-z0-9][a-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class Wish:
    """The site's variables; empty and 0 stand for what the plan chooses."""

    url: str = ""
    commit: str = ""
    bazelisk_url: str = ""
    bazelisk_sha256: str = ""
    bazel_url: str = ""
    bazel_sha256: str = ""
    compiler: str = ""
    march: str = ""
    capabilities: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    jobs: int = 0
    memory_mb: int = 0
    build_host: str = ""


def read(variables: Mapping[str, Any]) -> tuple[Wish, list[Problem]]:
    """What is asked for, and a problem for every value that cannot be; values of another type are told from the role's specs."""
    wish = Wish(
        url=_text(variables, "url"),
        commit=_text(variables, "commit"),
        bazelisk_url=_text(variables, "bazelisk_url"),
        bazelisk_sha256=_text(variables, "bazelisk_sha256"),
        bazel_url=_text(variables, "bazel_url"),
        bazel_sha256=_text(variables, "bazel_sha256"),
        compiler=_text(variables, "compiler"),
        march=_text(variables, "march"),
        capabilities=_texts(variables, "capabilities"),
        options=_texts(variables, "options"),
        jobs=_number(variables, "jobs"),
        memory_mb=_number(variables, "memory_mb"),
        build_host=_text(variables, "build_host"),
    )
    return wish, list(_problems(wish))


def _text(variables: Mapping[str, Any], name: str) -> str:
    value = variables.get(PREFIX + name)
    return str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _texts(variables: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = variables.get(PREFIX + name)
    return tuple(str(one).strip() for one in value) if isinstance(value, (list, tuple)) else ()


def _number(variables: Mapping[str, Any], name: str) -> int:
    text = _text(variables, name)
    return int(text) if text.isdecimal() else 0


def _problems(wish: Wish) -> Iterator[Problem]:
    addresses = {
        "url": (wish.url, _URL, "the address of a git repository, such as https://git.example.org/tensorflow.git"),
        "bazelisk_url": (wish.bazelisk_url, _FETCHED, "the URL of a bazelisk program"),
        "bazel_url": (wish.bazel_url, _FETCHED, "the URL below which a mirror has <version>/bazel-<version>-linux-…"),
    }
    for name, (given, pattern, accepted) in addresses.items():
        if given and not pattern.fullmatch(given):
            yield _problem(name, f"is {show(without_login(given))}, which is no such address", f"empty, or {accepted}")
        elif without_login(given) != given:
            why = f"is '{one_line(without_login(given))}' with a login, which would be on command lines for all to read"
            yield _problem(name, why, "an address without one, or the login in a ~/.netrc of the build host's")
    for name, digest in (("bazelisk_sha256", wish.bazelisk_sha256), ("bazel_sha256", wish.bazel_sha256)):
        if digest and not re.fullmatch(r"[0-9a-f]{64}", digest):
            yield _problem(name, f"is {show(digest)}, which is no SHA-256", "empty, or its 64 hexadecimal digits")
    if wish.bazelisk_url and not wish.bazelisk_sha256:
        yield _problem("bazelisk_sha256", "is empty, but tensorflow_source_bazelisk_url names one", "its SHA-256")
    if wish.commit and not re.fullmatch(r"[0-9a-f]{40}", wish.commit):
        yield _problem("commit", f"is {show(wish.commit)}, which is no commit", "empty, or its 40 hexadecimal digits")
    if wish.march and not _MARCH.fullmatch(wish.march):
        accepted = "empty, native, or a name that the compiler's -march takes, such as haswell or x86-64-v3"
        yield _problem("march", f"is {show(wish.march)}, which is no processor's name", accepted)
    if wish.compiler and not re.fullmatch(r"/\S*/([\w-]+-)?(gcc|clang)(-[\d.]+)?", wish.compiler):
        why = f"is {show(wish.compiler)}, which is not the path of a gcc or clang"
        yield _problem("compiler", why, "empty, or a path such as /usr/bin/clang-18")
    for one in wish.capabilities:
        if versions.key(one) is None or one.count(".") != 1:
            why = f"has {show(one)}, which is no compute capability"
            yield _problem("capabilities", why, 'a list of such as "8.0", in quotes')
    for one in wish.options:
        if not one.startswith("--"):
            yield _problem(
                "options", f"has {show(one)}, which is no option of bazel build", "options such as --config=nogcp"
            )


def _problem(name: str, why: str, accepted: str) -> Problem:
    return {"about": PREFIX + name, "message": f"{PREFIX}{name} {why}", "accepted": accepted}
