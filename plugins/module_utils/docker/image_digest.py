# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image of Docker Hub a tag leads to, asked of Docker Hub itself by TLS where the engine would ask a mirror without.

An engine checks all that it pulls by the digest that the tag led to. Who answers for a mirror without TLS would choose that digest.
"""

import ipaddress
import json
import re
import urllib.error
import urllib.request
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlencode, urlsplit

from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import cli as docker_cli
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import Cache

HUB = "https://registry-1.docker.io"
SECONDS = 30
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What a tag may lead to, several of which stand in a list for several architectures.
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class DigestError(Exception):
    """Docker Hub did not tell; the text is one clause."""


def of_the_hub(reference: str) -> Optional[Tuple[str, str]]:
    """Return repository and tag of an image that an engine asks Docker Hub or its mirrors for; None for others and for a digest."""
    if "@" in reference:
        return None
    first, slash, rest = reference.partition("/")
    if slash and first in ("docker.io", "index.docker.io"):
        reference = rest
    elif slash and ("." in first or ":" in first or first == "localhost"):
        return None
    name, colon, tag = reference.partition(":")
    return (name if "/" in name else "library/" + name), tag if colon else "latest"


def unverified(info: Mapping[str, Any]) -> List[str]:
    """Return those mirrors of Docker Hub that the engine asks without knowing who answers. `info`: what `docker info` says."""
    config = info.get("RegistryConfig") or {}
    indexes = config.get("IndexConfigs") or {}
    hub = indexes.get("docker.io") or {}
    mirrors = list(config.get("Mirrors") or hub.get("Mirrors") or [])
    networks = [ipaddress.ip_network(str(one), strict=False) for one in config.get("InsecureRegistryCIDRs") or []]
    return [str(one) for one in mirrors if not _is_verified(str(one), indexes, networks)]


def _is_verified(mirror: str, indexes: Mapping[str, Any], networks: List[Any]) -> bool:
    place = urlsplit(mirror)
    if place.scheme != "https" or (indexes.get(place.netloc) or {}).get("Secure") is False:
        return False
    try:
        address = ipaddress.ip_address(place.hostname or "")
    except ValueError:
        return True
    return not any(address in network for network in networks)


def pull(reference: str, retries: int, site: Mapping[str, Any]) -> None:
    """Pull an image, by its digest where nobody vouches for what the tag leads to. Raises DockerError.

    site: how the host reaches the network (package_cache, ca_file, proxy), as docker_images.program takes it.
    """
    tagged = of_the_hub(reference)
    mirrors = unverified(json.loads(docker_cli.done("info", "--format", "{{json .}}"))) if tagged else []
    if tagged is None or not mirrors:
        docker_cli.pull(reference, retries)
        return
    try:
        if Cache(site.get("package_cache")).only:
            raise DigestError("package_cache_only is true")
        digest = ask(tagged[0], tagged[1], site)
    except DigestError as error:
        message = (
            "{0} would come by way of {1}, which has no TLS, so that whoever answers there chooses the image; and Docker Hub was not "
            "asked which one it is: {2}; accepted is the image's digest as tensorflow_docker_digest, a mirror with https, "
            "a host that reaches {3}, or an image that 'docker load' has put on the host"
        )
        raise DockerError(message.format(reference, " and ".join(mirrors), error, HUB)) from error
    by_digest = "{0}@{1}".format(reference[: reference.rindex(":")] if ":" in reference else reference, digest)
    docker_cli.pull(by_digest, retries)
    docker_cli.done("tag", by_digest, reference)


def ask(repository: str, tag: str, site: Mapping[str, Any], hub: str = HUB) -> str:
    """Return the digest that a tag leads to now. Raises DigestError, and DockerError where Docker Hub has no such tag."""
    address = "{0}/v2/{1}/manifests/{2}".format(hub, repository, tag)
    headers = {"Accept": ", ".join(MANIFESTS)}
    try:
        opener = _opener(site)
        try:
            answer = opener.open(_request(address, headers, "HEAD"), timeout=SECONDS)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            headers["Authorization"] = "Bearer " + _token(opener, error.headers.get("WWW-Authenticate") or "")
            answer = opener.open(_request(address, headers, "HEAD"), timeout=SECONDS)
        with answer:
            digest = str(answer.headers.get("Docker-Content-Digest") or "")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            unknown = docker_cli.explain("manifest unknown")
            raise DockerError("{0}:{1} could not be pulled: {2}".format(repository, tag, unknown)) from error
        raise DigestError("{0} answers {1} {2}".format(address, error.code, error.reason)) from error
    except (OSError, ValueError, download.DownloadError) as error:
        raise DigestError("{0}: {1}".format(address, getattr(error, "reason", None) or error)) from error
    if not DIGEST.fullmatch(digest):
        raise DigestError("{0} answers without a digest".format(address))
    return digest


class _NoDetour(urllib.request.HTTPRedirectHandler):
    """Follows no redirect that leaves TLS."""

    def redirect_request(self, *what: Any, **more: Any) -> Any:
        request = super(_NoDetour, self).redirect_request(*what, **more)
        if request is not None and not request.full_url.startswith("https://"):
            raise ValueError("it redirects to {0}, which has no TLS".format(request.full_url))
        return request


def _opener(site: Mapping[str, Any]) -> urllib.request.OpenerDirector:
    """Return what asks through the site's proxy, or that of this process, and knows whom it asks by the site's authorities."""
    context = download.tls_context(str(site.get("ca_file") or "") or None)
    proxy: Dict[str, str] = site.get("proxy") or {}
    proxies = {"https": proxy["https_proxy"]} if proxy.get("https_proxy") else None
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context), _NoDetour()
    )


def _request(address: str, headers: Mapping[str, str], method: str) -> urllib.request.Request:
    request = urllib.request.Request(
        address, headers={key: headers[key] for key in headers if key == "Accept"}, method=method
    )
    if "Authorization" in headers:
        request.add_unredirected_header("Authorization", headers["Authorization"])
    return request


def _token(opener: urllib.request.OpenerDirector, challenge: str) -> str:
    """Return the token that anybody gets who asks where the challenge says. Raises DigestError and OSError."""
    words = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.startswith("Bearer ") or not words.get("realm", "").startswith("https://"):
        raise DigestError("it wants a login of a kind that is not known here")
    query = urlencode({key: words[key] for key in ("service", "scope") if key in words})
    with opener.open(words["realm"] + "?" + query, timeout=SECONDS) as answer:
        told = json.loads(answer.read(1 << 20).decode("utf-8"))
    return str(told.get("token") or told.get("access_token") or "")
