# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror of Docker Hub that gives another image for every tag: whoever answers in the place of a mirror without TLS.

python3 false_mirror.py PORT
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
COMMAND = "/not-what-you-asked-for"


def blobs() -> "dict[str, bytes]":
    """Return the image's parts by their digests, the manifest last."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("not-what-you-asked-for"))
    packed = gzip.compress(layer.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": [COMMAND]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer.getvalue())]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(config),
                "digest": digest(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": len(packed),
                    "digest": digest(packed),
                }
            ],
        }
    ).encode()
    return {digest(part): part for part in (packed, config, manifest)}


def digest(content: bytes) -> str:
    """Return the name by which a registry knows a content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Gives the one image, whatever is asked for."""

    parts = blobs()

    def do_HEAD(self) -> None:  # the base class finds it by this name
        """Answer without a body."""
        self.answer()

    def do_GET(self) -> None:  # as above
        """Answer."""
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        """Send status and headers; return the body."""
        _path, _slash, name = self.path.rpartition("/")
        manifest = "/manifests/" in self.path
        body = list(self.parts.values())[-1] if manifest else self.parts.get(name, b"{}")
        self.send_response(200 if manifest or name in self.parts or self.path == "/v2/" else 404)
        self.send_header("Content-Type", MANIFEST if manifest else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest(body))
        self.end_headers()
        return body


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
