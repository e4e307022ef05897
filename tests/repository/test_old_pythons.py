# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on managed hosts runs on their Pythons, the oldest of which is 3.6."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.support.environment_site import ROOT
from tests.unit.support.interpreters import interpreter

HOSTS = ["3.6", "3.7", "3.8", "3.9", "3.11", "3.12", "3.13"]
UTILS = ROOT / "plugins" / "module_utils"
SHARED = sorted(UTILS.rglob("*.py"))
MODULES = sorted((ROOT / "plugins" / "modules").rglob("*.py"))
OF_ANSIBLE = ("fleet_module",)  # they stand on Ansible's own code, which is not in those Pythons
IN_ENVIRONMENTS = [
    ROOT / "plugins" / "module_utils" / "programs" / f"{name}.py"
    for name in ("cuda_preload", "release_pin", "session_test")
]


def compiles(python: str, *sources: Path) -> None:
    """Compile sources without writing anything."""
    program = "import io, sys\nfor name in sys.argv[1:]: compile(io.open(name, encoding='utf-8').read().encode('utf-8'), name, 'exec')"
    subprocess.run([python, "-W", "error", "-c", program, *sources], check=True)


@pytest.mark.parametrize("version", HOSTS)
def test_modules_compile(version: str) -> None:
    compiles(interpreter(version), *MODULES, *SHARED)


@pytest.mark.parametrize("version", HOSTS)
def test_what_modules_share_can_be_imported(version: str) -> None:
    """Names, defaults and decorators are right there too; the modules themselves need Ansible, which is not in that Python."""
    package = "ansible_collections.tensorwright.fleet.plugins.module_utils"
    program = "\n".join(
        f"import {package}.{'.'.join(source.relative_to(UTILS).with_suffix('').parts)}"
        for source in SHARED
        if source.stem not in OF_ANSIBLE
    )
    subprocess.run(
        [interpreter(version), "-W", "error", "-c", program],
        env={"PYTHONPATH": str(ROOT / "collections"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )


@pytest.mark.parametrize("version", ["2.7", *HOSTS])
def test_what_is_put_into_environments_compiles(version: str) -> None:
    compiles(interpreter(version), *IN_ENVIRONMENTS)


STORE = """
import os, sys
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import native
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import session_test as session
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user, bytecode, takeover, workshop
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers as installer
environment = releases.Environment(sys.argv[1])
for name in ("one", "two"):
    with environment.locked(1):
        os.makedirs(os.path.join(environment.directory(name), "lib", "python3.x", "site-packages"))
        environment.seal(name, {"contents": {}, "distributions": {}, "used": releases.now()})
        environment.switch(name)
assert (environment.current(), environment.earlier(), environment.surplus(1)) == ("two", ["one"], ["one"])
assert releases.users_of(environment.directory("one")) == []
(place,) = releases.site_packages(environment.directory("one"))
if sys.version_info >= (3, 7):  # uv's floor: pip compiles by itself
    shop = workshop.Workshop(environment.shared("tools"))
    compiled = bytecode.Bytecode(sys.executable, environment.shared("cache"), shop)
    with compiled.ahead(environment.shared("cache")):
        pass
    assert compiled.complete(place) == (0, 0)
site = {"retries": 0}
runner = installer.Installer({}, site, *[environment.shared(name) for name in ("tools", "cache", "log/x")])
assert runner.run([sys.executable, "-c", "print('ok')"]) == "ok\\n"
assert native.point(sys.argv[1] + ".pth", place)
with environment.locked(1):
    for name in environment.all_releases():
        environment.remove(name)
    os.rmdir(environment.releases)
    environment.drop_lock()
    assert environment.remove_store()
"""


@pytest.mark.parametrize("version", ["3.6", "3.9", "3.13"])
def test_a_store_is_kept_alike(version: str, tmp_path: Path) -> None:
    subprocess.run(
        [interpreter(version), "-c", STORE, str(tmp_path / "tensorflow")],
        env={"PYTHONPATH": str(ROOT / "collections"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert not (tmp_path / ".tensorwright").exists()
