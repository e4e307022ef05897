# SPDX-License-Identifier: GPL-3.0-or-later
"""Which builds from source the environments beside each other use, and which may go.

/opt/.tensorwright/builds/<environment>.json      the receipt of an environment that uses one
"""

import glob
import os
from typing import Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import build
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import facts as source_facts


def named(builds: str, leaving: str = "") -> List[str]:
    """Return the files that the receipts of environments name, but those of the environment `leaving`."""
    found: List[str] = []
    for path in glob.glob(os.path.join(glob.escape(builds), "*.json")):
        receipt = drift.read(path)
        if receipt and os.path.basename(path) != leaving + ".json":
            found += list(receipt["footprint"].get("files") or {})
    return found


def _directories(builds: str) -> List[str]:
    # A build has a lock or, where its wheel was handed over, a record; Bazel's own directory has neither.
    places = sorted(glob.glob(os.path.join(glob.escape(builds), "*")))
    return [one for one in places if any(os.path.exists(os.path.join(one, it)) for it in ("lock", source_facts.RECORD))]


def surplus(environment: releases.Environment, leaving: str = "") -> List[str]:
    """Return the builds whose wheel no environment uses and that nobody works on."""
    builds = environment.shared(source_facts.BUILDS)
    used = named(builds, leaving)
    return [
        place
        for place in _directories(builds)
        if not any(path.startswith(place + os.sep) for path in used)
        and build.Build(environment, os.path.basename(place), {}).running() is None
    ]


def unused(environment: releases.Environment, leaving: str) -> List[str]:
    """Return all that is to go with the environment `leaving`; everything, if it is the last that was built from source."""
    builds = environment.shared(source_facts.BUILDS)
    if not os.path.isdir(builds):
        return []
    others = [
        path
        for path in glob.glob(os.path.join(glob.escape(builds), "*.json"))
        if path != os.path.join(builds, leaving + ".json")
    ]
    if not others:
        return [builds]
    return surplus(environment, leaving) + [
        path for path in [os.path.join(builds, leaving + ".json")] if os.path.exists(path)
    ]


def at_work(environment: releases.Environment) -> Dict[str, int]:
    """Return the builds that a process works on, with its number."""
    found = {}
    for place in _directories(environment.shared(source_facts.BUILDS)):
        process = build.Build(environment, os.path.basename(place), {}).running()
        if process is not None:
            found[place] = process
    return found


def remove(path: str) -> None:
    """Remove a file or a tree in which Bazel has worked."""
    releases.remove_tree(path)
