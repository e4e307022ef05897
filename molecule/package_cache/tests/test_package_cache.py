"""One download for all: what several hosts fetch at once crosses the uplink once, verified, and the origin serves without the cache.

The tests follow one another: hosts are set up, then what the cache does is looked at, then it goes, and the hosts are given back.
"""

import hashlib
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.doubles.slow_origin import MB, SlowOrigin, content
from tests.hosts import scenario_hosts, state
from tests.hosts.containers import gateway
from tests.support.runs import GREETING, SESSION, run

HOSTS = {host.name: host for host in scenario_hosts()}
CACHE = f"http://{HOSTS['cache'].address}:8180"
ANSWER = re.compile(r'(\S+) "GET (\S+) HTTP/1\.\d" (\d+) \d+ (\S+)')
OBJECTS = "/var/cache/tensorwright-package-cache/files"
Logins = Callable[..., dict[str, Login]]


def answers(cache: Login) -> list[tuple[str, str, int, str]]:
    """Return what the cache has been asked: by whom, for what, with which status and how it had it."""
    log = cache.check_output("journalctl --identifier package_cache --output cat")
    return [(who, what, int(status), how) for who, what, status, how in ANSWER.findall(log)]


def fetched(cache: Login) -> Counter[str]:
    """Return how often the cache has fetched each object from its origin."""
    pages = {what for who, what, _status, _how in answers(cache) if who == "unix:"}
    found: Counter[str] = Counter()
    for who, what, _status, how in answers(cache):
        name = what.removeprefix("http:/")
        # Of a page, the cache's own second look says whether the origin was asked.
        if how in ("MISS", "EXPIRED", "UPDATING", "BYPASS", "STALE") and (who == "unix:" or name not in pages):
            found[name] += 1
    return found


def sha256_of(login: Login, command: str) -> str:
    """Return the hash of what a command on a host prints."""
    return str(login.check_output(f"{command} | sha256sum")).split()[0]


# Another time of a file in a wheel: the archive is as whole as before, and not the same.
TAMPER = """
import struct, sys
with open(sys.argv[1], "r+b") as kept:
    whole = bytearray(kept.read())
    body = whole.index(b"\\r\\n\\r\\n") + 4
    entry = whole.index(b"PK\\x01\\x02", body)
    local = body + struct.unpack_from("<I", whole, entry + 42)[0]
    whole[entry + 12] ^= 1
    whole[local + 10] ^= 1
    kept.seek(0)
    kept.write(whole)
"""
PART = """
import sys, urllib.request as u
answer = u.urlopen(u.Request(sys.argv[1], headers={"Range": "bytes=" + sys.argv[2]}))
print(answer.status, flush=True)
sys.stdout.buffer.write(answer.read())
"""
STATUS = """
import sys, urllib.error, urllib.request as u
try:
    print(u.urlopen(u.Request(sys.argv[1], method=sys.argv[2])).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
# What frameworks, proxies and indexes make addresses, languages and rights of.
FORGED = """
import http.client, sys
from urllib.parse import urlsplit
address, proxy = sys.argv[1], sys.argv[2]
place = urlsplit(proxy or address)
there = http.client.HTTPConnection(place.hostname, place.port)
there.putrequest("GET", address if proxy else urlsplit(address).path, skip_host=True, skip_accept_encoding=True)
for name in (
    "Accept Accept-Charset Accept-Language Authorization Cookie Forwarded From Host Origin Prefer Proxy-Authorization Range Referer "
    "TE User-Agent Via X-Forwarded-Host X-Forwarded-For X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto X-HTTP-Method-Override "
    "X-Host X-Original-URL X-Outside-Url X-Rewrite-URL X-Script-Name X-Something-New"
).split():
    there.putheader(name, "bytes=0-99999" if name == "Range" else "evil.example.org")
there.putheader("Accept-Encoding", "gzip, evil")
there.putheader("Content-Length", "4")
there.endheaders(b"evil")
print(there.getresponse().read().decode())
"""
GET = "python3 -c 'import shutil, sys, urllib.request as u; shutil.copyfileobj(u.urlopen(\"{}\"), sys.stdout.buffer)'"


@pytest.fixture(scope="module")
def cache(logins: Logins) -> Login:
    return logins("root", ["cache"])["cache"]


@pytest.fixture(scope="module")
def one(logins: Logins) -> Login:
    return logins("root", ["one"])["one"]


@pytest.fixture(scope="module")
def origin(inventory: Path) -> Iterator[SlowOrigin]:
    """A stand-in origin, which the cache knows from now on, with room for little."""
    with SlowOrigin(gateway(HOSTS["cache"])) as served:
        rows = {"origin.example.org": served.url}
        arguments = ("playbooks/package_cache.yml", inventory, "--limit", "cache")
        run(*arguments, package_cache_origins=rows, package_cache_max_mb=64).succeeded()
        yield served


def test_two_hosts_at_once_and_every_object_crosses_the_uplink_once(
    inventory: Path, cache: Login, logins: Logins
) -> None:
    done = run("site.yml", inventory, "--limit", "one,two").succeeded()
    assert "does not answer" not in done.output
    for user in logins("alice", ["one", "two"]).values():
        assert user.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
    often = {name: times for name, times in fetched(cache).items() if times > 1}
    assert often == {}
    askers = {(who, what) for who, what, _status, _how in answers(cache)}
    for host in ("one", "two"):
        mine = [what for who, what in askers if who == HOSTS[host].address]
        assert any("tensorflow_cpu-" in what for what in mine)
        assert any(what.endswith(".deb") for what in mine), "apt went past the cache"


def test_a_second_run_changes_nothing(inventory: Path) -> None:
    run("site.yml", inventory, "--limit", "one,two").changed_nothing()


def test_what_users_have_names_the_origin(one: Login) -> None:
    assert "8180" not in one.check_output(
        "cat /opt/tensorflow/pip.conf /etc/apt/sources.list /etc/apt/sources.list.d/* || true"
    )


def test_a_package_that_was_tampered_with_in_the_cache_is_refused(cache: Login, one: Login) -> None:
    index = f"{CACHE}/pypi.org/simple"
    install = (
        f"/opt/.tensorwright/tools/uv-*[0-9] pip install --no-cache --target /tmp/there --index-url {index} iniconfig"
    )
    assert one.run(install).rc == 0
    kept = cache.check_output(f"grep -rlaE '^KEY: .*/iniconfig-[^/]*whl$' {OBJECTS}").split()
    cache.check_output("python3 -c %s %s", TAMPER, *kept)
    refused = one.run(f"rm -r /tmp/there; {install}")
    assert refused.rc != 0
    assert "ash mismatch" in refused.stderr
    cache.check_output("rm %s", *kept)


def test_hosts_that_ask_at_once_cause_one_request(origin: SlowOrigin, logins: Logins) -> None:
    origin.seconds = 8
    name = "/together-24.whl"
    machines = [*logins("root", ["one", "two", "cache"]).values()] * 2
    with ThreadPoolExecutor(6) as pool:
        hashes = list(
            pool.map(lambda login: sha256_of(login, GET.format(f"{CACHE}/origin.example.org{name}")), machines)
        )
    origin.seconds = 0
    assert set(hashes) == {hashlib.sha256(content(name)).hexdigest()}
    assert origin.asked_for(name) == [None]


def test_nothing_that_a_client_says_but_the_address_reaches_an_origin(origin: SlowOrigin, one: Login) -> None:
    """The first who asks decides what all others get: for a page, for what is not asked anew, for a file."""
    one.check_output("printf %s >/tmp/forged.py", FORGED)
    for name in ("/reflected/page", "/reflected/thing-1.whl", "/reflected/InRelease"):
        for address, proxy in ((f"{CACHE}/origin.example.org{name}", ""), (f"http://origin.example.org{name}x", CACHE)):
            got = one.check_output("python3 /tmp/forged.py %s %s", address, proxy)
            assert got.startswith("GET /reflected/"), "the origin did not answer"
            assert "evil" not in got
            assert {line.partition(":")[0] for line in got.splitlines()[1:] if line} <= {"Host", "Accept", "User-Agent"}


def test_a_part_of_what_is_not_there_yet_causes_one_whole_download(origin: SlowOrigin, one: Login) -> None:
    name = "/parts-8.whl"
    body = content(name)
    one.check_output("printf %s >/tmp/part.py", PART)
    for first, last in ((8 * MB - 100, 8 * MB - 1), (5, 1_000_000), (4 * MB, 8 * MB - 1)):
        expected = hashlib.sha256(b"206\n" + body[first : last + 1]).hexdigest()
        ask = f"python3 /tmp/part.py {CACHE}/origin.example.org{name} {first}-{last}"
        assert sha256_of(one, ask) == expected
    assert origin.asked_for(name) == [None]


def test_a_transfer_that_broke_off_is_resumed_and_no_half_is_kept(origin: SlowOrigin, one: Login) -> None:
    name = "/broken-8.whl"
    origin.breaks = 1
    half = one.run(GET.format(f"{CACHE}/origin.example.org{name}") + " >/tmp/half")
    assert half.rc == 0  # the program takes the end for the end; it has not all
    got = int(one.check_output("stat -c %s /tmp/half"))
    assert 0 < got < 8 * MB
    one.check_output(f"python3 /tmp/part.py {CACHE}/origin.example.org{name} {got}- | tail -c +5 >>/tmp/half")
    assert sha256_of(one, "cat /tmp/half") == hashlib.sha256(content(name)).hexdigest()
    assert len(origin.asked_for(name)) == 2


def test_the_cache_is_bounded(origin: SlowOrigin, cache: Login, one: Login) -> None:
    for number in range(6):
        one.check_output(GET.format(f"{CACHE}/origin.example.org/much{number}-24.whl") + " >/dev/null")
    cache.check_output(
        f"for i in $(seq 60); do [ $(du -sm {OBJECTS} | cut -f1) -le 64 ] && exit; sleep 1; done; exit 1"
    )


def test_one_object_is_kept_once_however_it_is_asked_for(origin: SlowOrigin, cache: Login, one: Login) -> None:
    """Or a client could fill the cache with one file: by queries that the origin does not look at, or by other spellings."""
    for spelled in (
        "churn-1.whl",
        "churn-1.whl?1",
        "churn-1.whl?2",
        "%63hurn-1.whl",
        "/churn-1.whl",
        "././churn-1.whl",
    ):
        one.check_output(GET.format(f"{CACHE}/origin.example.org/{spelled}") + " >/dev/null")
    kept = cache.check_output(f"grep -rlaE '^KEY: .*hurn-1.whl' {OBJECTS}").split()
    assert len(kept) == 1
    assert len([path for path, _range in origin.requests if "hurn-1" in path]) == 6


def test_it_listens_where_hosts_are_told_and_nowhere_else(cache: Login) -> None:
    heard = cache.check_output("awk '$4 == \"0A\" { print $2 }' /proc/net/tcp /proc/net/tcp6").split()
    address = socket.inet_aton(HOSTS["cache"].address)[::-1].hex().upper()
    assert [one for one in heard if one.endswith(f":{8180:04X}")] == [f"{address}:{8180:04X}"]


def test_it_is_no_proxy_for_everything(origin: SlowOrigin, one: Login) -> None:
    def asked(address: str, method: str = "GET") -> str:
        return str(one.check_output("python3 -c %s %s %s", STATUS, address, method))

    assert asked(f"{CACHE}/example.com/") == "403"
    assert asked(f"{CACHE}/example.com/x.whl") == "403"
    assert asked(f"{CACHE}/origin.example.org/../secret.whl") == "403"
    assert asked(f"{CACHE}/origin.example.org/%2e%2e/secret.whl") == "403"
    assert asked(f"{CACHE}/pypi.org/simple/", "POST") == "405"
    assert (
        one.run(f"http_proxy={CACHE} python3 -c 'import urllib.request as u; u.urlopen(\"http://example.com/\")'").rc
        != 0
    )


def test_without_the_cache_a_host_goes_to_the_origin_unless_the_site_forbids_it(
    inventory: Path, cache: Login, one: Login
) -> None:
    cache.check_output("systemctl stop tensorwright-package-cache")
    run("site.yml", inventory, "--limit", "one").changed_nothing()
    more = {"tensorflow_pip_extra_packages": ["iniconfig"]}
    refused = run("site.yml", inventory, "--limit", "one", package_cache_only=True, **more)
    assert refused.status != 0
    assert (
        f"one: package_cache_only is true, and the package cache {CACHE} does not answer this host;" in refused.output
    )
    assert "Traceback" not in refused.output
    done = run("site.yml", inventory, "--limit", "one", **more).succeeded()
    assert f"The package cache {CACHE} does not answer this host, so the origins are asked." in done.output
    assert one.run("/opt/tensorflow/bin/python -c 'import iniconfig, tensorflow'").rc == 0
    one.check_output("apt-get update && apt-get --quiet install --yes hello && apt-get --quiet purge --yes hello")


def test_a_directory_that_has_other_things_in_it_is_not_taken(inventory: Path, cache: Login) -> None:
    cache.check_output("mkdir /srv/letters && echo Dear >/srv/letters/one && chmod 0711 /srv/letters")
    refused = run("playbooks/package_cache.yml", inventory, "--limit", "cache", package_cache_directory="/srv/letters")
    assert refused.status != 0
    assert "/srv/letters has other things in it: one; accepted is a directory that is empty" in refused.output
    assert cache.check_output("stat -c %U:%a /srv/letters") == "root:711"
    assert cache.file(OBJECTS).is_directory


def test_the_hosts_are_given_back(inventory: Path, cache: Login) -> None:
    run("playbooks/uninstall.yml", inventory, "--limit", "one").succeeded()
    assert state.changes(HOSTS["one"], but_for=("/home/alice/", "/home/bob/", "/root/.keras", "/tmp/")) == []
    # The variable has come to mean another directory since: what was made goes, and nothing else.
    changed = {"package_cache_state": "absent", "package_cache_directory": "/srv/letters"}
    run("playbooks/package_cache.yml", inventory, "--limit", "cache", **changed).succeeded()
    assert cache.check_output("cat /srv/letters/one && rm -r /srv/letters") == "Dear"
    assert state.changes(HOSTS["cache"], but_for=("/root/.keras", "/tmp/")) == []
