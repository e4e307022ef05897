# SPDX-License-Identifier: GPL-3.0-or-later
"""A build of TensorFlow from source: what it is made of and with, what it takes, and why a host cannot make it itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from math import ceil
from posixpath import dirname
from typing import Any, Final

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, both, problem
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import SourceBuild, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.candidate import Attempt, Context
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import Plan, PlanBuild
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.source_options import PREFIX, Wish

STORE: Final = ".tensorwright/builds"
NATIVE: Final = "native"
# What the levels of x86-64 promise beyond the first one, as far as the host facts tell.
LEVELS: Final = {"x86-64-v2": ("sse4_2",), "x86-64-v3": ("avx2", "fma"), "x86-64-v4": ("avx512f",)}
# Headers for the libraries that the plan installs: those of cuDNN, NCCL and TensorRT are packages of their own.
_HEADERS: Final = (
    (re.compile(r"libcudnn(\d+)-cuda-(\d+)="), r"libcudnn\1-dev-cuda-\2="),
    (re.compile(r"libcudnn(\d+)="), r"libcudnn\1-dev="),
    (re.compile(r"libnccl2="), "libnccl-dev="),
    (re.compile(r"libnvinfer\d+="), "libnvinfer-dev="),
    (re.compile(r"libnvinfer-plugin\d+="), "libnvinfer-plugin-dev="),
)
_NO_QUESTIONS: Final = (
    *("TF_NEED_ROCM", "TF_NEED_OPENCL", "TF_NEED_OPENCL_SYCL", "TF_NEED_COMPUTECPP", "TF_NEED_MPI", "TF_NEED_GDR"),
    *("TF_NEED_VERBS", "TF_DOWNLOAD_CLANG", "TF_SET_ANDROID_WORKSPACE", "TF_CONFIGURE_IOS"),
)


def add(plan: Plan, tried: Attempt, context: Context) -> None:
    """Write the build into the plan."""
    tested = context.tables.series[tried.release.series].build
    if tested:
        plan["build"] = _build(plan, tested, tried, context)
        plan["problems"].extend(_wrong_processor(context.build, context.host))


def _build(plan: Plan, tested: SourceBuild, tried: Attempt, context: Context) -> PlanBuild:
    host, tables, wish = context.host, context.tables, context.build
    builds, version = tables.builds, tried.release.version
    compiler = wish.compiler or _compiler(tested.compiler, host, tables)
    capabilities = versions.ascending({*(tried.gpu.capabilities if tried.gpu else ()), *_wished(tried, wish)})
    flags = _flags(tried, context)
    bazelisk = builds.bazelisk.programs.get(host.architecture)
    python = plan["python"]
    parts = {
        "release": version,
        "source": wish.url or builds.git_url,
        "commit": wish.commit,
        "Python": str(python["version"]),
        "architecture": host.architecture,
        "device": tried.device,
        "CUDA": f"{plan['cuda']['version']} {plan['cudnn']['version']}" if tried.gpu else "",
        "TensorRT": str(plan["tensorrt"]["version"] or ""),
        "processor": f"{flags} {host.cpu_model} {sorted(host.cpu_flags or ())}" if wish.march == NATIVE else flags,
        "compiler": wish.compiler or tested.compiler,
        "Bazel": tested.bazel,
        "options": " ".join(wish.options),
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    jobs = wish.jobs or max(1, min(host.cpus or 1, (host.memory_mb or 0) // builds.job_mb))
    memory = wish.memory_mb or (host.memory_mb or 0) * 4 // 5
    hours = ceil((builds.gpu_core_hours if tried.gpu else builds.core_hours) / jobs)
    place = plan["path"]["absolute"]
    made: PlanBuild = {
        "key": key,
        "parts": [f"{name} {value or 'none'}" for name, value in parts.items()],
        "bazel": tested.bazel,
        "compiler": tested.compiler,
        "program": compiler,
        "packages": _packages(plan, tested, compiler, tried, context),
        "url": parts["source"],
        "tag": f"v{version}",
        "commit": wish.commit or None,
        "bazelisk": {
            "version": builds.bazelisk.version,
            "url": f"{builds.bazelisk.url}/{bazelisk.file}" if bazelisk else None,
            "sha256": bazelisk.sha256 if bazelisk else None,
        },
        "capabilities": capabilities,
        "environment": [
            f"{name}={value}" for name, value in _environment(plan, tested, compiler, flags, tried).items()
        ],
        "requirements": _requirements(version, tables),
        "options": list(wish.options),
        "jobs": jobs,
        "memory_mb": memory,
        "hours": hours,
        "disk_mb": builds.disk_mb,
        "directory": f"{dirname(place)}/{STORE}" if place else None,
        "asked_host": wish.build_host or None,
        "wheel": _there(key, capabilities, host),
        "short": [],
        "host": None,
        "given": None,
        "makes": False,
        "for_capabilities": capabilities,
        "users": [],
    }
    made["short"] = list(_short(made, tried, context))
    return made


def _wished(tried: Attempt, wish: Wish) -> tuple[str, ...]:
    return wish.capabilities if tried.gpu else ()


def _compiler(tested: str, host: Host, tables: Tables) -> str | None:
    """The program that is the tested compiler in its main version, if the distribution has it: 'Clang 18.1.8' is clang-18."""
    platform = tables.platforms.get(host.platform)
    family, _, version = tested.lower().partition(" ")
    # Until version 5, GCC counted by its second number.
    short = versions.series(version) if family == "gcc" and versions.major(version) < 5 else version.partition(".")[0]
    name = f"{family}-{short}"
    return f"/usr/bin/{name}" if platform and name in platform.compilers else None


def _flags(tried: Attempt, context: Context) -> str:
    """The compiler's flags for the processor: as official builds, as far as this processor has what they use."""
    host, march = context.host, context.build.march
    if march:
        return f"-march={march}"
    if host.architecture != "x86_64":
        return ""
    wanted = context.tables.series[tried.release.series].cpu_flags
    return " ".join(f"-m{flag}" for flag in wanted if host.cpu_flags is None or flag in host.cpu_flags)


def _wrong_processor(wish: Wish, host: Host) -> Iterator[Problem]:
    lacking = [flag for flag in LEVELS.get(wish.march, ()) if host.cpu_flags is not None and flag not in host.cpu_flags]
    if lacking:
        why = f"{PREFIX}march is '{wish.march}', but this processor lacks {both(flag.upper() for flag in lacking)}"
        yield {"about": PREFIX + "march", "message": why, "accepted": "empty, or a lower level such as x86-64-v2"}


def _packages(plan: Plan, tested: SourceBuild, compiler: str | None, tried: Attempt, context: Context) -> list[str]:
    """The distribution's packages that a build needs, and NVIDIA's where it does not fetch its CUDA itself."""
    if not context.host.become:
        return []
    found = list(context.tables.builds.tools)
    if compiler and not context.build.compiler:
        program = compiler.rpartition("/")[2]
        found += [program, program.replace("gcc", "g++")] if program.startswith("gcc") else [program, "g++"]
    python = plan["python"]
    if python["provider"] in ("system", "deadsnakes") and (python["path"] or "/usr/bin/").startswith("/usr/bin/"):
        found.append(f"python{python['version']}-dev")
    if tried.gpu and not tested.own_cuda:
        dashed = str(plan["cuda"]["version"]).replace(".", "-")
        found.append(f"cuda-toolkit-{dashed}")
        libraries = [*plan["cudnn"]["packages"], *plan["nccl"]["packages"], *plan["tensorrt"]["packages"]]
        for library in libraries:
            found.extend(pattern.sub(name, library) for pattern, name in _HEADERS if pattern.match(library))
    return list(dict.fromkeys(found))


def _environment(plan: Plan, tested: SourceBuild, compiler: str | None, flags: str, tried: Attempt) -> dict[str, str]:
    """What answers the questions of ./configure, those of old releases and of new ones."""
    clang = bool(compiler) and "clang" in str(compiler)
    found = dict.fromkeys(_NO_QUESTIONS, "0")
    found.update(
        CC_OPT_FLAGS=f"{flags} -Wno-sign-compare".strip(),
        USE_DEFAULT_PYTHON_LIB_PATH="1",
        TF_PYTHON_VERSION=str(plan["python"]["version"]),
        HERMETIC_PYTHON_VERSION=str(plan["python"]["version"]),
        TF_NEED_CLANG=str(int(clang)),
        TF_NEED_CUDA=str(int(bool(tried.gpu))),
        TF_NEED_TENSORRT=str(int(bool(plan["tensorrt"]["version"]))),
    )
    if compiler:
        found.update({"CC": compiler, "CLANG_COMPILER_PATH" if clang else "GCC_HOST_COMPILER_PATH": compiler})
    if not tried.gpu:
        return found
    found.update(TF_CUDA_CLANG=str(int(clang and tested.own_cuda)))
    if clang:
        found.update(CLANG_CUDA_COMPILER_PATH=str(compiler))
    if not tested.own_cuda:
        version = str(plan["cuda"]["version"])
        found.update(
            TF_CUDA_VERSION=version,
            TF_CUDNN_VERSION=str(plan["cudnn"]["version"]).partition(".")[0],
            TF_CUDA_PATHS=f"/usr/local/cuda-{version},/usr",
            CUDA_TOOLKIT_PATH=f"/usr/local/cuda-{version}",
            CUDNN_INSTALL_PATH="/usr",
            TENSORRT_INSTALL_PATH="/usr",
        )
    return found


def _requirements(version: str, tables: Tables) -> list[str]:
    rows = tables.builds.python
    return [name for row in rows if versions.within(version, row.releases) for name in row.names]


def _there(key: str, capabilities: Iterable[str], host: Host) -> dict[str, Any] | None:
    """A wheel of this build that is on the host: the one in use, else the last one that was made."""
    fitting = [{**one} for one in host.builds if one.get("key") == key and serves(one, capabilities)]
    used = [one for one in fitting if one.get("sha256") == host.sealed.get("sha256")]
    return max(used or fitting, key=lambda one: str(one.get("built")), default=None)


def serves(wheel: Any, capabilities: Iterable[str]) -> bool:
    """Whether a wheel carries code for these compute capabilities."""
    return set(capabilities) <= set(wheel.get("capabilities") or ())


def _short(made: PlanBuild, tried: Attempt, context: Context) -> Iterator[Problem]:
    """Why this host cannot make the wheel itself."""
    host, builds, release = context.host, context.tables.builds, tried.release.version
    elsewhere = "tensorflow_source_build_host with a host that has it"
    if host.free_mb is not None and host.free_mb < builds.disk_mb:
        why = f"whose build needs {builds.disk_mb} MB below {made['directory']}, and {host.free_mb} MB are free there"
        yield problem("method", "source", why, f"a path with that much free, or {elsewhere}")
    if host.memory_mb is not None and host.memory_mb < builds.memory_mb:
        why = f"whose build needs {builds.memory_mb} MB of memory, and this host has {host.memory_mb} MB"
        yield problem("method", "source", why, f"a host with more, or {elsewhere}")
    if made["bazelisk"]["url"] is None and not context.build.bazelisk_url:
        why = f"but no bazelisk is known for {host.architecture}"
        yield problem("method", "source", why, "tensorflow_source_bazelisk_url with one")
    if made["program"] is None:
        why = f"but TensorFlow {release} is built with {made['compiler']}, which {host.platform} does not have"
        other = _release_for(host, context)
        accepted = f"tensorflow_version: {other}, {elsewhere}" if other else elsewhere
        yield problem("method", "source", why, f"{accepted}, or tensorflow_source_compiler with another's path")
    elif host.programs is not None and not host.become:
        wanted = [*builds.tools, *(() if context.build.compiler else (made["program"].rpartition("/")[2],))]
        lacking = [name for name in wanted if name not in host.programs]
        if lacking:
            why = f"whose build needs {both(lacking)}, and this run may not become root to install them"
            yield problem("method", "source", why, f"a run that may become root, a host that has them, or {elsewhere}")


def _release_for(host: Host, context: Context) -> str | None:
    """The newest release whose compiler the distribution has, for a Python that is to be had."""
    tables, pythons = context.tables, {one.version for one in context.pythons}
    for release in tables.stable:
        build, wheels = tables.series[release.series].build, release.wheels.get("x86_64")
        if build and wheels and pythons & set(wheels.pythons) and _compiler(build.compiler, host, tables):
            return release.version
    return None
