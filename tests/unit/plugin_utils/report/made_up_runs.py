# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up runs over fleets of any size, in which something of everything happens."""

from __future__ import annotations

from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import resolver
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import document as report
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.result_table import Result

GREETING = "Hello, TensorFlow!"
HOST: dict[str, Any] = {
    "distribution": "Debian",
    "release": "12",
    "architecture": "x86_64",
    "glibc": "2.36",
    "cpu_flags": ["avx", "avx2"],
    "pythons": [{"path": "/usr/bin/python3", "version": "3.11.2"}],
    "become": True,
    "driver": {"installed": None, "loaded": None},
    "gpus": [],
}
LOCKED = (
    "Install Python failed\n"
    "  cause: another program installs packages right now; often unattended upgrades\n"
    "  remedy: wait for it and run again; `fuser -v /var/lib/dpkg/lock-frontend /var/lib/apt/lists/lock` shows who it is\n"
    "  see: docs/troubleshooting.md#dpkg-locked"
)
UNREACHABLE = "Failed to connect to the host via ssh: ssh: connect to port 22: No route to host"
REFUSED = (
    "tensorflow_version is '2.21.0', but TensorFlow 2.21.0 has no wheel for Python 3.9, the only one to be had on this "
    "host; accepted: tensorflow_version: 2.20.0, or a host with Python 3.10, 3.11, 3.12 or 3.13."
)


def fleet(size: int, check: bool = False) -> report.Run:
    """A run over so many hosts. Of each twenty-five one is refused, one fails and one does not answer."""
    results, machines, plans = [], {}, {}
    times: dict[tuple[str, str], dict[str, float]] = {}
    versions = ("2.21.0", "2.20.0", "2.15.1")
    for number in range(1, size + 1):
        host = f"{'gpu' if number % 5 == 0 else 'lab'}{number:03}.example.org"
        version, native = versions[number % 3], number % 4 == 0
        device = "gpu (2)" if host.startswith("gpu") else "cpu"
        machines[host] = report.Machine(
            system="Debian 12 x86_64",
            driver="580.95.05" if host.startswith("gpu") else "",
            drift=("python: package python3.11-venv is not installed",) if number % 7 == 1 else (),
        )
        bad = {2: ("refused", REFUSED), 3: ("failed", LOCKED), 4: ("unreachable", UNREACHABLE)}.get(number % 25)
        if bad:
            problem = f"{host}: {bad[1]}" if bad[0] == "refused" else bad[1]
            results.append(Result(host=host, state=bad[0], seconds=3.1 + number % 9, problems=(problem,)))
            continue
        method = "native" if native else "virtualenv"
        request = {"version": version, "method": method, "path": "/opt/tensorflow"}
        plans[host] = {**resolver.resolve(request, {**HOST, "path": {"absolute": "/opt/tensorflow", "writable": True}})}
        results.append(
            Result(
                host=host,
                state="planned" if check else "installed",
                seconds=20 + number % 13,
                changed=number % 6 == 1,
                method=method,
                device=device,
                python="3.11.2",
                tensorflow=version,
                session="" if check else GREETING,
                proved="" if number % 6 == 1 or check else f"2026-11-{1 + number % 19:02}T11:02:33Z",
                activate="source /opt/tensorflow/bin/activate",
                notes=("The CPU is used: this host has no NVIDIA GPU.",) if device == "cpu" else (),
            )
        )
        for position, (role, step) in enumerate(
            (
                ("", "Gathering Facts"),
                ("tensorflow", "Refuse an impossible request"),
                ("python", "Install the planned Python"),
                ("tensorflow_pip", "Build and prove the planned release, then switch to it"),
            )
        ):
            times.setdefault((role, step), {})[host] = (position + 1) ** 3 + number % 11
    for number in range(12):
        times["cuda", f"Step {number} of a role"] = {"gpu005.example.org": number / 10}
    return report.Run("site.yml", check, "2026-11-20T17:43:08Z", 94.2, results, machines, plans, times)
