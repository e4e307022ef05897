# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `packages` installs a real package of Debian's, and apt or dpkg is cut in the middle; then it is run again.

python3 -m tests.faults.programs.apt FAULT
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.attacks.programs import product

PACKAGE = "vim-runtime"  # 7 MB to fetch, 2,000 files of 33 MB to unpack, and nothing that it needs
SMALL = Path("/small")  # a file system of 8 MB
STOPPED = Path("/run/dpkg-stopped")
# In the place of dpkg: the real one, which is stopped as soon as it has made the first files of the package.
DPKG = f"""#!/bin/sh
case " $* " in
    *" --unpack "*)
        (
            until [ -e "$1" ]; do set -- /usr/share/vim/vim*/*.dpkg-new; done
            kill -STOP $$
            echo $$ >{STOPPED}.new
            mv {STOPPED}.new {STOPPED}
        ) </dev/null >/dev/null 2>&1 &
        ;;
esac
exec /usr/bin/dpkg "$@"
"""
AS_PROCESS = f"""
import json, sys
from tests.attacks.programs import product
print(json.dumps(product.module("packages", role="cuda", plain=[{PACKAGE!r}], **json.loads(sys.argv[1]))))
"""


def start(**parameters: Any) -> subprocess.Popen[str]:
    """Start the module in a process group of its own, as a terminal's run has one."""
    command = [sys.executable, "-c", AS_PROCESS, json.dumps(parameters)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the module's answer; one without an answer has been killed."""
    output = process.communicate(timeout=900)[0]
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"failed": True, "killed": True, "msg": output[-500:]}


def unpacking(process: subprocess.Popen[str]) -> int:
    """Wait until dpkg is in the middle of unpacking the package, where it stands still; return its process id."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline and process.poll() is None:
        if STOPPED.exists():
            return int(STOPPED.read_text())
        time.sleep(0.05)
    raise SystemExit(f"dpkg was never seen at work: {end(process)}")


def state() -> str:
    """Return dpkg's own word for the package."""
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}", PACKAGE]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def audit() -> str:
    """Return what dpkg has to say against its own state, and against the package's files."""
    asked = [["dpkg", "--audit"], ["dpkg", "--verify", PACKAGE], ["apt-get", "-q", "check"]]
    told = [subprocess.run(words, capture_output=True, text=True, check=False) for words in asked]
    return "".join(one.stdout for one in told[:2]) + (told[2].stderr if told[2].returncode else "")


def purge() -> None:
    """Let the host be as it was."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["apt-get", "-qq", "purge", PACKAGE], check=False, **quiet)  # type: ignore[call-overload]
    subprocess.run(["apt-get", "clean"], check=True)
    shutil.rmtree("/usr/share/vim", ignore_errors=True)
    for entry in SMALL.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


# --- faults -----------------------------------------------------------------------------------------------------------


def cut(signals: Callable[[int, int], None]) -> dict[str, Any]:
    """Send signals to dpkg, or to the module's process group, while dpkg is in the middle of unpacking."""
    program = product.write("/usr/local/lib/stopped-dpkg", DPKG, 0o755)
    setting = product.write("/etc/apt/apt.conf.d/98stopped", f'Dir::Bin::dpkg "{program}";\n')
    STOPPED.unlink(missing_ok=True)
    process = start()
    dpkg = unpacking(process)
    setting.unlink()
    signals(dpkg, process.pid)
    return end(process)


def dpkg_killed() -> dict[str, Any]:
    """SIGKILL for dpkg in the middle of unpacking."""
    return cut(lambda dpkg, _group: os.kill(dpkg, signal.SIGKILL))


def all_killed() -> dict[str, Any]:
    """SIGKILL for the module, apt and dpkg at once."""

    def kill(dpkg: int, group: int) -> None:
        os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(dpkg, signal.SIGKILL)  # apt gives it a group of its own

    return cut(kill)


def full_archive() -> dict[str, Any]:
    """The disk is full while apt fetches."""
    (SMALL / "partial").mkdir()
    (SMALL / "filler").write_bytes(b"x" * (6 << 20))
    setting = product.write("/etc/apt/apt.conf.d/99small", f'Dir::Cache::archives "{SMALL}";\n')
    try:
        return end(start())
    finally:
        setting.unlink()


@contextlib.contextmanager
def held(path: str, seconds: float) -> Iterator[float]:
    """Let another process keep a lock of apt's for some seconds; yields when it will let go."""
    child = os.fork()
    if not child:
        with open(path, "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            time.sleep(seconds)
        os._exit(0)
    time.sleep(0.5)
    try:
        yield time.monotonic() + seconds - 0.5
    finally:
        os.waitpid(child, 0)


def waits(path: str, **parameters: Any) -> dict[str, Any]:
    """Install while another process keeps a lock for 20 s; the answer tells whether the lock was waited for."""
    with held(path, 20) as free:
        answer = end(start(**parameters))
        return dict(answer, waited=time.monotonic() >= free)


FAULTS: dict[str, Callable[[], dict[str, Any]]] = {
    "dpkg_killed": dpkg_killed,
    "all_killed": all_killed,
    "full_archive": full_archive,
    "dpkg_lock": lambda: waits("/var/lib/dpkg/lock-frontend"),
}


def main() -> None:
    """Bring one fault about, and run again."""
    purge()
    answer = FAULTS[sys.argv[1]]()
    between = state()
    again = end(start())
    told = {"answer": answer, "between": between, "again": again, "state": state(), "audit": audit()}
    third = end(start())
    purge()
    print(json.dumps(dict(told, third=third)))


if __name__ == "__main__":
    main()
