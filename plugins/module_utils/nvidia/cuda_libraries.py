# SPDX-License-Identifier: GPL-3.0-or-later

"""The CUDA of a release: found where the plan has put it, and made the one that the release's Pythons and shells use."""

import glob
import os
import re
from inspect import getsource
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_activation, elf
from ansible_collections.tensorwright.fleet.plugins.module_utils.programs import cuda_preload

MODULE = "_tensorwright_cuda"
PTH = "zz_tensorwright_cuda.pth"  # read after zz_tensorwright.pth, which resolves the environment's link
START = "import {0}; {0}.watch()\n".format(MODULE)
# What TensorFlow's builds load, and what these load in turn; not the rest of the toolkit.
CUDA = r"cudart|nvJitLink|nvrtc(?:-builtins)?|cublas(?:Lt)?|cufft|curand|cusolver|cusparse|cupti|nvperf_(?:host|target)"
CUDNN, NCCL, TENSORRT = r"cudnn(?:_\w+)?", "nccl", "nvinfer(?:_plugin)?"
DRIVER = "libcuda.so.1"  # the driver's own library, of no CUDA version
NEEDED = ("cudart", "cublas", "cufft", "cusolver", "cusparse", "cudnn")
ROOT = "/usr/local/cuda-{}"
SYSTEM = "/usr/lib/*-linux-gnu"  # where cuDNN, NCCL and TensorRT lie, and cuBLAS of CUDA 10.1 and 10.2


class MissingError(Exception):
    """A CUDA library is not where the plan has put it; the text is one sentence."""


def planned(plan: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Return what of the plan decides which CUDA a release uses: {from, version, cudnn, tensorrt}; None where it uses none."""
    source = (plan.get("cuda") or {}).get("from")
    if plan.get("device") != "gpu" or source not in ("wheels", "apt"):
        return None
    versions = {name: (plan.get(name) or {}).get("version") for name in ("cudnn", "tensorrt")}
    return dict(versions, version=plan["cuda"]["version"], **{"from": source})


def home(wanted: Dict[str, Any]) -> str:
    """Return where the packages of a CUDA version lie."""
    return ROOT.format(wanted["version"])


def places(site_packages: str, wanted: Dict[str, Any]) -> List[Tuple[str, str]]:
    """Return where the libraries are looked for: (pattern of directories, pattern of file names)."""
    parts = [CUDA, CUDNN, NCCL] + [TENSORRT] * bool(wanted["tensorrt"])
    if wanted["from"] == "wheels":
        names = r"lib(?:{})\.so[\d.]*".format("|".join(parts))
        base = glob.escape(site_packages)
        return [(os.path.join(base, "nvidia", "*", "lib"), names), (os.path.join(base, "tensorrt_libs"), names)]
    versioned = [(CUDNN, wanted["cudnn"]), (TENSORRT, wanted["tensorrt"])]
    majors = [r"(?:{})\.so\.{}".format(part, version.split(".")[0]) for part, version in versioned if version]
    toolkit = home(wanted)
    return [
        (os.path.join(toolkit, "lib64"), r"lib(?:{})\.so[\d.]*".format(CUDA)),
        (os.path.join(toolkit, "extras", "CUPTI", "lib64"), r"lib(?:{})\.so[\d.]*".format(CUDA)),
        (SYSTEM, r"lib(?:{})(?:\.\d+)*".format("|".join(majors + [NCCL + r"\.so\.\d+", r"cublas(?:Lt)?\.so\.10"]))),
    ]


def find(site_packages: str, wanted: Dict[str, Any]) -> List[str]:
    """Return the paths of the libraries that the release uses, each after those that it needs. Raises MissingError."""
    found: Dict[str, Tuple[str, List[str]]] = {}
    searched = places(site_packages, wanted)
    for directories, names in searched:
        for path in sorted(glob.glob(os.path.join(directories, "lib*.so*"))):
            name = os.path.basename(path)
            library = elf.read(path) if re.match(names + "$", name) else None
            if library and library.soname == name:  # the other names of it are links
                found.setdefault(name, (path, library.needed))
    for part in NEEDED:
        if not any(name.startswith("lib{}.so.".format(part)) for name in found):
            raise MissingError(
                "the CUDA library lib{} is not in {}; {}".format(
                    part,
                    ", ".join(directories for directories, _names in searched),
                    "run playbooks/nvidia.yml, which installs it"
                    if wanted["from"] == "apt"
                    else "the package index has given other CUDA wheels than the plan's",
                )
            )
    return ordered(found)


def ordered(found: Dict[str, Tuple[str, List[str]]]) -> List[str]:
    """Return the paths so that each library comes after those that it needs."""
    paths: List[str] = []

    def add(name: str, above: Tuple[str, ...]) -> None:
        path, needed = found[name]
        for other in needed:
            if other in found and other not in above:
                add(other, above + (name,))
        if path not in paths:
            paths.append(path)

    for name in sorted(found):
        add(name, (name,))
    return paths


def place(release: str, site_packages: str, wanted: Dict[str, Any], native: bool) -> None:
    """Make the planned CUDA the one that the release's Pythons load, and that its activation shows to shells. Raises MissingError."""
    libraries = [inside(path, site_packages) for path in find(site_packages, wanted)]
    system = home(wanted) if wanted["from"] == "apt" else ""
    compilers = glob.glob(os.path.join(glob.escape(site_packages), "nvidia", "*", "bin", "ptxas"))
    toolkit = system or os.path.dirname(os.path.dirname((sorted(compilers) or [""])[0]))
    lines = [
        "LIBRARIES = {!r}".format(tuple(libraries)),
        "TOOLKIT = {!r}".format(inside(toolkit, site_packages)),
    ]
    module = os.path.join(site_packages, MODULE + ".py")
    files.replace(module, getsource(cuda_preload) + "\n\n" + "\n".join(lines) + "\n")
    if native:
        return  # the system's Python is led here by a line of its own, see native
    files.replace(os.path.join(site_packages, PTH), START)
    if toolkit:
        cuda_activation.extend(os.path.join(release, "bin"), os.path.join(toolkit, "bin"), system)


def remedy(path: str, why: str) -> str:
    """Return what lets a library load that did not."""
    if why.startswith(DRIVER):
        return "that one belongs to the driver: playbooks/nvidia.yml installs the planned one"
    base, found, name = path.partition("/site-packages/")
    if not found:
        return "reinstall the package that it belongs to, which `dpkg -S {}` names".format(path)
    for record in sorted(glob.glob(os.path.join(glob.escape(base + found), "*.dist-info", "RECORD"))):
        if re.search("^{},".format(re.escape(name)), files.text(record), re.MULTILINE):
            distribution = "==".join(os.path.basename(os.path.dirname(record))[: -len(".dist-info")].split("-")[:2])
            return "put it back with `pip install --force-reinstall --no-deps {}` in the environment".format(
                distribution
            )
    return "install the distribution that it belongs to anew"


def inside(path: str, site_packages: str) -> str:
    """Return a path below the release's packages as it is relative to them, another one as it is."""
    return path[len(site_packages) + 1 :] if path.startswith(site_packages + os.sep) else path
