# SPDX-License-Identifier: GPL-3.0-or-later

"""Method native: a release that the system's own Python imports from, for everybody, without touching a file of dpkg's.

A .pth file in the directory that Python keeps for local additions (/usr/local/lib/python3.11/dist-packages) leads to the
release's site-packages. The mark EXTERNALLY-MANAGED stays, and the release is never part of what dpkg or the system's pip own.
"""

import contextlib
import glob
import json
import os
import re
import subprocess
from typing import Any, Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import builder_user
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_libraries

BIN = "/usr/local/bin"
SITES = "/usr/local/lib/python[23]*/*-packages"  # where Pythons keep local additions
SYSTEM_BINS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
FOLLOW = "import os, site; os.geteuid() and site.addsitedir({!r})\n"  # root runs no line of a package's
NOT_TOOLS = ("python", "pip", "activate", "deactivate", "pydoc", "tensorflow-env")

CUDA_START = "import os; os.path.isdir({0!r}) and __import__({1!r}).watch()\n"

# What the system's Python has already, and what that in turn requires: asked of that Python, which alone knows its paths. It is
# started without them, and only the directories that .pth files name are added: what else is in such a file would be run.
PATHS = """
import glob, io, json, os, site, sys
above = os.path.dirname(os.path.dirname(sys.executable))
if os.path.exists(os.path.join(above, "pyvenv.cfg")):
    site.PREFIXES[:] = [above]
for place in site.getsitepackages():
    if os.path.isdir(place):
        sys.path.append(place)
        for name in sorted(glob.glob(os.path.join(place, "*.pth"))):
            for line in io.open(name, encoding="utf-8", errors="replace").read().splitlines():
                path = os.path.join(place, line.strip())
                if line.strip() and not line.startswith(("#", "import ", "import\t")) and os.path.isdir(path):
                    sys.path.append(path)
"""
# Python 2.7 gets an answer to the same questions from the files themselves.
PROBE_2 = (
    """
from __future__ import print_function
"""
    + PATHS
    + """
import imp
requires = set()
for place in sys.path:
    if "/.tensorwright/" in place:
        continue
    for name in glob.glob(place + "/*.dist-info/METADATA") + glob.glob(place + "/*.egg-info/requires.txt"):
        section = ""
        for line in open(name).read().splitlines():
            section = line if line.startswith("[") else section
            if name.endswith("METADATA") and not line:
                break
            if name.endswith(".txt") and line and not section:
                requires.add(line)
            elif line.startswith("Requires-Dist:") and "extra" not in line.partition(";")[2]:
                requires.add(line.partition(":")[2].strip())
try:
    tensorflow = imp.find_module("tensorflow")[1]
except ImportError:
    tensorflow = None
print(json.dumps({"site": site.getsitepackages()[0], "requires": sorted(requires), "tensorflow": tensorflow}))
"""
)
PROBE = (
    PATHS
    + """
import importlib.metadata as metadata, importlib.util
requires = []
for found in metadata.distributions():
    if "/.tensorwright/" in str(found.locate_file("")):
        continue
    for line in found.requires or []:
        if "extra" not in line.partition(";")[2]:
            requires.append(line)
spec = importlib.util.find_spec("tensorflow")
print(json.dumps({"site": site.getsitepackages()[0], "requires": sorted(set(requires)), "tensorflow": spec.origin if spec else None}))
"""
)


def is_python_2(python: str) -> bool:
    """Tell by its name whether an interpreter is of Python 2: the plan names the distribution's by major and minor version."""
    return os.path.basename(python).startswith("python2")


class ProbeError(Exception):
    """The system's Python could not be asked; the text is one sentence, `output` is what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(ProbeError, self).__init__(message)
        self.output = output


def probe(python: str) -> Dict[str, Any]:
    """Return {site: directory for local additions, requires: [requirements of the installed], tensorflow: file or None}.

    Raises ProbeError.
    """
    # Without bytecode (-B): check mode asks as well, and changes nothing.
    major = 2 if is_python_2(python) else 3
    command = builder_user.command(python, major) + ["-c", PROBE_2 if major == 2 else PROBE]
    try:
        asked = subprocess.run(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        answer: Dict[str, Any] = json.loads(asked.stdout.decode("utf-8"))
    except (OSError, ValueError) as error:
        raise ProbeError("{} cannot tell what it has installed: {}".format(python, error)) from error
    except subprocess.CalledProcessError as error:
        output = error.stderr.decode("utf-8", "replace")
        last = output.strip().splitlines()[-1:] or ["it ended with status {}".format(error.returncode)]
        raise ProbeError("{} cannot tell what it has installed: {}".format(python, last[0]), output) from error
    return answer


# name, extras, versions (in parentheses or not), marker: lines of other shapes would make the installer refuse the whole file.
VERSION = r"(?:===|~=|==|!=|<=|>=|<|>)\s*v?\d[\w.*+!-]*"
REQUIREMENT = re.compile(
    r"^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?\s*({0}(?:\s*,\s*{0})*)\s*\)?\s*(;.*)?$".format(VERSION)
)


def constraints(requires: List[str]) -> List[str]:
    """Return those requirements that bound a version: what the system's own programs need stays true beside TensorFlow."""
    found = (REQUIREMENT.match(line) for line in requires)
    return sorted({match.group(1) + match.group(2) + (match.group(3) or "") for match in found if match})


def pth_file(site: str, name: str) -> str:
    """Return the .pth file that leads the system's Python to the environment `name`."""
    return os.path.join(site, "tensorwright-{}.pth".format(name))


def pth_files(name: str, releases: str) -> List[str]:
    """Return the .pth files, of whatever Python, that lead to a release below `releases`."""
    found = sorted(glob.glob(os.path.join(SITES, "tensorwright-{}.pth".format(glob.escape(name)))))
    return [path for path in found if leads_to(path).startswith(releases + os.sep)]


def leads_to(pth: str) -> str:
    """Return the site-packages directory that a .pth file leads to, or nothing where there is no such file."""
    try:
        with open(pth, encoding="utf-8", errors="surrogateescape") as source:
            return source.readline().rstrip("\n")
    except OSError:
        return ""


def point(pth: str, site_packages: str, check_mode: bool = False, follow: bool = False) -> bool:
    """Let the .pth file lead to a release's site-packages, by rename; return whether that is a change.

    It names the release, not the environment's link: a running Python must not find half of the next release. A release for GPUs
    is told as well when TensorFlow is imported; a Python that starts after the release was removed says nothing about it.
    `follow`: the release's own .pth files count as well, of which Python 2.7 makes namespace packages (protobuf is one).
    """
    text = site_packages + "\n" + (FOLLOW.format(site_packages) if follow else "")
    if os.path.exists(os.path.join(site_packages, cuda_libraries.MODULE + ".py")):
        text += CUDA_START.format(site_packages, cuda_libraries.MODULE)
    if files.text(pth) == text:
        return False
    if check_mode:
        return True
    safe_tree.make_directories(os.path.dirname(pth))
    partial = pth + ".new"  # not ending in .pth: no Python that starts now may read it
    with contextlib.suppress(FileNotFoundError):
        safe_tree.unlink(partial)
    with safe_tree.open_file(partial, "x") as out:
        out.write(text)
    durable.rename(partial, pth)
    return True


def link_tools(path: str, check_mode: bool = False) -> Dict[str, Any]:
    """Link the environment's programs (tensorboard, saved_model_cli, …) into /usr/local/bin where the name is free.

    A name that a program of the distribution has is not free: the link would come first on the users' PATH. Links of ours whose
    program is gone are removed. Returns {links: all of ours, changed: whether there was something to do}.
    """
    links, changed = [], False
    source = os.path.join(path, "bin")
    for name in sorted(os.listdir(source)):
        link, target = os.path.join(BIN, name), os.path.join(source, name)
        if name.startswith(NOT_TOOLS) or not os.access(target, os.X_OK) or os.path.isdir(target):
            continue
        if os.path.islink(link) and os.readlink(link) == target:
            links.append(link)
        elif not any(os.path.lexists(os.path.join(directory, name)) for directory in (BIN,) + SYSTEM_BINS):
            changed = True
            links.append(link)
            if not check_mode:
                safe_tree.make_directories(BIN)
                safe_tree.symlink(target, link)
    for link in set(tools(path)) - set(links):
        changed = True
        if not check_mode:
            safe_tree.unlink(link)
    return {"links": links, "changed": changed}


def unlink_tools(path: str) -> None:
    """Remove the links into the environment at `path`. Also right where the environment is gone already."""
    for link in tools(path):
        safe_tree.unlink(link)


def tools(path: str) -> List[str]:
    """Return the links into the environment at `path`."""
    links = [os.path.join(BIN, name) for name in (sorted(os.listdir(BIN)) if os.path.isdir(BIN) else [])]
    source = os.path.join(path, "bin") + os.sep
    return [link for link in links if os.path.islink(link) and os.readlink(link).startswith(source)]
