# SPDX-License-Identifier: GPL-3.0-or-later
"""Method docker: which image a request comes to, what is built where no official image works, and what is refused before a pull."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.planner import plan as filtered

from tests.unit.plugin_utils.plan.hosts import A100, GOOD, V100, Facts, debian, driver, planned, refusals, ubuntu

GPUS = debian(gpus=[A100, A100], driver=GOOD)
DIGEST = "sha256:" + "0123456789abcdef" * 4


def docker(host: Facts, request: dict[str, Any] | None = None, **variables: object) -> Any:
    """The plan of method docker, for a host with these variables of the role tensorflow_docker."""
    named = {f"tensorflow_docker_{name}": value for name, value in variables.items()}
    return planned({"method": "docker", **(request or {})}, host, names=named)


def refused(host: Facts, request: dict[str, Any] | None = None, **variables: object) -> list[str]:
    named = {f"tensorflow_docker_{name}": value for name, value in variables.items()}
    return refusals({"method": "docker", **(request or {})}, host, names=named)


@pytest.mark.parametrize(
    ("request_", "host", "tag"),
    [
        ({}, debian(), "2.21.0"),
        ({"version": "2.17.0"}, ubuntu("26.04", pythons=[]), "2.17.0"),
        ({"version": "2.17.0", "device": "gpu"}, GPUS, "2.17.0-gpu"),
        ({"version": "2.17"}, GPUS, "2.17.1-gpu"),
        ({"version": "2.15.0.post1"}, GPUS, "2.15.0.post1-gpu"),
        ({"version": "2.21.0", "device": "cpu"}, GPUS, "2.21.0"),
        ({"version": "nightly"}, debian(), "nightly"),
        ({"version": "1.12.0"}, debian(), "1.12.0-py3"),
        ({"version": "1.12.0", "python": "2.7"}, debian(), "1.12.0"),
        ({"version": "1.15.5", "python": "2.7"}, debian(), "1.15.5"),
    ],
)
def test_the_tag_is_the_release_s(request_: dict[str, Any], host: Facts, tag: str) -> None:
    image = docker(host, request_)["image"]
    assert (image["name"], image["tag"], image["base"]) == ("tensorflow/tensorflow", tag, None)


@pytest.mark.parametrize(
    ("request_", "host", "tag"),
    [
        ({}, debian(), "2.21.0-jupyter"),
        ({"version": "2.17.0"}, GPUS, "2.17.0-gpu-jupyter"),
        ({"version": "1.15.5"}, debian(), "1.15.5-py3-jupyter"),
        ({"version": "1.12.0"}, debian(), "1.12.0-py3"),
    ],
)
def test_the_variant_with_jupyter(request_: dict[str, Any], host: Facts, tag: str) -> None:
    assert docker(host, request_, jupyter=True)["image"]["tag"] == tag


def test_a_plan_says_no_more_than_the_image_needs() -> None:
    plan = docker(debian())
    assert plan["roles"] == ["docker", "tensorflow_docker"]
    assert plan["python"] == {"version": None, "path": None, "provider": None}
    assert plan["cuda"]["from"] == "none"
    assert plan["image"]["gpus"] == 0
    assert plan["path"]["become"] is True
    plan = docker(GPUS, {"version": "2.17.0"})
    assert plan["roles"] == ["docker", "nvidia_docker", "tensorflow_docker"]
    assert plan["cuda"]["from"] == "image"
    assert plan["cuda"]["packages"] == plan["nccl"]["packages"] == []
    assert plan["image"]["gpus"] == 2
    assert plan["tensorflow"]["cuda_build"] is True


def test_an_image_has_the_nccl_that_an_old_release_takes_from_apt() -> None:
    plan = docker(debian(gpus=[V100, V100], driver=GOOD), {"version": "1.12.0"})
    assert plan["image"]["tag"] == "1.12.0-gpu-py3"
    assert plan["nccl"]["packages"] == []
    assert "nccl" not in plan["roles"]


@pytest.mark.parametrize("version", ["2.18.1", "2.19.1", "2.20.0", "2.21.0"])
def test_where_the_official_gpu_image_finds_no_gpu_one_is_built(version: str) -> None:
    plan = docker(GPUS, {"version": version})
    image = plan["image"]
    assert (image["name"], image["tag"]) == ("tensorwright/tensorflow", f"{version}-gpu")
    assert image["base"] == f"tensorflow/tensorflow:{version}"
    assert image["requirements"] == [f"tensorflow[and-cuda]=={version}"]
    assert (
        plan["notes"].count(
            f"The official GPU image of TensorFlow {version} lacks the cuDNN that it needs and finds no GPU: "
            f"tensorwright/tensorflow:{version}-gpu is built from tensorflow/tensorflow:{version} and CUDA's wheels."
        )
        == 1
    )


def test_what_is_built_comes_from_and_goes_to_the_site_s_registry() -> None:
    image = docker(GPUS, {"version": "2.21.0"}, jupyter=True, registry="registry.example.org:5000")["image"]
    assert image["name"] == "registry.example.org:5000/tensorwright/tensorflow"
    assert image["tag"] == "2.21.0-gpu-jupyter"
    assert image["base"] == "registry.example.org:5000/tensorflow/tensorflow:2.21.0-jupyter"


def test_further_packages_are_built_into_an_image_of_their_own() -> None:
    one = docker(debian(), jupyter=True, extra_packages=["tensorboard", "pandas<3"])["image"]
    assert one["base"] == "tensorflow/tensorflow:2.21.0-jupyter"
    assert one["requirements"] == ["tensorboard", "pandas<3"]
    assert one["programs"] == ["jupyter", "tensorboard"]
    assert one["name"] == "tensorwright/tensorflow"
    assert one["tag"].startswith("2.21.0-jupyter-")
    assert docker(debian(), jupyter=True, extra_packages=["pandas<3", "tensorboard"])["image"]["tag"] == one["tag"]
    assert docker(debian(), jupyter=True, extra_packages=["pandas"])["image"]["tag"] != one["tag"]
    image = docker(GPUS, {"version": "2.21.0"}, extra_packages=["pandas"])["image"]
    assert image["base"] == "tensorflow/tensorflow:2.21.0"
    assert image["requirements"] == ["tensorflow[and-cuda]==2.21.0", "pandas"]
    image = docker(GPUS, {"version": "2.17.0"}, extra_packages=["pandas"])["image"]
    assert image["base"] == "tensorflow/tensorflow:2.17.0-gpu"
    assert image["requirements"] == ["pandas"]


def test_packages_are_not_put_into_the_site_s_own_image() -> None:
    (sentence_,) = refused(debian(), image="example.org/tf:7", extra_packages=["pandas"])
    assert sentence_.startswith(
        "tensorflow_docker_extra_packages is a list, but tensorflow_docker_image is 'example.org/tf:7'; accepted: "
    )


@pytest.mark.parametrize(
    ("version", "programs"),
    [("2.21.0", []), ("2.20.0", ["tensorboard"]), ("1.15.5", ["tensorboard"]), ("1.12.0", ["jupyter", "tensorboard"])],
)
def test_which_programs_an_image_has(version: str, programs: list[str]) -> None:
    assert docker(debian(), {"version": version})["image"]["programs"] == programs


def test_official_images_of_the_site_s_registry() -> None:
    image = docker(debian(), registry="registry.example.org/hub/")["image"]
    assert image["name"] == "registry.example.org/hub/tensorflow/tensorflow"


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ("registry.example.org:5000/ml/tf:lab-3", ("registry.example.org:5000/ml/tf", "lab-3", None)),
        (f"tensorflow/tensorflow@{DIGEST}", ("tensorflow/tensorflow", None, DIGEST)),
        (f"tensorflow/tensorflow:2.17.0@{DIGEST}", ("tensorflow/tensorflow", "2.17.0", DIGEST)),
        ("docker.io/tensorflow/tensorflow:2.17.0-jupyter", ("docker.io/tensorflow/tensorflow", "2.17.0-jupyter", None)),
    ],
)
def test_another_image_than_the_plan_s(given: str, image: tuple[str, str | None, str | None]) -> None:
    found = docker(debian(), {"version": "2.17.0"}, image=given)["image"]
    assert (found["name"], found["tag"], found["digest"]) == image


def test_the_site_s_own_image_may_serve_gpus_of_any_release() -> None:
    assert docker(GPUS, {"version": "2.21.0"}, image="example.org/tf:7")["image"]["base"] is None


def test_another_release_s_tag_and_one_that_never_was() -> None:
    (sentence_,) = refused(debian(), {"version": "2.17.0"}, image="tensorflow/tensorflow:2.17.0-jupiter")
    assert sentence_ == (
        "tensorflow_docker_image is 'tensorflow/tensorflow:2.17.0-jupiter', but TensorFlow 2.17.0 never had that tag; accepted: "
        "2.17.0, 2.17.0-gpu, 2.17.0-jupyter or 2.17.0-gpu-jupyter."
    )
    (sentence_,) = refused(debian(), {"version": "1.12.0"}, image="docker.io/tensorflow/tensorflow:1.12.0-jupyter")
    assert "but TensorFlow 1.12.0 never had that tag; accepted: 1.12.0, " in sentence_


@pytest.mark.parametrize(
    ("version", "tag", "why"),
    [
        (
            "2.21.0",
            "2.21.0-gpu",
            "lacks the cuDNN that it needs and finds no GPU; accepted: empty, for one that is built, or tensorflow_device: cpu.",
        ),
        (
            "2.17.0",
            "2.17.0",
            "is without GPU support; accepted: empty, 2.17.0-gpu or 2.17.0-gpu-jupyter, or tensorflow_device: cpu.",
        ),
    ],
)
def test_an_official_image_that_finds_no_gpu(version: str, tag: str, why: str) -> None:
    name = f"tensorflow/tensorflow:{tag}"
    assert refused(GPUS, {"version": version}, image=name) == [
        f"tensorflow_docker_image is '{name}', but that image {why}"
    ]


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("image", "tensorflow/tensorflow", "which names no image and tag"),
        ("image", "Tensor Flow:1", "which names no image and tag"),
        ("registry", "https://registry.example.org", "which is no registry's address"),
    ],
)
def test_values_that_no_image_has(name: str, given: str, why: str) -> None:
    (sentence_,) = refused(debian(), None, **{name: given})
    assert sentence_.startswith(f"tensorflow_docker_{name} is '{given}', {why}; accepted: ")


def test_variables_of_images_concern_no_other_method() -> None:
    assert refusals({}, debian(), names={"tensorflow_docker_image": "no image"}) == []


def test_docker_needs_root() -> None:
    assert refused(debian(become=False)) == [
        (
            "tensorflow_method is 'docker', which needs root, and this run may not become root; accepted: virtualenv, or a run "
            "that may become root."
        )
    ]


@pytest.mark.parametrize(
    ("host", "request_", "needed"),
    [(debian(), {}, 2500), (GPUS, {"version": "2.17.0"}, 7500), (GPUS, {"version": "2.21.0"}, 9650)],
)
def test_room_under_the_data_root(host: Facts, request_: dict[str, Any], needed: int) -> None:
    asked = {"method": "docker", **request_}
    there = {"data_root": "/srv/docker", "free_mb": needed - 1, "images": []}
    (problem,) = filtered(asked, {**host, "docker": there})["problems"]
    assert problem["message"] == f"docker_data_root is /srv/docker, whose filesystem has {needed - 1} MB free"
    assert problem["accepted"] == f"a path with at least {needed} MB free"
    assert filtered(asked, {**host, "docker": {**there, "free_mb": needed}})["problems"] == []


def test_an_image_that_is_there_needs_no_more_room() -> None:
    there = {"data_root": "/srv/docker", "free_mb": 10, "images": [{"reference": "tensorflow/tensorflow:2.21.0"}]}
    assert filtered({"method": "docker"}, debian(docker=there))["problems"] == []
    assert filtered({"method": "docker", "version": "2.20.0"}, debian(docker=there))["problems"] != []


def test_a_driver_too_old_for_the_image_s_cuda() -> None:
    host = debian(gpus=[A100], driver=driver("470.57.02"), become=True)
    assert refused(host, {"version": "2.17.0", "device": "gpu", "driver_branch": "470"}) == [
        (
            "tensorflow_driver_branch is '470', but branch 470 is older than the driver 525.60.13 that the plan needs; accepted: auto, "
            "580, 535, 595, 570, 550, 610, 590."
        )
    ]


def test_no_image_for_another_architecture() -> None:
    assert refused(debian(architecture="aarch64")) == [
        (
            "tensorflow_version is 'latest', but no release of it can be had: TensorFlow 2.21.0 has no image for aarch64; accepted: a "
            "host with x86_64."
        )
    ]


def test_a_python_that_the_images_do_not_let_one_choose() -> None:
    assert refused(debian(), {"version": "2.17.0", "python": "3.12"}) == [
        "tensorflow_python is '3.12', but the images of TensorFlow 2.17.0 bring a Python of their own; accepted: auto."
    ]


def test_a_gpu_image_that_was_published_with_the_wrong_cuda() -> None:
    (sentence_,) = refused(GPUS, {"version": "2.15.0", "device": "gpu"})
    assert sentence_ == (
        "tensorflow_device is 'gpu', but the GPU image of TensorFlow 2.15.0 lacks what it needs, and no other can be made of it; "
        "accepted: cpu, tensorflow_method: virtualenv, or tensorflow_version: 2.21.0."
    )


def test_the_filter_hands_the_variables_on() -> None:
    made = filtered({"method": "docker"}, debian(), {"tensorflow_docker_jupyter": True})
    assert made["problems"] == []
    assert made["image"]["tag"] == "2.21.0-jupyter"


def test_a_nightly_image_stays_whatever_an_environment_of_the_same_host_has() -> None:
    sealed = {"contents": {"requirements": ["tf-nightly==2.23.0.dev20260901"]}}
    plan = docker(debian(environment={"sealed": sealed}), {"version": "nightly"})
    assert plan["tensorflow"]["version"] == "nightly"
    assert plan["tensorflow"]["moves"] is False
    (note,) = (note for note in plan["notes"] if "nightly" in note)
    assert note == (
        "The image that the tag nightly leads to is pulled once, and stays until tensorflow_docker_refresh asks for it again."
    )


@pytest.mark.parametrize("build", ["newest", "2.23.0.dev20261026"])
def test_images_of_nightly_builds_are_not_chosen_as_wheels_are(build: str) -> None:
    (sentence_,) = refused(debian(), {"version": "nightly", "nightly": build})
    assert sentence_ == (
        f"tensorflow_nightly is '{build}', but tensorflow_method is 'docker', whose image is the one that the tag nightly leads to; "
        "accepted: keep, with tensorflow_docker_refresh: true for one run that asks for it again."
    )
    assert refused(debian(), {"nightly": build}) == []  # another release is wanted


def test_the_digest_of_the_official_image() -> None:
    image = docker(debian(), digest=DIGEST)["image"]
    assert (image["reference"], image["tag"]) == (f"tensorflow/tensorflow@{DIGEST}", "2.21.0")
    built = docker(debian(), digest=DIGEST, extra_packages=["pandas"])["image"]
    assert built["base"] == f"tensorflow/tensorflow@{DIGEST}"
    assert "@" not in built["reference"]
    (problem,) = refused(debian(), digest="latest")
    assert problem == (
        "tensorflow_docker_digest is 'latest', which is no digest; accepted: sha256: and 64 hexadecimal digits, or empty."
    )
    (problem,) = refused(debian(), digest=DIGEST, image="example.org/tf:7")
    assert f"tensorflow_docker_digest is '{DIGEST}', but tensorflow_docker_image is 'example.org/tf:7'" in problem
