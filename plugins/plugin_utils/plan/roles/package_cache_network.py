# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the package cache listens, and whom it answers, if nobody says: at the address that hosts are told, and that network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


def network(
    facts: Mapping[str, Any],
    url: str = "",
    listen: Iterable[str] = (),
    clients: Iterable[str] = (),
    names: Iterable[str] = (),
    hosts: Iterable[str] = (),
) -> dict[str, list[str]]:
    """`listen`: addresses, `clients`: networks, as nginx has them.

    facts: the host's, with its interfaces; url: the cache's. names: what the host in it resolves to on the cache host, then that host's
    address in the inventory; hosts: addresses of all hosts of the inventory. What is no address among these is passed over.
    """
    own = list(_interfaces(facts))
    addresses = [str(one) for one in listen] or [str(one) for one in _listen(facts, own, url, names)]
    networks = [str(one) for one in clients]
    if not networks:
        reached = [one.network for one in own if str(one.ip) in addresses or {"0.0.0.0", "::"} & {*addresses}]
        networks = [str(one) for one in (*LOOPBACK, *reached, *(one.ip for one in own), *_addresses(hosts))]
    return {"listen": list(dict.fromkeys(addresses)), "clients": list(dict.fromkeys(networks))}


def _listen(facts: Mapping[str, Any], own: list[Interface], url: str, names: Iterable[str]) -> list[Address]:
    """The addresses that hosts are told, as far as they are the host's own; otherwise that by which it reaches the world."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return [ipaddress.ip_address("127.0.0.1")]
    mine = {one.ip for one in own}
    told = list(_addresses([host]))
    if told and told[0].is_loopback:
        return told
    found = [one for one in (*told, *_addresses(names)) if one in mine]
    if found:
        return found
    default = _addresses((facts.get(kind) or {}).get("address", "") for kind in ("default_ipv4", "default_ipv6"))
    return list(default)[:1] or [ipaddress.ip_address("127.0.0.1")]


def _addresses(texts: Iterable[object]) -> Iterator[Address]:
    """Those of the texts that are addresses."""
    for text in texts:
        try:
            yield ipaddress.ip_address(str(text))
        except ValueError:
            continue


def _interfaces(facts: Mapping[str, Any]) -> Iterator[Interface]:
    """The host's addresses in their networks; not those of the loopback, and none that are good on one link alone."""
    for name in facts.get("interfaces") or []:
        device = facts.get(str(name).replace("-", "_").replace(".", "_")) or {}
        first = device.get("ipv4") or []
        rows = [
            *(first if isinstance(first, list) else [first]),
            *(device.get("ipv4_secondaries") or []),
            *(device.get("ipv6") or []),
        ]
        for row in rows:
            try:
                found = ipaddress.ip_interface(f"{row['address']}/{row.get('prefix') or row['netmask']}")
            except (KeyError, ValueError):
                continue
            if not found.ip.is_loopback and not found.ip.is_link_local:
                yield found
