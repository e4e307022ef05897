"""Several CUDA versions side by side, development packages, TensorRT from an archive, and removal."""

import hashlib
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from testinfra.host import Host as Login

from tests.doubles import gpu_host
from tests.doubles.gpu_host import STAND_IN
from tests.hosts import Host, inside
from tests.support.runs import Run, run
from tests.support.traces import traces

HOME = "/usr/local/tensorrt-3.0.4"
LOADER = "/etc/ld.so.conf.d/tensorwright-tensorrt-3.0.4.conf"


@pytest.mark.parametrize("machine", ["a100"], indirect=True, scope="session")
def test_another_cuda_beside_the_first(root: Login, play: Callable[..., Run]) -> None:
    play("playbooks/nvidia.yml", tensorflow_version="2.15.1").succeeded()
    for version in ("12-2", "12-3"):
        assert root.package(f"libcublas-{version}").is_installed
        assert f"libcublas-{version}" in root.check_output("apt-mark showhold").split()
    choices = root.check_output("update-alternatives --list cuda").split()
    assert choices == ["/usr/local/cuda-12.2", "/usr/local/cuda-12.3"]


@pytest.mark.parametrize("machine", ["v100"], indirect=True, scope="session")
def test_development_packages_by_a_variable(root: Login, play: Callable[..., Run]) -> None:
    assert not root.package("libcudnn7-dev").is_installed
    wanted = {f"{role}_development": True for role in ("cuda", "cudnn", "nccl", "tensorrt")}
    play("playbooks/nvidia.yml", **wanted).succeeded()
    for name in ("cuda-cublas-dev-9-0", "cuda-cudart-dev-9-0", "libcudnn7-dev", "libnccl-dev", "libnvinfer-dev"):
        assert root.package(name).is_installed, name


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in of the archive that NVIDIA gives to those who log in: the same layout, and a text for a library."""
    path = tmp_path_factory.mktemp("site") / "TensorRT-3.0.4.Ubuntu-16.04.3.x86_64.cuda-9.0.cudnn7.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        library = tarfile.TarInfo("TensorRT-3.0.4/lib/libnvinfer.so.4.0.4")
        library.size, library.uid, library.mode = 9, 4711, 0o644
        tar.addfile(library, BytesIO(b"stand-in\n"))
        link = tarfile.TarInfo("TensorRT-3.0.4/lib/libnvinfer.so.4")
        link.type, link.linkname = tarfile.SYMTYPE, "libnvinfer.so.4.0.4"
        tar.addfile(link)
    return path


@pytest.mark.parametrize("machine", ["v100"], indirect=True, scope="session")
def test_tensorrt_from_an_archive(root: Login, play: Callable[..., Run], archive: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    asked = {"tensorflow_version": "1.8.0", "tensorrt_archive_file": str(archive)}
    before = root.check_output("dpkg-query --show; ls /usr/local")
    for wrong, words in (
        ({}, "tensorrt_archive_file is set without tensorrt_archive_sha256"),
        ({"tensorrt_archive_sha256": "0" * 64}, f"whose SHA-256 is {digest}, not {'0' * 64}"),
    ):
        refused = play("playbooks/nvidia.yml", **asked, **wrong)
        assert refused.status != 0
        assert words in refused.output, refused.output
        assert refused.changed() == {"v100": 0}
    assert root.check_output("dpkg-query --show; ls /usr/local") == before
    asked["tensorrt_archive_sha256"] = digest
    shown = play("playbooks/nvidia.yml", "--check", **asked).succeeded()
    assert str(archive) in shown.output
    assert not root.file(HOME).exists
    play("playbooks/nvidia.yml", **asked).succeeded()
    # The development package that was asked for earlier needs the very version of its library.
    assert root.package("libcudnn7-dev").version == root.package("libcudnn7").version == "7.0.5.15-1+cuda9.0"
    assert not root.package("libnvinfer4").is_installed
    assert root.file(f"{HOME}/lib/libnvinfer.so.4.0.4").user == "root"
    assert root.file(f"{HOME}/lib/libnvinfer.so.4").linked_to == f"{HOME}/lib/libnvinfer.so.4.0.4"
    assert f"{HOME}/lib:" in root.run("ldconfig -v 2>/dev/null").stdout
    play("playbooks/nvidia.yml", **asked).changed_nothing()
    inside_removed = root.check_output("rm %s && echo gone", f"{HOME}/lib/libnvinfer.so.4")
    assert inside_removed == "gone"
    assert f"{HOME}/lib/libnvinfer.so.4 is missing" in play("playbooks/validate.yml", **asked).output


@pytest.mark.parametrize("machine", ["a100"], indirect=True, scope="session")
def test_an_environment_s_removal_names_what_stays(play: Callable[..., Run]) -> None:
    told = play("playbooks/uninstall.yml").succeeded().output
    for words in (
        "Role nvidia_driver leaves libnvidia-compute-580-server, nvidia-",
        "Role cuda leaves cuda-",
        "more.",
        "Role cudnn leaves libcudnn8.",
    ):
        assert words in told, told
    assert "Role nvidia_repo leaves /etc/apt/keyrings/tensorwright-nvidia.gpg" in told
    assert "playbooks/nvidia_remove.yml" in told


def test_removal(inventory: Path) -> None:
    run("playbooks/nvidia_remove.yml", inventory).succeeded()
    run("playbooks/nvidia_remove.yml", inventory).changed_nothing()


@pytest.mark.parametrize("machine", ["v100", "a100", "h100"], indirect=True, scope="session")
def test_removal_leaves_nothing(machine: Host, root: Login) -> None:
    names = root.check_output("dpkg-query --show --showformat '${Package}\\n'").split()
    assert not [name for name in names if "nvidia" in name or name.startswith(("cuda", "libcu", "libnccl", "libnv"))]
    assert root.check_output("apt-mark showhold") == ""
    others = (
        STAND_IN,
        "/etc/apt/sources.list.d/",
        "/usr/share/keyrings/stand-in",
        "/etc/modprobe.d",
        "/etc/os-release",
    )
    ours = {path for path in traces(machine) if not path.startswith(others)}
    words = ("nvidia", "cuda", "cudnn", "nccl", "tensorrt", "tensorwright", "nouveau")
    assert not [path for path in ours if any(word in path for word in words)]
    assert not root.file("/etc/apt/sources.list.d/tensorwright-nvidia.list").exists


@pytest.mark.parametrize("machine", ["h100"], indirect=True, scope="session")
def test_somebody_else_s_driver_gets_the_fabric_manager_of_its_version(
    machine: Host, root: Login, play: Callable[..., Run]
) -> None:
    driver = "nvidia-driver-580-server-open nvidia-utils-580-server"
    inside(
        machine,
        f"apt-get install -y -q --no-install-recommends {driver} >/dev/null; {gpu_host.load_driver('580.95.05')}",
    )
    play("playbooks/nvidia.yml").succeeded()
    assert root.package("nvidia-fabricmanager-580").version == "580.95.05-0ubuntu0.1"
    assert root.service("nvidia-fabricmanager").is_running
    assert root.check_output("apt-mark showhold") == "nvidia-fabricmanager-580"
    assert not root.file("/etc/modprobe.d/tensorwright-nouveau.conf").exists
    play("playbooks/nvidia.yml").changed_nothing()
    play("playbooks/nvidia_remove.yml").succeeded()
    assert root.package("nvidia-driver-580-server-open").is_installed
    assert not root.package("nvidia-fabricmanager-580").is_installed
