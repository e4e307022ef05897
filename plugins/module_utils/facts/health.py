# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong on a host, whoever installed it: looks, starts programs that only look, and holds what they say against the table of
known troubles. Changes nothing; what has to be written lies in a directory that is removed again.
"""

import contextlib
import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from inspect import getsource
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import interpreters
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import session_test as session
from ansible_collections.tensorwright.fleet.plugins.module_utils.facts import probes
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import pci
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import session_test as session_program

PAGE = "see docs/troubleshooting.md#"
TAIL = 4000  # characters of output that are looked at
SHORT = 20  # seconds for a program that only answers a question
SECONDS = 300  # a first import from a cold network disk is slow
BINARIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONDA_HOMES = ("miniconda3", "miniforge3", "mambaforge", "anaconda3", "conda")
# Only what proves the sources is fetched, into a directory of our own, and no hook of the host's is run.
APT = """
Dir::State::lists "{0}/lists";
Dir::Cache "{0}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::IndexTargets {{ deb::Packages::DefaultEnabled "false"; deb-src::Sources::DefaultEnabled "false"; }};
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::CNF;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
WHERE = """
try:
    from importlib.util import find_spec
    spec = find_spec("tensorflow")
    place = spec and (spec.origin or list(spec.submodule_search_locations or [""])[0])
except ImportError:
    import imp
    try:
        place = imp.find_module("tensorflow")[1]
    except ImportError:
        place = None
print(place or "")
"""

Finding = NamedTuple("Finding", [("about", str), ("output", str)])
Answer = NamedTuple("Answer", [("status", int), ("output", str)])


class Host(object):
    """A host as one user sees it; a context manager, at whose end nothing of ours is left."""

    def __init__(self, user: str = "") -> None:
        self.me = pwd.getpwuid(os.geteuid())
        self.wanted = user
        self.directory = ""
        self.login = {}  # type: Dict[str, str]  # what the user's login shell sets

    def __enter__(self) -> "Host":
        self.directory = tempfile.mkdtemp(prefix="tensorwright-diagnosis-", dir="/tmp")
        safe_tree.change(self.directory, mode=0o755)
        return self

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(OSError):
            safe_tree.remove(self.directory)

    def user(self, place: str) -> pwd.struct_passwd:
        """Return who tries something that lies at `place`."""
        return pwd.getpwnam(session.choose_user(place, self.wanted or None))

    @contextlib.contextmanager
    def home_of(self, entry: pwd.struct_passwd) -> Iterator[str]:
        """Make an empty directory in which the user's programs may write what they like."""
        home = tempfile.mkdtemp(dir=self.directory)
        try:
            if os.geteuid() == 0:
                safe_tree.change(home, owner=entry.pw_uid, group=entry.pw_gid)
            yield home
        finally:
            with contextlib.suppress(OSError):
                safe_tree.remove(home)

    def run(
        self,
        command: List[str],
        entry: Optional[pwd.struct_passwd] = None,
        stdin: str = "",
        seconds: int = SECONDS,
        **more: str,
    ) -> Answer:
        """Run a command, as a user where one is named, and return how it ended and what it printed."""
        entry = entry or self.me
        with self.home_of(entry) as home:
            env = {
                "HOME": home,
                "PATH": BINARIES,
                "LC_ALL": "C.UTF-8",
                # What the user has installed for themself is looked at as well.
                "PYTHONUSERBASE": os.path.join(entry.pw_dir, ".local"),
                "TF_CPP_MIN_LOG_LEVEL": "1",
            }
            env.update({name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})
            if entry is not self.me or self.wanted == self.me.pw_name:
                env.update(self.login)
            env.update(more)
            try:
                done = subprocess.run(
                    command,
                    input=stdin.encode("utf-8"),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd=home,
                    env=env,
                    preexec_fn=_becoming(entry) if entry.pw_uid != os.geteuid() else None,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Answer(1, "{} did not end within {} s".format(command[0], seconds))
            except OSError as error:
                return Answer(1, str(error))
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode < 0:
            output += "\nkilled by signal {}".format(-done.returncode)
        return Answer(done.returncode, output)


def _becoming(entry: pwd.struct_passwd) -> Callable[[], None]:
    def prepare() -> None:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return prepare


# --- Pythons and TensorFlow ---------------------------------------------------------------------------------------------


def pythons(paths: Iterable[str], home: str) -> List[str]:
    """Return the Pythons in which TensorFlow may be: of the named environments, of conda's, and the system's."""
    found = [os.path.join(path, "bin", "python") for path in paths]
    roots = [os.path.join(place, name) for place in (home, "/opt", "/usr/local") for name in CONDA_HOMES]
    for root in roots:
        found += [os.path.join(root, "bin", "python")] + sorted(
            glob.glob(os.path.join(root, "envs", "*", "bin", "python"))
        )
    search = interpreters.Search(interpreters.directories(home, BINARIES))
    found += [python["path"] for python in search.pythons()]
    there = [python for python in found if os.access(python, os.X_OK)]
    return sorted(set(there), key=there.index)


def try_tensorflow(host: Host, python: str) -> Tuple[Optional[Dict[str, Any]], Optional[Finding]]:
    """Run the session test in a Python that has TensorFlow; return what the session found, or what is wrong."""
    entry = host.user(os.path.dirname(python))
    where = host.run([python, "-B", "-c", WHERE], entry)
    if where.status:
        return None, Finding(python, where.output)
    if not where.output.strip():
        return None, None
    answer = host.run([python, "-B", "-"], entry, getsource(session_program))
    marked = [line for line in answer.output.splitlines() if line.startswith(session.MARK)]
    if answer.status or not marked:
        return None, Finding("{} as user {}".format(python, entry.pw_name), answer.output)
    found: Dict[str, Any] = json.loads(marked[-1][len(session.MARK) :])
    if found.get("greeting") != session.GREETING or found.get("answer") != session.ANSWER:
        return None, Finding(python, "the session's answer is wrong: {}".format(marked[-1]))
    return dict(found, interpreter=python, user=entry.pw_name), None


def look_at_tensorflow(host: Host, paths: Iterable[str]) -> Tuple[List[Dict[str, Any]], List[Finding]]:
    """Return the sessions that ran, and what is wrong where one did not; where there is none at all, that is what is wrong."""
    tried = [try_tensorflow(host, python) for python in pythons(paths, host.me.pw_dir)]
    sound = [found for found, _ in tried if found]
    wrong = [finding for _, finding in tried if finding]
    if not sound and not wrong:
        wrong = [Finding("TensorFlow", "No module named 'tensorflow'")]
    return sound, wrong


# --- GPU, Docker, apt ---------------------------------------------------------------------------------------------------


def look_at_driver(host: Host, devices: str = pci.DEVICES) -> List[Finding]:
    """Return what is wrong with the driver of the host's GPUs; without a GPU, nothing."""
    if not pci.gpus(pci.nvidia_devices(devices)):
        return []
    loader = host.run([sys.executable, "-c", "import ctypes; ctypes.CDLL('libcuda.so.1')"])
    if loader.status:
        return [Finding("NVIDIA driver", loader.output)]
    answer = host.run(["nvidia-smi", "-L"])
    return [Finding("NVIDIA driver", answer.output)] if answer.status else []


def look_at_docker(host: Host) -> List[Finding]:
    """Return what keeps the user from Docker; where it is not installed, nothing."""
    if not shutil.which("docker", path=BINARIES):
        return []
    entry = host.user("/")
    answer = host.run(["docker", "version", "--format", "{{.Server.Version}}"], entry)
    return [Finding("Docker as user {}".format(entry.pw_name), answer.output)] if answer.status else []


def look_at_apt(host: Host) -> List[Finding]:
    """Return what is wrong with apt's sources and dpkg's packages."""
    if not shutil.which("apt-get", path=BINARIES):
        return []
    place = tempfile.mkdtemp(dir=host.directory)
    for part in ("lists/partial", "cache/archives/partial"):
        safe_tree.make_directories(os.path.join(place, part))
    settings = os.path.join(place, "apt.conf")
    with safe_tree.open_file(settings, "w") as out:
        out.write(APT.format(place))
    found = []
    update = host.run(["apt-get", "-c", settings, "-q", "update"])
    complaints = [
        line for line in update.output.splitlines() if re.match(r"[EWN]: ", line) and not line.startswith("N: ")
    ]
    said = "\n".join(complaints)
    if matcher.claims(said) or matcher.failure(said):  # other warnings are no failures
        found.append(Finding("apt", said))
    check = host.run(["apt-get", "-c", settings, "-q", "-o", "Debug::NoLocking=true", "check"])
    if check.status and not any(line in update.output for line in check.output.splitlines() if line.startswith("E: ")):
        found.append(Finding("apt", check.output))
    audit = host.run(["dpkg", "--audit"])
    if audit.output.strip():
        found.append(Finding("dpkg", audit.output))
    return found


# --- what text cannot tell ----------------------------------------------------------------------------------------------


def look_at_rest(
    host: Host, sound: List[Dict[str, Any]], paths: Iterable[str], devices: str = pci.DEVICES
) -> List[Finding]:
    """Return what the programs' own words do not tell: of the driver, the GPUs' use, disks, packages and Docker."""

    def asked(*command: str) -> str:
        answer = host.run(list(command), seconds=SHORT) if shutil.which(command[0], path=BINARIES) else Answer(1, "")
        return "" if answer.status else answer.output

    there = pci.gpus(pci.nvidia_devices(devices))
    found = list(probes.disks(list(probes.PLACES) + list(paths)))
    if there:
        found += probes.versions(
            probes.kernel_version(), probes.library_version(), asked("modinfo", "-F", "version", "nvidia").strip()
        )
        found += probes.nouveau([gpu["address"] for gpu in there], devices)
        found += probes.modules(asked("dkms", "status"), os.uname().release)
        found += probes.kernel_messages(
            asked("dmesg") or asked("journalctl", "-k", "-b", "--no-pager", "-q", "-n", "5000")
        )
        found += probes.fabric(
            pci.nvswitches(pci.nvidia_devices(devices)), asked("systemctl", "is-active", "nvidia-fabricmanager")
        )
        query = ("--format=csv,noheader,nounits",)
        found += probes.memory(
            asked("nvidia-smi", "--query-gpu=index,memory.free,memory.total", *query),
            asked("nvidia-smi", "--query-compute-apps=pid,process_name,used_memory", *query),
        )
        found += probes.containers(len(there), asked("docker", "info", "--format", "{{json .}}"))
        for python, user, said in probes.idle(len(there), sound):
            log = host.run([python, "-B", "-c", GPUS], pwd.getpwnam(user), TF_CPP_MIN_LOG_LEVEL="0").output
            served = probes.capabilities(asked("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"), log)
            found.append(("{0} as user {1}".format(python, user), "\n".join([said] + served + [log])))
    for one in sound:
        python, entry = str(one["interpreter"]), pwd.getpwnam(str(one["user"]))
        checked = host.run([python, "-B", "-c", probes.RECORD], entry, seconds=3 * SHORT)
        if checked.output.strip() and not checked.status:
            found.append((python, checked.output))
        fits = host.run([python, "-B", "-m", "pip", "--disable-pip-version-check", "check"], entry, seconds=3 * SHORT)
        if fits.status and " requires " in fits.output:
            found.append((python, fits.output))
    return [finding for finding in (Finding(*said) for said in found) if matcher.claims(finding.output)]


# TensorFlow's look for GPUs, whose log says why it uses none, and the compute capabilities that the build has code for.
GPUS = """
import tensorflow as tf
getattr(getattr(tf, "config", None), "list_physical_devices", list)("GPU")
build = getattr(getattr(tf, "sysconfig", None), "get_build_info", dict)()
print("built for:", " ".join(build.get("cuda_compute_capabilities", [])))
"""


def login_variables(host: Host) -> Dict[str, str]:
    """Return what the login shell of the user asked for sets; nothing where nobody is asked for."""
    if not host.wanted:
        return {}
    entry = pwd.getpwnam(host.wanted)
    shell = entry.pw_shell if os.path.basename(entry.pw_shell or "") in ("bash", "sh", "dash", "zsh") else "/bin/sh"
    return probes.variables(
        host.run([shell, "-lc", "env"], entry, seconds=SHORT, HOME=entry.pw_dir, PWD=entry.pw_dir).output
    )


# --- what that means ----------------------------------------------------------------------------------------------------


def explained(finding: Finding) -> List[Dict[str, Optional[str]]]:
    """Return what the table says of a finding; of one that it does not know, the last words."""
    output = matcher.without_logins(finding.output[-TAIL:])
    causes: List[Tuple[Optional[str], str, Optional[str]]] = [
        (row.id, matcher.cause(row, output), row.remedy) for row in matcher.claims(output)
    ]
    return [
        {
            "about": finding.about,
            "id": name,
            "cause": cause,
            "remedy": remedy,
            "sentence": "{}: {}".format(finding.about, "; ".join(filter(None, (cause, remedy, name and PAGE + name)))),
            "output": output,
        }
        for name, cause, remedy in causes or [(None, matcher.unknown(output), None)]
    ]


def look(paths: Iterable[str], user: str = "", devices: str = pci.DEVICES) -> Dict[str, Any]:
    """Look at everything."""
    with Host(user) as host:
        host.login = login_variables(host)
        places = [os.path.expanduser(path) for path in paths]
        sound, wrong = look_at_tensorflow(host, places)
        wrong += look_at_driver(host, devices) + look_at_docker(host) + look_at_apt(host)
        wrong += look_at_rest(host, sound, places, devices)
        around = dict(probes.surroundings(), **({"login": host.login} if host.login else {}))
    found = [one for finding in wrong for one in explained(finding)]
    seen = {(one["about"], one["id"]): one for one in reversed(found)}  # one cause is told once of one thing
    return {
        "sessions": sound,
        "findings": [one for one in found if seen[one["about"], one["id"]] is one],
        "host": around,
    }
