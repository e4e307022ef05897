# SPDX-License-Identifier: GPL-3.0-or-later
"""The package cache listens where it was told to, and answers whom it was told to; if nobody says, no more than the fleet's network."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles.package_cache_network import network

# A host with a leg in the fleet's network and one, with the default route, in another.
FACTS: dict[str, Any] = {
    "interfaces": ["lo", "eth0", "br-lan.5"],
    "lo": {"ipv4": {"address": "127.0.0.1", "netmask": "255.0.0.0"}, "ipv6": [{"address": "::1", "prefix": "128"}]},
    "eth0": {
        "ipv4": {"address": "198.51.100.7", "netmask": "255.255.255.0", "prefix": "24"},
        "ipv6": [{"address": "2001:db8::7", "prefix": "64"}, {"address": "fe80::7", "prefix": "64"}],
    },
    "br_lan_5": {
        "ipv4": {"address": "10.1.2.3", "netmask": "255.255.0.0"},
        "ipv4_secondaries": [{"address": "10.9.0.3", "netmask": "255.255.255.0", "prefix": "24"}],
    },
    "default_ipv4": {"address": "198.51.100.7"},
    "default_ipv6": {"address": "2001:db8::7"},
}


@pytest.mark.parametrize(
    ("asked", "listen"),
    [
        ({"url": "http://10.1.2.3:8180"}, ["10.1.2.3"]),
        ({"url": "http://[2001:db8::7]:8180"}, ["2001:db8::7"]),
        ({"url": "http://localhost:8180"}, ["127.0.0.1"]),
        ({"url": "http://127.0.0.1:8180"}, ["127.0.0.1"]),
        # A name, by what it is for the host itself, where /etc/hosts may say 127.0.1.1 as well.
        ({"url": "http://cache:8180", "names": ["127.0.1.1", "10.1.2.3", ""]}, ["10.1.2.3"]),
        ({"url": "http://cache:8180", "names": ["10.1.2.3", "2001:db8::7", "10.1.2.3"]}, ["10.1.2.3", "2001:db8::7"]),
        # An address that leads to the host by way of another, and the inventory's.
        ({"url": "http://203.0.113.9:8180", "names": ["10.9.0.3"]}, ["10.9.0.3"]),
        ({"url": "http://cache:8180", "names": ["127.0.1.1", "cache.example.org"]}, ["198.51.100.7"]),
        ({}, ["198.51.100.7"]),
        ({"url": "http://10.1.2.3:8180", "listen": ["10.9.0.3", "::"]}, ["10.9.0.3", "::"]),
    ],
)
def test_where_it_listens(asked: dict[str, Any], listen: list[str]) -> None:
    assert network(FACTS, **asked)["listen"] == listen


OWN = ["198.51.100.7", "2001:db8::7", "10.1.2.3", "10.9.0.3"]
LOOPBACK = ["127.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("asked", "clients"),
    [
        ({"url": "http://10.1.2.3:8180"}, [*LOOPBACK, "10.1.0.0/16", *OWN]),
        ({"url": "http://10.1.2.3:8180", "hosts": ["10.7.0.1", "gpu01"]}, [*LOOPBACK, "10.1.0.0/16", *OWN, "10.7.0.1"]),
        (
            {"listen": ["0.0.0.0"]},
            [*LOOPBACK, "198.51.100.0/24", "2001:db8::/64", "10.1.0.0/16", "10.9.0.0/24", *OWN],
        ),
        ({"url": "http://10.1.2.3:8180", "clients": ["10.0.0.0/8"]}, ["10.0.0.0/8"]),
    ],
)
def test_whom_it_answers(asked: dict[str, Any], clients: list[str]) -> None:
    assert network(FACTS, **asked)["clients"] == clients


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"interfaces": ["eth0", 'x";'], "eth0": {"ipv4": {"address": "1.2.3.4; allow all", "netmask": "255.0.0.0"}}},
        {"default_ipv4": {"address": "0.0.0.0;"}, "interfaces": ["eth0"], "eth0": {"ipv6": [{"prefix": "64"}]}},
    ],
)
def test_what_a_host_says_that_makes_no_sense_is_passed_over(facts: dict[str, Any]) -> None:
    assert network(facts) == {"listen": ["127.0.0.1"], "clients": LOOPBACK}
