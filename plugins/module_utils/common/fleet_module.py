# SPDX-License-Identifier: GPL-3.0-or-later
"""The AnsibleModule of this collection's modules: the host's journal and -vvv show no login of a URL."""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import without_logins


def shown(value: Any) -> Any:
    """Return a module's argument as it may be shown: URLs in it, however deep, without user and password."""
    if isinstance(value, str):
        return without_logins(value)
    if isinstance(value, dict):
        return {shown(key): shown(one) for key, one in value.items()}
    return [shown(one) for one in value] if isinstance(value, (list, tuple)) else value


class FleetModule(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule.

    Ansible itself hides passwords of URLs from the journal by a guess, and from what it returns of its arguments not at all. With
    `no_log`, it would hide each word of an argument from all that the module says, addresses and numbers in messages as well.
    """

    params: Any

    def _log_invocation(self) -> None:
        params, self.params = self.params, shown(self.params)
        try:
            super()._log_invocation()
        finally:
            self.params = params

    def exit_json(self, **answer: Any) -> None:
        """Answer."""
        super().exit_json(**{"invocation": {"module_args": shown(self.params)}, **answer})

    def fail_json(self, msg: str, **answer: Any) -> None:
        """Answer that it failed."""
        super().fail_json(msg, **{"invocation": {"module_args": shown(self.params)}, **answer})
