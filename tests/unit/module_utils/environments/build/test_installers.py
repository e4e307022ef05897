# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ensurepip
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build.installers import (
    Installer,
    InstallError,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache

from tests.doubles import tensorflow_wheel, uv_wheel
from tests.doubles.package_index import BREAK, HANG, WRONG_HASH, PackageIndex
from tests.doubles.wheels import Wheel
from tests.unit.support.environment_site import PYTHON, ROOT, children, is_running, running, wait_until
from tests.unit.support.interpreters import interpreter

DEMO = Wheel("demo", "1.0", {"demo.py": "x = 1\n"}, data=bytes(200_000))
SITE: dict[str, Any] = {"index_url": "", "extra_index_urls": [], "ca_file": "", "timeout": 5, "retries": 0}
Make = Callable[..., Installer]


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch, no_settings: None) -> list[float]:
    """How long the code under test would have slept."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name in ("tools", "cache"):
        (tmp_path / name).mkdir()
    return tmp_path


def real_pip() -> Wheel | None:
    """Return the wheel of pip that this machine's Python brings along."""
    places = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    found = sorted(wheel for place in places for wheel in place.glob("pip-*-py3-none-any.whl"))
    if not found:
        return None
    _name, version, *_tags = found[-1].name.split("-")

    class Real(Wheel):
        content = found[-1].read_bytes()  # the file as it is, not one made by hand

    return Real("pip", version, {})


@pytest.fixture
def make(index: PackageIndex, store: Path) -> Make:
    """Return a function that makes an installer, uv or pip, for a site whose index offers demo and the installer."""
    index.add(DEMO)

    def make(name: str = "uv", **changes: Any) -> Installer:
        wheel = uv_wheel.wheel(changes.pop("program", None)) if name == "uv" else real_pip()
        if wheel is None:
            pytest.skip("this machine's Python brings no wheel of pip along: pip is not tested")
        index.add(wheel, *([tensorflow_wheel.pip()] if name == "uv" else []))
        site = {**SITE, "index_url": index.url, **changes}
        directories = [str(store / part) for part in ("tools", "cache", "log")]
        return installers.choose(uv_wheel.pin(wheel), site, directories[0], directories[1], directories[2])

    return make


def install(tool: Installer, store: Path, *requirements: str, constraints: str = "") -> Path:
    """Make a release and install into it; return its site-packages."""
    release = store / "release"
    tool.create(PYTHON, str(release), "tensorflow")
    (store / "constraints.txt").write_text(constraints)
    tool.install(str(release), list(requirements or ["demo"]), str(store / "constraints.txt"))
    (found,) = releases.site_packages(str(release))
    return Path(found)


both = pytest.mark.parametrize("name", ["uv", "pip"])

# -- what both do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "slept"), [("uv", []), ("pip", [2.0])])
def test_an_environment_is_made_and_filled_though_a_download_breaks_in_the_middle(
    make: Make, index: PackageIndex, store: Path, name: str, slept: list[float], naps: list[float]
) -> None:
    tool = make(name, retries=1)
    index.add(tensorflow_wheel.numpy("1.26.4"), tensorflow_wheel.numpy("2.3.0"))
    index.fail(BREAK, on=DEMO.file, times=1)
    site_packages = install(tool, store, "demo", "numpy", "pip", constraints="numpy<2\n")
    assert (site_packages / "demo.py").read_text() == "x = 1\n"
    there = releases.installed(str(store / "release"))
    assert (there["demo"], there["numpy"]) == ("1.0", "1.26.4")
    if name == "pip":
        assert there["pip"] == tool.tool["version"]  # the pinned one
    assert index.asked_for(DEMO.file) == 2
    assert naps == slept  # uv tries again itself; pip is run again
    activated = ["bash", "-c", f"PS1=x; . {store}/release/bin/activate; echo $PS1"]
    assert "(tensorflow)" in subprocess.check_output(activated, text=True)


@pytest.mark.parametrize(
    ("name", "how", "on", "cause"),
    [
        ("uv", BREAK, DEMO.file, "download-truncated"),
        ("uv", 503, "/demo/", "server-overloaded"),
        ("uv", HANG, "/demo/", "network-broken"),
        ("uv", 401, "/demo/", "index-denied"),
        ("uv", 403, "/demo/", "index-denied"),
        ("uv", 403, DEMO.file, "index-denied"),
        ("uv", 407, "/demo/", "proxy-login"),
        ("uv", WRONG_HASH, "/demo/", "hash-mismatch"),
        ("uv", 404, "/demo/", "no-wheel"),
        ("pip", 401, "/demo/", "index-denied"),
    ],
)
def test_a_failure_names_cause_and_remedy(
    make: Make, index: PackageIndex, store: Path, name: str, how: int | str, on: str, cause: str
) -> None:
    index.fail(how, on=on)
    with pytest.raises(InstallError) as failed:
        install(make(name, timeout=1), store)
    row = next(row for row in catalog.ROWS if row.id == cause)
    assert str(failed.value) == f"{row.cause}; {row.remedy}"
    assert "demo" in failed.value.output
    assert sorted(os.listdir(store)) == ["cache", "constraints.txt", "home", "log", "release", "tools"]


def test_extra_indexes_add_files_to_the_first_ones(make: Make, index: PackageIndex, store: Path) -> None:
    with PackageIndex() as extra:
        extra.add(Wheel("demo", "2.0", {"demo.py": "x = 2\n"}), tensorflow_wheel.numpy())
        site_packages = install(make(extra_index_urls=[extra.url]), store, "demo", "numpy")
    assert (site_packages / "demo.py").read_text() == "x = 2\n"
    assert (site_packages / "numpy").is_dir()


def test_retries_are_not_multiplied(make: Make, index: PackageIndex, store: Path) -> None:
    """Uv tries again itself; a dead index must not cost the square of the retries."""
    index.fail(503, on="/demo/")
    with pytest.raises(InstallError):
        install(make(retries=1), store)
    assert index.asked_for("/demo/") == 2


@pytest.mark.parametrize(("name", "requirement"), [("uv", "demo"), ("uv", "nowhere"), ("pip", "nowhere")])
def test_a_login_is_on_no_command_line_and_in_no_file(
    make: Make, index: PackageIndex, store: Path, name: str, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.login = ("bob", "s3cret-word")
    seen: list[list[str]] = []
    popen = subprocess.Popen

    def watch(command: list[str], **options: Any) -> Any:
        seen.append(command)
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", watch)
    tool = make(name, index_url=index.url_with_login, extra_index_urls=[index.url_with_login])
    if requirement == "demo":
        told = str(install(tool, store, requirement))
    else:
        with pytest.raises(InstallError, match=r"^the package index has nothing of that name") as failed:
            install(tool, store, requirement)
        told = f"{failed.value} {failed.value.output}"
    assert len([command for command in seen if "-c" not in command]) == 2
    assert "s3cret-word" not in f"{seen} {told}"
    assert b"s3cret-word" not in b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())


def test_the_log_has_commands_and_output(make: Make, store: Path) -> None:
    install(make(), store)
    log = (store / "log").read_text()
    assert log.startswith("$ ")
    assert "demo" in log
    assert log.count("\n$ ") >= 1


def test_what_an_index_has_printed_steers_no_terminal_that_shows_the_log(make: Make, store: Path) -> None:
    tool = make()
    status, output = tool._call(["printf", "\\033]0;OWNED\\007\\033[2Kseen\\rover\\n"])
    assert (status, "\x1b" in output) == (0, True)
    assert (store / "log").read_text().splitlines()[1:] == ["seen", "over"]


def test_settings_of_the_callers_do_not_lead_astray(make: Make, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "here").mkdir()
    (store / "here" / "uv.toml").write_text("rubbish\n")
    monkeypatch.chdir(store / "here")
    monkeypatch.delenv("UV_NO_CONFIG")
    for variable, value in {
        "PIP_TARGET": str(store / "elsewhere"),
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PYTHONPATH": str(store / "here"),
        "PYTHONHOME": "/nowhere",
        "VIRTUAL_ENV": "/nowhere",
        "UV_PYTHON": "2.7",
        "UV_SYSTEM_PYTHON": "1",
        "UV_OFFLINE": "1",
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        "TERM": "xterm",
    }.items():
        monkeypatch.setenv(variable, value)
    tools = [make("uv"), make("pip")]
    assert all(not {"PIP_TARGET", "PIP_USER", "PYTHONHOME"} & tool.environment().keys() for tool in tools)
    assert (install(tools[0], store) / "demo.py").exists()
    assert "\x1b" not in (store / "log").read_text()


# -- running ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def runner(store: Path) -> Installer:
    """An installer of no kind, to run commands with."""
    return Installer({}, {**SITE, "retries": 2}, str(store / "tools"), str(store / "cache"), str(store / "log"))


def test_output_that_is_no_utf8(runner: Installer) -> None:
    assert runner.run(["printf", r"\377 ok\n"]) == "\ufffd ok\n"


def test_only_the_last_output_is_kept(runner: Installer, store: Path) -> None:
    output = runner.run(
        [sys.executable, "-c", "print('x' * 99 + '\\n', end='') or [print('y' * 99) for _ in range(2000)]"]
    )
    assert len(output) == installers.TAIL
    assert set(output) == {"y", "\n"}
    assert (store / "log").stat().st_size > 200_000


def test_a_failure_that_no_row_knows_is_shown_and_not_tried_again(runner: Installer, store: Path) -> None:
    with pytest.raises(InstallError, match="an unknown failure, whose last words were: strange") as failed:
        runner.run(["sh", "-c", "echo strange; exit 3"])
    assert failed.value.output == "strange\n"
    assert (store / "log").read_text().count("$ sh") == 1


def test_a_transient_failure_is_tried_again_as_often_as_asked(
    runner: Installer, store: Path, naps: list[float]
) -> None:
    with pytest.raises(InstallError, match="broke off"):
        runner.run(["sh", "-c", "echo Connection reset by peer; exit 1"])
    assert (store / "log").read_text().count("$ sh") == 3
    assert naps == [2.0, 4.0]


def test_where_pip_has_tried_a_connection_itself_it_is_not_run_again(runner: Installer, naps: list[float]) -> None:
    with pytest.raises(InstallError, match="broke off"):
        runner.run(["sh", "-c", "echo 'Max retries exceeded with url: /x (Caused by ReadTimeoutError)'; exit 1"])
    assert naps == []


def test_an_installer_that_is_killed(runner: Installer) -> None:
    with pytest.raises(InstallError, match=r"^sh was killed by signal 9; if nobody did that by hand, it lacked memory"):
        runner.run(["sh", "-c", "kill -9 $$"])


def test_a_full_disk_does_not_hide_the_cause(runner: Installer) -> None:
    """The log lies on the disk that is full."""
    runner.log = "/dev/full"
    with pytest.raises(InstallError, match=r"^the disk is full; free space on it"):
        runner.run(["sh", "-c", "echo 'cause: No space left on device (os error 28)'; exit 2"])


def test_a_file_system_without_execution(runner: Installer, store: Path) -> None:
    (store / "uv").write_text("#!/bin/sh\n")
    (store / "uv").chmod(0o644)
    with pytest.raises(InstallError, match="the file system is mounted noexec; install to a place on another one"):
        runner.run([str(store / "uv")])


def test_the_installer_ends_with_the_run_that_started_it(store: Path) -> None:
    """A second run may begin at once: the lock of a killed one is free."""
    program = (
        "import sys; from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build.installers import Installer;"
        "Installer({}, {'retries': 0}, sys.argv[1], sys.argv[1], sys.argv[1] + '/log').run(['sleep', '60'])"
    )
    with running(sys.executable, "-c", program, store, PYTHONPATH=f"{ROOT}/collections") as caller:
        wait_until(lambda: any(is_sleeping(child) for child in children(caller.pid)))
        (child,) = children(caller.pid)
        caller.kill()
        caller.wait()
    wait_until(lambda: not is_running(child))


def is_sleeping(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep")


def test_an_interrupt_ends_the_installer(runner: Installer) -> None:
    main, before = threading.main_thread().ident, set(children(os.getpid()))
    assert main is not None
    started = time.monotonic()

    def interrupt() -> None:
        wait_until(lambda: any(map(is_sleeping, set(children(os.getpid())) - before)))
        threading.Event().wait(0.5)  # for Popen to return; time.sleep does nothing here
        signal.pthread_kill(main, signal.SIGINT)

    # A test run that a shell has put into the background was told to ignore interrupts.
    given = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run(["sleep", "60"])
    finally:
        signal.signal(signal.SIGINT, given)
    assert time.monotonic() - started < 10
    assert set(children(os.getpid())) == before


# -- the tools --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(index: PackageIndex) -> Iterator[PackageIndex]:
    """A stand-in of the package cache, which has what the index has."""
    with PackageIndex(stands_for=index.address) as cache:
        cache.wheels = index.wheels
        yield cache


def told_of(cache: PackageIndex, **more: Any) -> dict[str, Any]:
    """What an installer is told of a cache."""
    return {"url": f"http://{cache.address}", "hosts": [cache.stands_for], "timeout": 60, **more}


@pytest.mark.parametrize("name", ["uv", "pip"])
def test_all_comes_from_the_package_cache(
    make: Make, index: PackageIndex, cache: PackageIndex, store: Path, name: str
) -> None:
    tool = make(name, package_cache=told_of(cache))
    install(tool, store, "demo")
    assert tool.left_cache == ""
    assert cache.asked_for(".whl") >= 2
    assert index.requests == []


@pytest.mark.parametrize("name", ["uv", "pip"])
@pytest.mark.parametrize("how", [502, 403, BREAK, WRONG_HASH])
def test_a_package_cache_that_fails_in_the_middle_leads_to_the_origin(
    make: Make, index: PackageIndex, cache: PackageIndex, store: Path, name: str, how: Any
) -> None:
    cache.fail(how, on="/demo/" if how == WRONG_HASH else DEMO.file)
    tool = make(name, package_cache=told_of(cache))
    install(tool, store, "demo")
    assert tool.left_cache.startswith(f"The package cache http://{cache.address} failed in the middle (")
    assert index.asked_for(DEMO.file) == 1


def test_a_package_cache_that_fails_is_an_error_where_the_site_forbids_the_origin(
    make: Make, index: PackageIndex, cache: PackageIndex, store: Path
) -> None:
    cache.fail(502, on=DEMO.file)
    with pytest.raises(InstallError):
        install(make("uv", package_cache=told_of(cache, only=True)), store, "demo")
    assert index.requests == []


def test_a_package_cache_that_goes_without_a_word_is_left(
    make: Make, index: PackageIndex, cache: PackageIndex, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installers, "WATCH", 0.05)
    cache.fail(HANG, on=DEMO.file)
    tool = make("uv", package_cache=told_of(cache))
    looks = iter([True, True])
    monkeypatch.setattr(package_cache.Cache, "answers", lambda _self: next(looks, False))
    install(tool, store, "demo")
    assert "it does not answer any more" in tool.left_cache
    assert index.asked_for(DEMO.file) == 1


def test_what_has_nothing_to_do_with_the_network_is_not_tried_at_the_origin(
    make: Make, index: PackageIndex, cache: PackageIndex, store: Path
) -> None:
    with pytest.raises(InstallError):
        install(make("uv", package_cache=told_of(cache)), store, "demo==9")
    assert index.requests == []


def test_uv_is_fetched_once(make: Make, index: PackageIndex, store: Path) -> None:
    for directory in ("one", "two"):
        make().create(PYTHON, str(store / directory), "x")
    assert index.asked_for(uv_wheel.wheel().file) == 1
    assert sorted(os.listdir(store / "tools")) == [f"uv-{uv_wheel.VERSION}", uv_wheel.wheel().file]
    assert (store / "tools" / f"uv-{uv_wheel.VERSION}").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("spoilt", ["program", "wheel", "both"])
def test_uv_is_run_only_as_its_pinned_wheel_holds_it(
    make: Make, index: PackageIndex, store: Path, tmp_path: Path, spoilt: str
) -> None:
    make().create(PYTHON, str(store / "one"), "x")
    program, wheel = store / "tools" / f"uv-{uv_wheel.VERSION}", store / "tools" / uv_wheel.wheel().file
    good = program.read_bytes()
    if spoilt != "wheel":
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    if spoilt != "program":
        wheel.write_bytes(b"PK")
    make().create(PYTHON, str(store / "two"), "x")
    assert not (tmp_path / "ran").exists()
    assert program.read_bytes() == good
    assert program.stat().st_mode & 0o777 == 0o755
    assert index.asked_for(wheel.name) == (1 if spoilt == "program" else 2)


def test_pip_is_fetched_where_its_wheel_is_missing_or_damaged(make: Make, index: PackageIndex, store: Path) -> None:
    tool = make("pip")
    wheel = store / "tools" / tool.tool["wheel"]["file"]
    wheel.write_bytes(b"half")
    for _run in range(2):
        with pytest.raises(InstallError, match="does not start"):
            tool.install(str(store / "no-release"), ["demo"], "/nowhere")
        assert index.asked_for(wheel.name) == 1
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == tool.tool["wheel"]["sha256"]
    assert os.listdir(store / "tools") == [wheel.name]


@both
def test_a_tool_that_cannot_be_fetched_leaves_nothing(make: Make, index: PackageIndex, store: Path, name: str) -> None:
    tool = make(name, retries=1)
    index.fail(BREAK, on=tool.tool["wheel"]["file"])
    with pytest.raises(InstallError, match="a download broke off in the middle; run again"):
        install(tool, store)
    assert os.listdir(store / "tools") == []


def test_two_runs_can_fetch_at_once(make: Make, store: Path) -> None:
    """Environments beside each other share the tools, and do not share a lock."""
    tools = [make(), make()]
    threads = [
        threading.Thread(target=tool.create, args=(PYTHON, str(store / f"release{number}"), "x"))
        for number, tool in enumerate(tools)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((store / f"release{number}" / "bin" / "python").exists() for number in range(2))
    assert sorted(os.listdir(store / "tools")) == [f"uv-{uv_wheel.VERSION}", uv_wheel.wheel().file]


def test_a_tool_of_no_kind() -> None:
    with pytest.raises(KeyError):
        installers.choose({"name": "conda"}, SITE, "", "", "")


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        (
            "uv",
            {
                "UV_DEFAULT_INDEX": "http://a",
                "UV_INDEX": "http://b http://c",
                "UV_HTTP_TIMEOUT": "7",
                "UV_HTTP_RETRIES": "4",
            },
        ),
        (
            "pip",
            {
                "PIP_INDEX_URL": "http://a",
                "PIP_EXTRA_INDEX_URL": "http://b http://c",
                "PIP_DEFAULT_TIMEOUT": "7",
                "PIP_RETRIES": "4",
            },
        ),
    ],
)
def test_the_sites_settings_travel_as_variables(name: str, variables: dict[str, str], store: Path) -> None:
    site = {**SITE, "index_url": "http://a", "extra_index_urls": ["http://b", "http://c"], "timeout": 7, "retries": 4}
    site["ca_file"] = "/etc/ca.pem"
    tool = installers.choose({"name": name, "version": "1"}, site, str(store), "/cache", "/log")
    environment = tool.environment()
    assert variables.items() <= environment.items()
    assert environment["SSL_CERT_FILE"] == environment["PIP_CERT"] == "/etc/ca.pem"
    assert environment[f"{name.upper()}_CACHE_DIR"] == f"/cache/{name}"
    json.dumps(environment)


def test_what_uv_leaves_beside_its_cache_goes_with_the_store(store: Path) -> None:
    tool = installers.choose({"name": "uv", "version": "1"}, SITE, str(store), "/cache", "/log")
    assert tool.environment()["TMPDIR"] == str(store)


def test_without_an_index_of_the_sites_the_hosts_own_counts(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://hosts-own/simple")
    tool = installers.choose({"name": "uv", "version": "1"}, SITE, str(store), "/cache", "/log")
    assert tool.environment()["UV_DEFAULT_INDEX"] == "http://hosts-own/simple"


@pytest.mark.parametrize(("works", "left"), [(False, [".tmpAb12"]), (True, [])])
def test_what_a_killed_uv_left_in_its_cache(works: bool, left: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "uv"
    for name in (".tmpAb12", "archive-v0"):
        (cache / name).mkdir(parents=True)
    with (cache / ".lock").open("w") as held_by_uv:
        if works:
            fcntl.flock(held_by_uv, fcntl.LOCK_SH)
        assert [Path(path).name for path in installers.abandoned(str(tmp_path))] == left


def test_a_cache_that_is_not_there_yet(tmp_path: Path) -> None:
    assert installers.abandoned(str(tmp_path)) == []


# -- old Pythons ------------------------------------------------------------------------------------------------------

VIRTUALENV = """import os, shutil, sys


def main():
    sys.stderr.write("asked for " + " ".join(sys.argv[1:-1]))
    release = sys.argv[-1]
    os.makedirs(os.path.join(release, "bin"))
    os.symlink(sys.executable, os.path.join(release, "bin", "python"))
"""


def test_virtualenv_makes_the_environments_of_python_2(index: PackageIndex, store: Path) -> None:
    wheel = Wheel("virtualenv", "16.7.12", {"virtualenv.py": VIRTUALENV})
    index.add(wheel)
    tool = {"name": "pip", "virtualenv": {"file": wheel.file, "sha256": wheel.sha256}}
    site = {**SITE, "index_url": index.url}
    pip = installers.choose(tool, site, str(store / "tools"), str(store / "cache"), str(store / "log"))
    for number in range(2):
        pip.create(interpreter("2.7"), str(store / f"release{number}"), "tensorflow")
    assert (store / "release0" / "bin" / "python").exists()
    assert (
        "asked for --no-download --no-pip --no-setuptools --no-wheel --prompt (tensorflow) "
        in (store / "log").read_text()
    )
    assert index.asked_for(wheel.file) == 1


def test_the_pips_of_old_pythons_find_what_they_build_with(index: PackageIndex, store: Path) -> None:
    """Setuptools and wheel come first, before anything that may have to be built."""
    index.add(DEMO, *(Wheel(name, "1.0", {f"{name}.py": ""}) for name in ("setuptools", "wheel")))
    calls = Wheel("pip", "20.3.4", {"pip/__main__.py": "import sys; print('called ' + ' '.join(sys.argv[1:]))"})
    index.add(calls)
    tool = {"name": "pip", "version": "20.3.4", "wheel": {"file": calls.file, "sha256": calls.sha256}}
    site = {**SITE, "index_url": index.url, "sdists": True}
    pip = installers.choose(tool, site, str(store / "tools"), str(store / "cache"), str(store / "log"))
    (store / "release" / "bin").mkdir(parents=True)
    (store / "release" / "bin" / "python").symlink_to(interpreter("3.6"))
    pip.install(str(store / "release"), ["demo", "pip"], "bounds")
    lines = [line for line in (store / "log").read_text().splitlines() if line.startswith("called")]
    assert lines == [
        "called install --constraint bounds setuptools wheel",
        "called install --constraint bounds demo pip==20.3.4",
    ]
