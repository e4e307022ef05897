# SPDX-License-Identifier: GPL-3.0-or-later
"""The container images of a bundle, as archives that `docker load` reads; a tool on the control node pulls them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError

DIRECTORY = "images"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
Run = Callable[[list[str]], None]


def file_of(reference: str, architecture: str) -> str:
    """The path of an image's archive in the folder."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference)
    return f"{DIRECTORY}/{name}-{ARCHITECTURES.get(architecture, architecture)}.tar"


def tool(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """The tool that pulls: skopeo needs no engine, the others have one."""
    return next((name for name in ("skopeo", "docker", "podman") if which(name)), None)


def save(reference: str, architecture: str, target: Path, name: str, run: Run | None = None) -> None:
    """Pull an image and write its archive; the file appears when it is whole. Raises BundleError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".tensorwright-part")
    partial.unlink(missing_ok=True)
    platform = ARCHITECTURES.get(architecture, architecture)
    try:
        for command in commands(name, reference, platform, partial):
            (run or _run)(command)
        partial.replace(target)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.output or "").strip().splitlines()
        raise BundleError(f"{name} cannot fetch the image {reference}: {said[-1] if said else error}") from error
    finally:
        partial.unlink(missing_ok=True)


def commands(name: str, reference: str, platform: str, archive: Path) -> list[list[str]]:
    """What the tool is told."""
    if name == "skopeo":
        source = f"docker://{reference}"
        # An image by its digest has no name of its own in an archive; hosts ask for it by that reference.
        tag = "" if "@" in reference else f":{reference}"
        return [[name, "--override-arch", platform, "copy", source, f"docker-archive:{archive}{tag}"]]
    form = ["--format", "docker-archive"] if name == "podman" else []
    asked = _in_full(reference) if name == "podman" else reference
    return [
        [name, "pull", "--platform", f"linux/{platform}", asked],
        [name, "save", *form, "--output", str(archive), asked],
    ]


def _in_full(reference: str) -> str:
    """The reference with the registry that Docker means where none is named; a podman may know of none, or of others."""
    first, slash, _rest = reference.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return reference if named else f"docker.io/{reference}"


def missing_tool(references: Iterable[str]) -> str:
    """What is said where no tool is there."""
    listed = ", ".join(sorted(references))
    return f"the images {listed}: this machine has none of skopeo, docker and podman, one of which pulls them"


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
