# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the session test in an environment as an ordinary user, and judge what it found."""

import inspect
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils import session_program

GREETING = "Hello, TensorFlow!"
ANSWER = [[5.0, 14.0], [14.0, 50.0]]
MARK = "tensorwright-session "
TIMEOUT = 600  # seconds; a first import from a cold network disk is slow


class SessionError(Exception):
    """The session test failed; `output` is what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(SessionError, self).__init__(message)
        self.output = output


def open_to_others(path: str) -> bool:
    """Tell whether a user without rights of their own can reach `path` (all its directories are world-searchable)."""
    path = os.path.realpath(path)
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def choose_user(prefix: str, wanted: Optional[str] = None) -> str:
    """Return who runs the session: the wanted user; else whoever we are; for root, `nobody` where that user can reach it."""
    me = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() != 0:
        return me
    if wanted:
        return wanted
    return "nobody" if open_to_others(prefix) else me


def _become(name: str) -> Optional[Callable[[], None]]:
    entry = pwd.getpwnam(name)
    if entry.pw_uid == os.geteuid():
        return None

    def drop() -> None:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return drop


def run(python: str, user: str, extra_path: Optional[str] = None) -> Dict[str, Any]:
    """Run the session test with `python` as `user` and return what it found, with `user` and `seconds` (wall time).

    `extra_path` is a site-packages directory that this Python is to look into as well (method native).
    Raises SessionError.
    """
    home = tempfile.mkdtemp(prefix="tensorwright-session-")
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        shutil.rmtree(home)
        raise SessionError("the session user '{}' does not exist on this host".format(user)) from None
    os.chown(home, entry.pw_uid, entry.pw_gid)
    environment = {"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TF_CPP_MIN_LOG_LEVEL": "2"}
    flags = ["-s"] if extra_path else ["-s", "-E"]
    if extra_path:
        environment["PYTHONPATH"] = extra_path
    start = time.time()
    try:
        # From an empty directory: a source tree or a stray file beside the caller must not decide what is imported.
        process = subprocess.Popen(
            [python] + flags + ["-"],
            cwd=home,
            env=environment,
            preexec_fn=_become(user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        try:
            out, err = process.communicate(inspect.getsource(session_program), timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise SessionError("the session test did not end within {} s".format(TIMEOUT)) from None
    except OSError as error:
        raise SessionError("the session test could not be started with {}: {}".format(python, error)) from error
    finally:
        shutil.rmtree(home, ignore_errors=True)
    marked = [line for line in out.splitlines() if line.startswith(MARK)]
    if process.returncode or not marked:
        why = "was killed by signal {}".format(-process.returncode) if process.returncode < 0 else "failed"
        raise SessionError("the session test {}".format(why), out + err)
    found: Dict[str, Any] = json.loads(marked[-1][len(MARK) :])
    found["user"] = user
    found["seconds"] = round(time.time() - start, 1)
    return found


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
    return wrong
