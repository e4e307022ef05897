# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts say is data and never a template: the mark by which Ansible knows, whichever release it is.

Ansible marks what its own connection to a host returns. The light look at a host, and filters that are given `hostvars`, go round that.
The only file of plugin_utils beside host_variables that imports Ansible, for only Ansible has the mark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import ansible.template
from ansible.utils.unsafe_proxy import wrap_var

# From 2.19 on, text is a template only where somebody has said so of it, and text that a plugin makes is none.
MARKED_BY_DEFAULT = hasattr(ansible.template, "trust_as_template")


def untrusted(value: Any) -> Any:
    """Return the value, however deep, as data that Ansible never takes for a template."""
    return value if MARKED_BY_DEFAULT else wrap_var(value)


def untrusted_result(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function, such as a filter, so that what it returns is untrusted."""

    @wraps(function)
    def marked(*arguments: Any, **options: Any) -> Any:
        return untrusted(function(*arguments, **options))

    return marked
