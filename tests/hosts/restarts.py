"""Reboots of test hosts: a container ends where a machine would start again, so somebody has to start it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hosts.containers import NETWORK, Host, podman

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@contextmanager
def restarted(host: Host) -> Iterator[None]:
    """Start the host again, at its address, as soon as it has shut itself down.

    All containers of a machine have its kernel's boot id. Until it ends, this one has another, so that its boot changes the id.
    """
    script = f"echo 00000000-0000-4000-8000-000000000000 >/run/boot-id; mount --bind /run/boot-id {BOOT_ID}"
    pid = podman("inspect", "--format", "{{.State.Pid}}", host.container)
    subprocess.run(["nsenter", "--target", pid, "--mount", "sh", "-c", script], check=True)
    over = threading.Event()
    helper = threading.Thread(target=_start_again, args=(host, over))
    helper.start()
    try:
        yield
    finally:
        over.set()
        helper.join()


def _start_again(host: Host, over: threading.Event) -> None:
    while not over.wait(0.2):
        if json.loads(podman("inspect", host.container))[0]["State"]["Running"]:
            continue
        # Or it would get another address.
        podman("network", "disconnect", NETWORK, host.container)
        podman("network", "connect", "--ip", host.address, NETWORK, host.container)
        podman("start", host.container)
        return
