#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a wheel of TensorFlow from its source, and keep it for the environments that use it."""

DOCUMENTATION = r"""
module: source_build
short_description: A wheel of TensorFlow, built from its source
version_added: 0.2.0
description:
  - A process of its own builds, and outlives the connection that started it. Whoever asks meanwhile joins it.
  - An interrupted build goes on where it was.
  - Needs no root where the environment needs none.
author: The Tensorwright developers (@tensorwright)
options:
  path:
    description: The path of the environment; the build lies in its store.
    type: path
    required: true
  state:
    description:
      - V(begun) begins or joins the build, unless the wheel is there.
      - V(finished) waits for the wheel, not longer than O(wait), and fails where no process builds it any more.
      - V(kept) writes the receipt for the wheels of O(names), and removes those that no environment uses.
    type: str
    choices: [begun, finished, kept]
    default: begun
  name:
    description: The build's directory.
    type: str
    required: true
  names:
    description: The builds that are kept for this environment.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds to wait for the wheel.
    type: int
    default: 60
  since:
    description: When the run began to wait, in seconds since 1970, as O(state=begun) returns it.
    type: float
  patience:
    description: Seconds after O(since) when V(finished) fails where the wheel is still being built. The build goes on.
    type: int
  key:
    description: What stands for all that the wheel is made of.
    type: str
  capabilities:
    description: The compute capabilities that the wheel carries code for.
    type: list
    elements: str
    default: []
  version:
    description: The release.
    type: str
  url:
    description: The git repository.
    type: str
  tag:
    description: The release's tag.
    type: str
  commit:
    description: The commit that the tag has to be; empty accepts any, and the wheel's record has it.
    type: str
    default: ""
  bazel:
    description: The version of Bazel.
    type: str
  bazelisk:
    description: The program that fetches Bazel, with C(url) and C(sha256).
    type: dict
    default: {}
  bazel_url:
    description: Where bazelisk fetches Bazel from; empty means Bazel's own releases.
    type: str
    default: ""
  bazel_sha256:
    description: The SHA-256 of that Bazel; empty means that bazelisk takes it as it comes.
    type: str
    default: ""
  compiler:
    description: The compiler, for the wheel's record.
    type: str
    default: ""
  python:
    description: The interpreter to build for.
    type: path
  installer:
    description: What installs the Python packages that the build needs, as for M(tensorwright.fleet.environment).
    type: dict
    default: {}
  requirements:
    description: Those Python packages.
    type: list
    elements: str
    default: []
  constraints:
    description: Versions that must not be left, as requirement specifiers.
    type: list
    elements: str
    default: []
  environment:
    description: The variables that answer the questions of C(./configure), as C(NAME=value).
    type: list
    elements: str
    default: []
  options:
    description: Further options of C(bazel build).
    type: list
    elements: str
    default: []
  jobs:
    description: How many compilers run at once.
    type: int
    default: 1
  memory_mb:
    description: The memory that Bazel plans with; 0 leaves it to Bazel.
    type: int
    default: 0
  keep_tree:
    description: Whether what only building needs stays, so that a later build of the same is quick.
    type: bool
    default: false
  index_url:
    description: The package index; empty means the one that the host's environment names, or the public one.
    type: str
    default: ""
  extra_index_urls:
    description: Further indexes.
    type: list
    elements: str
    default: []
  package_cache:
    description: The site's package cache, as the filter P(tensorwright.fleet.package_cache#filter) gives it. Nothing means none.
    type: dict
    default: {}
  ca_file:
    description: A bundle of CA certificates to trust instead of the system's.
    type: str
    default: ""
  timeout:
    description: Seconds that the network may stay silent.
    type: int
    default: 60
  retries:
    description: How often a broken download is tried again.
    type: int
    default: 3
  lock_timeout:
    description: Seconds to wait for another run that works on the same environment.
    type: int
    default: 600
  inputs:
    description: Hash of the role's inputs for the receipt; without it no receipt is written.
    type: str
attributes:
  check_mode:
    description: Tells whether a build would begin.
    support: full
"""

EXAMPLES = r"""
- name: Build TensorFlow
  tensorwright.fleet.source_build:
    path: /opt/tensorflow
    name: 3f9c2a81d07e
    state: finished
  register: built
  until: built is failed or built.finished
  retries: 1440
  delay: 0
"""

RETURN = r"""
finished:
  description: Whether the wheel is there.
  type: bool
  returned: for O(state=begun) and O(state=finished)
wheel:
  description: The wheel's record, with its C(path) and C(sha256), and the C(commit) that it was built from.
  type: dict
  returned: where it is there
since:
  description: When that was, in seconds since 1970.
  type: float
  returned: for O(state=begun)
progress:
  description: How far the build is.
  type: str
  returned: while it is built
removed:
  description: Builds that no environment uses.
  type: list
  elements: str
  returned: for O(state=kept)
"""

import os
import time
from typing import Any, Dict

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import build as source_build
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import facts as source_facts
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import kept as kept_builds

TEXTS = ("key", "version", "url", "tag", "bazel")


def begin(module: Any, environment: releases.Environment, build: source_build.Build, answer: Dict[str, Any]) -> None:
    """Begin or join the build."""
    answer["changed"] = build.record() is None and build.running() is None
    if answer["changed"] and not module.check_mode:
        with environment.locked(module.params["lock_timeout"]):
            safe_tree.make_directories(build.builds)
        build.start()
    answer["since"] = time.time()
    tell(build, answer)


def finish(module: Any, build: source_build.Build, answer: Dict[str, Any]) -> None:
    """Wait for the wheel."""
    asked = module.params
    left = (
        asked["since"] + asked["patience"] - time.time() if asked["since"] and asked["patience"] else asked["wait"] + 1
    )
    if build.wait(max(0.0, min(asked["wait"], left))) and build.record() is None:
        raise build.failure()
    tell(build, answer)
    if not answer["finished"] and left <= asked["wait"]:
        process, progress = build.state().get("process"), answer["progress"]
        raise source_build.PatienceError(
            "after {} s it goes on without this run, as process {} ({}); run again to join it".format(
                asked["patience"], process, progress
            )
        )


def tell(build: source_build.Build, answer: Dict[str, Any]) -> None:
    """Say whether the wheel is there, or how far it is."""
    wheel = build.record()
    answer.update({"finished": True, "wheel": wheel} if wheel else {"finished": False, "progress": build.progress()})


def keep(module: Any, environment: releases.Environment, answer: Dict[str, Any]) -> None:
    """Write down which wheels this environment uses, and remove those that none uses."""
    asked = module.params
    places = [source_build.Build(environment, name, {}) for name in asked["names"]]
    records = [(place, place.record()) for place in places]
    files = [path for place, record in records if record for path in (record["path"], place.path(source_facts.RECORD))]
    receipt = os.path.join(environment.shared(source_facts.BUILDS), environment.name + ".json")
    written = drift.write(
        receipt, "tensorflow_source", asked["inputs"], footprints.record({"files": files}), module.check_mode
    )
    answer["removed"] = kept_builds.surplus(environment)
    for path in [] if module.check_mode else answer["removed"]:
        kept_builds.remove(path)
    answer["changed"] = bool(written or answer["removed"])


def main() -> None:
    """Run the module."""
    spec: Dict[str, Any] = {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["begun", "finished", "kept"], "default": "begun"},
        "name": {"type": "str", "required": True},
        "names": {"type": "list", "elements": "str", "default": []},
        "wait": {"type": "int", "default": 60},
        "since": {"type": "float"},
        "patience": {"type": "int"},
        "capabilities": {"type": "list", "elements": "str", "default": []},
        "commit": {"type": "str", "default": ""},
        "bazelisk": {"type": "dict", "default": {}},
        "bazel_url": {"type": "str", "default": ""},
        "bazel_sha256": {"type": "str", "default": ""},
        "compiler": {"type": "str", "default": ""},
        "python": {"type": "path"},
        "installer": {"type": "dict", "default": {}},
        "requirements": {"type": "list", "elements": "str", "default": []},
        "constraints": {"type": "list", "elements": "str", "default": []},
        "environment": {"type": "list", "elements": "str", "default": []},
        "options": {"type": "list", "elements": "str", "default": []},
        "jobs": {"type": "int", "default": 1},
        "memory_mb": {"type": "int", "default": 0},
        "keep_tree": {"type": "bool", "default": False},
        "index_url": {"type": "str", "default": "", "no_log": True},  # may carry a login
        "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "ca_file": {"type": "str", "default": ""},
        "package_cache": {"type": "dict", "default": {}},
        "timeout": {"type": "int", "default": 60},
        "retries": {"type": "int", "default": 3},
        "lock_timeout": {"type": "int", "default": 600},
        "inputs": {"type": "str"},
    }
    spec.update({name: {"type": "str", "no_log": False} for name in TEXTS})
    module: Any = FleetModule(argument_spec=spec, supports_check_mode=True, required_if=[("state", "kept", ["inputs"])])
    os.umask(0o022)  # other users' environments are made from the wheel
    asked = module.params
    answer: Dict[str, Any] = {"changed": False}
    environment = None
    try:
        environment = releases.Environment(asked["path"])
        if module.check_mode:
            environment.refuse_foreign()
        build = source_build.Build(environment, asked["name"], asked)
        if asked["state"] == "begun":
            begin(module, environment, build, answer)
        elif asked["state"] == "finished":
            finish(module, build, answer)
        else:
            keep(module, environment, answer)
    except (source_build.BuildError, releases.StoreError, OSError) as error:
        place = environment.shared(source_facts.BUILDS, asked["name"]) if environment else asked["path"]
        log = os.path.join(place, "build.log")
        verb = "is not yet" if isinstance(error, source_build.PatienceError) else "cannot be"
        module.fail_json(
            msg=matcher.without_logins("TensorFlow {} built in {}: {}".format(verb, place, error)),
            output=matcher.without_logins(getattr(error, "output", "")[-4000:]),
            **({"log": log} if os.path.isfile(log) else {}),
        )
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
