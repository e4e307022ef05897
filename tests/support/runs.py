"""Runs of Ansible as a user makes them, and what they came to."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The guides' program, as a user types it: what proves an environment.
SESSION = """
import tensorflow as tf
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    print(session.run(tf.constant('Hello, TensorFlow!')).decode())
"""
GREETING = "Hello, TensorFlow!"
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A finished run of ansible-playbook."""

    status: int
    output: str  # standard output and standard error

    def changed(self) -> dict[str, int]:
        """Return how many tasks changed something, per host."""
        return {host: int(changed) for host, _ok, changed, _unreachable, _failed in RECAP.findall(self.output)}

    def names(self, thing: str) -> bool:
        """Tell whether the run's output names a package or a path, or a directory that holds the path."""
        holders = [thing, *(str(parent) for parent in Path(thing).parents if len(parent.parts) > 2)]
        return any(re.search(rf"(?<![\w.-]){re.escape(it)}(?![\w/-]|\.\w)/?", self.output) for it in holders)

    def succeeded(self) -> "Run":
        """Return this run, having made sure that it succeeded."""
        assert self.status == 0, self.output
        return self

    def changed_nothing(self) -> "Run":
        """Return this run, having made sure that it succeeded, reached hosts, and changed none of them."""
        self.succeeded()
        assert self.changed(), self.output
        assert not any(self.changed().values()), self.output
        return self


def command(playbook: str, inventory: Path | str, arguments: Sequence[str], variables: dict[str, Any]) -> list[str]:
    """Return the command line of a run; `variables` overrule those of the inventory."""
    extra = ["--extra-vars", json.dumps(variables)] if variables else []
    return ["ansible-playbook", str(ROOT / playbook), "--inventory", str(inventory), *extra, *arguments]


def environment() -> dict[str, str]:
    """Return the environment of a run in the checkout, whatever molecule or the caller has set for itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "TENSORWRIGHT_REPORTS": "none",
    }


def run(playbook: str, inventory: Path | str, *arguments: str, **variables: Any) -> Run:
    """Run a playbook of the checkout to its end."""
    finished = subprocess.run(
        command(playbook, inventory, arguments, variables),
        env=environment(),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(finished.returncode, finished.stdout)
