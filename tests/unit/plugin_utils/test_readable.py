"""Variables of a host whose values ask for another host's."""

from __future__ import annotations

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.readable import Readable, reading
from jinja2 import Environment, Undefined


def test_what_cannot_be_read_there_is_read_where_the_filter_is_used() -> None:
    known = {"plain": "a", "unread": Undefined(name="hostvars"), "written": "{{ hostvars['b'].x }}", "number": 1}
    variables = Readable(known, {"unread": "from b", "written": "from b too"}.get)
    assert dict(variables) == {"plain": "a", "unread": "from b", "written": "from b too", "number": 1}
    assert ("unread" in variables, "other" in variables, variables.get("other"), len(variables)) == (
        True,
        False,
        None,
        4,
    )


def test_a_filter_reads_the_argument_at_its_position() -> None:
    environment = Environment(autoescape=True)
    environment.filters["take"] = reading(1, lambda value, variables, name: (value, variables[name]))
    text = environment.from_string("{{ (1 | take({'a': '{{ b }}'}, 'a'))[1] }}").render(a="read")
    assert text == "read"
