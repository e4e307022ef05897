#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provide the planned TensorFlow image."""

DOCUMENTATION = r"""
module: docker_image
short_description: Provide the planned TensorFlow image, proved by a session
version_added: 0.1.0
description:
  - An image is pulled once, by its tag, and is from then on known by what the tag led to. A second run pulls nothing.
  - Where the engine would ask a mirror of Docker Hub that has no TLS, Docker Hub itself is asked by TLS for the tag's digest,
    and the image is pulled by that. Where it cannot be asked, the image is refused.
  - An image that is on the host already, such as one that was loaded from a file, is taken as it is.
  - The session test runs in a new image, as an ordinary user and through the launcher, before users get that image.
  - Images of before are kept to go back to, as many as O(keep) says, and those of which there is a container.
author:
  - The Tensorwright developers
options:
  state:
    description: V(proved) only runs the session test in the image in use.
    type: str
    choices: [present, rolled_back, absent, proved]
    default: present
  image:
    description: The image, as name:tag or name@digest.
    type: str
  base:
    description: The image that this one is built from, where it is built.
    type: str
    default: ""
  requirements:
    description: What is installed into the base.
    type: list
    elements: str
    default: []
  build:
    description: Whether this host builds the image; otherwise it pulls what another one has built.
    type: bool
    default: true
  push:
    description: Whether a built image is pushed to its registry, and is looked for there before it is built.
    type: bool
    default: false
  index:
    description: The package index for the build, as C(url), C(extra), C(ca_file) and C(proxy).
    type: dict
    default: {}
  refresh:
    description: Whether the registry is asked again what the tag leads to.
    type: bool
    default: false
  retries:
    description: How often a broken pull is tried again.
    type: int
    default: 3
  keep:
    description: How many images stay, the one in use counted.
    type: int
    default: 2
  gpus:
    description: How many GPUs a session has to find.
    type: int
    default: 0
  gpu_access:
    description: How containers get GPUs; V(auto) takes CDI where there is a specification and an engine that reads it.
    type: str
    choices: [auto, gpus, cdi]
    default: auto
  version:
    description: The planned TensorFlow version; empty accepts any.
    type: str
    default: ""
  cuda_build:
    description: Whether the build is to have GPU support; unset accepts either.
    type: bool
  session_user:
    description: Who runs the session test; empty means C(nobody).
    type: str
    default: ""
  lock_timeout:
    description: Seconds to wait for another run that works on the images of this host.
    type: int
    default: 600
attributes:
  check_mode:
    description: Tells whether the image would change, and pulls nothing.
    support: full
"""

EXAMPLES = r"""
- name: Provide the image
  tensorwright.fleet.docker_image:
    image: tensorflow/tensorflow:2.17.0
    version: 2.17.0
  become: true
"""

RETURN = r"""
image:
  description: The image in use.
  returned: when there is one
  type: dict
  sample: {id: "sha256:0f", reference: "tensorflow/tensorflow:2.17.0", digest: "tensorflow/tensorflow@sha256:ab", version: 2.17.0}
session:
  description: What the session found.
  returned: when one ran
  type: dict
removed:
  description: The images that were more than are kept, or all with O(state=absent); in check mode those that would be removed then.
  returned: always
  type: list
  elements: str
left:
  description: One sentence for each image that stays because a container uses it.
  returned: always
  type: list
  elements: str
"""

import os
import time
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.fleet_module import FleetModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import cli as docker_cli
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import image_digest, image_store
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import images as docker_images
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.client import DockerError
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker.image_store import Record, Store

Answer = Dict[str, Any]


def main() -> None:
    """Do as asked."""
    module: Any = FleetModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "rolled_back", "absent", "proved"], "default": "present"},
            "image": {"type": "str"},
            "base": {"type": "str", "default": ""},
            "requirements": {"type": "list", "elements": "str", "default": []},
            "build": {"type": "bool", "default": True},
            "push": {"type": "bool", "default": False},
            "index": {"type": "dict", "default": {}, "no_log": False},
            "refresh": {"type": "bool", "default": False},
            "retries": {"type": "int", "default": 3},
            "keep": {"type": "int", "default": 2},
            "gpus": {"type": "int", "default": 0},
            "gpu_access": {"type": "str", "choices": ["auto", "gpus", "cdi"], "default": "auto"},
            "version": {"type": "str", "default": ""},
            "cuda_build": {"type": "bool"},
            "session_user": {"type": "str", "default": ""},
            "lock_timeout": {"type": "int", "default": 600},
        },
        required_if=[("state", "present", ["image"])],
        supports_check_mode=True,
    )
    asked = module.params
    verb = {"present": present, "rolled_back": rolled_back, "absent": absent, "proved": proved}[asked["state"]]
    store = Store()
    try:
        if module.check_mode or asked["state"] == "proved":
            answer = verb(store, asked, module.check_mode)
        else:
            with store.locked(asked["lock_timeout"]):
                answer = verb(store, asked, False)
    except DockerError as error:
        module.fail_json(msg=str(error), output=error.output[-4000:])
    except OSError as error:
        module.fail_json(msg="{0}: {1}".format(error.filename, error.strerror))
    module.exit_json(**{"removed": [], "left": [], **answer})


def present(store: Store, asked: Dict[str, Any], check_mode: bool) -> Answer:
    """Provide the image."""
    if not check_mode:
        docker_images.clear_killed(store)
    records = store.read()
    there = docker_cli.inspect([record["id"] for record in records]) if records or not check_mode else {}
    records = [record for record in records if record["id"] in there]
    known = next((record for record in records if record["reference"] == asked["image"]), None)
    if check_mode:
        return {"changed": known is None or known is not records[0] or asked["refresh"], "image": known}
    record = known if known and not asked["refresh"] else obtain(asked, records)
    lacked = record["id"] not in there
    gpu_access = docker_images.access(asked["gpu_access"], asked["gpus"])
    answer: Answer = {}
    same = records and records[0]["id"] == record["id"] and store.access() == gpu_access
    if not same or not record.get("session"):
        try:
            answer["session"] = docker_images.prove(store, record, gpu_access, asked)
        except DockerError:
            if record.get("base") and not record.get("session"):  # or the next run would take it for one that is there
                docker_images.discard(dict(record, base=None), records)
            raise
        record = dict(record, session=answer["session"], proved=now())
    docker_cli.done("tag", record["id"], image_store.kept_as(record["id"]))
    records = [record] + [other for other in records if other["id"] != record["id"]]
    answer.update(settle(store, records, gpu_access, asked["keep"]), image=record)
    answer["changed"] = answer["changed"] or lacked
    return answer


def obtain(asked: Dict[str, Any], records: List[Record]) -> Record:
    """Get the image from this host, from its registry, or by building it."""
    reference, base = asked["image"], asked["base"]
    image = None if asked["refresh"] else find(reference)
    ours = {record["id"] for record in records if not record.get("adopted")}
    adopted = image is not None and image["Id"] not in ours
    if image is None and base and asked["build"]:
        image = shared(asked) or built(asked)
    elif image is None:
        image_digest.pull(reference, asked["retries"], asked["index"])
        image = find(reference)
    if image is None:
        raise DockerError(
            "{0} was pulled, and the engine does not have it; look at 'docker image ls'".format(reference)
        )
    record = {
        "id": image["Id"],
        "reference": reference,
        "digest": docker_images.digest(image, reference),
        "version": asked["version"],
        "adopted": adopted,
    }
    return dict(record, base=base) if base and asked["build"] else record


def find(name: str) -> Optional[Dict[str, Any]]:
    """Return what the engine says about an image, None where it has none of that name."""
    return docker_cli.inspect([name]).get(name)


def shared(asked: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Return the image where the site's registry has it from an earlier build."""
    if not asked["push"] or asked["refresh"]:
        return None
    try:
        image_digest.pull(asked["image"], asked["retries"], asked["index"])
    except DockerError as error:
        row = docker_cli.diagnose(error.output)
        if row and row.id in (
            "docker-image-missing",
            "docker-registry-denied",
        ):  # many registries deny what they do not have
            return None
        raise
    return find(asked["image"])


def built(asked: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Build the image, and push it where others are to have it."""
    base = None if asked["refresh"] else find(asked["base"])
    if base is None:
        image_digest.pull(asked["base"], asked["retries"], asked["index"])
        base = find(asked["base"])
    docker_images.build(asked["image"], base or {"Id": asked["base"]}, asked["requirements"], asked["index"])
    if asked["push"]:
        docker_cli.done("push", "--quiet", asked["image"])
    return find(asked["image"])


def settle(store: Store, records: List[Record], gpu_access: str, keep: int) -> Answer:
    """Let users have the first image, and let go of those that are too many."""
    surplus = docker_images.surplus(records, keep)
    kept = [record for record in records if record not in surplus]
    changed = store.write(kept, gpu_access) or bool(surplus)
    for record in surplus:
        docker_images.discard(record, kept)
    left = [
        "The image {0} stays beyond the {1} that are kept: a container uses it.".format(record["reference"], keep)
        for record in kept[max(keep, 1) :]
    ]
    return {"changed": changed, "removed": [record["reference"] for record in surplus], "left": left}


def in_use(store: Store) -> Tuple[Record, List[Record]]:
    """Return the image in use and the others; DockerError where there is none."""
    records = store.read()
    if not records:
        raise DockerError(
            "no TensorFlow image has been installed on this host; site.yml with method docker would do it"
        )
    return records[0], records[1:]


def rolled_back(store: Store, asked: Dict[str, Any], check_mode: bool) -> Answer:
    """Prove the image of before and let users have it."""
    current, others = in_use(store)
    there = docker_cli.inspect([record["id"] for record in others])
    others = [record for record in others if record["id"] in there]
    if not others:
        raise DockerError(
            "there is no image to go back to: {0} is the only one kept on this host".format(current["reference"])
        )
    target = others[0]
    if check_mode:
        return {"changed": True, "image": target}
    gpu_access = store.access()
    found = docker_images.prove(store, target, gpu_access, dict(asked, version=target.get("version")))
    target = dict(target, session=found, proved=now())
    store.write([target, current, *others[1:]], gpu_access)
    return {"changed": True, "image": target, "session": found}


def proved(store: Store, asked: Dict[str, Any], check_mode: bool) -> Answer:
    """Run the session test in the image in use."""
    current, _others = in_use(store)
    answer: Answer = {"changed": False, "image": current}
    if not check_mode:
        answer["session"] = docker_images.prove(store, current, store.access(), asked)
    return answer


def absent(store: Store, asked: Dict[str, Any], check_mode: bool) -> Answer:
    """Remove all images of ours."""
    records = store.read()
    if os.path.isdir(store.directory) and not check_mode:
        docker_images.clear_killed(store)
    if check_mode or not records:
        if not check_mode:
            store.remove()
        return {"changed": bool(records), "removed": [record["reference"] for record in records]}
    there = docker_cli.inspect([record["id"] for record in records])
    for record in records:
        users = docker_cli.used_by(record["id"]) if record["id"] in there else []
        if users:
            message = (
                "the containers {0} were made of {1}; remove them first, with 'docker rm --force', if nobody needs them"
            )
            raise DockerError(message.format(", ".join(users), record["reference"]))
    for number, record in enumerate(records):
        docker_images.discard(record, records[number + 1 :])
    store.remove()
    return {"changed": True, "removed": [record["reference"] for record in records]}


def now() -> str:
    """Return the time as the closing table reads it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    main()
