# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans as a person reads them."""

from __future__ import annotations

import json

import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.plan_view import view

from tests.unit.plugin_utils.plan.hosts import A100, GOOD, V100, debian, place, pythons, ubuntu


def test_one_plan() -> None:
    plan = resolve({"path": "/opt/tf", "version": "2.11"}, debian(path=place(writable=False), pythons=pythons("3.10")))
    assert view([["lab01", plan]]) == "\n".join(
        [
            "1 plan for 1 host",
            "",
            "lab01:",
            "  TensorFlow  2.11.1 (tensorflow-cpu==2.11.1)",
            f"  method      virtualenv at /opt/tf, as root, about {plan['space']['needed_mb']} MB",
            "  device      cpu",
            "  Python      3.10 (/usr/bin/python3.10)",
            "  installer   uv 0.13.8",
            "  pins        numpy<2",
            "  roles       python, tensorflow_pip",
            "  note        The CPU is used: this host has no NVIDIA GPU.",
        ]
    )


def test_a_plan_with_a_gpu() -> None:
    asked = {"device": "gpu", "version": "1.12.0", "tensorrt": True}
    plan = resolve(asked, ubuntu("16.04", gpus=[V100, V100]))
    text = view([["gpu01", plan]])
    assert "  libraries   CUDA 9.0, cuDNN 7.2, NCCL 2.2.13, TensorRT 4.1.2, from apt\n" in text
    assert "  driver      384.81 or newer is needed, branch 465 is installed\n" in text
    assert (
        "libcudnn7=7.2.1.38-1+cuda9.0, libnccl2=2.2.13-1+cuda9.0, libnvinfer4=4.1.2-1+cuda9.0, cuda-drivers-465\n"
        in text
    )
    assert "  repository  ubuntu1604/x86_64, key EB693B3035CD5710E231E123A4B469963BF863CC\n" in text
    there = view([["gpu02", resolve({}, debian(gpus=[A100], driver=GOOD))]])
    assert "  driver      525.60.13 or newer is needed, branch 580 is there\n" in there
    assert "packages" not in there
    assert "repository" not in there


def test_methods_that_take_no_python_of_the_host() -> None:
    docker = view([["a", resolve({"method": "docker"}, debian())]])
    assert "  image       tensorflow/tensorflow:2.21.0\n" in docker
    assert "Python" not in docker
    source = view([["a", resolve({"method": "source"}, debian())]])
    assert "  build       Bazel 7.4.1, Clang 18.1.8\n" in source
    assert "  Python      3.11 (to be installed, system)\n" in view([["a", resolve({}, debian(pythons=[]))]])


def test_five_hundred_hosts_with_four_plans_print_four_plans() -> None:
    kinds = [debian("12"), debian("13"), ubuntu("22.04"), ubuntu("24.04")]
    pairs = [[f"host{number:03}", resolve({}, kinds[number % 4])] for number in range(500)]
    text = view(pairs)
    assert text.startswith("4 plans for 500 hosts\n")
    assert text.count("TensorFlow  2.21.0") == 4
    assert "host000, host004, host008, host012, host016, host020 and 119 more:\n" in text
    assert len(text.splitlines()) < 50


def test_problems_come_first_one_line_each() -> None:
    pairs = [
        ["b", resolve({"version": "9.9", "method": "x"}, debian())],
        ["c", resolve({}, debian())],
        ["a", resolve({"version": "2.16.0"}, debian())],
    ]
    lines = view(pairs).splitlines()
    assert lines[0] == "3 problems:"
    assert [line.split(" is ")[0].strip() for line in lines[1:4]] == [
        "a: tensorflow_version",
        "b: tensorflow_method",
        "b: tensorflow_version",
    ]
    assert lines[4:7] == ["", "1 plan for 1 host", ""]
    assert lines[7] == "c:"


def test_no_host_has_a_plan() -> None:
    assert view([]) == "0 plans for 0 hosts"
    assert view([["a", None]]) == "0 plans for 0 hosts"


def test_all_of_it_for_programs() -> None:
    plans = {"a": resolve({}, debian()), "b": resolve({"version": "9.9"}, debian())}
    pairs = list(plans.items())
    assert json.loads(view(pairs, "json")) == plans
    assert yaml.safe_load(view(pairs, "yaml")) == plans
