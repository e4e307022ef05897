"""Several CUDA versions side by side, development packages, and removal."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.doubles.gpu_host import STAND_IN
from tests.hosts import Host
from tests.runs import Run
from tests.traces import traces


@pytest.mark.parametrize("machine", ["a100"], indirect=True, scope="session")
def test_another_cuda_beside_the_first(root: Login, play: Callable[..., Run]) -> None:
    play("playbooks/nvidia.yml", tensorflow_version="2.15.1").succeeded()
    for version in ("12-2", "12-3"):
        assert root.package(f"libcublas-{version}").is_installed
        assert f"libcublas-{version}" in root.check_output("apt-mark showhold").split()
    choices = root.check_output("update-alternatives --list cuda").split()
    assert choices == ["/usr/local/cuda-12.2", "/usr/local/cuda-12.3"]
    play("playbooks/nvidia.yml", tensorflow_version="2.15.1").changed_nothing()


@pytest.mark.parametrize("machine", ["v100"], indirect=True, scope="session")
def test_development_packages_by_a_variable(root: Login, play: Callable[..., Run]) -> None:
    assert not root.package("libcudnn7-dev").is_installed
    wanted = {f"{role}_development": True for role in ("cuda", "cudnn", "nccl", "tensorrt")}
    play("playbooks/nvidia.yml", **wanted).succeeded()
    for name in ("cuda-cublas-dev-9-0", "cuda-cudart-dev-9-0", "libcudnn7-dev", "libnccl-dev", "libnvinfer-dev"):
        assert root.package(name).is_installed, name


@pytest.mark.parametrize("machine", ["v100", "a100", "h100"], indirect=True, scope="session")
def test_removal_leaves_nothing(machine: Host, root: Login, play: Callable[..., Run]) -> None:
    play("playbooks/nvidia_remove.yml").succeeded()
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
    words = ("nvidia", "cuda", "cudnn", "nccl", "tensorwright", "nouveau")
    assert not [path for path in ours if any(word in path for word in words)]
    assert not root.file("/etc/apt/sources.list.d/tensorwright-nvidia.list").exists
    play("playbooks/nvidia_remove.yml").changed_nothing()
