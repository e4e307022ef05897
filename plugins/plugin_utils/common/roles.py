# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry of roles: what each role is, in one place. A new role is a row here and a block in playbooks/site.yml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Role:
    """One role, as plans and receipts know it.

    plan_keys: the parts of a plan that decide what the role does, as `part` takes them; None means the whole plan.
    per_environment: it runs for each environment that needs it; other roles run once for the host.
    receipt_beside: its receipt lies beside the environment; other roles' receipts belong to the host.
    shared_by_environments: several environments may rely on its work, which goes with the last of them.
    all_plans: it serves all environments of a host at once, and reads the plans of all.
    uses_package_cache: its apt repositories are asked of the package cache first, so its files name it.
    run_only: its variables that say when or how it works and nothing of what it puts on a host, without the role's name.
    prefix: whether its prefix is ours ("owned"), or other collections have variables that begin like it ("shared");
        None for a common word, of which an inventory may have variables of its own.
    """

    name: str
    plan_keys: tuple[str, ...] | None = None
    per_environment: bool = False
    receipt_beside: bool = False
    shared_by_environments: bool = False
    all_plans: bool = False
    uses_package_cache: bool = False
    run_only: tuple[str, ...] = ()
    prefix: str | None = None


_ROWS: Final = (
    # In the order in which the shared ones are removed: the site's settings after all that was fetched by them.
    Role(
        "python",
        ("python", "standalone", "deadsnakes", "method"),
        per_environment=True,
        shared_by_environments=True,
        uses_package_cache=True,
    ),
    Role("package_cache", (), shared_by_environments=True, prefix="owned"),
    Role("ca_certificates", (), shared_by_environments=True, prefix="owned"),
    Role("conda", ("conda",), per_environment=True, receipt_beside=True),
    Role("nvidia_repo", ("repository",), uses_package_cache=True, prefix="shared"),
    Role(
        "nvidia_driver",
        ("driver.branch", "driver.packages", "driver.fabric_manager", "driver.version"),
        run_only=("wait", "despite_processes", "key_enrolled", "reboot", "reboot_timeout"),
        prefix="shared",
    ),
    Role("cuda", ("cuda.version", "cuda.packages"), prefix="shared"),
    Role("cudnn", ("cudnn.packages",), prefix="shared"),
    Role("nccl", ("nccl.packages",), prefix="shared"),
    Role("tensorrt", ("tensorrt.packages", "tensorrt.archive"), prefix="shared"),
    Role("docker", (), uses_package_cache=True),
    Role("nvidia_docker", ("toolkit",), uses_package_cache=True),
    Role("tensorflow_docker", ("tensorflow", "device", "image"), per_environment=True),
    Role(
        "tensorflow_source",
        ("build.key", "build.capabilities"),
        per_environment=True,
        receipt_beside=True,
        run_only=("build_host", "jobs", "keep_tree", "memory_mb", "timeout", "wheels", "offer"),
    ),
    Role("tensorflow_pip", per_environment=True, receipt_beside=True),
    Role(
        "tensorflow_users",
        ("path", "method", "device", "python", "tensorflow"),
        all_plans=True,
        run_only=("environments", "discard"),
    ),
)
ROLES: Final[Mapping[str, Role]] = MappingProxyType({row.name: row for row in _ROWS})
NVIDIA_ROLES: Final = ("nvidia_repo", "nvidia_driver", "cuda", "cudnn", "nccl", "tensorrt")
# The roles that a method needs, in their order.
METHODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "virtualenv": ("python", "tensorflow_pip"),
        "native": ("python", "tensorflow_pip"),
        "docker": ("docker", "tensorflow_docker"),
        "conda": ("conda", "tensorflow_pip"),
        "source": ("python", "tensorflow_source", "tensorflow_pip"),
    }
)
SHARED_ROLES: Final = tuple(row.name for row in _ROWS if row.shared_by_environments)
RUN_ONLY: Final = frozenset(f"{row.name}_{name}" for row in _ROWS for name in row.run_only)


def prefixes(kind: str) -> tuple[str, ...]:
    """Return what the variables of the roles begin with whose prefix is of this kind: owned or shared."""
    return tuple(f"{row.name}_" for row in _ROWS if row.prefix == kind)


def role(name: str) -> Role:
    """Return the registered role, or one that reads the whole plan where none has the name."""
    return ROLES.get(name) or Role(name)


def part(plan: Mapping[str, Any], key: str) -> Any:
    """Return a part of the plan: `driver`, or `driver.packages`."""
    outer, _, inner = key.partition(".")
    return plan[outer][inner] if inner else plan.get(outer)
