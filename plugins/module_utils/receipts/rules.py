# SPDX-License-Identifier: GPL-3.0-or-later
"""Which receipts count: who wrote them, whose they may be by the file they lie in, and what their role can have made."""

import os
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

# What a role of the host can have made, by kind: a pattern of the names, which has to match the whole name.
ANY = ".*"
_BLACKLIST = "/etc/apt/apt.conf.d/52tensorwright-{0}"
_REPOSITORY = "/etc/apt/(keyrings/tensorwright-{0}.gpg|sources.list.d/tensorwright-{0}.list|tensorwright-{0}.mirrors)"
_INSTALLS = {"packages": ANY, "held": ANY, "asked": ANY}
_SETTINGS = {"settings": "/etc/docker/daemon[.]json"}


def _installs(role: str, *files: str, **kinds: str) -> Dict[str, str]:
    names = "|".join((_BLACKLIST.format(role),) + files)
    return dict(_INSTALLS, files=names, **kinds)


SCOPES: Mapping[str, Mapping[str, str]] = {
    "ca_certificates": _installs(
        "ca_certificates",
        "/usr/local/share/ca-certificates/tensorwright-[^/]+[.]crt",
        "/etc/apt/apt.conf.d/90tensorwright",
        "/etc/profile.d/tensorwright-site.sh",
    ),
    "package_cache": {
        "files": "/usr/local/lib/tensorwright/apt-package-cache|/etc/apt/apt.conf.d/91tensorwright-package-cache"
    },
    "package_cache_server": _installs(
        "package_cache_server",
        "/etc/tensorwright/package_cache/[^/]+",
        "/etc/systemd/system/tensorwright-package-cache(-registry)?[.]service",
        "/.+/[.]tensorwright-package-cache",  # the mark in its directory, which is a variable
        links="/etc/systemd/system/(nginx|docker-registry)[.]service",
        units="tensorwright-package-cache(-registry)?[.]service",
    ),
    "python": _installs("python", _REPOSITORY.format("deadsnakes")),
    "nvidia_repo": {
        "files": _REPOSITORY.format("nvidia") + "|/etc/apt/preferences.d/tensorwright-nvidia",
    },
    "nvidia_driver": _installs(
        "nvidia_driver",
        "/etc/modprobe.d/tensorwright-nouveau.conf",
        units="nvidia-(persistenced|fabricmanager)[.]service",
    ),
    "cuda": _installs("cuda", "/etc/ld.so.conf.d/00-tensorwright-cuda.conf", "/etc/profile.d/tensorwright-cuda.sh"),
    "cudnn": _installs("cudnn"),
    "nccl": _installs("nccl"),
    "tensorrt": _installs(
        "tensorrt",
        "/etc/ld.so.conf.d/tensorwright-tensorrt-[^/]+[.]conf",
        "/usr/local/tensorrt-[^/]+/[.]tensorwright-tensorrt-[0-9a-f]+",
        links="/usr/local/tensorrt-[^/]+/lib/lib[^/]*[.]so[^/]*",
    ),
    "docker": _installs(
        "docker",
        _REPOSITORY.format("docker"),
        "/etc/docker/tensorwright-proxy.env",
        "/etc/systemd/system/docker.service.d/tensorwright-proxy.conf",
        "/etc/systemd/user/tensorwright-docker.service",
        "/etc/profile.d/tensorwright-docker.sh",
        "/var/lib/systemd/linger/[^/]+",
        links="/etc/systemd/user/default.target.wants/tensorwright-docker.service",
        units="docker.service",
        members="docker",
        **_SETTINGS,
    ),
    "nvidia_docker": _installs(
        "nvidia_docker",
        _REPOSITORY.format("nvidia-container-toolkit"),
        "/etc/udev/rules.d/71-tensorwright-nvidia-dev-char.rules",
        units="nvidia-cdi-refresh.path",
        **_SETTINGS,
    ),
    "tensorflow_docker": {
        "files": (
            "/usr/local/bin/(tensorflow-docker|nvidia-docker)|/var/lib/tensorwright/tensorflow_docker/current"
            "|/etc/systemd/system/tensorflow-(jupyter|tensorboard)-[^/]+[.]service"
        ),
        "units": "tensorflow-(jupyter|tensorboard)-[^/]+[.]service",
        "images": ANY,
    },
    "tensorflow_source": _installs("tensorflow_source"),
    "tensorflow_users": {
        "files": (
            "/usr/local/bin/tensorflow-env|/usr/local/share/tensorwright/environments[.]json"
            "|/usr/local/share/jupyter/kernels/[^/]+/kernel[.]json|/etc/profile.d/tensorwright-users.sh"
            "|/etc/security/tensorwright/(memory-growth|(user|group)-[^/]+)[.]conf"
            "|/usr/share/pam-configs/tensorwright-users|/etc/pam.d/common-session(-noninteractive)?"
            "|/.+/tensorflow/([^/]+|[.]version)"  # modulefiles: their directory is a variable, and their content has our mark
        ),
        "members": ANY,
        "trees": ANY,
    },
}

# An environment's own receipts lie beside it: the directory in its store, the name, and whose they are.
STORE = ".tensorwright"
OF_ENVIRONMENTS: Tuple[Tuple[str, str, str], ...] = (
    ("receipts", ".+", "tensorflow_pip"),
    ("builds", ".+", "tensorflow_source"),
    ("runtimes", "conda", "conda"),
    ("runtimes", "python[0-9.]+", "python"),
)


def belongs(role: str, file: str) -> bool:
    """Whether this is the file in which such a role's receipt lies."""
    directory, name = os.path.split(file)
    above, kind = os.path.split(directory)
    name = os.path.splitext(name)[0]
    if os.path.basename(above) == STORE:
        return any(
            kind == place and role == whose and re.fullmatch(names, name) for place, names, whose in OF_ENVIRONMENTS
        )
    return role == name and role in SCOPES


def within(role: str, file: str, footprint: Mapping[str, Any]) -> Tuple[Dict[str, Any], List[str]]:
    """What of a footprint such a role can have made, and the names of what it cannot have.

    Of what lies in an environment's own store nothing is removed by name, so there any file may be named.
    """
    if os.path.basename(os.path.dirname(os.path.dirname(file))) == STORE:
        return dict(footprint), []
    scope = SCOPES[role]
    kept: Dict[str, Any] = {}
    strange: List[str] = []
    for kind, names in footprint.items():
        good = [name for name in names if re.fullmatch(scope.get(kind, "(?!)"), name) and _plain(name)]
        strange += [name for name in names if name not in good]
        kept[kind] = {name: names[name] for name in good} if isinstance(names, Mapping) else good
    return kept, strange


def _plain(name: str) -> bool:
    """Whether a name is no path with detours."""
    return "\n" not in name and (not name.startswith("/") or os.path.normpath(name) == name)


# -- who wrote a file -------------------------------------------------------------------------------------------------


def text(path: str) -> Optional[str]:
    """The text of a file that only root, or the user as whom this runs, can have written; None where there is no such file."""
    try:
        with safe_tree.open_file(path) as stream:
            return str(stream.read())
    except OSError:
        return None
