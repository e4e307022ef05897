# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it, with the real uv, a stand-in package index and stand-ins for TensorFlow's wheels."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import native
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints

from tests.doubles import tensorflow_wheel, uv_wheel
from tests.doubles.package_index import BREAK, HANG, WRONG_HASH
from tests.doubles.wheels import Wheel
from tests.unit.support.environment_site import (
    PYTHON,
    ROOT,
    Site,
    children,
    hear,
    is_running,
    modes,
    run_module,
    running,
    snapshot,
    tell,
    wait_until,
)

WAITING = "import sys; print('ready', flush=True); input(); import tensorflow.lazy; print(tensorflow.lazy.VERSION, flush=True)"


def version(site: Site) -> str:
    """Return the TensorFlow that the environment's users import."""
    return site.ask("import tensorflow; print(tensorflow.__version__)")


def nothing_left_over(site: Site) -> bool:
    """Tell whether a site has sealed releases and nothing unfinished, anywhere."""
    assert all((site.release(name) / ".tensorwright.json").exists() for name in site.releases)
    assert sorted(os.listdir(site.path.parent)) == [".tensorwright", "tensorflow"]
    assert sorted(os.listdir(site.store / "tools")) == [f"uv-{uv_wheel.VERSION}", site.uv["wheel"]["file"]]
    signs = (".new", ".part", ".building", ".tensorwright-")
    assert not [path for path in site.store.rglob("*") if any(sign in path.name for sign in signs)]
    return True


# -- present ----------------------------------------------------------------------------------------------------------


def test_a_life(site: Site) -> None:
    """Made, left alone, upgraded, rolled back, rolled forward, removed."""
    made = site.present("2.20.0")
    assert made["changed"] is True
    assert made["previous"] is None
    assert made["session"]["tensorflow"] == "2.20.0"
    assert made["sealed"]["distributions"] == {"numpy": "2.3.0", "pip": "26.3", "tensorflow-cpu": "2.20.0"}
    assert site.releases == [made["release"]] == [site.current]
    assert version(site) == "2.20.0"

    before = snapshot(site.root)
    again = site.present("2.20.0")
    assert again["changed"] is False
    assert "session" not in again
    after = snapshot(site.root)
    assert {path for path in before if before[path] != after[path]} <= {"opt/.tensorwright/locks/tensorflow.lock"}

    upgraded = site.present("2.21.0")
    assert upgraded["previous"] == made["release"]
    assert version(site) == "2.21.0"
    assert len(site.releases) == 2

    back = site.state("rolled_back")
    assert (back["changed"], back["release"], back["previous"]) == (True, made["release"], upgraded["release"])
    assert back["session"]["tensorflow"] == "2.20.0"
    assert version(site) == "2.20.0"
    assert site.state("rolled_back")["release"] == upgraded["release"]
    assert version(site) == "2.21.0"
    assert nothing_left_over(site)

    removed = site.state("absent")
    assert removed["changed"] is True
    assert removed["left"] == []
    assert os.listdir(site.path.parent) == []
    assert site.state("absent")["changed"] is False
    assert os.listdir(site.path.parent) == []


def test_a_release_that_is_there_is_proved_again_before_it_is_switched_to(site: Site) -> None:
    first = site.present("2.20.0")["release"]
    site.present("2.21.0")
    proved = site.seal(first)["proved"]
    assert proved
    again = site.present("2.20.0")
    assert again["release"] == first
    assert again["session"]["tensorflow"] == "2.20.0"
    assert site.releases == sorted([first, again["previous"]])


def test_activation_names_the_release_and_the_environments_name(site: Site) -> None:
    site.present()
    shell = (
        f". {site.path}/bin/activate; echo $VIRTUAL_ENV; command -v python; command -v saved_model_cli; saved_model_cli"
    )
    told = subprocess.check_output(["bash", "-c", shell], text=True).splitlines()
    release = site.release(site.current)
    assert told[:3] == [str(release), f"{release}/bin/python", f"{release}/bin/saved_model_cli"]
    assert told[3] == f"{release}/bin/saved_model_cli 2.20.0"


def test_users_have_pip_and_the_sites_index_without_its_login(site: Site) -> None:
    site.index.login = ("bob", "s3cret-word")
    url = site.index.url_with_login
    site.present(index_url=url)
    site.present(index_url=url, extra_index_urls=[url.replace("simple", "more")], ca_file="/etc/ssl/ca.pem")
    lines = (site.path / "pip.conf").read_text().splitlines()
    assert lines[1:] == [
        "[global]",
        f"index-url = {site.index.url}",
        f"extra-index-url = http://{site.index.address}/more",
        "cert = /etc/ssl/ca.pem",
    ]
    assert subprocess.check_output([site.path / "bin" / "pip", "list"], text=True) == "stand-in pip list\n"


def test_the_sites_index_follows_the_site_but_users_settings_stay(site: Site) -> None:
    site.present()
    release = site.current
    moved = f"http://{site.index.address}/moved/simple"
    assert site.present(index_url=moved, _ansible_check_mode=True)["changed"] is True
    assert site.present(index_url=moved)["changed"] is True
    assert f"index-url = {moved}\n" in (site.path / "pip.conf").read_text()
    assert site.present(index_url=moved)["changed"] is False
    assert site.present(index_url="")["changed"] is True
    assert not (site.path / "pip.conf").exists()
    (site.path / "pip.conf").write_text("[global]\nindex-url = http://users-own/simple\n")
    assert site.present()["changed"] is False
    assert "users-own" in (site.path / "pip.conf").read_text()
    assert site.current == release


def test_a_login_is_nowhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on a command line, in the answer, in the log, in a release; wherever the login comes from."""
    site.index.login = ("bob", "s3cret-word")
    commands: list[str] = []
    popen = subprocess.Popen

    def watch(command: Any, **options: Any) -> Any:
        commands.append(str(command))
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", watch)
    answers = [site.present("2.20.0", index_url=site.index.url_with_login)]
    monkeypatch.setenv("PIP_INDEX_URL", site.index.url_with_login)
    answers.append(site.present("2.21.0", index_url=""))
    shutil.rmtree(site.store / "tools")
    for how in (403, BREAK, WRONG_HASH):
        site.index.failures.clear()
        site.index.fail(how)
        answers.append(site.try_present("2.19.0", index_url=""))
        assert answers[-1]["failed"]
    assert len(commands) > 5
    told = f"{commands} {answers}"
    assert "s3cret-word" not in told
    assert b"s3cret-word" not in b"".join(path.read_bytes() for path in site.root.rglob("*") if path.is_file())


def test_whatever_umask_the_caller_has_everybody_can_use_the_environment(site: Site) -> None:
    process = site.start(umask=0o077)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    private = {site.store / "locks" / "tensorflow.lock", site.store / "locks" / ".store"}
    closed = {path: mode for path, mode in modes(site.root).items() if not mode & 0o004 and path not in private}
    assert {path for path in closed if site.store / "cache" not in path.parents} == set()
    programs = [path for path in (site.release(site.current) / "bin").iterdir() if not path.suffix]
    assert all(os.stat(path).st_mode & 0o005 == 0o005 for path in programs if not path.name.startswith("activate"))


def test_bytecode_is_there_so_that_a_users_import_writes_nothing(site: Site) -> None:
    site.present("2.20.0")
    second = site.present("2.21.0")
    assert second["bytecode"]["linked"] > 0
    before = snapshot(site.root)
    version(site)
    subprocess.run([site.path / "bin" / "saved_model_cli"], check=True, capture_output=True)
    subprocess.run([site.path / "bin" / "pip"], check=True, capture_output=True)
    assert snapshot(site.root) == before


def test_the_second_environment_of_the_same_release_shares_its_files(site: Site) -> None:
    site.present()
    other = site.path.with_name("other")
    assert not site.present(path=str(other)).get("failed")
    init = "lib/python{}.{}/site-packages/tensorflow/__init__.py".format(*sys.version_info[:2])
    assert (site.path / init).samefile(other / init)
    compiled = f"__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    assert (site.path / init).parent.joinpath(compiled).samefile((other / init).parent.joinpath(compiled))


def test_constraints_bind(site: Site) -> None:
    site.index.add(tensorflow_wheel.numpy("1.26.4"))
    site.present(constraints=["numpy<2"])
    assert site.seal(site.current)["distributions"]["numpy"] == "1.26.4"


def test_what_does_not_change_a_release_does_not_build_one(site: Site) -> None:
    name = site.present()["release"]
    turned: list[dict[str, Any]] = [{"requirements": ["pip", "tensorflow-cpu==2.20.0"]}, {"keep": 5}, {"retries": 7}]
    for changes in turned:
        assert site.present(**changes)["release"] == name
    assert site.releases == [name]


def test_what_users_installed_themselves_is_told_when_it_is_left_behind(site: Site) -> None:
    site.present("2.20.0")
    site_packages = next(site.path.glob("lib/*/site-packages"))
    (site_packages / "jupyterlab-4.0.dist-info").mkdir()
    (site_packages / "numpy-2.3.0.dist-info").rename(site_packages / "numpy-2.4.0.dist-info")
    assert site.present("2.21.0")["added_by_users"] == ["jupyterlab==4.0", "numpy==2.4.0"]


def test_a_new_release_that_somebody_added_to_is_still_the_planned_one(site: Site) -> None:
    name = site.present()["release"]
    (next(site.path.glob("lib/*/site-packages")) / "jupyterlab-4.0.dist-info").mkdir()
    again = site.present()
    assert (again["changed"], again["release"]) == (False, name)


# -- damage -----------------------------------------------------------------------------------------------------------


def damage(site: Site) -> None:
    """Remove a distribution from the release in use."""
    shutil.rmtree(next(site.path.glob("lib/*/site-packages/numpy-*.dist-info")))


def test_a_damaged_release_is_rebuilt_beside_and_stays_so(site: Site) -> None:
    name = site.present(keep=1)["release"]
    damage(site)
    mended = site.present(keep=1)
    assert mended["changed"] is True
    assert mended["release"] == f"{name}-2" == site.current
    assert mended["removed"] == [name]
    assert version(site) == "2.20.0"
    again = site.present(keep=1)
    assert (again["changed"], again["release"]) == (False, f"{name}-2")
    damage(site)
    assert site.present(keep=1)["release"] == name


def test_a_damaged_release_stays_for_the_processes_that_use_it(site: Site) -> None:
    name = site.present(keep=1)["release"]
    with running(str(site.path / "bin" / "python"), "-c", WAITING) as process:
        assert hear(process) == "ready"
        damage(site)
        site.present(keep=1)
        assert site.releases == [name, f"{name}-2"]
    assert site.present(keep=1)["removed"] == [name]


def test_a_release_in_use_whose_seal_was_damaged_is_never_cleared_while_it_is_in_use(site: Site) -> None:
    name = site.present()["release"]
    (site.path / ".tensorwright.json").write_text("{")
    site.index.fail(503)
    failed = site.try_present(retries=0)
    assert failed["failed"]
    assert version(site) == "2.20.0"
    site.index.failures.clear()
    mended = site.present()
    assert mended["release"] == f"{name}-2"
    assert site.releases == [f"{name}-2"]
    assert site.present()["changed"] is False


def test_a_link_that_leads_nowhere_is_mended(site: Site) -> None:
    name = site.present()["release"]
    shutil.rmtree(site.release(name))
    mended = site.present()
    assert (mended["changed"], mended["release"]) == (True, name)
    assert site.seal(name)["used"]  # so that it can be rolled back to
    assert version(site) == "2.20.0"
    assert site.present()["changed"] is False


def test_a_link_that_was_led_astray_is_mended(site: Site) -> None:
    site.present(inputs="abc")
    site.path.unlink()
    site.path.symlink_to("/usr")
    assert site.present(inputs="abc")["changed"] is True
    assert version(site) == "2.20.0"


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(site: Site) -> str:
    """The release that is in use, of 2.20.0, before something fails."""
    return str(site.present("2.20.0")["release"])


def still_in_use(site: Site, old: str, failed: dict[str, Any]) -> None:
    """Check that a failed run left yesterday's environment as it was, and what it says."""
    assert failed["failed"] is True
    assert failed["msg"].startswith(f"{site.path}: ")
    assert failed["msg"].endswith(f"; release {old} stays in use")
    assert site.releases == [old]
    assert site.current == old
    assert version(site) == "2.20.0"
    assert nothing_left_over(site)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (
            BREAK,
            "a download broke off in the middle",
        ),
        (403, "the server denies access"),
    ],
)
def test_an_install_that_fails_leaves_the_release_in_use(site: Site, old: str, how: int | str, why: str) -> None:
    site.index.fail(how, on=tensorflow_wheel.tensorflow("2.21.0").file)
    failed = site.try_present("2.21.0")
    assert why in failed["msg"]
    still_in_use(site, old, failed)
    site.index.failures.clear()
    assert site.present("2.21.0")["changed"] is True
    assert version(site) == "2.21.0"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (
            {"at_import": "raise ImportError('libcudart.so.12')"},
            "the session test failed: an unknown failure, whose last words",
        ),
        ({"says": "2.20.1"}, "TensorFlow 2.20.1 is installed, 2.21.0 is planned"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_session_that_fails_leaves_the_release_in_use(site: Site, old: str, broken: dict[str, Any], why: str) -> None:
    site.index.add(tensorflow_wheel.tensorflow("2.21.0", **broken))
    failed = site.try_present("2.21.0", cuda_build=False)
    assert why in failed["msg"]
    still_in_use(site, old, failed)


def test_the_first_install_that_fails_leaves_nothing_in_its_place(site: Site) -> None:
    site.index.fail(503, on="/tensorflow-cpu/")
    failed = site.try_present()
    assert failed["msg"].endswith("; nothing was put in its place")
    assert not os.path.lexists(site.path)
    assert site.releases == []
    assert site.state("absent")["changed"] is False
    assert os.listdir(site.path.parent) == []


def test_a_python_that_does_not_start_is_named(site: Site) -> None:
    failed = site.try_present(python="/nowhere/python3.9")
    assert "the planned interpreter /nowhere/python3.9 does not start" in failed["msg"]


def test_a_session_user_that_does_not_exist(site: Site, old: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user for the session")
    failed = site.try_present("2.21.0", session_user="nosuchuser")
    assert "the session user 'nosuchuser' does not exist" in failed["msg"]
    still_in_use(site, old, failed)


def test_a_full_disk(site: Site, tmp_path: Path) -> None:
    """In a mount namespace of its own, on a file system of a few megabytes; the log lies on it as well."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run(
        [*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine lets us mount no file system, not even in a namespace of our own")
    site.index.add(tensorflow_wheel.tensorflow("2.21.0", data=os.urandom(9_000_000)))
    program = (
        "import json, os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from tests.unit.support.environment_site import run_module\n"
        "first, second = json.load(sys.stdin)\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=0700', 'tmpfs', '/mnt'], check=True)\n"
        "free = lambda: os.statvfs('/mnt').f_bavail\n"
        "made = run_module('environment', **first); assert not made.get('failed'), made\n"
        "before = free()\n"
        "failed = run_module('environment', **second)\n"
        "path = Path(first['path'])\n"
        "print(json.dumps([made, failed, before, free(), os.listdir('/mnt/.tensorwright/tensorflow'), os.readlink(path),\n"
        "    subprocess.run([path / 'bin' / 'python', '-c', 'import tensorflow; print(tensorflow.__version__)'],\n"
        "    capture_output=True, text=True).stdout, run_module('environment', path=str(path), state='absent')]))\n"
    )
    parameters = [site.parameters(version, path="/mnt/tensorflow") for version in ("2.20.0", "2.21.0")]
    ran = subprocess.run(
        [*namespace, sys.executable, "-c", program],
        input=json.dumps(parameters),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/collections"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    made, failed, before, after, there, link, imported, removed = json.loads(ran.stdout)
    assert "the disk is full; free space on it: `df -h` shows which" in failed["msg"]
    assert failed["msg"].endswith(f"; release {made['release']} stays in use")
    assert there == [made["release"]] == [os.path.basename(link)]
    assert imported == "2.20.0\n"
    assert before - after < 600_000 / 4096  # what was written is free again, but for the log and the installer's cache
    assert removed["changed"] is True


def test_a_disk_without_inodes(site: Site) -> None:
    """In a mount namespace of its own, on a file system with room for many bytes and few files."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run(
        [*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine lets us mount no file system, not even in a namespace of our own")
    program = (
        "import json, os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from tests.unit.support.environment_site import run_module\n"
        "first, second = json.load(sys.stdin)\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=90m,nr_inodes=400,mode=0700', 'tmpfs', '/mnt'], check=True)\n"
        "made = run_module('environment', **first); assert not made.get('failed'), made\n"
        "for number in range(os.statvfs('/mnt').f_favail - 6):\n"
        "    Path(f'/mnt/{number}').touch()\n"
        "print(json.dumps([made, run_module('environment', **second)]))\n"
    )
    parameters = [site.parameters(version, path="/mnt/tensorflow") for version in ("2.20.0", "2.21.0")]
    ran = subprocess.run(
        [*namespace, sys.executable, "-c", program],
        input=json.dumps(parameters),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/collections"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    made, failed = json.loads(ran.stdout)
    assert (
        "the file system has no inode left for another file, however much space is free; remove files" in failed["msg"]
    )
    assert "`df -i` shows" in failed["msg"]
    assert "df -h" not in failed["msg"]
    assert failed["msg"].endswith(f"; release {made['release']} stays in use")


@pytest.mark.parametrize("kind", ["file", "directory", "link", "broken link"])
@pytest.mark.parametrize("state", ["present", "rolled_back", "absent"])
def test_a_path_that_is_not_ours_is_refused_without_a_trace(site: Site, kind: str, state: str) -> None:
    site.path.parent.mkdir(parents=True)
    if kind == "file":
        site.path.write_text("precious")
    elif kind == "directory":
        site.path.mkdir()
        (site.path / "precious").touch()
    else:
        site.path.symlink_to("/usr" if kind == "link" else "/nowhere")
    before = snapshot(site.root)
    refused = site.try_present() if state == "present" else site.state(state)
    assert refused["msg"] == (
        f"{site.path}: {site.path} is there already and was not made by Tensorwright; move it away or choose another path; "
        "nothing was put in its place"
    )
    assert snapshot(site.root) == before
    assert site.index.requests == []


def test_a_path_below_a_file_is_refused(site: Site) -> None:
    site.root.mkdir()
    (site.root / "opt").write_text("a file")
    failed = site.try_present()
    assert f"'{site.root}/opt'" in failed["msg"]
    assert os.listdir(site.root) == ["opt"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_store_that_somebody_else_laid_out_is_refused(site: Site, tmp_path: Path, check_mode: bool) -> None:
    site.path.parent.mkdir(parents=True)
    precious = tmp_path / "precious"
    (precious / "tensorflow" / "data").mkdir(parents=True)
    site.store.symlink_to(precious)
    before = snapshot(precious)
    for state in ("present", "absent"):
        refused = site.try_present(state=state, _ansible_check_mode=check_mode)
        assert "is not a directory of Tensorwright's; move it away" in refused["msg"]
    assert snapshot(precious).keys() == before.keys()


# -- runs that are killed ---------------------------------------------------------------------------------------------


def test_a_run_that_is_killed_leaves_the_release_in_use_and_the_next_one_clears_up(site: Site, old: str) -> None:
    wheel = tensorflow_wheel.tensorflow("2.21.0").file
    site.index.fail(HANG, on=wheel, times=1)
    process = site.start("2.21.0", timeout=60)
    wait_until(lambda: site.index.asked_for(wheel))
    started = children(process.pid)  # the installer and the compilers
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(is_running, started)))
    assert site.current == old
    assert version(site) == "2.20.0"
    (rest,) = set(site.releases) - {old}
    assert site.present("2.20.0", _ansible_check_mode=True)["changed"] is True
    cleared = site.present("2.20.0")
    assert cleared["removed"] == [rest]
    assert nothing_left_over(site)
    assert site.present("2.21.0")["changed"] is True
    assert nothing_left_over(site)


def test_an_installer_that_is_killed_leaves_the_release_in_use(site: Site, old: str) -> None:
    wheel = tensorflow_wheel.tensorflow("2.21.0").file
    site.index.fail(HANG, on=wheel, times=1)
    process = site.start("2.21.0", timeout=60)
    wait_until(lambda: site.index.asked_for(wheel))
    (installer,) = [child for child in children(process.pid) if "uv" in Path(f"/proc/{child}/comm").read_text()]
    os.kill(installer, signal.SIGKILL)
    out, _err = process.communicate()
    failed = json.loads(out)
    assert (
        "uv-0.0.1 was killed by signal 9; if nobody did that by hand, it lacked memory: free some and run again"
        in failed["msg"]
    )
    still_in_use(site, old, failed)


def test_a_run_that_is_interrupted_clears_up_itself(site: Site, old: str) -> None:
    wheel = tensorflow_wheel.tensorflow("2.21.0").file
    site.index.fail(HANG, on=wheel, times=1)
    process = site.start("2.21.0", timeout=60)
    wait_until(lambda: site.index.asked_for(wheel))
    process.send_signal(signal.SIGINT)
    out, _err = process.communicate()
    failed = json.loads(out)
    assert "interrupted" in failed["msg"]
    still_in_use(site, old, failed)


@pytest.mark.parametrize("last", ["install", "seal", "switch"])
def test_wherever_a_run_is_killed_the_next_one_succeeds(site: Site, old: str, last: str) -> None:
    """A run that dies before the step, with no chance to clear up."""
    program = (
        "import json, os, sys\n"
        "from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers as installer\n"
        "from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases\n"
        "from tests.unit.support.environment_site import run_module\n"
        "places = {'install': (installer.Uv, 'install'), 'seal': (releases.Environment, 'seal'), 'switch': (os, 'rename')}\n"
        "owner, name = places[sys.argv[1]]\n"
        "whole = getattr(owner, name)\n"
        "def die(*arguments, **descriptors):\n"
        "    if sys.argv[1] == 'switch' and not str(arguments[0]).endswith('.tensorwright-new'):\n"
        "        return whole(*arguments, **descriptors)\n"
        "    os.kill(os.getpid(), 9)\n"
        "setattr(owner, name, die)\n"
        "run_module('environment', **json.load(sys.stdin))\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, last],
        input=json.dumps(site.parameters("2.21.0")),
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/collections"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert site.current == old
    assert version(site) == "2.20.0"
    assert site.present("2.21.0")["changed"] is True
    assert version(site) == "2.21.0"
    assert nothing_left_over(site)
    assert site.state("rolled_back")["release"] == old


def test_a_release_that_was_never_in_use_is_not_rolled_back_to(site: Site, old: str) -> None:
    """Its run died between seal and switch."""
    new = site.present("2.21.0")["release"]
    seal = site.seal(new)
    site.state("rolled_back")
    (site.release(new) / ".tensorwright.json").write_text(json.dumps({**seal, "used": None, "place": None}))
    failed = site.state("rolled_back")
    assert "has no earlier release to go back to" in failed["msg"]


# -- two runs ---------------------------------------------------------------------------------------------------------


def test_a_second_run_is_told_who_is_at_work(site: Site) -> None:
    wheel = tensorflow_wheel.tensorflow("2.20.0").file
    site.index.fail(HANG, on=wheel, times=1)
    process = site.start(timeout=60)
    wait_until(lambda: site.index.asked_for(wheel))
    failed = site.try_present()
    user = releases.user_name(os.geteuid())
    assert re.search(
        rf"another run has been working on {site.path} for 0 s or more: process {process.pid} of user {user} since \S+; wait",
        failed["msg"],
    )
    for state in ("rolled_back", "absent"):
        assert "another run has been working" in site.state(state)["msg"]
    process.kill()
    process.communicate()
    assert site.present()["changed"] is True


def test_two_runs_at_once_come_to_the_same(site: Site) -> None:
    processes = [site.start(lock_timeout=60) for _ in range(2)]
    answers = [json.loads(process.communicate()[0]) for process in processes]
    assert sorted(answer["changed"] for answer in answers) == [False, True]
    assert len(site.releases) == 1
    assert nothing_left_over(site)


def test_two_runs_with_two_wishes_are_told_of_each_other(site: Site) -> None:
    processes = [site.start(version, lock_timeout=60) for version in ("2.20.0", "2.21.0")]
    answers = [json.loads(process.communicate()[0]) for process in processes]
    first, second = sorted(answers, key=lambda answer: bool(answer["previous"]))
    assert second["previous"] == first["release"]
    assert site.current == second["release"]
    pids = {"2.20.0": processes[0].pid, "2.21.0": processes[1].pid}
    last, user = second["sealed"]["version"], releases.user_name(os.geteuid())
    (said,) = first["other_runs"]
    assert said == (
        f"Process {pids[last]} of user {user} waited meanwhile and works on it next; it wants tensorflow-cpu=={last}, pip."
    )
    (said,) = second["other_runs"]
    replaced = f"Release {first['release']} (TensorFlow {first['sealed']['version']})"
    assert said == f"{replaced}, which another run had put to use while this one waited, was replaced."
    assert nothing_left_over(site)
    assert not list(site.store.glob("locks/*.next"))


def test_check_mode_waits_for_nobody(site: Site, old: str) -> None:
    environment = releases.Environment(str(site.path))
    with environment.locked(0):
        assert site.present("2.20.0", _ansible_check_mode=True)["changed"] is False


# -- processes --------------------------------------------------------------------------------------------------------


def test_processes_stay_with_the_release_they_started_from(site: Site) -> None:
    """However they were started, they go on with the old release and import late parts from it; then it may go."""
    old = site.present("2.20.0")["release"]
    release = site.release(old)
    python = str(site.path / "bin" / "python")
    activated = f". {site.path}/bin/activate && exec python -c {WAITING!r}"
    with (
        running(python, "-c", WAITING) as through_link,
        running("bash", "-c", activated) as from_shell,
        running("sleep", "60", VIRTUAL_ENV=str(release)),
    ):
        for process in (through_link, from_shell):
            assert hear(process) == "ready"
        site.present("2.21.0", keep=1)
        site.present("2.19.0", keep=1)
        # Nothing was imported so far. The release between them is gone already.
        assert site.releases == sorted([old, site.current])
        # Root sees what each process has open. One that only names the release does not hold it up.
        assert {through_link.pid, from_shell.pid} >= set(releases.users_of(str(release))) >= {from_shell.pid}
        for process in (through_link, from_shell):
            tell(process)
            assert hear(process) == "2.20.0"
    assert site.present("2.19.0", keep=1)["removed"] == [old]


def test_the_last_releases_stay(site: Site) -> None:
    names = [site.present(version, keep=2)["release"] for version in ("2.19.0", "2.20.0", "2.21.0")]
    assert site.releases == sorted(names[1:])
    assert site.state("rolled_back")["release"] == names[1]
    # The release rolled back to is in use; what goes is the older of the others.
    renewed = site.present("2.19.0", keep=2)
    assert site.releases == sorted([renewed["release"], names[1]])
    assert renewed["removed"] == [names[2]]
    assert site.present("2.19.0", keep=1)["removed"] == [names[1]]


# -- rolling back -----------------------------------------------------------------------------------------------------


def test_what_failed_after_the_switch_says_which_release_is_in_use_now(site: Site, old: str) -> None:
    (site.store / "receipts" / "tensorflow.json").mkdir(parents=True)  # so that no receipt can be written
    failed = site.try_present("2.21.0", inputs="x")
    assert site.current != old
    assert failed["msg"].endswith(f"; release {site.current} is now in use")
    assert failed["changed"] is True


def test_rolling_back_proves_first(site: Site, old: str) -> None:
    new = site.present("2.21.0")["release"]
    (next(site.release(old).glob("lib/*/site-packages")) / "tensorflow" / "__init__.py").unlink()
    failed = site.state("rolled_back")
    assert failed["msg"].startswith(f"{site.path}: the session test failed")
    assert failed["msg"].endswith(f"; release {new} stays in use")
    assert site.current == new
    assert site.releases == sorted([old, new])


def test_rolling_back_to_a_release_without_packages(site: Site, old: str) -> None:
    site.present("2.21.0")
    shutil.rmtree(site.release(old) / "lib")
    assert f"release {old} is damaged: its packages are gone" in site.state("rolled_back")["msg"]


@pytest.mark.parametrize("exists", [False, True])
def test_there_may_be_nothing_to_go_back_to(site: Site, exists: bool) -> None:
    if exists:
        site.present()
    failed = site.state("rolled_back")
    assert f"{site.path} has no earlier release to go back to" in failed["msg"]
    assert exists or not site.store.exists()


def test_rolling_back_keeps_the_sites_settings_in_the_release(site: Site, old: str) -> None:
    site.present("2.21.0")
    site.state("rolled_back")
    assert "index-url" in (site.path / "pip.conf").read_text()


# -- removing ---------------------------------------------------------------------------------------------------------


def test_removing_takes_only_that_environment(site: Site) -> None:
    site.present(inputs="abc")
    other = site.path.with_name("other")
    site.present(path=str(other), inputs="abc")
    before = snapshot(site.store / "other")
    removed = site.state("absent")
    assert removed["left"] == [f"{site.store} stays: the environments other use it"]
    assert sorted(os.listdir(site.path.parent)) == [".tensorwright", "other"]
    assert snapshot(site.store / "other") == before
    assert os.listdir(site.store / "receipts") == ["other.json"]
    assert os.listdir(site.store / "log") == ["other.log"]
    assert sorted(os.listdir(site.store / "locks")) == [".store", "other.lock"]
    assert site.ask("import tensorflow; print(tensorflow.__version__)", python=other / "bin" / "python") == "2.20.0"
    # Nothing is made on the way where there is nothing to remove.
    before = snapshot(site.root)
    assert site.state("absent")["changed"] is False
    assert snapshot(site.root).keys() == before.keys()
    assert run_module("environment", path=str(other), state="absent")["changed"] is True
    assert os.listdir(site.path.parent) == []


def test_removing_is_refused_while_a_process_uses_it(site: Site) -> None:
    site.present()
    with running(
        str(site.path / "bin" / "python"), "-c", WAITING, VIRTUAL_ENV=str(site.release(site.current))
    ) as process:
        assert hear(process) == "ready"
        before = snapshot(site.root)
        for check_mode in (True, False):
            refused = site.state("absent", _ansible_check_mode=check_mode)
            assert (
                f"{site.path} is in use by process {process.pid} of user {releases.user_name(os.geteuid())}; stop it and run again"
                in refused["msg"]
            )
        assert snapshot(site.root).keys() == before.keys()
        assert version(site) == "2.20.0"
    assert site.state("absent")["changed"] is True


def test_removing_is_refused_while_only_a_lock_tells_of_a_process(site: Site) -> None:
    site.present()
    with running(str(site.path / "bin" / "python"), "-c", WAITING) as process:
        assert hear(process) == "ready"
        refused = site.state("absent")
        assert re.search(
            r"is in use by (a process that this run may not see.*|process \d+ of user \S+); stop it and run again",
            refused["msg"],
        )
    assert site.state("absent")["changed"] is True


def test_a_removal_that_was_killed_is_finished_by_the_next(site: Site) -> None:
    site.present(inputs="abc")
    site.present("2.21.0", inputs="abc")
    site.path.unlink()
    (site.release(site.releases[0]) / ".tensorwright.json").unlink()
    assert site.state("absent")["changed"] is True
    assert os.listdir(site.path.parent) == []


def test_a_stray_file_among_the_releases_is_no_obstacle(site: Site) -> None:
    site.present()
    (site.store / "tensorflow" / "stray").write_text("x")
    assert site.present()["removed"] == ["stray"]
    (site.store / "tensorflow" / "stray").write_text("x")
    site.state("absent")
    assert os.listdir(site.path.parent) == []


# -- method native ----------------------------------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the system's Python: a virtualenv, with stand-ins for /usr/local/bin and /usr/bin; its site-packages."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "system"], check=True)
    monkeypatch.setattr(native, "BIN", str(tmp_path / "local-bin"))
    monkeypatch.setattr(native, "SYSTEM_BINS", (str(tmp_path / "bin"),))
    monkeypatch.setattr(native, "SITES", str(tmp_path / "system" / "lib" / "python3*" / "*-packages"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "f2py").touch()
    return next((tmp_path / "system").glob("lib/*/site-packages"))


def native_parameters(system: Path, version: str = "2.20.0", **changes: Any) -> dict[str, Any]:
    python = str(system.parents[2] / "bin" / "python")
    return {
        "native": True,
        "python": python,
        "requirements": [f"tensorflow-cpu=={version}"],
        "inputs": "abc",
        **changes,
    }


def ask_system(system: Path, program: str) -> str:
    return subprocess.check_output([system.parents[2] / "bin" / "python", "-c", program], text=True).strip()


def test_a_native_life(site: Site, system: Path, tmp_path: Path) -> None:
    before = snapshot(system.parents[2])
    first = site.present("2.20.0", **native_parameters(system))["release"]
    pth = system / "tensorwright-tensorflow.pth"
    place = next(site.release(first).glob("lib/*/site-packages"))
    assert pth.read_text() == f"{place}\n"
    assert ask_system(system, "import tensorflow; print(tensorflow.__file__)") == f"{place}/tensorflow/__init__.py"
    assert os.listdir(tmp_path / "local-bin") == ["saved_model_cli"]  # f2py is a name of the distribution's
    assert subprocess.check_output([tmp_path / "local-bin" / "saved_model_cli"], text=True).endswith(" 2.20.0\n")
    assert not (site.path / "bin" / "tensorflow-env").exists()
    receipt = drift.read(str(site.store / "receipts" / "tensorflow.json"))
    assert receipt
    assert set(receipt["footprint"]["files"]) == {str(pth), str(site.release(first) / ".tensorwright.json")}
    assert footprints.drift(receipt["footprint"]) == []
    assert site.present("2.20.0", **native_parameters(system))["changed"] is False

    second = site.present("2.21.0", **native_parameters(system, "2.21.0"))["release"]
    assert second in pth.read_text()
    assert ask_system(system, "import tensorflow; print(tensorflow.__version__)") == "2.21.0"
    site.state("rolled_back")
    assert first in pth.read_text()

    removed = site.state("absent")
    assert {str(pth), str(tmp_path / "local-bin" / "saved_model_cli")} <= set(removed["removed"])
    after = snapshot(system.parents[2])
    assert before.keys() == after.keys()
    assert os.listdir(tmp_path / "local-bin") == []
    assert os.listdir(site.path.parent) == []


class CutError(BaseException):
    """The run ends here, without a word."""


def test_a_native_run_that_is_cut_between_link_and_pth_leaves_both_releases_whole(
    site: Site, system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_words: Any, **_options: Any) -> bool:
        raise CutError

    first = site.present("2.20.0", **native_parameters(system))["release"]
    # Before the .pth file is renamed, and before the tools are linked.
    for where, imported in (("point", "2.20.0"), ("link_tools", "2.21.0")):
        with monkeypatch.context() as cutting:
            cutting.setattr(native, where, cut)
            with pytest.raises(CutError):
                site.present("2.21.0", **native_parameters(system, "2.21.0"))
        assert site.current != first
        assert ask_system(system, "import tensorflow; print(tensorflow.__version__)") == imported
        assert site.ask("import tensorflow; print(tensorflow.__version__)") == "2.21.0"
        assert subprocess.check_output([tmp_path / "local-bin" / "saved_model_cli"], text=True).endswith(" 2.21.0\n")
    assert site.present("2.21.0", **native_parameters(system, "2.21.0"))["changed"] is True
    assert ask_system(system, "import tensorflow; print(tensorflow.__version__)") == "2.21.0"
    assert site.present("2.21.0", **native_parameters(system, "2.21.0"))["changed"] is False


def test_the_systems_programs_set_bounds(site: Site, system: Path) -> None:
    site.index.add(tensorflow_wheel.numpy("1.26.4"))
    info = system / "systool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: systool\nVersion: 1.0\n"
        "Requires-Dist: numpy[extra] (<2,>=1.20)\nRequires-Dist: odd>=dev\nRequires-Dist: six\n"
    )
    site.present(**native_parameters(system))
    assert site.seal(site.current)["distributions"]["numpy"] == "1.26.4"
    assert (site.path / "constraints.txt").read_text() == "numpy<2,>=1.20\n"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_tensorflow_of_the_systems_own_is_refused(site: Site, system: Path, check_mode: bool) -> None:
    (system / "tensorflow").mkdir()
    (system / "tensorflow" / "__init__.py").touch()
    refused = site.try_present(**native_parameters(system), _ansible_check_mode=check_mode)
    assert (
        f"already imports a TensorFlow that Tensorwright did not install, {system}/tensorflow/__init__.py; remove that one "
        "first (pip uninstall tensorflow), or choose tensorflow_method virtualenv"
    ) in refused["msg"]
    assert site.releases == []
    assert not (system / "tensorwright-tensorflow.pth").exists()


def test_what_was_removed_of_a_native_environment_is_mended(site: Site, system: Path, tmp_path: Path) -> None:
    site.present(**native_parameters(system))
    for gone in (system / "tensorwright-tensorflow.pth", tmp_path / "local-bin" / "saved_model_cli"):
        gone.unlink()
        assert site.present(**native_parameters(system), _ansible_check_mode=True)["changed"] is True
        assert not os.path.lexists(gone)
        assert site.present(**native_parameters(system))["changed"] is True
        assert os.path.lexists(gone)
        assert site.present(**native_parameters(system))["changed"] is False


def test_an_environment_that_is_native_no_longer_leaves_the_system(site: Site, system: Path, tmp_path: Path) -> None:
    first = site.present(**native_parameters(system))["release"]
    pth = str(system / "tensorwright-tensorflow.pth")
    changed = site.present(requirements=["tensorflow-cpu==2.20.0"], inputs="abc")
    assert changed["release"] != first  # the same requirements make another release
    assert changed["removed"] == [pth, str(tmp_path / "local-bin" / "saved_model_cli")]
    assert ask_system(system, "import importlib.util as u; print(u.find_spec('tensorflow'))") == "None"
    assert os.listdir(tmp_path / "local-bin") == []
    # Back to where it was native, and away again.
    assert site.state("rolled_back")["release"] == first
    assert ask_system(system, "import tensorflow; print(tensorflow.__version__)") == "2.20.0"
    assert site.state("rolled_back")["release"] == changed["release"]
    assert not os.path.exists(pth)


def test_a_system_python_that_cannot_be_asked(site: Site, system: Path, tmp_path: Path) -> None:
    python = tmp_path / "python3.7"
    python.write_text(
        "#!/bin/sh\ncase $* in *importlib.metadata*) echo 'No module named importlib.metadata' >&2; exit 1;; esac\n"
        f'exec {system.parents[2]}/bin/python "$@"\n'
    )
    python.chmod(0o755)
    refused = site.try_present(**native_parameters(system, python=str(python)))
    assert (
        f"{python} cannot tell what it has installed: No module named importlib.metadata; nothing was" in refused["msg"]
    )


# -- check mode -------------------------------------------------------------------------------------------------------


def check(site: Site, version: str = "2.20.0", **changes: Any) -> bool:
    """Run in check mode, make sure that nothing is touched or fetched, and return whether it would change something."""
    before, asked = snapshot(site.root) if site.root.exists() else None, len(site.index.requests)
    answer = site.present(version, **changes, _ansible_check_mode=True)
    assert (snapshot(site.root) if site.root.exists() else None) == before
    assert len(site.index.requests) == asked
    return bool(answer["changed"])


def test_check_mode_changes_nothing_and_says_what_would(site: Site) -> None:
    assert check(site)
    assert check(site, python="/nowhere/python3.12")  # the role python would install it
    site.present()
    assert not check(site)
    assert check(site, "2.21.0")
    site.present("2.21.0")
    assert not check(site, "2.21.0")
    assert check(site, "2.21.0", keep=1)
    (site.store / "tensorflow" / "rest").mkdir()
    assert check(site, "2.21.0")
    (site.store / "tensorflow" / "rest").rmdir()
    before = snapshot(site.root)
    for state in ("rolled_back", "absent"):
        assert site.state(state, _ansible_check_mode=True)["changed"] is True
        assert snapshot(site.root) == before
    assert site.state("absent", _ansible_check_mode=True)["removed"] == [str(site.path), *site.releases]


def test_check_mode_with_a_damaged_release(site: Site) -> None:
    name = site.present()["release"]
    damage(site)
    answer = site.present(_ansible_check_mode=True)
    assert (answer["changed"], answer["release"]) == (True, f"{name}-2")


# -- receipts ---------------------------------------------------------------------------------------------------------


def test_a_receipt_says_what_is_there_and_shows_drift(site: Site) -> None:
    site.present()
    file = str(site.store / "receipts" / "tensorflow.json")
    assert not os.path.exists(file)
    assert site.present(inputs="abc")["changed"] is True
    receipt = drift.read(file)
    assert receipt
    assert (receipt["role"], receipt["inputs"]) == ("tensorflow_pip", "abc")
    assert footprints.drift(receipt["footprint"]) == []
    assert site.present(inputs="abc")["changed"] is False
    assert site.present(inputs="abd")["changed"] is True
    damage(site)
    assert len(footprints.drift(receipt["footprint"])) == 1
    site.present(inputs="abd")
    receipt = drift.read(file)
    assert receipt
    assert footprints.drift(receipt["footprint"]) == []


# -- parameters -------------------------------------------------------------------------------------------------------


def test_present_needs_to_know_what(site: Site) -> None:
    refused = run_module("environment", path=str(site.path))
    assert refused["msg"].startswith(
        "state is present but all of the following are missing: python, version, installer"
    )
    assert not site.root.exists()


def test_a_home_is_expanded(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site.present(path="~/tensorflow")
    assert os.readlink(tmp_path / "home" / "tensorflow").startswith(".tensorwright/tensorflow/")


def test_a_path_with_a_blank_and_letters_of_other_languages(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "Für alle" / "tensor flow"
    site.present(path=str(path))
    assert site.ask("import tensorflow; print(tensorflow.__version__)", python=path / "bin" / "python") == "2.20.0"
    made = subprocess.run(
        [path / "bin" / "tensorflow-env", "create", tmp_path / "mine"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert (
        site.ask("import tensorflow; print(tensorflow.__version__)", python=tmp_path / "mine" / "bin" / "python")
        == "2.20.0"
    )


def test_a_path_that_is_ours_is_refused(site: Site) -> None:
    refused = site.try_present(path=str(site.path.with_name("cache")))
    assert "an environment cannot be named 'cache' there" in refused["msg"]


def test_a_wheel_of_the_installer_that_is_not_the_pinned_one(site: Site) -> None:
    site.index.add(Wheel("uv", uv_wheel.VERSION, {f"uv-{uv_wheel.VERSION}.data/scripts/uv": "#!/bin/sh\nexit 1\n"}))
    failed = site.try_present()
    assert "a download is not the file that was expected" in failed["msg"]
    assert os.listdir(site.store / "tools") == []
