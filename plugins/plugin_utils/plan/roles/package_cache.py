# SPDX-License-Identifier: GPL-3.0-or-later
"""One download for all: what the package cache fetches from where, and how hosts are told to use it."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan

ROLE: Final = "package_cache"
MINIMUM_MB: Final = 64
LEAST_SECONDS: Final = 60  # or hosts that ask at once may ask the origin several times
# Distributions' archives, whose content is signed; Ubuntu's have no TLS.
ARCHIVES: Final = (
    "archive.debian.org",
    "archive.ubuntu.com",
    "deb.debian.org",
    "ports.ubuntu.com",
    "security.debian.org",
    "security.ubuntu.com",
)
# With those that they redirect to.
HOSTS: Final = (
    "binstar-cio-packages-prod.s3.amazonaws.com",
    "conda.anaconda.org",
    "developer.download.nvidia.com",
    "download.docker.com",
    "files.pythonhosted.org",
    "github.com",
    "keyserver.ubuntu.com",
    "nvidia.github.io",
    "objects.githubusercontent.com",
    "ppa.launchpadcontent.net",
    "pypi.nvidia.com",
    "pypi.org",
    "release-assets.githubusercontent.com",
)
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~%+/-]*)?")
_DIRECTORY: Final = re.compile(r"/[A-Za-z0-9._/+-]*[A-Za-z0-9._+-]")


def origins(own: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Host → the address that stands for it, without a slash at its end. A site's own rows win; an empty one takes a host out."""
    rows: dict[str, Any] = {host: f"http://{host}" for host in ARCHIVES}
    rows.update({host: f"https://{host}" for host in HOSTS})
    rows.update({str(host).lower(): url for host, url in (own or {}).items()})
    return {host: str(url).rstrip("/") for host, url in sorted(rows.items()) if url}


def settings(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What modules that fetch are told of the cache; nothing where there is none."""
    url = str(variables.get("package_cache_url") or "").rstrip("/")
    if not url:
        return {}
    own = variables.get("package_cache_origins")
    return {
        "url": url,
        "only": only(variables),
        "timeout": int(variables.get("package_cache_timeout") or 3600),
        "hosts": sorted(origins(own if isinstance(own, Mapping) else {})),
    }


def add(plan: Plan, host: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    """Let hosts use the cache where there is one, and no longer where there was; tell of what is wrong with it."""
    plan["problems"].extend(problems(variables))
    url = variables.get("package_cache_url") or ""
    used = any(receipt.get("role") == ROLE for receipt in host.get("receipts") or [])
    if host.get("become") is not False and (url or used):
        plan["roles"].insert(0, ROLE)
    told = host.get("package_cache") or {}
    if not url or told.get("answers") is not False:
        return
    then = "and package_cache_only is true" if only(variables) else "so the origins are asked"
    plan["notes"].append(f"The package cache {url} does not answer this host, {then}.")


def only(variables: Mapping[str, Any]) -> bool:
    """Whether hosts never go to the origin."""
    return truth(variables.get("package_cache_only", False))


def truth(value: object) -> bool:
    """What a switch says, which may be a text."""
    return str(value).strip().lower() in ("true", "yes", "on", "1")


def problems(variables: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the package cache's variables, of the hosts that use it and of the one that is it."""
    found = _hosts_problems(variables)
    if truth(variables.get("package_cache_server", False)):
        found += _server_problems(variables)
    return found


def _hosts_problems(variables: Mapping[str, Any]) -> list[Problem]:
    found = []
    url = variables.get("package_cache_url") or ""
    if url and package_cache.address(str(url)) is None:
        found.append(
            _problem("package_cache_url", url, "which is no cache's address", "http://HOST:PORT or https://HOST:PORT")
        )
    if only(variables) and not url:
        accepted = "package_cache_only: false, or the cache's address as package_cache_url"
        message = "package_cache_only is true, and package_cache_url is empty"
        found.append({"about": "package_cache_only", "message": message, "accepted": accepted})
    own = variables.get("package_cache_origins")
    for host, origin in own.items() if isinstance(own, Mapping) else ():
        if not _HOST.fullmatch(str(host).lower()):
            accepted = "a host, as it stands in addresses: pypi.org or mirror.example.org:8080"
            found.append(_problem("package_cache_origins", host, "which names no host", accepted, "has the key"))
        elif origin and not _URL.fullmatch(str(origin)):
            accepted = "http://… or https://… without a login, or nothing, which takes the host out"
            found.append(_problem(f"package_cache_origins.{host}", origin, "which is no origin's address", accepted))
    return found


def _server_problems(variables: Mapping[str, Any]) -> list[Problem]:
    found = []

    def wrong(name: str, given: object, why: str, accepted: str) -> None:
        found.append(_problem(name, given, why, accepted))

    for given in _items(variables, "package_cache_clients"):
        if not _is(ipaddress.ip_network, given):
            wrong(
                "package_cache_clients", given, "which is no network", "networks such as 10.0.0.0/8 or 192.168.7.5/32"
            )
    for name in ("package_cache_listen", "package_cache_resolvers"):
        for given in _items(variables, name):
            if not _is(ipaddress.ip_address, given):
                wrong(name, given, "which is no address", "addresses such as 10.0.0.5")
    port = variables.get("package_cache_port", 8180)
    if not str(port).isdecimal() or not 0 < int(port) < 65536:
        wrong("package_cache_port", port, "which is no port", "a whole number from 1 to 65535")
    room = variables.get("package_cache_max_mb", MINIMUM_MB)
    if not str(room).isdecimal() or int(room) < MINIMUM_MB:
        wrong("package_cache_max_mb", room, "which is too little", f"a whole number of MB from {MINIMUM_MB} on")
    fresh = variables.get("package_cache_index_seconds", LEAST_SECONDS)
    if not str(fresh).isdecimal() or int(fresh) < LEAST_SECONDS:
        wrong("package_cache_index_seconds", fresh, "which is too little", f"a whole number from {LEAST_SECONDS} on")
    for name in ("package_cache_directory", "package_cache_ca_file"):
        path = variables.get(name, "/etc")
        if not _DIRECTORY.fullmatch(str(path)) or ".." in str(path) or posixpath.normpath(str(path)) != str(path):
            wrong(name, path, "which is no path that the cache's settings can hold", "a path without blanks and signs")
    found += _tls_problems(variables)
    proxy = variables.get("ca_certificates_https_proxy") or variables.get("ca_certificates_http_proxy")
    if proxy:
        message = (
            "package_cache_server is true, and ca_certificates_https_proxy is set: nginx asks origins without a proxy"
        )
        accepted = "a cache host that reaches the origins, or their mirrors by package_cache_origins, without a proxy"
        found.append({"about": "package_cache_server", "message": message, "accepted": accepted})
    return found


def _tls_problems(variables: Mapping[str, Any]) -> list[Problem]:
    """Certificate and key of the cache: both or none, and files of the control node."""
    names = ("package_cache_tls_certificate", "package_cache_tls_key")
    given = {name: str(variables.get(name) or "") for name in names}
    found = []
    for name, other in (names, names[::-1]):
        if given[other] and not given[name]:
            message = f"{other} is set without {name}"
            found.append(Problem(about=name, message=message, accepted="both or none of them"))
        elif given[name] and not Path(given[name]).expanduser().is_file():
            found.append(_problem(name, given[name], "and the control node has no such file", "a file in PEM form"))
    return found


def _items(variables: Mapping[str, Any], name: str) -> list[Any]:
    value = variables.get(name)
    return list(value) if isinstance(value, (list, tuple)) else []


def _is(kind: Callable[[str], object], given: object) -> bool:
    try:
        kind(str(given))
    except ValueError:
        return False
    return True


def _problem(about: str, given: object, why: str, accepted: str, verb: str = "is") -> Problem:
    return {"about": about, "message": f"{about} {verb} {show(given)}, {why}", "accepted": accepted}
