# SPDX-License-Identifier: GPL-3.0-or-later

"""Method native: a release that the system's own Python imports from, for everybody, without touching a file of dpkg's.

A .pth file in the directory that Python keeps for local additions (/usr/local/lib/python3.11/dist-packages) leads to the
release's site-packages. The mark EXTERNALLY-MANAGED stays, and the release is never part of what dpkg or the system's pip own.
"""

import glob
import json
import os
import subprocess
from typing import Any, Dict, List

BIN = "/usr/local/bin"
NOT_TOOLS = ("python", "pip", "activate", "deactivate", "pydoc", "tensorflow-env")

# What the system's Python has already, and what that in turn requires: asked of that Python, which alone knows its paths.
PROBE = """
import importlib.metadata as metadata, importlib.util, json, re, site
requires = []
for found in metadata.distributions():
    if "/.tensorwright/" in str(found.locate_file("")):
        continue
    for line in found.requires or []:
        if "extra" not in line and "@" not in line:
            requires.append(line)
spec = importlib.util.find_spec("tensorflow")
print(json.dumps({"site": site.getsitepackages()[0], "requires": sorted(set(requires)), "tensorflow": spec.origin if spec else None}))
"""


def probe(python: str) -> Dict[str, Any]:
    """Return {site: directory for local additions, requires: [requirements of the installed], tensorflow: file or None}."""
    output = subprocess.check_output([python, "-s", "-E", "-c", PROBE], universal_newlines=True, cwd="/")
    answer: Dict[str, Any] = json.loads(output)
    return answer


def constraints(requires: List[str]) -> List[str]:
    """Return those requirements that bound a version: what the system's own programs need stays true beside TensorFlow."""
    bounding = [line for line in requires if any(sign in line.split(";")[0] for sign in "<>=~!")]
    return sorted(set(bounding))


def pth_file(site: str, name: str) -> str:
    """Return the .pth file that leads the system's Python to the environment `name`."""
    return os.path.join(site, "tensorwright-{}.pth".format(name))


def pth_files(name: str, releases: str) -> List[str]:
    """Return the .pth files, of whatever Python, that lead to a release below `releases`."""
    found = []
    for path in sorted(glob.glob("/usr/local/lib/python3*/*-packages/tensorwright-{}.pth".format(glob.escape(name)))):
        with open(path) as source:
            if source.read().startswith(releases + os.sep):
                found.append(path)
    return found


def point(pth: str, site_packages: str) -> bool:
    """Let the .pth file lead to a release's site-packages, by rename; return whether that is a change.

    It names the release, not the environment's link: a running Python must not find half of the next release.
    """
    text = site_packages + "\n"
    if os.path.exists(pth):
        with open(pth) as source:
            if source.read() == text:
                return False
    os.makedirs(os.path.dirname(pth), mode=0o755, exist_ok=True)
    partial = "{}.new{}".format(pth, os.getpid())  # not ending in .pth: no Python that starts now may read it
    with open(partial, "w") as out:
        out.write(text)
    os.chmod(partial, 0o644)
    os.rename(partial, pth)
    return True


def link_tools(path: str, directory: str = BIN) -> Dict[str, List[str]]:
    """Link the environment's programs (tensorboard, saved_model_cli, …) into /usr/local/bin where the name is free.

    Returns {links: all of ours, made: those that are new}.
    """
    links, made = [], []
    source = os.path.join(path, "bin")
    for name in sorted(os.listdir(source)):
        link, target = os.path.join(directory, name), os.path.join(source, name)
        if name.startswith(NOT_TOOLS) or not os.access(target, os.X_OK) or os.path.isdir(target):
            continue
        if os.path.islink(link) and os.readlink(link) == target:
            links.append(link)
        elif not os.path.lexists(link):
            os.symlink(target, link)
            links.append(link)
            made.append(link)
    return {"links": links, "made": made}


def unlink_tools(path: str, directory: str = BIN) -> List[str]:
    """Remove the links into the environment at `path`; return them. Also right where the environment is gone already."""
    gone = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        link = os.path.join(directory, name)
        if os.path.islink(link) and os.readlink(link).startswith(os.path.join(path, "bin") + os.sep):
            os.unlink(link)
            gone.append(link)
    return gone
