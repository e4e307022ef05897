# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host, plans, and refuses, in one step: a host on which all is right costs a run one round trip and one worker."""

from __future__ import annotations

import json
import shlex
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import location
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem, sentence
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host import remote_gather
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan import planner as planning
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import tensorflow_users
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due as receipts
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import unchanged_host
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import environments, host_variables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import DEFAULTS

try:
    from ansible.template import trust_as_template as _trusted
except ImportError:  # before 2.19

    def _trusted(value: str) -> str:
        return value


MODULE = "tensorwright.fleet.tensorflow_host"
# What comes next for a host: nothing, the roles that are due, or these in step with the other hosts.
NEXT = "tensorwright_next"
RIGHT = "right"
DUE = "due"
IN_STEP = "in_step"
# What the light look takes under the names of the module's options.
LOOKS = ("pci_devices", "driver_proc", "docker_data_root")
TESTS = ("pci_devices", "driver_proc")  # tensorwright_…; only tests set them


class Values:
    """Variables of the role tensorflow, as its templates would give them.

    What is no template costs next to nothing to read; a template has to be compiled, in each worker anew.
    """

    def __init__(self, templar: Any, variables: Any) -> None:
        self._templar = templar
        self._known: dict[str, Any] = dict(variables)

    def learn(self, host: Any) -> None:
        """Take the host facts in, which templates may read."""
        self._known["ansible_facts"] = {**(self._known.get("ansible_facts") or {}), "tensorflow_host": host}

    def of(self, name: str) -> Any:
        """The value of a variable, None where it has none."""
        value = self._known.get(name)
        if (
            value in (None, [], {})
            or isinstance(value, (bool, int, float))
            or (isinstance(value, str) and "{" not in value)
        ):
            return value
        templar = self._templar.copy_with_new_env(available_variables=self._known)
        return templar.template(_trusted("{{ " + name + " }}"))

    def given(self, name: str) -> Any:
        """The value of a variable that the role works out, where a user has given another; else None."""
        value = self._known.get(name)
        return None if isinstance(value, str) else value


def _arguments(values: Values, variables: host_variables.HostVariables) -> dict[str, Any]:
    """What the look at the host is asked, as the module's options; it has the defaults of the rest."""
    listed = values.of(f"tensorflow_{environments.NAME}")
    asked = {key: value for key in TESTS if (value := values.of(f"tensorwright_{key}"))}
    requests = environments.requests({key: values.of(f"tensorflow_{key}") for key in ("path", "method")}, listed)
    if any(request["method"] == "docker" for request in requests):
        asked["docker_data_root"] = str(values.of("docker_data_root") or "")
    return {
        **asked,
        "path": str(values.of("tensorflow_path") or "~/tensorflow"),
        "environments": listed,
        "package_cache": str(values.of("package_cache_url") or ""),
        "accounts": tensorflow_users.accounts(variables),
    }


def _refused(name: str, problems: list[Problem]) -> dict[str, Any]:
    return {"failed": True, "refused": True, "msg": [sentence(name, one) for one in problems]}


class ActionModule(ActionBase):
    """See the module's documentation."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> Any:
        """Look, plan, and say what comes next for the host."""
        super().run(tmp, task_vars)
        name = task_vars["inventory_hostname"]
        variables = host_variables.HostVariables(task_vars["hostvars"], name)
        try:
            return self._planned(name, variables, task_vars)
        except AnsibleError:
            problems = host_variables.unreadable(variables)
            if not problems:
                raise
            return {**_refused(name, problems), "changed": False}

    def _planned(self, name: str, variables: host_variables.HostVariables, task_vars: Any) -> Any:
        values = Values(self._templar, task_vars)
        try:
            looked = self._look(_arguments(values, variables), task_vars)
        except remote_gather.TooMuchError as error:
            return {"failed": True, "changed": False, "msg": f"{name} {error}."}
        if looked.get("failed"):
            return looked
        host = looked["ansible_facts"]["tensorflow_host"]
        values.learn(host)
        answer: dict[str, Any] = {
            "changed": False,
            "ansible_facts": {"tensorflow_host": host, "_ansible_facts_gathered": True},
            "_ansible_verbose_override": True,  # or -v would print all facts
        }
        only = str(values.of("tensorflow_only") or "")
        asked = {key: values.of(f"tensorflow_{key}") for key in DEFAULTS}
        plans = planning.plans(asked, host, variables, values.of("tensorflow_environments"), only)
        problems = [problem for plan in plans for problem in plan["problems"]]
        if problems:
            return {**answer, **_refused(name, problems)}
        # The rest of the run reads these from the registered result: a fact could come from another run's fact cache.
        answer["requests"] = environments.requests(asked, values.of("tensorflow_environments"))
        answer["plans"] = plans
        at = [plan for plan in plans if not only or plan["path"]["given"] == only]
        due = values.given("tensorflow_due")
        if due is None:
            trust = boolean(values.of("tensorwright_trust_receipts"))
            due = receipts.due_at(plans, host, variables, trust, [plan["path"]["given"] for plan in at])
        # Which host builds for which is settled once all have been looked at, so those are not right before.
        source = any(plan["method"] == "source" for plan in at)
        if not source:
            answer["due"] = due
        if not due and values.of("tensorflow_validate") != "always" and not source:
            state = "planned" if self._task.check_mode else "installed"
            told = {
                plan["path"]["given"]: unchanged_host.told(plan, environments.at(host, plan["path"]["given"]), state)
                for plan in at
            }
            answer["ansible_facts"][NEXT] = RIGHT
            data = {"tensorflow_results": told}
            return {**answer, "ansible_stats": {"data": data, "per_host": True, "aggregate": True}}
        waits = source or values.of("tensorflow_docker_builder") or boolean(values.of("tensorflow_all_or_nothing"))
        answer["ansible_facts"][NEXT] = IN_STEP if waits else DUE
        return answer

    def _look(self, arguments: dict[str, Any], task_vars: Any) -> Any:
        """The host facts by the light look; where that cannot be had, by the module, which says why."""
        facts = self._light(arguments, task_vars) if self._may_pipe() else None
        if facts is not None:
            return {"ansible_facts": {"tensorflow_host": facts}}
        with remote_gather.bounded():
            looked = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        if len(str(looked)) > remote_gather.MOST:
            raise remote_gather.TooMuchError
        return looked

    def _may_pipe(self) -> bool:
        """Whether a command here may have an input: on this machine itself it always may."""
        here = self._connection.transport == "local" and not self._connection.become
        return bool(here or self._is_pipelining_enabled("new"))

    def _light(self, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any] | None:
        asked = {
            **{key: arguments[key] for key in LOOKS if key in arguments},
            "package_cache_url": arguments["package_cache"],
            "asked_accounts": arguments["accounts"],
            "paths": location.paths(arguments["path"], arguments["environments"]),
        }
        words = [*shlex.split(self._python(task_vars)), "-c", remote_gather.BOOT, json.dumps(asked)]
        command = f"{self._compute_environment_string()} {shlex.join(words)}".strip()
        with remote_gather.bounded():
            done = self._low_level_execute_command(command, in_data=remote_gather.program())
            return remote_gather.facts(done["stdout"]) if done["rc"] == 0 else None

    def _python(self, task_vars: Any) -> str:
        """The Python that the inventory names, else the distribution's own."""
        named = str(self._templar.template(task_vars.get("ansible_python_interpreter") or ""))
        return named if named and not named.startswith("auto") else "/usr/bin/python3"
