# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the stand-in of Docker Hub sends who asks for a layer, or for a token: the files of its registry, by TLS."""

import json
import ssl
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Gives files, and a token to everybody; refuses who brings the token along, as the storage behind Docker Hub does."""

    def do_GET(self) -> None:
        """Answer."""
        if "Authorization" in self.headers:
            self.send_error(400, "Only one way to authorize is allowed")
        elif self.path.startswith("/token"):
            token = json.dumps({"token": "anybody"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(token)))
            self.end_headers()
            self.wfile.write(token)
        else:
            super().do_GET()


def serve(directory: str) -> None:
    """Serve a directory for good; each request leaves a line on standard error."""
    server = ThreadingHTTPServer(("", 443), partial(Handler, directory=directory))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/tls/hub.crt", "/tls/hub.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
