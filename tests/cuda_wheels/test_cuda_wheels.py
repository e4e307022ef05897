# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA from the package index for real: TensorFlow and NVIDIA's own wheels, on an Ubuntu 24.04 host whose GPU alone is a stand-in.

Several GB are fetched and unpacked, so this is no part of everything. Nothing here can show that a GPU computes: there is none.
"""

from __future__ import annotations

import base64
import io
import json
import shlex
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host as Login

from tests.doubles import gpu_host
from tests.doubles.shared_object import shared_object
from tests.hosts import Host, down, inside, ssh_arguments, up
from tests.hosts.keys import KEY
from tests.support.runs import GREETING, Run, run

GROUP = "cuda-wheels"
DRIVER = "580.159.04"
SENTENCE = "CUDA libraries load; no GPU on this host"
# What a build for CUDA 12 and cuDNN 9 names, and what these name in turn.
SONAMES = [
    "libcublas.so.12",
    "libcublasLt.so.12",
    "libcudart.so.12",
    "libcudnn.so.9",
    "libcudnn_adv.so.9",
    "libcudnn_cnn.so.9",
    "libcudnn_engines_precompiled.so.9",
    "libcudnn_graph.so.9",
    "libcudnn_heuristic.so.9",
    "libcudnn_ops.so.9",
    "libcufft.so.11",
    "libcupti.so.12",
    "libcurand.so.10",
    "libcusolver.so.11",
    "libcusparse.so.12",
    "libnccl.so.2",
    "libnvJitLink.so.12",
    "libnvperf_host.so",
    "libnvrtc.so.12",
]
# Loads each by its soname, and tells which file the process has for it.
LOADS = f"""
import ctypes, json
{{before}}
for name in {SONAMES}:
    ctypes.CDLL(name)
paths = {{{{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}}}}
print(json.dumps({{{{name: [path for path in paths if name in path] for name in {SONAMES}}}}}))
"""


def inventory(directory: Path, host: Host) -> Path:
    """Write the inventory of a site with one GPU server."""
    variables: dict[str, Any] = {
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_common_args": shlex.join(ssh_arguments()),
        "tensorflow_device": "gpu",
        "tensorflow_cuda_from": "wheels",
        "tensorflow_path": "/opt/tensorflow",
        "tensorwright_pci_devices": f"{gpu_host.STAND_IN}/pci",
        "tensorwright_driver_proc": f"{gpu_host.STAND_IN}/driver",
        "ca_certificates_files": sorted(map(str, Path("/usr/local/share/ca-certificates").glob("*.crt"))),
    }
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": {host.name: variables}}}))
    return path


def hostile(host: Host) -> None:
    """Give the host other libraries of the same sonames."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for soname in SONAMES:
            content = shared_object(soname)
            member = tarfile.TarInfo(f"opt/hostile/{soname}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    inside(host, "base64 -d | tar -x -C /", base64.b64encode(out.getvalue()).decode())


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """An Ubuntu 24.04 host; the GPU on its bus and the driver that is loaded are stand-ins.

    As on a cloud's machines, the driver is another's: it runs, and neither a package nor a file where packages put it tells of it.
    """
    (made,) = up(GROUP, [{"name": "gpu", "distribution": "ubuntu2404", "site_ca": True}])
    try:
        inside(made, gpu_host.bus(["H200"], 0) + gpu_host.load_driver(DRIVER))
        hostile(made)
        yield made
    finally:
        down(GROUP)


@pytest.fixture(scope="module")
def hosts(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory."""
    return inventory(tmp_path_factory.mktemp("inventory"), host)


@pytest.fixture(scope="module")
def installed(hosts: Path) -> Run:
    """The run of site.yml on the new host."""
    return run("site.yml", hosts).succeeded()


@pytest.fixture
def alice(host: Host, installed: Run) -> Login:
    """An ordinary user."""
    arguments = " ".join(ssh_arguments())
    return testinfra.get_host(f"ssh://alice@{host.address}", ssh_identity_file=str(KEY), ssh_extra_args=arguments)


def loaded(
    alice: Login, before: str, python: str = "/opt/tensorflow/bin/python", shell: str = ""
) -> dict[str, set[str]]:
    """Return soname → the directories of its files in a process that was started with the hostile path."""
    command = f"{shell} env LD_LIBRARY_PATH=/opt/hostile {python} -c {shlex.quote(LOADS.format(before=before))}"
    answer: dict[str, list[str]] = json.loads(alice.check_output("bash -lc %s", command).splitlines()[-1])
    return {name: {path.rpartition("/")[0] for path in paths} for name, paths in answer.items()}


def test_site_installs_it_and_says_no_more_than_was_proved(installed: Run) -> None:
    assert GREETING in installed.output
    assert f"Note: {SENTENCE}." in installed.output
    assert "GPU works" not in installed.output


def test_the_other_libraries_would_win_without_us(alice: Login) -> None:
    found = loaded(alice, "import sys; sys.meta_path.pop(0); import tensorflow")
    assert set().union(*found.values()) == {"/opt/hostile"}


@pytest.mark.parametrize("shell", ["", "source /opt/tensorflow/bin/activate;"], ids=["started directly", "activated"])
def test_each_library_comes_from_the_environment(alice: Login, shell: str) -> None:
    found = loaded(alice, "import tensorflow", "python" if shell else "/opt/tensorflow/bin/python", shell)
    assert sorted(found) == SONAMES
    for name, directories in found.items():
        (directory,) = directories
        assert directory.startswith("/opt/.tensorwright/tensorflow/"), name
        assert "/site-packages/nvidia/" in directory, name


def test_who_does_not_import_tensorflow_loads_none(alice: Login) -> None:
    script = (
        "import json, importlib.util; importlib.util.find_spec('tensorflow'); print(open('/proc/self/maps').read())"
    )
    assert "nvidia" not in alice.check_output("/opt/tensorflow/bin/python -c %s", script)


def test_ptxas_and_libdevice_are_found(alice: Login) -> None:
    shown = alice.check_output("bash -lc %s", "source /opt/tensorflow/bin/activate; command -v ptxas; ptxas --version")
    assert "/site-packages/nvidia/cuda_nvcc/bin/ptxas" in shown.splitlines()[0]
    assert "ptx optimizing assembler" in shown.splitlines()[1].lower()
    script = """
import os, shutil, tensorflow as tf
print(shutil.which("ptxas"))
root = os.environ["XLA_FLAGS"].partition("--xla_gpu_cuda_data_dir=")[2]
assert os.path.isfile(root + "/nvvm/libdevice/libdevice.10.bc"), root
assert os.access(root + "/bin/ptxas", os.X_OK), root
print(float(tf.function(lambda x: x * x + 1, jit_compile=True)(tf.constant(3.0))))
"""
    found = alice.check_output("/opt/tensorflow/bin/python -c %s", script).splitlines()
    assert found[-2].endswith("/site-packages/nvidia/cuda_nvcc/bin/ptxas")
    assert found[-1] == "10.0"  # XLA takes the flag; one that it does not know would end the process


def test_validation_says_what_was_proved(hosts: Path, installed: Run) -> None:
    validated = run("playbooks/validate.yml", hosts).changed_nothing()
    assert GREETING in validated.output
    assert f"Note: {SENTENCE}." in validated.output
    assert "GPU works" not in validated.output


def test_a_second_run_changes_nothing(hosts: Path, installed: Run) -> None:
    run("site.yml", hosts).changed_nothing()
    run("site.yml", hosts, tensorwright_trust_receipts=False).changed_nothing()


def test_a_library_that_is_gone_is_named_with_the_remedy(host: Host, hosts: Path, installed: Run) -> None:
    library = inside(
        host, "readlink -f /opt/tensorflow/lib/python3*/site-packages/nvidia/cudnn/lib/libcudnn.so.9"
    ).strip()
    inside(host, f"mv {library} /root/")
    try:
        failed = run("playbooks/validate.yml", hosts)
    finally:
        inside(host, f"mv /root/libcudnn.so.9 {library}")
    assert failed.status != 0
    assert "the CUDA library libcudnn.so.9 does not load" in failed.output
    assert "pip install --force-reinstall --no-deps nvidia_cudnn_cu12==" in failed.output
    run("playbooks/validate.yml", hosts).changed_nothing()
