# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the session test in an environment as an ordinary user, and judge what it found."""

import contextlib
import inspect
import json
import os
import pwd
import signal
import subprocess
import tempfile
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import processes, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user, workshop
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_libraries
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import session_test

GREETING = "Hello, TensorFlow!"
ANSWER = [[5.0, 14.0], [14.0, 50.0]]
MARK = "tensorwright-session "
# In the place where the system's Python will look for it: behind its own local additions, before the distribution's packages.
NATIVE = """
import site, sys
places = site.getsitepackages()
there = [sys.path.index(place) for place in places if place in sys.path]
first = there[0] + 1 if places[0] in sys.path else min(there or [len(sys.path)])
sys.path.insert(first, {0!r})
if sys.version_info[0] == 2:
    site.addsitedir({0!r})  # as the .pth file will (see module_utils/native.py)
try:
    import _tensorwright_cuda
    _tensorwright_cuda.watch()
except ImportError:  # no release for GPUs
    pass
exec(sys.stdin.read())
"""
SIGNALS = {
    int(signal.SIGILL): "the CPU lacks an instruction that this build of TensorFlow needs",
    int(signal.SIGKILL): "if nobody did that by hand, it lacked memory",
}
# Of a library of which a part is missing; other signals are sent from outside, or are the CPU's.
OF_DAMAGE = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT)
TIMEOUT = 600  # seconds; a first import from a cold network disk is slow


class SessionError(Exception):
    """The session test failed; `output` is what it printed. suspects_release: another one of the same contents may pass."""

    def __init__(self, message: str, output: str = "", suspects_release: bool = False) -> None:
        super(SessionError, self).__init__(message)
        self.output = output
        self.suspects_release = suspects_release


def open_to_others(path: str) -> bool:
    """Tell whether a user without rights of their own can reach `path` (all its directories are world-searchable)."""
    path = os.path.realpath(path)
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def choose_user(prefix: str, wanted: Optional[str] = None) -> str:
    """Return who tries an environment out: the wanted user; else whoever we are; for root, `nobody` where that user can reach it."""
    me = releases.user_name(os.geteuid())
    if os.geteuid() != 0:
        return me
    if wanted:
        return wanted
    return "nobody" if open_to_others(prefix) else me


# uid: the number to become, if any. becoming: what a child does for that. stop: ends all that the session has started.
Who = NamedTuple(
    "Who", [("name", str), ("uid", Optional[int]), ("becoming", Callable[[], None]), ("stop", Callable[[], None])]
)


@contextlib.contextmanager
def _user(python: str, user: str) -> Iterator[Who]:
    """Yield who runs the session. Raises SessionError."""
    me = releases.user_name(os.geteuid())
    groups = None if user else workshop.account_groups([os.path.dirname(python)])
    if groups is not None:
        with builder_user.borrowed(groups) as account:
            yield Who(str(account.uid), account.uid, account.becoming(), account.stop)
    elif user in ("", me) or os.geteuid() != 0:
        yield Who(me, None, processes.dying_with_us(), lambda: None)
    else:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            raise SessionError("the session user '{}' does not exist on this host".format(user)) from None
        yield Who(user, entry.pw_uid, _becoming(entry), lambda: None)


def _becoming(entry: pwd.struct_passwd) -> Callable[[], None]:
    """Return what makes a child this user, and lets it end with us."""
    die_with_us = processes.dying_with_us()

    def prepare() -> None:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        die_with_us()  # last: a change of the user makes the kernel forget it

    return prepare


def run(python: str, user: str = "", extra_path: Optional[str] = None) -> Dict[str, Any]:
    """Run the session test with `python` as `user` and return what it found, with `user` and `seconds` (wall time).

    Without a user, root runs it as a user without rights and without a name, of whom nothing stays; where only root can reach the
    environment, root runs it itself. Whoever is not root runs it itself.
    For a release with CUDA libraries of its own, `device` says in words how far the proof went.

    `extra_path` is a site-packages directory that this Python is to look into as well (method native).
    Raises SessionError.
    """
    start = time.time()
    command = [python, "-s", "-E"] + (["-c", NATIVE.format(extra_path)] if extra_path else ["-"])
    with _user(python, user) as who:
        # The caller's TMPDIR may be closed to another user (libpam-tmpdir).
        home = tempfile.mkdtemp(prefix="tensorwright-session-", dir=None if who.uid is None else "/tmp")
        try:
            if who.uid is not None:
                safe_tree.change(home, owner=who.uid)
            status, out, err = _converse(command, home, who)
        except OSError as error:
            raise SessionError(
                "the session test could not be started with {} as user {}: {}".format(python, who.name, error)
            ) from error
        finally:
            who.stop()
            with contextlib.suppress(OSError):  # somebody may be filling it still
                safe_tree.remove(home)
    marked = [line for line in out.splitlines() if line.startswith(MARK)]
    if status or not marked:
        raise SessionError(
            "the session test " + _why(status, out + err), out + err, status >= 0 or -status in OF_DAMAGE
        )
    try:
        found: Dict[str, Any] = json.loads(marked[-1][len(MARK) :])
    except ValueError:
        raise SessionError("the session test said something else than what it found", out + err) from None
    if "cuda" in found:
        found["device"] = device(found["gpus"], found["cuda"])
    found["user"] = who.name
    found["seconds"] = round(time.time() - start, 1)
    return found


def _converse(command: List[str], home: str, who: Who) -> Tuple[int, str, str]:
    """Run the session test's program; return status, output, errors."""
    process = subprocess.Popen(
        command,
        # From an empty directory: a source tree or a stray file beside the caller must not decide what is imported.
        cwd=home,
        env={"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TF_CPP_MIN_LOG_LEVEL": "2"},
        preexec_fn=who.becoming,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    program = inspect.getsource(session_test).encode("utf-8")
    try:
        out, err = process.communicate(program, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise SessionError("the session test did not end within {} s".format(TIMEOUT)) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it started, or its pipes would stay open
            who.stop()
            process.communicate()
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def _why(status: int, output: str) -> str:
    """Return why the session test failed."""
    if status < 0:
        hint = SIGNALS.get(-status)
        return "was killed by signal {}{}".format(-status, ": " + hint if hint else "")
    return "failed: {}".format(matcher.explain(output) or matcher.unknown(output))


def device(gpus: int, cuda: Dict[str, Any]) -> str:
    """Return what the session has proved of a release for GPUs, no more: that they work, only one that was used can prove."""
    if gpus:
        return "1 GPU" if gpus == 1 else "{} GPUs".format(gpus)
    if cuda["driver"]:
        why = "TensorFlow sees no GPU although NVIDIA's driver is loaded"
    elif cuda["cards"]:
        why = "no NVIDIA driver is loaded, so its GPUs cannot be used yet"
    else:
        why = "no GPU on this host"
    return "CUDA libraries load; " + why


def _libraries(cuda: Dict[str, Any]) -> List[str]:
    """Return what is wrong with the CUDA libraries of a release, one sentence each."""
    wrong = [
        "the CUDA library {} does not load: {}; {}".format(
            os.path.basename(path), why, cuda_libraries.remedy(path, why)
        )
        for path, why in sorted(cuda["failed"].items())
        if cuda["driver"]
        or not why.startswith(cuda_libraries.DRIVER)  # a part of cuDNN needs the driver to be loaded at all
    ]
    for name, path in sorted(cuda["elsewhere"].items()):
        wrong.append(
            "the CUDA library {} comes from {} and not from the environment, as something has loaded it before TensorFlow was "
            "imported; look into /etc/ld.so.preload".format(name, path)
        )
    return wrong


def _base(version: str) -> str:
    """Return the version as TensorFlow itself tells it: 2.15.0.post1 says 2.15.0, nightly 2.22.0.dev1 says 2.22.0-dev1."""
    return version.split(".post")[0].replace(".dev", "-dev")


def faults(found: Dict[str, Any], version: str, cuda_build: Optional[bool] = None) -> List[str]:
    """Return what is wrong with a session's findings, one sentence each; an empty list means proved.

    `version` is the planned TensorFlow; `cuda_build` whether the plan wants a build with GPU support (None: either is right).
    """
    wrong = []
    if found.get("greeting") != GREETING:
        wrong.append("the session printed {!r} instead of {!r}".format(found.get("greeting"), GREETING))
    if found.get("answer") != ANSWER:
        wrong.append("the session computed {} instead of {}".format(found.get("answer"), ANSWER))
    if _base(str(found.get("tensorflow"))) != _base(version):
        wrong.append("TensorFlow {} is installed, {} is planned".format(found.get("tensorflow"), version))
    if cuda_build is not None and found.get("cuda_build") != cuda_build:
        words = {True: "with", False: "without"}
        wrong.append(
            "the build is {} GPU support, the plan wants one {}".format(
                words[bool(found.get("cuda_build"))], words[cuda_build]
            )
        )
    return wrong + (_libraries(found["cuda"]) if "cuda" in found else [])
