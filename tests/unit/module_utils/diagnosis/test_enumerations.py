# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error code is known by its name and by its number, as programs print them."""

from __future__ import annotations

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, enumerations, matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.codes import (
    cuda,
    libraries,
    network,
    system,
    tools,
)

# How programs print a code: by its name, by its number; the least and the greatest number that is printed so.
SPELT = [
    (cuda.DRIVER, "E x/cuda_driver.cc:1] failed call: CUDA_ERROR_{name}: {text}", 0, 0),
    (cuda.DRIVER, "E x/cuda_driver.cc:1] failed call to cuInit: UNKNOWN ERROR ({number})", 1, 999),
    (cuda.DRIVER, "cuInit returned error {number}", 1, 999),
    (cuda.RUNTIME, "RuntimeError: cudaError{name}", 0, 0),
    (libraries.CUDNN, "E x/cuda_dnn.cc:1] CUDNN_STATUS_{name}", 0, 0),
    (libraries.CUBLAS, "E x/cuda_blas.cc:1] CUBLAS_STATUS_{name}", 0, 0),
    (libraries.CUSOLVER, "E x/s.cc:1] CUSOLVER_STATUS_{name}", 0, 0),
    (libraries.CUSPARSE, "E x/s.cc:1] CUSPARSE_STATUS_{name}", 0, 0),
    (libraries.CUFFT, "E x/s.cc:1] CUFFT_{name}", 0, 0),
    (libraries.CURAND, "E x/s.cc:1] CURAND_STATUS_{name}", 0, 0),
    (libraries.NCCL, "RuntimeError: nccl{name}: something", 0, 0),
    (libraries.NVML, "NVML_ERROR_{name}", 0, 0),
    (libraries.NVML, "Failed to initialize NVML: {text}", 0, 0),
    (system.ERRNO, "OSError: [Errno {number}] {text}: '/srv/x'", 1, 200),
    (system.ERRNO, "error: it failed\n  Caused by: {text} (os error {number})", 1, 200),
    (system.ERRNO, "tool: /srv/x: {text}", 0, 0),
    (system.SIGNALS, "Process finished with exit code 1 (interrupted by signal {number}: {name})", 1, 64),
    (system.SIGNALS, "subprocess.CalledProcessError: died with <Signals.{name}: {number}>.", 1, 64),
    (system.SYSTEMD, "x.service: Main process exited, code=exited, status={number}/{name}", 200, 300),
    (network.HTTP, "requests.exceptions.HTTPError: {number} Client Error: {text} for url: x", 400, 600),
    (network.HTTP, "urllib.error.HTTPError: HTTP Error {number}: {text}", 400, 600),
    (network.ALERTS, "ssl.SSLError: [SSL] sslv3 alert {text} (_ssl.c:1007)", 0, 0),
    (network.ALERTS, "curl: (35) alert, SSL alert number {number}", 10, 120),
    (network.VERIFY, "ssl.SSLCertVerificationError: certificate verify failed: {text} (_ssl.c:1007)", 0, 0),
    (network.RESOLVER, "socket.gaierror: [Errno {number}] {text}", -11, -1),
    (network.CURL, "curl: ({number}) something", 1, 100),
    (tools.CONDA, "{name}: something", 0, 0),
    (tools.XID, "NVRM: Xid (PCI:0000:3b:00): {number}, pid=1, name=python", 1, 999),
    (tools.STATUS, "E x/y.cc:1] {name}: something", 0, 0),
]
CASES = [
    (template, entry)
    for table, template, least, most in SPELT
    for entry in enumerations.entries(table)
    if entry.row != "-" and ("{number}" not in template or least <= int(entry.number.split(",")[0]) <= most)
]


@pytest.mark.parametrize(
    ("template", "entry"), CASES, ids=[f"{entry.row}-{entry.name}-{entry.number}" for _, entry in CASES]
)
def test_a_code_has_its_row(template: str, entry: enumerations.Entry) -> None:
    output = template.format(name=entry.name, number=entry.number.split(",")[0], text=entry.text)
    said = {row.id for row in matcher.claims(output)}
    wanted = catalog.BY_ID[entry.row]
    assert (
        wanted.id in said or said & set(wanted.behind) or any(entry.row in catalog.BY_ID[one].behind for one in said)
    ), said


@pytest.mark.parametrize("family", enumerations.FAMILIES, ids=lambda family: f"{family.label}-{family.table[1:9]}")
def test_a_table_is_sound(family: enumerations.Family) -> None:
    entries = enumerations.entries(family.table)
    assert entries
    for entry in entries:
        assert entry.row == "-" or entry.row in catalog.BY_ID
        assert entry.text == entry.text.strip()
    names = [entry.name for entry in entries if entry.name != "-"]
    assert len(set(names)) >= len(names) - 6  # CUDA's runtime gave some names new numbers


def test_the_name_and_the_number_are_told() -> None:
    (found,) = matcher.findings("E x/y.cc:1] failed call to cuInit: UNKNOWN ERROR (802)")
    assert found.cause.endswith("(CUDA_ERROR_SYSTEM_NOT_READY (802): system not yet initialized)")
    (found,) = matcher.findings("NVRM: Xid (PCI:0000:3b:00): 48, pid=1")
    assert found.cause.endswith("(Xid 48: Double bit ECC error, GPU 0000:3b:00)")
