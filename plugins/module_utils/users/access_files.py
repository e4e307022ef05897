# SPDX-License-Identifier: GPL-3.0-or-later
"""The files by which users reach the environments of a host: what each says, and where it lies."""

import json
import os
import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import quoting
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import tensorflow_env

COMMAND = "/usr/local/bin/tensorflow-env"
PYTHON = "/usr/bin/python3"
PROFILE = "/etc/profile.d/tensorwright-users.sh"
KERNELS = "/usr/local/share/jupyter/kernels"
PAM_PROFILE = "/usr/share/pam-configs/tensorwright-users"
PAM_SETTINGS = "/etc/security/tensorwright"
PAM_RESULTS = ("/etc/pam.d/common-session", "/etc/pam.d/common-session-noninteractive")
# Where a host's own modulefiles lie, by a file that tells which tool is there: environment-modules and Lmod as Debian packages them.
MODULE_TOOLS = (
    ("/usr/share/modules/init/sh", "/etc/environment-modules/modules"),
    ("/usr/share/lmod/lmod/init/sh", "/etc/lmod/modules"),
)
# By it a file is known as ours, also where a run ended before its receipt was written.
MARK = "Tensorwright writes this file anew; its variables begin with tensorflow_users_."
SNIPPET = """# {0}
case "$(id -u):$PATH:" in
    0:* | *:{1}:*) ;;
    *) PATH={1}":$PATH" ;;
esac
export PATH
"""
# Those with programs of their own to put on a PATH.
PREFIXES = ("virtualenv", "conda", "source")

Files = Dict[str, Tuple[str, int]]  # path → content and mode
Environment = NamedTuple(
    "Environment",
    [
        ("name", str),
        ("path", str),
        ("method", str),
        ("version", str),
        ("python", str),
        ("device", str),
        ("program", str),
    ],
)


def read(plans: Iterable[Mapping[str, Any]]) -> List[Environment]:
    """Return the environments of plans by the names that users call them: of two with one name, the second has its path for a name."""
    found: List[Environment] = []
    for plan in plans:
        path = str(plan["path"]["absolute"]).rstrip("/")
        name = _plain(os.path.basename(path))
        if name in [other.name for other in found]:
            name = _plain(path.strip("/"))
        python = str(plan["python"].get("version") or "")
        program = str(plan["python"].get("path") or "/usr/bin/python" + python)
        version = str(plan["tensorflow"].get("version") or "")
        found.append(Environment(name, path, str(plan["method"]), version, python, str(plan["device"]), program))
    return found


def _plain(name: str) -> str:
    """Return a name that Jupyter and shells take."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def registry(
    environments: Sequence[Environment], groups: Sequence[Mapping[str, Any]], directories: Sequence[str]
) -> Files:
    """What the command tensorflow-env reads, and which directories were made for files of these."""
    keys = ("name", "path", "method", "version", "python", "device")
    told = {
        "about": MARK,
        "shared": [{key: getattr(one, key) for key in keys} for one in environments],
        "groups": [{"group": row["name"], "path": row["path"], "environment": row["environment"]} for row in groups],
        "directories": sorted(directories),
    }
    return {tensorflow_env.REGISTRY: (json.dumps(told, indent=1, sort_keys=True) + "\n", 0o644)}


def command() -> Files:
    """The users' command."""
    return {COMMAND: (tensorflow_env.program(PYTHON), 0o755)}


def profile(environments: Sequence[Environment]) -> Files:
    """What puts the first environment on the PATH of login shells, but for root's: what root installs is not to land in a release."""
    directories = [os.path.join(one.path, "bin") for one in environments if one.method in PREFIXES]
    return {PROFILE: (SNIPPET.format(MARK, quoting.shell(directories[0])), 0o644)} if directories else {}


def module_directories(asked: Any, exists: Any = os.path.exists) -> List[str]:
    """Where modulefiles belong: the directories that are named, or with `auto` those of the tools that are on the host."""
    if isinstance(asked, (list, tuple)):
        return [str(directory).rstrip("/") for directory in asked]
    word = str(asked).strip()
    if word.startswith("/"):
        return [word.rstrip("/")]
    return [place for sign, place in MODULE_TOOLS if exists(sign)] if word == "auto" else []


def module_versions(environments: Sequence[Environment]) -> List[Tuple[str, Environment]]:
    """Each environment's name after `tensorflow/`: its series, and where another one has that already its own name too."""
    found: Dict[str, Environment] = {}
    for one in environments:
        if one.method in PREFIXES:
            series = ".".join(one.version.split(".")[:2]) if "dev" not in one.version and one.version else "nightly"
            found["{0}-{1}".format(series, one.name) if series in found else series] = one
    return list(found.items())


def modulefiles(environments: Sequence[Environment], directories: Sequence[str]) -> Files:
    """Modulefiles in Tcl, which both tools read, and which of them is meant by `tensorflow` alone."""
    files: Files = {}
    versions = module_versions(environments)
    for directory in directories if versions else ():
        for version, one in versions:
            about = "TensorFlow {0.version} on Python {0.python} ({0.device}), {0.path}".format(one)
            lines = [
                "#%Module1.0",
                "## " + MARK,
                "proc ModulesHelp {{ }} {{ puts stderr {0} }}".format(quoting.tcl(about)),
                "module-whatis {0}".format(quoting.tcl(about)),
                "conflict tensorflow",
                "prepend-path PATH {0}".format(quoting.tcl(os.path.join(one.path, "bin"))),
            ]
            files[os.path.join(directory, "tensorflow", version)] = ("\n".join(lines) + "\n", 0o644)
        default = '#%Module1.0\n## {0}\nset ModulesVersion "{1}"\n'.format(MARK, versions[0][0])
        files[os.path.join(directory, "tensorflow", ".version")] = (default, 0o644)
    return files


def kernels(environments: Sequence[Environment]) -> Files:
    """What Jupyter starts an environment's Python by: the same launcher as cron and units, so with the same PATH."""
    files: Files = {}
    for one in environments:
        if one.method not in PREFIXES + ("native",):
            continue
        python = one.program if one.method == "native" else os.path.join(one.path, "bin", "python")
        kernel = {
            "argv": [
                COMMAND,
                "run",
                "-e",
                one.path,
                "--",
                python,
                "-m",
                "ipykernel_launcher",
                "-f",
                "{connection_file}",
            ],
            "display_name": "TensorFlow {0.version} ({0.path})".format(one),
            "language": "python",
            "metadata": {"debugger": True, "about": MARK},
        }
        path = os.path.join(KERNELS, one.name.lower(), "kernel.json")
        files[path] = (json.dumps(kernel, indent=1, ensure_ascii=False, sort_keys=True) + "\n", 0o644)
    return files


def sessions(gpus: Sequence[Mapping[str, Any]], memory_growth: bool) -> Files:
    """What PAM gives to sessions: of the rows that are a user's, the first one counts, so it is set last."""
    if not gpus and not memory_growth:
        return {}
    files: Files = {}
    lines = []
    setting = "optional\tpam_env.so readenv=0 conffile={0}"
    if memory_growth:
        path = os.path.join(PAM_SETTINGS, "memory-growth.conf")
        files[path] = ("# {0}\nTF_FORCE_GPU_ALLOW_GROWTH DEFAULT=true\n".format(MARK), 0o644)
        lines.append(setting.format(path))
    for row in reversed(gpus):
        kind = "group" if row.get("group") else "user"
        name = str(row[kind])
        path = os.path.join(PAM_SETTINGS, "{0}-{1}.conf".format(kind, name))
        # As nvidia-smi counts; no GPU is asked for by a number that none has.
        shown = ",".join(str(gpu) for gpu in row["gpus"]) or "-1"
        text = "# {0}\nCUDA_DEVICE_ORDER DEFAULT=PCI_BUS_ID\nCUDA_VISIBLE_DEVICES DEFAULT={1}\n"
        files[path] = (text.format(MARK, shown), 0o644)
        others = "notingroup" if kind == "group" else "!="
        lines.append("[success=1 default=ignore]\tpam_succeed_if.so quiet user {0} {1}".format(others, name))
        lines.append(setting.format(path))
    head = "Name: GPUs that users of TensorFlow see\nDefault: yes\nPriority: 0\nSession-Type: Additional\nSession:\n"
    files[PAM_PROFILE] = (head + "".join("\t{0}\n".format(line) for line in lines), 0o644)
    return files
