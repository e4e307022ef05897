# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever answers for a mirror without TLS does not choose the image: with stand-ins of the engine and of Docker Hub."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import client, image_digest
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.image_digest import DigestError

IMAGE = "tensorflow/tensorflow:2.21.0"
DIGEST = "sha256:" + "ab" * 32
MIRROR = "http://cache:8180/"


@dataclass
class Hub:
    """A Docker Hub that wants a token, known by the certificate in ca_file."""

    ca_file: str
    digest: str = DIGEST
    realm: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Accept
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer as the Hub does."""
        self.asked.append((request.command, request.path, request.headers.get("Accept", "")))
        if request.path.startswith("/token?"):
            body = json.dumps({"token": "of-" + request.path.partition("?")[2]}).encode()
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
            return
        if "Authorization" not in request.headers:
            request.send_response(401)
            realm = self.realm or f"{self.address}/token"
            request.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="hub",scope="repository:x:pull"')
        elif request.headers["Authorization"] != "Bearer of-service=hub&scope=repository%3Ax%3Apull":
            request.send_response(403)
        elif not self.digest:
            request.send_response(404)
        else:
            request.send_response(200)
            request.send_header("Docker-Content-Digest", self.digest)
        request.send_header("Content-Length", "0")
        request.end_headers()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    key, made = tmp_path / "key", tmp_path / "certificate"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=hub", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    there = Hub(str(made))

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_words: Any) -> None:
            pass

        def do_HEAD(self) -> None:  # the base class finds it by this name
            there.answer(self)

        def do_GET(self) -> None:  # as above
            there.answer(self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_request: None  # type: ignore[method-assign]  # who distrusts it breaks off
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    there.address = f"https://127.0.0.1:{server.server_address[1]}"
    yield there
    server.shutdown()
    server.server_close()


class Engine:
    """Notes what it is told to pull and to tag."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = {"RegistryConfig": info}
        self.told: list[tuple[str, ...]] = []

    def __call__(self, *words: str, **_more: Any) -> tuple[int, str, str]:
        if words[0] == "info":
            return 0, json.dumps(self.info), ""
        self.told.append(words)
        return 0, "", ""


def pull(
    monkeypatch: pytest.MonkeyPatch, mirrors: list[str], hub: Hub, reference: str = IMAGE, **config: Any
) -> list[tuple[str, ...]]:
    """Pull, with an engine of these mirrors; return what the engine was told."""
    site = {"ca_file": hub.ca_file, **config.pop("site", {})}
    engine = Engine({"Mirrors": mirrors, **config})
    monkeypatch.setattr(client, "call", engine)
    monkeypatch.setattr(image_digest.ask, "__defaults__", (hub.address,))
    image_digest.pull(reference, 0, site)
    return engine.told


def test_by_a_mirror_without_tls_an_image_comes_by_the_digest_that_docker_hub_tells(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_digest = f"tensorflow/tensorflow@{DIGEST}"
    assert pull(monkeypatch, [MIRROR], hub) == [("pull", "--quiet", by_digest), ("tag", by_digest, IMAGE)]
    (method, path, accepts), *_token = hub.asked
    assert (method, path) == ("HEAD", "/v2/tensorflow/tensorflow/manifests/2.21.0")
    assert "application/vnd.docker.distribution.manifest.list.v2+json" in accepts  # or it would tell another digest


BY_TAG = [("pull", "--quiet", IMAGE)]


@pytest.mark.parametrize(
    ("mirrors", "config", "by_tag"),
    [
        ([], {}, True),
        (["https://cache:8180/"], {}, True),
        (["https://cache:8180/", MIRROR], {}, False),
        (["https://cache:8180/"], {"IndexConfigs": {"cache:8180": {"Secure": False}}}, False),
        (["https://10.0.0.5/"], {"InsecureRegistryCIDRs": ["10.0.0.0/8"]}, False),
        (["https://10.0.0.5/"], {"InsecureRegistryCIDRs": ["127.0.0.0/8"]}, True),
    ],
)
def test_a_mirror_that_the_engine_verifies_is_believed(
    mirrors: list[str], config: dict[str, Any], by_tag: bool, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (pull(monkeypatch, mirrors, hub, **config) == BY_TAG) is by_tag
    assert bool(hub.asked) is not by_tag


@pytest.mark.parametrize("reference", [f"tensorflow/tensorflow@{DIGEST}", "registry.example.org:5000/ml/tensorflow:1"])
def test_what_no_mirror_can_choose_is_pulled_as_it_is(
    reference: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pull(monkeypatch, [MIRROR], hub, reference) == [("pull", "--quiet", reference)]
    assert not hub.asked


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ({"ca_file": ""}, "certificate"),
        ({"digest": "latest"}, "answers without a digest"),
        ({"realm": "http://127.0.0.1/token"}, "wants a login of a kind"),
        ({"address": "https://127.0.0.1:9"}, "refused"),
    ],
)
def test_where_docker_hub_cannot_be_asked_nothing_is_pulled(
    lie: dict[str, str], why: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in lie.items():
        setattr(hub, name, value)
    with pytest.raises(DockerError) as refused:
        pull(monkeypatch, [MIRROR], hub)
    assert f"{IMAGE} would come by way of {MIRROR}, which has no TLS" in str(refused.value)
    assert why in str(refused.value)
    assert "accepted is the image's digest as tensorflow_docker_digest" in str(refused.value)


def test_a_tag_that_docker_hub_does_not_have(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.digest = ""
    with pytest.raises(DockerError, match=f"{IMAGE} could not be pulled: the registry has no such image or tag"):
        pull(monkeypatch, [MIRROR], hub)


def test_a_site_that_never_asks_origins_has_to_name_the_digest(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    only = {"package_cache": {"url": "http://cache:8180", "only": True}}
    with pytest.raises(DockerError, match="package_cache_only is true; accepted is the image's digest"):
        pull(monkeypatch, [MIRROR], hub, site=only)
    assert not hub.asked


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        ("ubuntu", ("library/ubuntu", "latest")),
        ("docker.io/tensorflow/tensorflow:1", ("tensorflow/tensorflow", "1")),
        ("localhost/x:1", None),
        ("hub.example.org/x:1", None),
        ("me:5000/x", None),
    ],
)
def test_what_docker_hub_is_asked_for(reference: str, asked: tuple[str, str] | None) -> None:
    assert image_digest.of_the_hub(reference) == asked


def test_the_digest_of_nobody(hub: Hub) -> None:
    with pytest.raises(DigestError):
        image_digest.ask("x/y", "1", {"ca_file": "/nowhere"}, hub.address)
