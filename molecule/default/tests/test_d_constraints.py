"""The pins of old releases, proved the way the guides install them: a virtualenv of Python 2.7, typed by a user."""

from collections.abc import Callable

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.resolver import resolve
from testinfra.host import Host as Login

MACHINES = ["debian11"]

HOST = {
    "distribution": "Debian",
    "release": "11",
    "architecture": "x86_64",
    "glibc": "2.31",
    "cpu_flags": ["avx"],
    "pythons": [{"path": "/usr/bin/python2.7", "version": "2.7.18"}],
    "gpus": [],
}
PROGRAM = "import tensorflow as tf; print(tf.Session().run(tf.constant('Hello, TensorFlow!')))"


@pytest.fixture(scope="session")
def with_python2(root: Login) -> Login:
    """A host with the Python that the guides were written for."""
    root.run_test("apt-get install --yes --quiet --no-install-recommends virtualenv python2.7")
    return root


@pytest.mark.parametrize("version", ["1.7.0", "1.10.0"])
def test_the_guide_with_the_planned_pins(with_python2: Login, login: Callable[[str], Login], version: str) -> None:
    plan = resolve({"version": version, "python": "2.7", "device": "cpu"}, HOST)
    assert plan["problems"] == []
    pins = " ".join(f"'{pin}'" for pin in plan["constraints"])
    alice = login("alice")
    made = alice.run(
        # Debian 11's own pip wheel carries a security fix that Python 2.7 cannot read: the planned pip takes its place.
        f'bash -lc "virtualenv --quiet --system-site-packages -p python2.7 --download --pip {plan["installer"]["pip"]}'
        f" ~/guide-{version}"
        f' && . ~/guide-{version}/bin/activate && pip install --quiet {plan["tensorflow"]["requirement"]} {pins}"'
    )
    assert made.rc == 0, made.stderr
    said = alice.run(f'bash -lc ". ~/guide-{version}/bin/activate && python -c \\"{PROGRAM}\\""')
    assert said.stdout.strip() == "Hello, TensorFlow!", said.stderr
