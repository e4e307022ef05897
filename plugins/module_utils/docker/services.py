# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that keep a Jupyter or a TensorBoard running for a user, in the host's TensorFlow image, behind a token."""

import os
import pwd
import re
import secrets
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, quoting, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.image_store import DIRECTORY
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.images import LAUNCHER

UNITS = "/etc/systemd/system"
TOKENS = os.path.join(DIRECTORY, "tokens")
OURS = re.compile(r"tensorflow-(jupyter|tensorboard)-.+\.service")
TITLES = {"jupyter": "Jupyter", "tensorboard": "TensorBoard"}
DEFAULT_PORTS = {"jupyter": 8888, "tensorboard": 6006}

Service = NamedTuple(
    "Service",
    [
        ("kind", str),
        ("user", str),
        ("uid", int),
        ("port", int),
        ("address", str),
        ("directory", str),  # of notebooks, or of event files
        ("token", bool),
    ],
)


class ServiceError(ValueError):
    """A service cannot be as asked; the text is one clause."""


def read(asked: Sequence[Mapping[str, Any]]) -> List[Service]:
    """The services that are asked for, for users whom this host knows. Raises ServiceError."""
    found = []
    for row in asked:
        kind, user = str(row["service"]), str(row["user"])
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            raise ServiceError(
                "the user '{0}', who is to have a {1}, does not exist on this host".format(user, TITLES[kind])
            ) from None
        directory = str(row.get("directory") or "~")
        if directory == "~" or directory.startswith("~/"):
            directory = os.path.normpath(entry.pw_dir + directory[1:])
        if not os.path.isdir(directory):
            raise ServiceError("the directory {0} of {1}'s {2} does not exist".format(directory, user, TITLES[kind]))
        address = str(row.get("address") or "127.0.0.1")
        port = int(row.get("port") or DEFAULT_PORTS[kind])
        found.append(Service(kind, user, entry.pw_uid, port, address, directory, row.get("token") is not False))
    return found


def unit(service: Service) -> str:
    """The name of its unit, which is its container's as well."""
    return "tensorflow-{0}-{1}".format(service.kind, service.user)


def token_file(service: Service, directory: str = TOKENS) -> str:
    """Where its token is; an empty file says that it has none."""
    return os.path.join(directory, "{0}-{1}".format(service.kind, service.user))


def render(service: Service, docker: str = "/usr/bin/docker", launcher: str = LAUNCHER) -> str:
    """The unit's text."""
    name = unit(service)
    options = ["--as", service.user, "--name", name, "--address", service.address, "--port", str(service.port)]
    options += ["--token-file", token_file(service)]
    options += ["--jupyter"] if service.kind == "jupyter" else ["--tensorboard", service.directory]
    command = " ".join(quoting.systemd(word) for word in [launcher] + options)
    return "\n".join(
        [
            "# Put there by Tensorwright.",
            "[Unit]",
            "Description={0} in TensorFlow's image for {1}".format(
                TITLES[service.kind], quoting.specifiers(service.user)
            ),
            "Documentation=https://www.tensorflow.org/install/docker",
            "After=docker.service network-online.target",
            "Wants=docker.service network-online.target",
            "",
            "[Service]",
            # As root, who starts the container as that user: a process of the user's that may use Docker were a way to root.
            "WorkingDirectory={0}".format(quoting.specifiers(service.directory)),
            "ExecStartPre=-{0} rm --force {1}".format(docker, name),
            "ExecStart={0}".format(command),
            "ExecStop=-{0} stop {1}".format(docker, name),
            "Restart=on-failure",
            "RestartSec=5",
            "NoNewPrivileges=true",
            "PrivateTmp=true",
            "ProtectSystem=full",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def installed(directory: str = UNITS) -> List[str]:
    """The names of the units of ours that are there."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return sorted(
        name[: -len(".service")] for name in names if OURS.fullmatch(name) and _is_ours(os.path.join(directory, name))
    )


def _is_ours(file: str) -> bool:
    return LAUNCHER in text(file)


def write_token(service: Service, directory: str = TOKENS) -> bool:
    """Make the token where there is none yet, for its user's eyes only; tells whether one was made."""
    file = token_file(service, directory)
    there = text(file)
    if os.path.exists(file) and bool(there) == service.token and os.stat(file).st_uid == service.uid:
        return False
    safe_tree.make_directories(directory)
    temporary = file + ".new"
    if os.path.lexists(temporary):
        safe_tree.unlink(temporary)
    with safe_tree.open_file(temporary, "x", 0o400) as stream:
        stream.write(secrets.token_hex(24) if service.token else "")
    safe_tree.change(temporary, owner=service.uid)
    durable.rename(temporary, file)
    return True


def tokens(directory: str = TOKENS) -> Dict[str, str]:
    """Unit → its token's file, for all that are there."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return {"tensorflow-" + name: os.path.join(directory, name) for name in names}
