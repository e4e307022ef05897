"""Wheels from URLs: one that is asked for, and the guides' own where the package index has no match.

The server is a stand-in with the guides' addresses; the wheel that it serves is a real one, under the name that the guides have for it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, Run

MACHINES = ["environment"]
LOGIN = "bob:s3cret-word"
PATH = "tensorflow/linux/cpu/tensorflow-1.7.0-cp27-none-linux_x86_64.whl"
PROGRAM = "import tensorflow as tf; print(tf.Session().run(tf.constant('Hello, TensorFlow!')))"
# /open is for all, /closed for who has the login, and /simple is the public index without TensorFlow.
SERVER = """
import base64, http.server, os
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        token = 'Basic ' + base64.b64encode(b'{login}').decode()
        if self.path.startswith('/closed/') and self.headers.get('Authorization') != token:
            self.send_error(401)
        elif self.path == '/simple/tensorflow/':
            self.send_error(404)
        elif self.path.startswith('/simple/'):
            self.send_response(302)
            self.send_header('Location', 'https://pypi.org' + self.path)
            self.end_headers()
        else:
            super().do_GET()
os.chdir('/srv/served')
http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def sha256(root: Login) -> Iterator[str]:
    """Serve the wheel, and return its hash."""
    root.check_output("mkdir -p /srv/served/open/tensorflow/linux/cpu && ln -s open /srv/served/closed")
    root.check_output(
        "/opt/tensorflow/bin/pip -q --no-cache-dir --disable-pip-version-check download --no-deps --dest /srv/served tensorflow==1.7.0"
    )
    root.check_output("mv /srv/served/tensorflow-1.7.0-*.whl /srv/served/open/%s", PATH)
    root.check_output("printf %%s %s >/srv/served/server.py", SERVER.format(login=LOGIN))
    root.check_output("systemd-run --quiet --unit served python3 /srv/served/server.py")
    yield root.check_output("sha256sum /srv/served/open/%s", PATH).split()[0]
    root.check_output("systemctl stop served && rm -r /srv/served")


def seal(root: Login, path: str) -> dict[str, Any]:
    """Return the seal of the release in use."""
    found: dict[str, Any] = json.loads(root.check_output("cat %s/.tensorwright.json", path))
    return found


def test_a_wheel_behind_a_login_is_checked_and_the_login_is_nowhere(
    sha256: str, root: Login, alice: Login, play: Callable[..., Run]
) -> None:
    url = f"http://{LOGIN}@127.0.0.1:8080/closed/{PATH}"
    wanted = {"tensorflow_path": "/opt/wheel", "tensorflow_version": "latest", "tensorflow_wheel_url": url}
    refused = play("site.yml", **wanted, tensorflow_wheel_sha256="0" * 64)
    assert refused.status != 0
    assert sha256 in refused.output
    made = play("site.yml", "-vvv", **wanted, tensorflow_wheel_sha256=sha256).succeeded()
    assert alice.check_output("/opt/wheel/bin/python -c %s", PROGRAM) == GREETING
    assert seal(root, "/opt/wheel")["wheel"] == {
        "url": f"http://127.0.0.1:8080/closed/{PATH}",
        "sha256": sha256,
        "checked": True,
    }
    shown = made.output.replace(json.dumps(url), "").replace(
        url, ""
    )  # Ansible shows the command line of the run itself
    assert "s3cret-word" not in shown
    assert root.run("grep --recursive --files-with-matches s3cret-word /opt/.tensorwright").stdout == ""
    play("site.yml", **wanted, tensorflow_wheel_sha256=sha256).changed_nothing()


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        (
            "tensorflow-1.7.0-cp35-cp35m-linux_x86_64.whl",
            {},
            "tensorflow_python is '2.7', but TensorFlow 1.7.0 has no wheel for it",
        ),
        ("tensorflow-1.7.0-cp27-none-linux_aarch64.whl", {}, "TensorFlow 1.7.0 has no wheel for x86_64"),
        ("tensorflow-1.7.0-cp27-none-linux_x86_64.whl", {"tensorflow_version": "1.10.0"}, "is of version 1.7.0"),
    ],
)
def test_a_wheel_that_does_not_fit_is_refused(
    play: Callable[..., Run], name: str, given: dict[str, str], why: str
) -> None:
    wanted = {"tensorflow_version": "latest", "tensorflow_path": "/opt/refused", **given}
    refused = play("site.yml", **wanted, tensorflow_wheel_url=f"http://127.0.0.1:8080/open/{name}")
    assert refused.status != 0
    assert why in refused.output
    assert not any(refused.changed().values())


def test_the_guides_address_serves_where_the_index_has_no_match(
    sha256: str, root: Login, alice: Login, play: Callable[..., Run]
) -> None:
    scheme = "http://127.0.0.1:8080/open/tensorflow/linux/{}/tensorflow{}-V-P-A-linux_x86_64.whl"
    rows = [{"releases": ">=1.4,<1.15", "cpu": scheme.format("cpu", ""), "gpu": scheme.format("gpu", "_gpu")}]
    wanted = {
        "tensorflow_path": "/opt/guide",
        "tensorflow_pip_index_url": "http://127.0.0.1:8080/simple",
        "tensorflow_overrides": {"tensorflow": {"wheel_urls": rows}},
    }
    made = play("site.yml", **wanted).succeeded()
    assert alice.check_output("/opt/guide/bin/python -c %s", PROGRAM) == GREETING
    assert f"unchecked; its SHA-256 is {sha256}" in made.output
    play("site.yml", **wanted).changed_nothing()


@pytest.mark.parametrize("path", ["/opt/wheel", "/opt/guide"])
def test_they_are_removed_like_others(root: Login, play: Callable[..., Run], path: str) -> None:
    play("playbooks/uninstall.yml", tensorflow_path=path).succeeded()
    assert root.run("test -e %s", path).rc != 0
