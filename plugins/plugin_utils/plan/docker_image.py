# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of method docker: an official one by its tag, the site's own, or one that is built because no official one works."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, either, show
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Images, Release, Tables

VARIABLES: Final = "tensorflow_docker_"
OWN: Final = "tensorwright/tensorflow"  # what images are called that are built here
PROGRAMS: Final = ("jupyter", "tensorboard")
_YES = ("true", "yes", "on", "1")
_REFERENCE = re.compile(
    r"(?P<name>(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REGISTRY = re.compile(r"[\w.-]+(:\d+)?(/[a-z0-9._/-]+)?")
_HUB = re.compile(r"(docker\.io/|index\.docker\.io/)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a host's variables say about its image, beside the release: another image, the one with Jupyter, from where."""

    image: str = ""
    jupyter: bool = False
    registry: str = ""
    digest: str = ""  # of the official image
    packages: tuple[str, ...] = ()


def read(variables: Mapping[str, object]) -> tuple[Wish, list[Problem]]:
    """The wish, and a problem for each value that no image can have. Values of a wrong type are refused elsewhere."""
    texts = {name: _text(variables.get(VARIABLES + name)) for name in ("image", "jupyter", "registry", "digest")}
    found = []
    image = texts["image"]
    reference = _REFERENCE.fullmatch(image)
    if image and (reference is None or not (reference["tag"] or reference["digest"])):
        accepted = "name:tag or name@sha256:digest, such as registry.example.org/ml/tensorflow:2.17.0-gpu, or empty"
        found.append(_problem("image", image, "which names no image and tag", accepted))
        image = ""
    registry = texts["registry"].rstrip("/")
    if registry and not _REGISTRY.fullmatch(registry):
        accepted = "host, host:port or host/path without https://, or empty"
        found.append(_problem("registry", registry, "which is no registry's address", accepted))
        registry = ""
    digest = texts["digest"]
    if digest and not _DIGEST.fullmatch(digest):
        found.append(_problem("digest", digest, "which is no digest", "sha256: and 64 hexadecimal digits, or empty"))
        digest = ""
    if digest and image:
        accepted = "the digest as part of tensorflow_docker_image (name@sha256:…), or empty"
        found.append(_problem("digest", digest, f"but {VARIABLES}image is '{image}'", accepted))
    given = variables.get(VARIABLES + "extra_packages")
    packages = tuple(str(one) for one in given if isinstance(one, str)) if isinstance(given, (list, tuple)) else ()
    if image and packages:
        accepted = "an image that has what is wanted, or tensorflow_docker_image: empty"
        found.append(_problem("extra_packages", list(packages), f"but {VARIABLES}image is '{image}'", accepted))
    return Wish(image, texts["jupyter"].lower() in _YES, registry, digest, packages), found


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, (str, bool, int)) else ""


def _problem(name: str, given: object, why: str, accepted: str) -> Problem:
    about = f"docker_{name}"
    return {"about": about, "message": f"{VARIABLES}{name} is {show(given)}, {why}", "accepted": accepted}


@dataclass(frozen=True, slots=True)
class Image:
    """name:tag or name@digest; with `base` and `requirements` it is made of that image and those packages."""

    name: str
    tag: str | None
    digest: str | None = None
    base: str | None = None
    requirements: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # which of Jupyter and TensorBoard it has

    @property
    def reference(self) -> str:
        """The image as it is pulled."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def works_on_gpus(release: Release, tables: Tables) -> bool:
    """Whether the official GPU image of a release finds a GPU."""
    return tables.series[release.series].image_gpu and release.image_gpu


def can_be_built(release: Release) -> bool:
    """Whether a GPU image can be made of the release's CPU image: CUDA's wheels have to be there for its Python."""
    return bool(release.cuda_pins and release.cuda_pythons)


def official(wish: Wish, tables: Tables) -> str | None:
    """The wished image's tag where it is one of the official repository."""
    reference = _REFERENCE.fullmatch(wish.image) if wish.image else None
    if reference is None or _HUB.sub("", reference["name"]) not in {row.repository for row in tables.images.values()}:
        return None
    return reference["tag"]


def trouble(wish: Wish, release: Release, device: str, tables: Tables) -> Problem | None:
    """The problem that the wished image never was, or does not do what the plan needs of it."""
    tag = official(wish, tables)
    if tag is None:
        return None
    there = tags(release, tables)
    if tag not in there:
        return _problem("image", wish.image, f"but TensorFlow {release.version} never had that tag", either(there))
    if device != "gpu":
        return None
    working = [one for one in there if "-gpu" in one and works_on_gpus(release, tables)]
    if tag in working:
        return None
    lack = "is without GPU support" if "-gpu" not in tag else "lacks the cuDNN that it needs and finds no GPU"
    accepted = "empty, for one that is built" if not working else f"empty, {either(working)}"
    return _problem("image", wish.image, f"but that image {lack}", f"{accepted}, or tensorflow_device: cpu")


def tags(release: Release, tables: Tables) -> list[str]:
    """The tags of a release's official images."""
    row = tables.images[tables.series[release.series].images]
    name = release.channel if release.channel == "nightly" else release.version
    return [f"{name}{tag.removeprefix('X')}" for tag in row.tags]


def has_python(row: Images, python: str | None) -> bool:
    """Whether one may ask the images of a row for a Python: old ones come with 2.7 or with a 3, newer ones as they are."""
    return python in (None, "auto") or (python == "2.7" and "X-py3" in row.tags)


def plan(
    wish: Wish, release: Release, device: str, python: str | None, requirement: str, tables: Tables
) -> tuple[Image, list[str]]:
    """The image, and notes on the choice."""
    if wish.image:
        reference = _REFERENCE.fullmatch(wish.image)
        assert reference is not None
        return Image(reference["name"], reference["tag"], reference["digest"], programs=PROGRAMS), []
    series = tables.series[release.series]
    row = tables.images[series.images]
    prefix = f"{wish.registry}/" if wish.registry else ""
    version = release.channel if release.channel == "nightly" else release.version
    made_for_gpus = device == "gpu" and not works_on_gpus(release, tables)
    tag = _tag(row.tags, "cpu" if made_for_gpus else device, wish.jupyter, python).replace("X", version, 1)
    found = Image(
        f"{prefix}{row.repository}", tag, wish.digest or None, programs=_programs(wish, row, series.tensorboard)
    )
    notes = []
    if wish.jupyter and not any("jupyter" in one for one in row.tags):
        notes.append(f"The images of TensorFlow {release.version} all have Jupyter.")
    if not made_for_gpus and not wish.packages:
        return found, notes
    requirements = (*((requirement,) if made_for_gpus else ()), *wish.packages)
    own = _own_tag(tag, version, made_for_gpus, wish.packages)
    built = Image(f"{prefix}{OWN}", own, None, found.reference, requirements, found.programs)
    if made_for_gpus:
        notes.append(
            f"The official GPU image of TensorFlow {release.version} lacks the cuDNN that it needs and finds no GPU: "
            f"{built.reference} is built from {found.reference} and CUDA's wheels."
        )
    return built, notes


def _own_tag(tag: str, version: str, made_for_gpus: bool, packages: tuple[str, ...]) -> str:
    """The tag of an image that is built: other packages, another tag."""
    own = tag.replace(version, f"{version}-gpu", 1) if made_for_gpus else tag
    return f"{own}-{hashlib.sha256(repr(sorted(packages)).encode()).hexdigest()[:8]}" if packages else own


def _programs(wish: Wish, row: Images, tensorboard: bool) -> tuple[str, ...]:
    names = {re.split(r"[\[=<>!~; ]", package)[0].lower() for package in wish.packages}
    jupyter = wish.jupyter or not any("jupyter" in tag for tag in row.tags) or names & {"jupyter", "notebook"}
    has = {"jupyter": jupyter, "tensorboard": tensorboard or "tensorboard" in names}
    return tuple(name for name in PROGRAMS if has[name])


def _tag(known: Iterable[str], device: str, jupyter: bool, python: str | None) -> str:
    """The tag that has what is asked for and no more, as far as there is one."""
    wanted = {"gpu"} if device == "gpu" else set()
    wanted |= {"jupyter"} if jupyter else set()
    wanted |= {"py3"} if python != "2.7" else set()
    fitting = [tag for tag in known if set(tag.split("-")[1:]) <= wanted]
    return max(fitting, key=lambda tag: len(tag.split("-")))
