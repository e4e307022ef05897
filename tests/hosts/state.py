"""What makes up a test host: its files, packages, users and units, all told so that two moments can be compared.

What an installation must leave untouched and its removal must give back is said once, here: everything but `NOISE`.
"""

import json
import re
from typing import TypedDict

from tests.hosts.containers import Host, inside, inside_program
from tests.hosts.keys import HOME

RECORDS = HOME / "states"
# Not looked into: the kernel's, and what a start of the machine makes anew.
OPAQUE = ["/dev", "/proc", "/run", "/sys"]
# Files that a machine changes by itself, or that say what is compared here already; each with the reason why it is left out.
NOISE = {
    r"/var/log/.*": "logs stay",
    r"/var/lib/apt/(lists|periodic)/.*": "which packages the repositories had; any `apt-get update` writes it",
    r"/var/cache/apt/.*": "the same, and packages that were fetched",
    r"/var/lib/apt/extended_states": "which packages nobody asked for: `asked` is compared",
    r"/var/lib/dpkg/(status|available|diversions|statoverride)(-old)?": "`packages` is compared",
    r"/var/lib/dpkg/(info|triggers)/.*": "`packages` is compared",
    r"/var/lib/dpkg/lock(-frontend)?": "made by the first use of dpkg",
    r"/var/cache/debconf/.*": "answers to questions of packages; they have an order of their own",
    r"/var/cache/ldconfig/.*": "the loader's notes about the libraries in the tree",
    r"/etc/ld\.so\.cache": "the same",
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-": "the copy that each change of users leaves of the file before it",
    r"/etc/\.pwd\.lock": "made by the first change of users",
    r"/var/lib/systemd/(timers|random-seed|credential\.secret|linger)(/.*)?": "systemd's own notes",
    r"/tmp/systemd-private-.*|/var/tmp/systemd-private-.*": "made for services as they start",
    r"/(root|home/[^/]+)/\.ansible(/.*)?": "Ansible's own connection",
    r"/(root|home/[^/]+)/\.cache(/motd\.legal-displayed)?": "Ubuntu's note of a first login",
    r"/home/admin/\.sudo_as_admin_successful": "made by the first use of sudo",
    r".*/__pycache__(/.*)?": "bytecode that a program which runs as root leaves beside its source",
}
# Runs inside the host, which has Python's own library and nothing else.
PROGRAM = r"""
import hashlib, json, os, stat, subprocess, sys
opaque = set(json.loads(sys.argv[1]))
files, hashes = {}, {}
def digest(path, found):
    key = found.st_dev, found.st_ino  # releases and caches share files
    if key not in hashes:
        with open(path, "rb") as file:
            hashes[key] = hashlib.blake2b(file.read(), digest_size=16).hexdigest()
    return hashes[key]
def look(path):
    found = os.lstat(path)
    kind = stat.S_IFMT(found.st_mode)
    what = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link"}.get(kind, "special")
    said = "%s %o %d:%d" % (what, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
    if kind == stat.S_IFLNK:
        said += " to " + os.readlink(path)
    elif kind == stat.S_IFREG:
        said += " " + digest(path, found)
    files[path] = said
    if kind == stat.S_IFDIR and path not in opaque:
        for name in os.listdir(path):
            try:
                look(os.path.join(path, name))
            except FileNotFoundError:
                pass  # gone meanwhile
def lines(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout.splitlines()
look("/")
units = [line.split()[:2] for line in lines("systemctl", "list-unit-files", "--no-legend", "--plain", "--full")]
print(json.dumps({
    "files": files,
    "packages": dict(line.split("\t") for line in lines(
        "dpkg-query", "--show", "--showformat", "${Package}:${Architecture}\t${db:Status-Abbrev}${Version}\n")),
    "asked": dict.fromkeys(lines("apt-mark", "showmanual"), "asked for"),
    "users": {line.split(":")[0]: line for line in lines("getent", "passwd")},
    "groups": {line.split(":")[0]: line for line in lines("getent", "group")},
    "units": {name: state for name, state in units if state not in ("transient", "generated")},
}))
"""


class State(TypedDict):
    """Each name with what is said of it."""

    files: dict[str, str]
    packages: dict[str, str]
    asked: dict[str, str]
    users: dict[str, str]
    groups: dict[str, str]
    units: dict[str, str]


def observe(host: Host) -> State:
    """Return the state of a host."""
    found: State = json.loads(inside_program(host, PROGRAM, json.dumps(OPAQUE)))
    return found


def record(host: Host) -> None:
    """Keep the host's state for `changes`, as soon as it has started whatever it starts by itself."""
    inside(host, "systemctl is-system-running --wait || true")
    RECORDS.mkdir(parents=True, exist_ok=True)
    (RECORDS / f"{host.container}.json").write_text(json.dumps(observe(host)))


def recorded(host: Host) -> State:
    """Return the state that was kept."""
    found: State = json.loads((RECORDS / f"{host.container}.json").read_text())
    return found


def changes(host: Host, but_for: tuple[str, ...] = ()) -> list[str]:
    """Return what differs from the state that was kept, a line each. `but_for`: beginnings of paths that others have changed."""
    return differences(recorded(host), observe(host), but_for)


def differences(before: State, after: State, but_for: tuple[str, ...] = ()) -> list[str]:
    """Return what differs between two states, a line each."""
    quiet = re.compile("|".join(f"(?:{pattern})" for pattern in NOISE))
    found = []
    for kind in State.__required_keys__:
        was, now = before[kind], after[kind]  # type: ignore[literal-required]
        for name in sorted({*was, *now}):
            if was.get(name) == now.get(name):
                continue
            if kind == "files" and (name.startswith(but_for) or quiet.fullmatch(name)):
                continue
            found.append(f"{kind}: {name}: {was.get(name, 'nothing')} -> {now.get(name, 'nothing')}")
    return sorted(found)
