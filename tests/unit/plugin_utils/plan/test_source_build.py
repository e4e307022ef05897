# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of builds from source: what is built, with what, for which processor, and why a host cannot build."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugin_utils.plan.hosts import Facts as Host
from tests.unit.plugin_utils.plan.hosts import debian, driver, place, planned, refusals, ubuntu

PREFIX = "tensorflow_source_"
A100 = {"name": "NVIDIA A100-SXM4-80GB", "pci_id": "10de:20b2", "compute_capability": "8.0", "memory_mb": 81920}


def host(release: str = "12", **changes: Any) -> Host:
    """A server that can build."""
    source = {"cpus": 8, "cpu_model": "A processor", "memory_mb": 64000, "programs": [], "builds": []}
    return debian(release, **{"path": place(), "source": source, **changes})


def build(version: str = "2.14.1", machine: Host | None = None, **wishes: Any) -> dict[str, Any]:
    """The build of a plan that holds."""
    asked = {"method": "source", "version": version, **wishes.pop("request", {})}
    names = {PREFIX + name: value for name, value in wishes.items()}
    made = planned(asked, machine or host(), names=names)["build"]
    return {**made, "environment": dict(one.split("=", 1) for one in made["environment"])}


def short(version: str, machine: Host, **wishes: Any) -> list[str]:
    """Why a host cannot build, one sentence each."""
    return [f"{one['message']}; accepted: {one['accepted']}." for one in build(version, machine, **wishes)["short"]]


def test_what_is_built_and_with_what() -> None:
    made = build()
    assert (made["url"], made["tag"], made["bazel"]) == (
        "https://github.com/tensorflow/tensorflow.git",
        "v2.14.1",
        "6.1.0",
    )
    assert (made["compiler"], made["program"]) == ("Clang 16.0.0", "/usr/bin/clang-16")
    assert made["packages"] == ["git", "patchelf", "unzip", "zip", "clang-16", "g++", "python3.11-dev"]
    assert (made["jobs"], made["memory_mb"], made["hours"], made["short"]) == (8, 51200, 5, [])
    assert made["directory"] == "/opt/.tensorwright/builds"
    questions = made["environment"]
    assert (questions["TF_NEED_CUDA"], questions["TF_NEED_CLANG"], questions["TF_NEED_TENSORRT"]) == ("0", "1", "0")
    assert questions["CLANG_COMPILER_PATH"] == "/usr/bin/clang-16"
    assert questions["CC_OPT_FLAGS"] == "-mavx -Wno-sign-compare"


def test_the_wheel_goes_the_road_of_virtualenvs() -> None:
    plan = planned({"method": "source", "version": "2.14.1"}, host())
    assert plan["roles"] == ["python", "tensorflow_source", "tensorflow_pip"]
    assert plan["tensorflow"]["requirement"] == "tensorflow==2.14.1"
    assert plan["tensorflow"]["cuda_build"] is False
    assert "numpy<2" in plan["build"]["requirements"]
    assert plan["space"]["needed_mb"] < 5000


@pytest.mark.parametrize(
    ("version", "machine", "program", "packages"),
    [
        ("2.12.1", host("11"), "/usr/bin/gcc-9", ["gcc-9", "g++-9"]),
        (
            "2.19.1",
            host("13", pythons=[{"path": "/srv/python3.12", "version": "3.12.1"}]),
            "/usr/bin/clang-18",
            ["clang-18", "g++"],
        ),
        ("2.4.4", ubuntu("20.04", source={"memory_mb": 64000}), "/usr/bin/gcc-7", ["gcc-7", "g++-7"]),
        ("1.10.1", ubuntu("18.04", source={"memory_mb": 64000}), "/usr/bin/gcc-4.8", ["gcc-4.8", "g++-4.8"]),
    ],
)
def test_the_compiler_is_the_tested_one(version: str, machine: Host, program: str, packages: list[str]) -> None:
    made = build(version, machine)
    assert made["program"] == program
    assert [one for one in made["packages"] if one.startswith(("g++", "gcc", "clang"))] == packages


def test_a_python_that_is_not_the_distributions_has_headers_of_its_own() -> None:
    machine = host("13", pythons=[{"path": "/srv/python3.12", "version": "3.12.1"}])
    assert not [one for one in build("2.19.1", machine)["packages"] if one.startswith("python")]


def test_a_compiler_of_the_sites_is_taken_as_it_is() -> None:
    made = build("2.21.0", compiler="/usr/bin/clang-19")
    assert (made["program"], made["short"]) == ("/usr/bin/clang-19", [])
    assert "clang-19" not in made["packages"]
    assert made["key"] != build("2.21.0")["key"]


def test_a_build_for_gpus_fetches_its_cuda_or_finds_it_in_packages() -> None:
    gpu: Host = {"gpus": [A100], "driver": driver("580.82.07")}
    machine = host("13", pythons=[{"path": "/srv/python3.12", "version": "3.12.1"}], **gpu)
    own = build("2.18.1", machine, capabilities=["9.0"])
    assert own["capabilities"] == ["8.0", "9.0"]
    assert own["environment"]["TF_NEED_CUDA"] == own["environment"]["TF_CUDA_CLANG"] == "1"
    assert "TF_CUDA_VERSION" not in own["environment"]
    machine = ubuntu("20.04", path=place(), source={"memory_mb": 64000}, **gpu)
    found = build("2.10.1", machine, request={"tensorrt": True})
    assert found["environment"]["TF_CUDA_PATHS"] == "/usr/local/cuda-11.2,/usr"
    assert (found["environment"]["TF_CUDA_VERSION"], found["environment"]["TF_CUDNN_VERSION"]) == ("11.2", "8")
    assert found["environment"]["TF_NEED_TENSORRT"] == "1"
    assert "cuda-toolkit-11-2" in found["packages"]
    headers = [one.partition("=")[0] for one in found["packages"] if "-dev=" in one]
    assert headers == ["libcudnn8-dev", "libnvinfer-dev", "libnvinfer-plugin-dev"]


def test_a_build_that_finds_its_cuda_needs_packages() -> None:
    gpu: Host = {"gpus": [A100], "driver": driver("580.82.07")}
    assert refusals({"method": "source", "version": "2.16.2", "device": "gpu"}, host(**gpu)) == [
        (
            "tensorflow_cuda_from is 'auto', but TensorFlow 2.16.2 is built with the CUDA that it finds on the host, and wheels "
            "have no "
            "compiler; accepted: apt, or tensorflow_device: cpu."
        )
    ]


@pytest.mark.parametrize(
    ("march", "flags", "expected"),
    [
        ("", ["avx", "avx2", "fma"], "-mavx -Wno-sign-compare"),
        ("", [], "-Wno-sign-compare"),
        ("native", ["avx"], "-march=native -Wno-sign-compare"),
        ("x86-64-v3", ["avx", "avx2", "fma"], "-march=x86-64-v3 -Wno-sign-compare"),
    ],
)
def test_which_processors_it_is_for(march: str, flags: list[str], expected: str) -> None:
    assert build(machine=host(cpu_flags=flags), march=march)["environment"]["CC_OPT_FLAGS"] == expected


def test_a_processor_that_lacks_what_is_asked_for() -> None:
    machine = host(cpu_flags=["avx"])
    assert refusals({"method": "source", "version": "2.14.1"}, machine, names={PREFIX + "march": "x86-64-v3"}) == [
        (
            "tensorflow_source_march is 'x86-64-v3', but this processor lacks AVX2 and FMA; accepted: empty, or a lower level such as "
            "x86-64-v2."
        )
    ]


def test_wheels_are_the_same_where_all_that_counts_is() -> None:
    one, others = build()["key"], {"a processor": host(source={"memory_mb": 16000, "cpu_model": "Another"})}
    assert build(machine=others["a processor"])["key"] == one
    assert build(jobs=3, memory_mb=9000, build_host="a")["key"] == one
    assert build("2.13.1", host("12"))["key"] != one
    native = build(march="native")["key"]
    assert len({one, native, build(machine=others["a processor"], march="native")["key"]}) == 3
    assert build(options=["--config=nogcp"])["key"] != one


@pytest.mark.parametrize(
    ("cpus", "memory", "wishes", "jobs"),
    [(64, 256000, {}, 64), (64, 16000, {}, 8), (1, 8000, {}, 1), (64, 256000, {"jobs": 5}, 5)],
)
def test_jobs_fit_into_the_memory(cpus: int, memory: int, wishes: dict[str, Any], jobs: int) -> None:
    machine = host(source={"cpus": cpus, "memory_mb": memory})
    assert build(machine=machine, **wishes)["jobs"] == jobs


def test_why_a_host_cannot_build() -> None:
    assert short("2.14.1", host(free_mb=20000)) == [
        (
            "tensorflow_method is 'source', whose build needs 60000 MB below /opt/.tensorwright/builds, and 20000 MB are free there; "
            "accepted: a path with that much free, or tensorflow_source_build_host with a host that has it."
        )
    ]
    assert short("2.14.1", host(source={"memory_mb": 4000})) == [
        (
            "tensorflow_method is 'source', whose build needs 8000 MB of memory, and this host has 4000 MB; accepted: a host "
            "with more, or "
            "tensorflow_source_build_host with a host that has it."
        )
    ]
    assert short("2.21.0", host()) == [
        (
            "tensorflow_method is 'source', but TensorFlow 2.21.0 is built with Clang 18.1.8, which Debian 12 does not have; accepted: "
            "tensorflow_version: 2.14.1, tensorflow_source_build_host with a host that has it, or tensorflow_source_compiler "
            "with another's "
            "path."
        )
    ]
    source = {"memory_mb": 64000, "programs": ["git", "zip", "clang-16"]}
    assert short("2.14.1", host(become=False, source=source)) == [
        (
            "tensorflow_method is 'source', whose build needs patchelf and unzip, and this run may not become root to install "
            "them; accepted: "
            "a run that may become root, a host that has them, or tensorflow_source_build_host with a host that has it."
        )
    ]


def test_releases_without_a_tested_build_are_refused() -> None:
    assert refusals({"method": "source", "version": "2.22.0rc0"}, host()) == [
        (
            "tensorflow_version is '2.22.0rc0', but no tested build of TensorFlow 2.22.0rc0 from source is known; accepted: "
            "tensorflow_version: 2.21.0, or a stable release."
        )
    ]


def test_a_wheel_that_is_there_serves_if_it_has_code_for_the_gpus() -> None:
    key = build()["key"]
    record = {"key": key, "capabilities": [], "sha256": "a", "built": "2026-01-01"}
    machine = host(source={"memory_mb": 64000, "builds": [record, {**record, "sha256": "b", "built": "2026-02-01"}]})
    assert (build(machine=machine)["wheel"] or {})["sha256"] == "b"
    sealed = {"environment": {"sealed": {"contents": {"sha256": "a"}}}}
    assert (build(machine={**machine, **sealed})["wheel"] or {})["sha256"] == "a"
    assert build(machine=host(source={"memory_mb": 64000, "builds": [{**record, "key": "other"}]}))["wheel"] is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("url", "tensorflow.git", "url is 'tensorflow.git', which is no such address"),
        ("url", "https://bob:secret@git.example.org/t.git", "url is 'https://git.example.org/t.git' with a login"),
        (
            "bazelisk_url",
            "https://example.org/bazelisk",
            "bazelisk_sha256 is empty, but tensorflow_source_bazelisk_url names one",
        ),
        ("bazel_sha256", "abc", "bazel_sha256 is 'abc', which is no SHA-256"),
        ("commit", "v2.14.1", "commit is 'v2.14.1', which is no commit"),
        ("march", "-march=native", "march is '-march=native', which is no processor's name"),
        ("compiler", "clang-18", "compiler is 'clang-18', which is not the path of a gcc or clang"),
        ("capabilities", ["sm_80"], "capabilities has 'sm_80', which is no compute capability"),
        ("options", ["nogcp"], "options has 'nogcp', which is no option of bazel build"),
    ],
)
def test_values_that_are_not_accepted(name: str, value: object, sentence: str) -> None:
    (told,) = refusals({"method": "source", "version": "2.14.1"}, host(), names={PREFIX + name: value})
    assert told.startswith(PREFIX + sentence)
    assert "secret" not in told
    assert refusals({}, host(), names={PREFIX + name: value}) == []
