# SPDX-License-Identifier: GPL-3.0-or-later
"""What the closing table says of an environment with which all is right: what its seal and its plan tell.

The role tensorflow says the same in its report, of environments that a run has worked on. This is for those that it has not,
and that are many: evaluating the role's templates for a host takes longer than all else that a run does for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def told(plan: Mapping[str, Any], host: Mapping[str, Any], state: str) -> dict[str, Any]:
    """The row of one environment. host: the host facts as they are for its path; state: installed, or planned in check mode."""
    sealed = _sealed(plan, host)
    session = {} if state == "planned" else sealed.get("session") or {}
    gpus = session.get("gpus") or 0
    loaded = [f"{session['device']}."] if "device" in session and not gpus else []
    return {
        "state": state,
        "method": plan["method"],
        "device": f"{plan['device']} ({gpus})" if gpus else plan["device"],
        "python": session.get("python") or plan["python"]["version"],
        "tensorflow": session.get("tensorflow") or plan["tensorflow"]["version"],
        "session": session.get("greeting") or "",
        "proved": sealed.get("proved") or "",
        "activate": _activate(plan),
        "notes": [*plan["notes"], *loaded],
        "plan": plan,
    }


def _sealed(plan: Mapping[str, Any], host: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the release or the image in use has been proved to be."""
    if plan["method"] == "docker":
        images = (host.get("docker") or {}).get("images") or []
        return images[0] if images else {}
    return (host.get("environment") or {}).get("sealed") or {}


def _activate(plan: Mapping[str, Any]) -> str:
    if plan["method"] == "docker":
        return "tensorflow-docker"
    if plan["method"] == "native":
        python = plan["python"]["path"] or f"/usr/bin/python{plan['python']['version']}"
        return f"{python} -c 'import tensorflow'"
    return f"source {plan['path']['given']}/bin/activate"
