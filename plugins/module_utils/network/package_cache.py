# SPDX-License-Identifier: GPL-3.0-or-later
"""The package cache as hosts use it: where in it an object of the network is, whether it answers, and what to do if not.

The object at https://HOST/PATH is at CACHE/HOST/PATH. Used on hosts and on the controller.
"""

import os
import re
import socket
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files

SECONDS = 2.0
APT_CONF = "/etc/apt/apt.conf.d/91tensorwright-package-cache"
ADDRESS = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/*")
PORTS = {"http": 80, "https": 443}


def address(url: str) -> Optional[Tuple[str, int]]:
    """Host and port of a cache's address; None for a text that is none."""
    found = ADDRESS.match(url)
    if not found or found.end() != len(url):
        return None
    port = int(found.group(3) or PORTS[found.group(1)])
    return (found.group(2).strip("[]"), port) if 0 < port < 65536 else None


def answers(url: str, seconds: float = SECONDS) -> bool:
    """Tell whether something listens at a cache's address."""
    place = address(url)
    if place is None:
        return False
    try:
        socket.create_connection(place, timeout=seconds).close()
    except OSError:
        return False
    return True


class Cache(object):
    """A site's cache: `asked` has url, only, timeout and hosts, or nothing where there is none.

    `hosts`: those whose objects it has. Where nothing but the cache may be asked, it is asked for everything.
    """

    def __init__(self, asked: Optional[Mapping[str, Any]]) -> None:
        asked = asked or {}
        self.url = str(asked.get("url") or "").rstrip("/")
        self.only = bool(asked.get("only"))
        self.timeout = int(asked.get("timeout") or 3600)
        self.hosts = frozenset(asked.get("hosts") or [])

    def __bool__(self) -> bool:
        return bool(self.url)

    @property
    def host(self) -> str:
        """The name or address of the host that is the cache."""
        place = address(self.url)
        return place[0] if place else ""

    @property
    def plain_host(self) -> str:
        """The host of a cache without TLS, which pip takes packages from only when told to; one with TLS is verified instead."""
        return self.host if self.url.startswith("http://") else ""

    def has(self, url: str) -> bool:
        """Tell whether the cache is asked for this object: for what needs a login, which all would share then, it is not."""
        parts = urlsplit(url)
        if not self.url or parts.scheme not in PORTS or "@" in parts.netloc or url.startswith(self.url + "/"):
            return False
        return self.only or parts.netloc.lower() in self.hosts

    def of(self, url: str) -> str:
        """Return where to ask for the object at a URL: the cache, or the URL itself."""
        return self.url + "/" + url.split("://", 1)[1] if self.has(url) else url

    def places(self, url: str) -> List[str]:
        """Return where to ask, one after the other."""
        if not self.has(url):
            return [url]
        return [self.of(url)] if self.only else [self.of(url), url]

    def answers(self) -> bool:
        """Tell whether something listens at its address."""
        return answers(self.url)

    def usable(self) -> bool:
        """Tell whether to ask the cache at all: where nothing else may be asked, it is, and its silence is told then."""
        return bool(self) and (self.only or answers(self.url))

    def refusal(self) -> str:
        """Return why nothing can be fetched, where that is so because the cache is the only place to ask."""
        if not self.only or answers(self.url):
            return ""
        why = "package_cache_only is true, and the package cache {} does not answer; start it, or set package_cache_only: false"
        return why.format(self.url)

    def reach_directly(self) -> None:
        """Let this process and those that it starts reach the cache without the site's proxy."""
        if not self.url:
            return
        for name in ("no_proxy", "NO_PROXY"):
            known = [one for one in os.environ.get(name, "").split(",") if one]
            if self.host not in known:
                os.environ[name] = ",".join(known + [self.host])


NONE = Cache(None)


def of_apt(conf: str = APT_CONF) -> Cache:
    """Return the cache that apt's settings on this host name, as the role package_cache has written them."""
    found = dict(re.findall(r'^Tensorwright::PackageCache(Only|Timeout|) "([^"]*)";', files.text(conf), re.MULTILINE))
    return Cache({"url": found.get(""), "only": found.get("Only") == "true", "timeout": found.get("Timeout")})


def apt_options(conf: str = APT_CONF) -> List[str]:
    """Return apt's options for one call: to wait while the cache fetches, and not long for one that is not there."""
    cache = of_apt(conf)
    if not cache:
        return []
    if cache.answers():
        return ["-o", "Acquire::http::Timeout={0}".format(cache.timeout)]
    return ["-o", "Acquire::http::{0}::Timeout={1:.0f}".format(cache.host, SECONDS), "-o", "Acquire::Retries=0"]


def fact(url: str) -> Dict[str, Any]:
    """Return what a host says of the site's cache."""
    return {"url": url, "answers": answers(url)}
