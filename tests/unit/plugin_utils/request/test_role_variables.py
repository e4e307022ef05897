"""The variables of the roles that install are refused before any role runs."""

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import role_variables

KNOWN = {
    "ca_certificates_files": {"type": "list", "elements": "path"},
    "ca_certificates_no_proxy": {"type": "str"},
    "tensorflow_pip_timeout": {"type": "int"},
    "some_switch": {"type": "bool"},
    "some_mapping": {"type": "dict"},
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ca_certificates_files", []),
        ("ca_certificates_files", ["ca.crt"]),
        ("ca_certificates_no_proxy", "localhost,.example.org"),
        ("tensorflow_pip_timeout", 60),
        ("tensorflow_pip_timeout", "60"),
        ("some_switch", "yes"),
        ("some_switch", False),
        ("some_mapping", {}),
        ("python_of_another_collection", object()),
    ],
)
def test_what_fits_is_no_problem(name: str, value: Any) -> None:
    assert role_variables.problems({name: value}, KNOWN) == []


@pytest.mark.parametrize(
    ("name", "value", "message", "accepted"),
    [
        ("ca_certificates_files", "ca.crt", "ca_certificates_files is 'ca.crt', which is not a list", "a list"),
        (
            "ca_certificates_files",
            ["ca.crt", 7],
            "ca_certificates_files has the item 7, which is not a path",
            "a list whose items are each a path",
        ),
        (
            "tensorflow_pip_timeout",
            "soon",
            "tensorflow_pip_timeout is 'soon', which is not a whole number",
            "a whole number",
        ),
        ("tensorflow_pip_timeout", -1, "tensorflow_pip_timeout is -1, which is not a whole number", "a whole number"),
        (
            "tensorflow_pip_timeout",
            True,
            "tensorflow_pip_timeout is true, which is not a whole number",
            "a whole number",
        ),
        ("some_switch", "perhaps", "some_switch is 'perhaps', which is not true or false", "true or false"),
        ("some_mapping", [], "some_mapping is a list, which is not a mapping", "a mapping"),
        (
            "ca_certificates_file",
            "x",
            "ca_certificates_file is set, but no variable has that name",
            "ca_certificates_files",
        ),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Any, message: str, accepted: str) -> None:
    assert role_variables.problems({name: value}, KNOWN) == [{"about": name, "message": message, "accepted": accepted}]


def test_the_roles_own_specs_are_read() -> None:
    assert role_variables.options()["tensorflow_pip_retries"]["type"] == "int"
    assert "tensorflow_version" not in role_variables.options()


def test_a_near_miss_of_an_nvidia_variable_is_told_and_a_stranger_is_not() -> None:
    (problem,) = role_variables.problems({"nvidia_driver_rebot": True})
    assert problem["accepted"] == "nvidia_driver_reboot"
    strangers = {"nvidia_driver_package_state": "present", "cuda_home": "/opt/cuda", "nccl_debug": "INFO"}
    assert role_variables.problems(strangers) == []


def test_values_of_others_are_not_read() -> None:
    """A template in a variable that is none of ours may fail, and costs time."""

    class Host(dict[str, object]):
        def __getitem__(self, name: str) -> object:
            assert name != "theirs", "read"
            return super().__getitem__(name)

    assert role_variables.problems(Host(theirs="{{ lookup('file', '') }}", docker_state="present")) == []
