# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `tensorflow-env`, in every release and, for all users of a host, in /usr/local/bin.

    tensorflow-env list
    tensorflow-env create ~/mine
    tensorflow-env run -- python train.py

`create` makes a virtualenv that sees all of the environment's packages and into which its owner may `pip install`. Python's own
`--system-site-packages` cannot do that: it sees the packages of the system's Python, not those of the virtualenv it is called from.
"""

import argparse
import contextlib
import fcntl
import grp
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree

# In the host's own copy: Tensorwright writes this file anew; its variables begin with tensorflow_users_.
# What the host offers to all of its users: written by the role tensorflow_users.
REGISTRY = "/usr/local/share/tensorwright/environments.json"
SEAL = ".tensorwright.json"
STORE = ".tensorwright"
WORKPLACE = ".{}.tensorwright-new"  # beside a virtualenv, while it is made or removed
# In the one file that a command is, the text of what is imported here stands in its place.
IMPORT = "from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree\n"
# Resolved at each start: the virtualenv follows the environment, a running process stays with the release it began with.
# It holds the release in use, as the release's own Pythons do; where the environment is gone, Python starts without it. What the
# release's .pth files do (setuptools' distutils, the CUDA of a release for GPUs) is done here too.
PTH = (
    "import os, site; place = os.path.realpath({!a}); site.addsitedir(place); "
    "os.path.isdir(place) and __import__('_tensorwright_release').hold_site(place)\n"
)
# In a group's virtualenv: what one member installs, the others may replace. Only pip's own umask is changed, in whatever way it was
# called, for other programs write elsewhere too.
GROUP_PTH = (
    "import os; words = open('/proc/self/cmdline', 'rb').read(); (b'\\0-m\\0pip\\0' in words or "
    "os.path.basename(words.split(b'\\0')[1]).startswith(b'pip')) and os.umask(0o002)\n"
)
PIP = """import sys
from pip._internal.cli.main import main
sys.exit(main())
"""
BASE = re.compile(r"realpath\((['\"])(?P<path>.+)/lib/python(?P<python>[\d.]+)/site-packages\1\)")
LONGEST = 1 << 16  # bytes that are read of a file which somebody else may have written
USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"

# kind: shared, group or own. owner: the group's name. base: the shared environment that a virtualenv stands on.
Place = NamedTuple(
    "Place",
    [
        ("name", str),
        ("path", str),
        ("kind", str),
        ("owner", str),
        ("base", str),
        ("python", str),
        ("facts", Dict[str, Any]),
    ],
)


class RefusedError(Exception):
    """It cannot be done; the text is one sentence."""


def shebang(python: str, option: str = "") -> str:
    """Return the first lines of a script for `python`; the kernel takes no long path there, and none with a blank.

    option: one of Python's, which may be several letters.
    """
    more = " " + option if option else ""
    if len(python) < 120 and not any(character.isspace() for character in python):
        return "#!{}{}\n".format(python, more)
    # A sentence for sh that is a string for Python.
    return "#!/bin/sh\n'''exec' \"{}\"{} \"$0\" \"$@\"\n' '''\n".format(python, more)


def program(python: str) -> str:
    """Return this command as a script for `python`, whole in one file.

    Root may start it too, so it is run without the packages of its Python (-S), any of which could have lines run at each start.
    """
    import inspect

    helper = "HELPER = r'''{}'''\n".format(inspect.getsource(safe_tree))
    more = 'safe_tree = type(os)("safe_tree")\nexec(HELPER, safe_tree.__dict__)\n'
    return shebang(python, "-IS") + inspect.getsource(sys.modules[__name__]).replace(IMPORT, helper + more, 1)


# --- which environments there are ------------------------------------------------------------------------------------


def release() -> str:
    """Return the release that this command lies in: Python itself does not know it, as it starts without its packages."""
    return os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def environment() -> str:
    """Return the path of the environment that this command belongs to, <parent>/.tensorwright/<name>/<release> → <parent>/<name>.

    The host's own command belongs to none.
    """
    releases = os.path.dirname(release())
    store = os.path.dirname(releases)
    return os.path.join(os.path.dirname(store), os.path.basename(releases)) if os.path.basename(store) == STORE else ""


def read_json(path: str) -> Dict[str, Any]:
    """Return what a file of ours holds; nothing where it is missing or makes no sense."""
    try:
        with open(path, encoding="utf-8") as source:
            found = json.load(source)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def shared() -> List[Place]:
    """Return the host's environments, the one that users get unasked first; among them that of this command."""
    rows = read_json(REGISTRY).get("shared", [])
    found = [Place(row["name"], row["path"], "shared", "", row["path"], row["python"], row) for row in rows]
    own = environment()
    if own and own not in [place.path for place in found]:
        found.insert(0, Place(os.path.basename(own), own, "shared", "", own, "", {"method": "virtualenv"}))
    return found


def virtualenv(path: str, kind: str, owner: str = "") -> Optional[Place]:
    """Return the virtualenv at a path, if it is one of ours."""
    lib = os.path.join(path, "lib")
    try:
        pythons = sorted(name for name in os.listdir(lib) if name.startswith("python"))
    except OSError:
        return None
    for name in pythons:
        base = BASE.search(beginning(os.path.join(lib, name, "site-packages", "tensorwright.pth")))
        if base:
            return Place(os.path.basename(path), path, kind, owner, base.group("path"), base.group("python"), {})
    return None


def beginning(path: str) -> str:
    """Return the first lines of a file that others may have put there; nothing where there is no file, but a pipe or a link, say."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, LONGEST).decode("utf-8", "replace") if is_file else ""
    finally:
        os.close(descriptor)


def groups() -> List[Place]:
    """Return the environments of the host's groups, also those that this user may not look into."""
    found = []
    for row in read_json(REGISTRY).get("groups", []):
        closed = Place(os.path.basename(row["path"]), row["path"], "group", row["group"], row["environment"], "", {})
        found.append(virtualenv(row["path"], "group", row["group"]) or closed)
    return found


def records() -> str:
    """Return the file in which this user's own virtualenvs are noted, a path on each line."""
    home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(home, "tensorwright", "environments")


def own() -> List[Place]:
    """Return this user's own virtualenvs, and forget those that are gone."""
    try:
        with open(records(), encoding="utf-8", errors="surrogateescape") as source:
            noted = source.read().splitlines()
    except OSError:
        return []
    found = [(path, virtualenv(path, "own")) for path in sorted(set(noted))]
    there = [path for path, place in found if place]
    if there != noted:
        note(there)
    return [place for _path, place in found if place]


def note(paths: List[str]) -> None:
    """Write down this user's own virtualenvs; a home that takes no more loses nothing but the list."""
    file = records()
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file + ".new", "w", encoding="utf-8", errors="surrogateescape") as out:
            out.write("".join(path + "\n" for path in sorted(set(paths))))
        os.replace(file + ".new", file)


def choose(name: Optional[str], places: List[Place]) -> Place:
    """Return the environment of a name or a path; without one that of this command, or the host's first."""
    wanted = environment() if name is None else os.path.normpath(os.path.expanduser(name))
    for place in places:
        if not wanted or wanted in (place.name, place.path):
            return place
    there = ", ".join(place.name for place in places) or "none"
    if name is None:
        raise RefusedError("this host has no environment for all users")
    raise RefusedError("there is no environment {}; there is {}".format(name, there))


# --- create ----------------------------------------------------------------------------------------------------------


def create(path: str, group: Optional[str] = None, private: bool = False) -> str:
    """Make the virtualenv at `path` and return the line that activates it.

    It is made in a directory that nobody else can look into, and gets its name last: nobody can have a hand in what is not done.
    """
    path = os.path.abspath(os.path.expanduser(path))
    gid = group_id(group) if group else None
    with above(path) as (directory, name):
        if name in os.listdir(directory):
            raise RefusedError("{} is there already; choose another path".format(path))
        with workplace(directory, name) as work:
            made = os.path.join(os.path.dirname(path), WORKPLACE.format(name), name)
            maker(path).create(made)
            if not os.path.exists(os.path.join(release(), "pyvenv.cfg")):
                rebase(made)
            fill(made, path, GROUP_PTH if group else "")
            if gid is not None:
                share(work, name, gid, private)
                sync_filesystem(work)  # what has its name must have its content after a power cut as well
            os.rename(name, name, src_dir_fd=work, dst_dir_fd=directory)
            os.fsync(directory)
    if gid is None:
        note([place.path for place in own()] + [path])
    return "source {}/bin/activate".format(path)


@contextlib.contextmanager
def above(path: str) -> Iterator[Tuple[int, str]]:
    """Hold the directory open that a virtualenv is to be in; yields its descriptor and the virtualenv's name."""
    directory, name = os.path.split(path)
    if os.geteuid() == 0:
        descriptor = safe_tree.open_directory(directory, make=0o755)
    else:  # users may trust their colleagues in what is theirs alone
        os.makedirs(directory, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def workplace(directory: int, name: str) -> Iterator[int]:
    """Make the directory in which what is to be at `name` is made or unmade; afterwards it is gone with all that is left in it.

    What a run left there that was killed goes first. Raises RefusedError while another run works there.
    """
    work = WORKPLACE.format(name)
    clear(directory, name)
    descriptor = safe_tree.make_private(directory, work)
    try:
        with contextlib.suppress(OSError):  # a network file system may lock no directories
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)
        safe_tree.remove_at(directory, work)


def clear(directory: int, name: str) -> bool:
    """Remove what a killed run has left of the virtualenv `name` in an open directory; tell whether it had left anything."""
    work = WORKPLACE.format(name)
    if work not in os.listdir(directory):
        return False
    descriptor = os.open(work, safe_tree.DIRECTORY, dir_fd=directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RefusedError("another run is working on {}; wait for it".format(name)) from None
    except OSError:  # a network file system that locks no directories
        pass
    finally:
        os.close(descriptor)
    safe_tree.remove_at(directory, work)
    return True


def sync_filesystem(descriptor: int) -> None:
    """Wait until all that was written to the file system of an open directory is on its disk."""
    import ctypes

    syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
    if syncfs is None or syncfs(descriptor):
        os.sync()


def maker(path: str) -> Any:
    """Return what makes a virtualenv whose scripts name `path`, wherever it is made."""
    import venv

    class Maker(venv.EnvBuilder):
        """Makes virtualenvs that are to be moved."""

        def setup_scripts(self, context: Any) -> None:
            """Write the scripts that activate it."""
            context.env_dir = path
            context.env_exe = os.path.join(path, "bin", os.path.basename(context.env_exe))
            super().setup_scripts(context)

    return Maker(with_pip=False, symlinks=True, prompt=os.path.basename(path))


def rebase(path: str) -> None:
    """Let a virtualenv of one of conda's Pythons stand on the environment: the release itself will be gone some day."""
    bin_directory = os.path.join(environment(), "bin")
    settings = os.path.join(path, "pyvenv.cfg")
    with open(settings) as source:
        lines = ["home = " + bin_directory if line.startswith("home ") else line for line in source.read().splitlines()]
    with open(settings, "w") as out:
        out.write("\n".join(lines) + "\n")
    for name in os.listdir(os.path.join(path, "bin")):
        program = os.path.join(path, "bin", name)
        if os.path.islink(program) and os.path.isabs(os.readlink(program)):
            os.unlink(program)
            os.symlink(os.path.join(bin_directory, "python{}.{}".format(*sys.version_info[:2])), program)


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file of a virtualenv that is being made, where nobody else can reach it."""
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def fill(made: str, path: str, more: str = "") -> None:
    """Lead a new virtualenv, which is at `made` and is to be at `path`, to the environment, its settings and its pip."""
    version = "python{}.{}".format(*sys.version_info[:2])
    base = os.path.join(environment(), "lib", version, "site-packages")
    write(os.path.join(made, "lib", version, "site-packages", "tensorwright.pth"), PTH.format(base) + more)
    settings = os.path.join(made, "pyvenv.cfg")
    with open(settings) as source:
        text = source.read()
    write(settings, text.replace(made, path))  # its last line says what made it
    settings = os.path.join(environment(), "pip.conf")  # the site's package index and certificates
    if os.path.exists(settings):
        with open(settings) as source:
            write(os.path.join(made, "pip.conf"), source.read())
    for name in ("pip", "pip3"):
        write(os.path.join(made, "bin", name), shebang(os.path.join(path, "bin", "python")) + PIP, 0o755)


def group_id(group: str) -> int:
    """Return a group's number. Raises RefusedError."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise RefusedError("there is no group {} on this host".format(group)) from None


def share(work: int, name: str, gid: int, private: bool) -> None:
    """Let a group write to a new virtualenv, and to whatever comes into it; all others may read, unless it is private."""

    def wanted(status: os.stat_result) -> Optional[safe_tree.Change]:
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            return None  # a new virtualenv has no file with two names: it may be anybody's, of the same owner too
        file = 0o775 if status.st_mode & stat.S_IXUSR else 0o664
        return safe_tree.Change(-1, gid, 0o2775 if stat.S_ISDIR(status.st_mode) else file)

    top = os.open(name, safe_tree.DIRECTORY, dir_fd=work)
    try:
        safe_tree.change_tree(top, wanted)
        if private:
            os.fchmod(top, 0o2770)
    finally:
        os.close(top)


def hand_on(place: Place, arguments: List[str]) -> None:
    """Let the command of another environment do it: a virtualenv is made by the Python that it stands on."""
    program = os.path.join(place.path, "bin", "tensorflow-env")
    if place.facts.get("method") == "docker":
        raise RefusedError("{} is an image; start it with tensorflow-docker".format(place.name))
    if place.facts.get("method") == "native":
        raise RefusedError(
            "{} is in the system's own Python; python3 -m venv --system-site-packages makes a virtualenv on it".format(
                place.name
            )
        )
    if not os.access(program, os.X_OK):
        raise RefusedError("{} cannot make virtualenvs: {} is missing".format(place.name, program))
    os.execv(program, [program] + arguments)


# --- list ------------------------------------------------------------------------------------------------------------


def in_use() -> str:
    """Return what this shell's `python` belongs to."""
    python = shutil.which("python")
    return os.path.realpath(os.path.dirname(os.path.dirname(python))) if python else ""


def row(place: Place, active: str) -> List[str]:
    """Return what is told of an environment: whether it is in use, name, path, version, Python, device, whose it is."""
    seal = read_json(os.path.join(place.base, SEAL))
    version, device = seal.get("version"), (seal.get("plan") or {}).get("device")
    python = ".".join(str(seal.get("python") or "").split(".")[:2]) or str(place.facts.get("python") or "")
    whose = {"shared": "shared", "group": "group " + place.owner, "own": "yours"}[place.kind]
    if place.kind == "group" and may_write(place.path):
        whose += ", and so yours"
    if place.kind != "shared":
        whose += ", on " + place.base
        if not os.path.isdir(place.base):
            whose += ", which is gone"
        elif python and place.python and python != place.python:
            whose += ", made for Python {}: make it anew".format(place.python)
    return [
        "*" if active == os.path.realpath(place.path) else "",
        place.name,
        place.path,
        str(version or place.facts.get("version") or "-"),
        place.python if place.kind != "shared" and place.python else python or "-",
        str(device or place.facts.get("device") or "-"),
        whose,
    ]


def may_write(path: str) -> bool:
    """Tell whether this user may install into a group's environment."""
    return os.access(path, os.W_OK)


def table() -> str:
    """Return all environments of the host that concern this user."""
    active = in_use()
    rows = [["", "NAME", "PATH", "TENSORFLOW", "PYTHON", "DEVICE", "WHOSE"]]
    rows += [row(place, active) for place in shared() + groups() + own()]
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    widths[0] = 1
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows)


# --- run -------------------------------------------------------------------------------------------------------------


def login_path() -> str:
    """Return the PATH that this host gives to a login shell: cron's and systemd's are shorter ones."""
    who = pwd.getpwuid(os.getuid())
    start = USUAL_PATH
    try:
        with open("/etc/environment", encoding="utf-8") as source:
            start = ([line[5:].strip().strip("\"'") for line in source if line.startswith("PATH=")] or [start])[-1]
    except OSError:
        pass
    try:
        told = subprocess.run(
            ["/bin/sh", "-c", '. /etc/profile >/dev/null 2>&1; printf "\\n%s" "$PATH"'],
            env={"HOME": who.pw_dir, "USER": who.pw_name, "LOGNAME": who.pw_name, "PATH": start},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            timeout=10,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        told = ""
    return told.splitlines()[-1] if told.strip() else start


def run(place: Place, command: List[str]) -> None:
    """Become a command that finds the environment's programs first, and after them what a login shell finds."""
    if place.facts.get("method") == "docker":
        raise RefusedError("{} is an image; start it with tensorflow-docker".format(place.name))
    if not command:
        raise RefusedError("there is nothing to run; say what after --")
    path = login_path().split(":")
    if place.facts.get("method") != "native":  # whose TensorFlow the system's own Python finds
        directory = os.path.join(place.path, "bin")
        if not os.path.isdir(directory):
            raise RefusedError("{} is gone".format(place.path))
        path = [directory] + [entry for entry in path if entry != directory]
    os.environ["PATH"] = ":".join(path)
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        sys.stderr.write("tensorflow-env: there is no command {}\n".format(command[0]))
        sys.exit(127)
    except OSError as error:
        sys.stderr.write("tensorflow-env: {} cannot be started: {}\n".format(command[0], error.strerror))
        sys.exit(126)


def parse(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tensorflow-env",
        description="TensorFlow on this host: " + (environment() or ", ".join(place.path for place in shared())),
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    commands.add_parser("list", help="tell which environments there are, which is in use (*), and which are yours")
    make = commands.add_parser("create", help="make a virtualenv that sees all of the environment's packages")
    make.add_argument("-e", dest="environment", metavar="NAME", help="the environment to stand on")
    make.add_argument("--group", metavar="GROUP", help="let the members of this group install into it")
    make.add_argument("--private", action="store_true", help="let nobody else read it")
    make.add_argument("path", metavar="PATH")
    launch = commands.add_parser(
        "run", help="run a command in an environment: for cron, units of systemd and notebooks"
    )
    launch.add_argument("-e", dest="environment", metavar="NAME", help="the environment, also a group's or your own")
    launch.add_argument("program", metavar="-- PROGRAM …", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def main() -> None:
    """Run the command line."""
    arguments = parse()
    try:
        if arguments.command == "list":
            print(table())
        elif arguments.command == "run":
            words = arguments.program[1:] if arguments.program[:1] == ["--"] else arguments.program
            run(choose(arguments.environment, shared() + groups() + own()), words)
        else:
            if arguments.private and not arguments.group:
                raise RefusedError(
                    "--private goes with --group; a virtualenv of your own is as private as where it lies"
                )
            place = choose(arguments.environment, shared())
            if place.path != environment():
                path = os.path.abspath(os.path.expanduser(arguments.path))
                more = ["--group", arguments.group] if arguments.group else []
                hand_on(place, ["create"] + more + ["--private"] * arguments.private + [path])
            print(create(arguments.path, arguments.group, arguments.private))
    except (RefusedError, OSError) as error:
        sys.exit("tensorflow-env: {}".format(error))


if __name__ == "__main__":
    main()
