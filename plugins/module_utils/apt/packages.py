# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's apt packages as one set: installed in one transaction, held with all that NVIDIA brings along, removed as a whole."""

import contextlib
import fnmatch
import glob
import os
import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg, locks
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache

# Packages of NVIDIA's, and those that distributions make of its driver.
MAKER = re.compile(r"nvidia\.com", re.IGNORECASE)
NAMES = re.compile(
    r"(lib|xserver-xorg-video-|firmware-)?nvidia-|linux-(modules|objects|signatures)-nvidia-|"
    r"cuda(-|$)|lib(cu(blas|fft|file|rand|solver|sparse|dnn|pti)|npp|nv|nccl|cuda)|nsight-|gds-tools"
)
BROKEN = ("unpacked", "half-configured", "half-installed", "triggers-awaited", "triggers-pending")
CALM = ["-y", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confdef"]
CALM += ["-o", "Dpkg::Options::=--force-confold", "-o", "APT::Get::List-Cleanup=false"]
STEP = re.compile(r"^(Inst|Remv|Purg) (\S+)(?: \[(\S+)\])?(?: \((\S+))?")

Package = NamedTuple(
    "Package",
    [
        ("name", str),
        ("version", str),
        ("want", str),
        ("state", str),
        ("needs", Tuple[str, ...]),
        ("maker", bool),
        ("twins", Tuple[str, ...]),  # those of its needs that have to be of its own version
    ],
)
Step = NamedTuple("Step", [("verb", str), ("name", str), ("before", Optional[str]), ("after", Optional[str])])


class PackagesError(Exception):
    """apt did not do it; the text is one sentence, `output` what apt printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(PackagesError, self).__init__(message)
        self.output = output


# -- what there is ----------------------------------------------------------------------------------------------------


def _alternatives(fields: Mapping[str, str]) -> Tuple[str, ...]:
    needs = ",".join(fields.get(name, "") for name in ("Pre-Depends", "Depends"))
    return tuple(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)", needs))


def _twins(fields: Mapping[str, str]) -> Tuple[str, ...]:
    own = re.escape(fields.get("Version", ""))
    return tuple(
        re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9.+-]+)(?::\w+)? \(= {}\)".format(own), fields.get("Depends", ""))
    )


def read(status: str = dpkg.STATUS) -> Dict[str, Package]:
    """Every package that dpkg knows on this host, of the host's own architecture."""
    native = dpkg.ARCHITECTURES.get(os.uname().machine, "")
    found = {}
    for paragraph in text(status).split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.+)$", paragraph, re.MULTILINE))
        if fields.get("Architecture") not in (native, "all"):
            continue
        want, _flag, state = (fields.get("Status", "").split() + ["", "", ""])[:3]
        name = fields["Package"]
        maker = bool(MAKER.search(fields.get("Maintainer", "")) or NAMES.match(name))
        needs, twins = _alternatives(fields), _twins(fields)
        found[name] = Package(name, fields.get("Version", ""), want, state, needs, maker, twins)
    return found


def installed(packages: Mapping[str, Package]) -> Dict[str, str]:
    """Name -> version of the packages that are fully installed."""
    return {name: one.version for name, one in packages.items() if one.state == "installed"}


def split(request: str) -> Tuple[str, Optional[str]]:
    """Name and version of name=version; no version means that any will do."""
    name, _, version = request.partition("=")
    return name, version or None


def names(requests: Iterable[str]) -> Set[str]:
    """The names of what is requested."""
    return {split(request)[0] for request in requests}


def missing(requests: Iterable[str], there: Mapping[str, str]) -> List[str]:
    """Those requests that are not met."""
    asked = [(request, split(request)) for request in requests]
    return [
        request for request, (name, version) in asked if there.get(name) is None or version not in (None, there[name])
    ]


def closure(names: Iterable[str], packages: Mapping[str, Package]) -> Set[str]:
    """The named packages, and all of NVIDIA's that they need: what has to stay together at one version."""
    found: Set[str] = set()
    ahead = [name for name in names if name in packages]
    while ahead:
        name = ahead.pop()
        if name in found or packages[name].state != "installed":
            continue
        found.add(name)
        ahead.extend(need for need in packages[name].needs if need in packages and packages[need].maker)
    return found


# -- apt --------------------------------------------------------------------------------------------------------------


def fetching(arguments: List[str]) -> str:
    """Run apt-get on what it may have to fetch: where the package cache fails, once more without it. Raises PackagesError."""
    cache = package_cache.of_apt()
    command = ["apt-get"] + CALM + package_cache.apt_options()
    try:
        output = run(command + arguments)
    except PackagesError as error:
        if not cache or "fetch" not in error.output.lower():
            raise
        if cache.only:
            raise PackagesError(cache.refusal() or str(error), error.output) from error
    else:
        if not cache or not unfetched(output):
            return output
        if cache.only and cache.refusal():
            raise PackagesError(cache.refusal(), output)
        if cache.only:
            return output
    return run(command + ["-o", "Acquire::http::Proxy-Auto-Detect=/bin/true"] + arguments)


def run(command: List[str]) -> str:
    """Run a command of apt's or dpkg's and return what it printed. Raises PackagesError."""
    status, output = locks.patiently(command)
    if status != 0:
        raise PackagesError(_why(output), output)
    return output


UNEXPLAINED = "apt says: "
MIRRORS = "the host's sources, nvidia_repo_url or docker_repository_url"
# What the output says → the sentence. The first that is found explains it; apt's own last words come often from a consequence.
REASONS = (
    (
        r"No space left on device|have enough free space in",
        "the disk is full; free space and run again, which finishes what was begun",
    ),
    (
        r"Could not get lock (\S+) It is held by process (\d+) \((.+?)\)",
        "{2} (process {1}) keeps apt's lock {0}; run again when it has ended",
    ),
    (r"Could not get lock (\S+)", "another program keeps apt's lock {0}; run again when it has ended"),
    (
        r"(?:Temporary failure resolving|Could not resolve) '(.+?)'",
        "the name {0} cannot be resolved on this host; check its DNS, or name a mirror in " + MIRRORS,
    ),
    (
        r"(?:Could not connect to|Cannot initiate the connection to|Unable to connect to) (\S+?):?[ \n]",
        "{0} cannot be reached from this host; check network and proxy, or name a mirror in " + MIRRORS,
    ),
    (
        r"Hash Sum mismatch",
        "a package is not what its repository's list says; run again, as a mirror may be in the middle of an update",
    ),
    (r"E: Version '(.+?)' for '(.+?)' was not found", "no repository of this host has {1} in the version {0}"),
    (r"E: Unable to locate package (\S+)", "no repository of this host has {0}"),
    (r"dpkg: error processing (?:package|archive) (\S+).*:\n *(.+)", "dpkg could not install {0}: {1}"),
    (r"E: (Package '.+' has no installation candidate)", "apt says: {0}"),
    (r"(\S+ : (?:Depends|Breaks|Conflicts|PreDepends): .+)", "apt says: {0}"),
    (r"E: (.+)", UNEXPLAINED + "{0}"),
)


def _why(output: str) -> str:
    """The sentence in apt's words that says most."""
    for pattern, sentence in REASONS:
        found = re.search(pattern, output)
        if found:
            return sentence.format(*(group.rstrip(". ") for group in found.groups()))
    lines = output.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "apt was ended before it could say why{0}; run again".format(", after: " + last if last else "")


def complaint(error: PackagesError) -> str:
    """What went wrong, in a sentence that says so where nobody knows why."""
    known = not error.output or not str(error).startswith(UNEXPLAINED) or matcher.diagnose(error.output)
    return str(error) if known else "{0}; {1}".format(error, matcher.unknown(error.output))


def unfetched(output: str) -> str:
    """Which list `apt-get update` could not fetch, and why: it calls that a warning, and goes on with what it has."""
    found = re.search(r"^W: Failed to fetch (\S+)\s+(.+)", output, re.MULTILINE)
    return "{0} could not be fetched: {1}".format(found.group(1), found.group(2).strip()) if found else ""


def simulate(arguments: List[str]) -> List[Step]:
    """What apt would do, without doing it. Raises PackagesError."""
    output = run(["apt-get", "-s", "-o", "Debug::NoLocking=true"] + CALM + arguments)
    found = (STEP.match(line) for line in output.splitlines())
    return [Step(*match.groups()) for match in found if match]


def mend(packages: Mapping[str, Package], rehearse: bool) -> List[str]:
    """Finish what an interrupted dpkg left, and bring what was removed from under other packages; tells what it was."""
    broken = _broken(packages)
    interrupted = dpkg.interrupted()
    if (broken or interrupted) and not rehearse:
        with contextlib.suppress(
            PackagesError
        ):  # a package whose dependencies are not there: apt knows how to get them
            run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"])
    if interrupted and not rehearse:
        broken = sorted({*broken, *_broken(read())})  # dpkg itself has just learned of them
    if _sound():
        return broken
    fix = ["--ignore-hold", "--allow-change-held-packages", "-f", "install"]  # with holds, apt finds no way
    steps = simulate(fix)
    gone = sorted(step.name for step in steps if step.verb != "Inst" and step.name not in broken)
    if gone:
        raise PackagesError("dependencies are broken, and apt would mend that by removing {0}".format(", ".join(gone)))
    if not rehearse:
        run(["apt-get"] + CALM + fix)
    return sorted({step.name for step in steps}.union(broken))


def _broken(packages: Mapping[str, Package]) -> List[str]:
    return sorted(name for name, one in packages.items() if one.state in BROKEN)


def _sound() -> bool:
    """Whether every package has what it depends on."""
    try:
        run(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "check"])
    except PackagesError:
        return False
    return True


def blame(names: Iterable[str], directory: str = "/etc/apt") -> List[str]:
    """The files that forbid one of these packages by a negative pin."""
    wanted = set(names)
    found = []
    for path in sorted(glob.glob(os.path.join(directory, "preferences.d", "*"))) + [
        os.path.join(directory, "preferences")
    ]:
        for stanza in text(path).split("\n\n"):
            patterns = re.findall(r"^Package:\s*(.+)$", stanza, re.MULTILINE)
            if not re.search(r"^Pin-Priority:\s*-", stanza, re.MULTILINE) or not patterns:
                continue
            if any(fnmatch.fnmatch(name, pattern) for name in wanted for pattern in patterns[0].split()):
                found.append(path)
    return sorted(set(found))


def versions(name: str) -> List[str]:
    """The versions that the host's repositories have, the one that apt prefers first."""
    table = [line.split("|") for line in run(["apt-cache", "madison", name]).splitlines()]
    return [row[1].strip() for row in table if len(row) == 3]


def upstream(version: str) -> str:
    """A version without epoch and without the distribution's part."""
    return version.partition(":")[2].partition("-")[0] if ":" in version else version.partition("-")[0]


def is_version(text: str) -> bool:
    """Whether a text is an upstream version, and not a package's name."""
    return bool(re.match(r"\d+(\.\d+)+$", text))


def companions(wanted: Mapping[str, str], steps: Iterable[Step], there: Mapping[str, str]) -> List[str]:
    """Requests for packages that have to be of the same upstream version as another, or of a given one. Raises PackagesError."""
    planned = {step.name: step.after for step in steps if step.verb == "Inst" and step.after}
    found = []
    for name, leader in sorted(wanted.items()):
        version = leader if is_version(leader) else planned.get(leader) or there.get(leader)
        if version is None:
            raise PackagesError(
                "{0} has to be of the version of {1}, which is not to be installed".format(name, leader)
            )
        if name in there and upstream(there[name]) == upstream(version):
            continue
        same = next((one for one in versions(name) if upstream(one) == upstream(version)), None)
        if same is None:
            whose = "" if is_version(leader) else " of {0}".format(leader)
            raise PackagesError("no repository of this host has {0} in the version {1}{2}".format(name, version, whose))
        found.append("{0}={1}".format(name, same))
    return found


def followers(requests: Iterable[str], packages: Mapping[str, Package]) -> List[str]:
    """Requests for what is there and has to be of the version of a package that moves, such as its development package."""
    moving = dict(split(request) for request in requests)
    return [
        "{0}={1}".format(one.name, moving[twin])
        for one in packages.values()
        for twin in one.twins[:1]
        if one.maker
        and one.state == "installed"
        and one.name not in moving
        and moving.get(twin) not in (None, one.version)
    ]


def manual() -> Set[str]:
    """Those packages that somebody has asked for by name."""
    return set(run(["apt-mark", "showmanual"]).split())


def removable(names: Iterable[str], packages: Mapping[str, Package]) -> List[str]:
    """Those of the packages that can go, all at once, without apt having to remove or install any other for it."""
    doomed = set(names) & set(installed(packages))
    while doomed:
        others = _moved_with(doomed)
        if not others:
            break
        needed = {need for name in others if name in packages for need in packages[name].needs} & doomed
        # What stands behind a virtual package, apt alone knows.
        doomed -= needed or {name for name in doomed if _moved_with({name}) - doomed} or doomed
    return sorted(doomed)


def _moved_with(doomed: Set[str]) -> Set[str]:
    """The other packages that apt would remove or install if these were purged."""
    return {step.name for step in simulate(["purge"] + sorted(doomed))} - doomed


def blacklist(names: Iterable[str], role: str) -> str:
    """The settings with which unattended-upgrades leaves packages alone; it takes each for a regular expression."""
    escaped = sorted(re.sub(r"([.+])", r"[\1]", name) for name in names)
    lines = ['  "^{0}$";'.format(name) for name in escaped]
    head = "// Written by Tensorwright: these packages move with the role {0} only.".format(role)
    return "\n".join([head, "Unattended-Upgrade::Package-Blacklist {"] + lines + ["};", ""])


def footprint(
    held: Iterable[str], brought: Iterable[str], requested: Iterable[str], files: List[str]
) -> Dict[str, Any]:
    """What the role's receipt is to name: what is held at exactly this version, what was not there before it in any.

    requested: those of the latter that it asked for, and apt therefore counts as asked for by somebody.
    """
    packages = dict.fromkeys(brought, False)
    packages.update(dict.fromkeys(held, True))
    return {"packages": packages, "held": sorted(held), "asked": sorted(requested), "files": files}
