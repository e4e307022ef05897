# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of the table of known troubles is, and the names that rows share."""

from typing import NamedTuple, Tuple

HOST = "The host"
NETWORK = "The network"
PACKAGES = "Python packages"
TENSORFLOW = "TensorFlow"
GPU = "GPU and driver"
APT = "apt and dpkg"
DOCKER = "Docker"
CONDA = "conda"
TOOLS = "Builds and other tools"
PARTS = (HOST, NETWORK, PACKAGES, TENSORFLOW, GPU, APT, DOCKER, CONDA, TOOLS)

# How grave a record is. Plain text has no mark of its own: a row may claim it, but by itself it is no failure.
NOTICE, WARNING, PLAIN, ERROR, FATAL = range(5)

# How much a row says: the cause itself; what an error code means in general; only that something failed.
SPECIFIC, GENERAL, CONSEQUENCE = range(3)


class Row(NamedTuple):
    """One trouble. Texts are parts of a sentence; what is typed or set stands in `backticks`.

    `{name}` in a text is what the group of that name found in the output.
    """

    id: str
    part: str
    signatures: Tuple[str, ...]
    cause: str
    remedy: str
    reference: str  # an address, or a place in docs/
    behind: Tuple[str, ...] = ()
    quote: str = ""  # finds the words of the output that name who is concerned
    transient: bool = False  # whether trying again may help
    programs: Tuple[str, ...] = ()  # whose records it claims, beside plain text; empty for all
    level: int = PLAIN  # the least grave record that it claims by itself
    rank: int = SPECIFIC


CERTIFICATES = ("clock-wrong", "certificate-expired", "certificate-name", "certificate-untrusted")
PROXIES = ("proxy-login", "proxy-unreachable")
DENIALS = ("index-denied",) + PROXIES + CERTIFICATES
DOWNLOADS = DENIALS + (
    "name-unresolved",
    "server-overloaded",
    "download-truncated",
    "hash-mismatch",
    "network-broken",
    "index-without-tls",
    "tls-refused",
)
LIBRARIES = ("cuda-library-missing", "cudnn-missing", "driver-library-missing")
APT_FETCHES = DENIALS + ("name-unresolved", "server-overloaded", "network-broken")

APT_GET = "https://manpages.debian.org/stable/apt/apt-get.8.en.html"
APT_SECURE = "https://manpages.debian.org/stable/apt/apt-secure.8.en.html"
BAZEL = "https://www.tensorflow.org/install/source"
COMPATIBILITY = "compatibility.md"
CONDA_ENVIRONMENTS = "https://docs.conda.io/projects/conda/en/latest/user-guide/tasks/manage-environments.html"
CONDA_TROUBLES = "https://docs.conda.io/projects/conda/en/latest/user-guide/troubleshooting.html"
CONTAINER_TOOLKIT = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
CONTAINER_TROUBLES = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/troubleshooting.html"
CUDA_COMPATIBILITY = "https://docs.nvidia.com/deploy/cuda-compatibility/"
CUDA_ERRORS = "https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html"
CUDA_GUIDE = "https://docs.nvidia.com/cuda/cuda-installation-guide-linux/"
DOCKER_TROUBLES = "https://docs.docker.com/engine/daemon/troubleshoot/"
DPKG = "https://manpages.debian.org/stable/dpkg/dpkg.1.en.html"
ERRNO = "https://manpages.debian.org/stable/manpages-dev/errno.3.en.html"
FABRIC_MANAGER = "https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/"
GPU_GUIDE = "https://www.tensorflow.org/guide/gpu"
INSTALL_ERRORS = "https://www.tensorflow.org/install/errors"
INSTALL_PIP = "https://www.tensorflow.org/install/pip"
MIGRATE = "https://www.tensorflow.org/guide/migrate"
PINS = "compatibility.md#pins-that-releases-need-today"
PIP_RESOLVER = "https://pip.pypa.io/en/stable/topics/dependency-resolution/"
SIGNALS = "https://manpages.debian.org/stable/manpages/signal.7.en.html"
SITE_AUTHORITY = "sites.md#certificate-authority-and-proxy"
SITE_INDEX = "sites.md#package-index"
SITE_NETWORK = "sites.md#slow-and-broken-networks"
SOURCES = "https://manpages.debian.org/stable/apt/sources.list.5.en.html"
SSH = "https://docs.ansible.com/ansible/latest/inventory_guide/connection_details.html"
SYSTEMD = "https://manpages.debian.org/stable/systemd/systemd.exec.5.en.html"
XID = "https://docs.nvidia.com/deploy/xid-errors/"
