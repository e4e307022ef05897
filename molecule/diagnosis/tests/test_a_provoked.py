"""Each trouble is provoked on real hosts, and what real programs then print has exactly the cause that the table says.

Stand-ins: package indexes and repositories that are broken in each way, on the loopback or this machine; what complains is real.
"""

from collections.abc import Callable

import pytest

from tests.hosts import Host
from tests.support.provocations import BOTH, PROVOCATIONS, Provocation

CASES = [(host, one) for host in BOTH for one in PROVOCATIONS if host in one.on and not one.installed]


@pytest.mark.parametrize(
    ("machine", "one"), CASES, ids=[f"{host}-{one.name}" for host, one in CASES], indirect=["machine"], scope="session"
)
def test_a_trouble_has_its_cause(
    machine: Host,
    one: Provocation,
    outputs: dict[tuple[str, str], str],
    claimed: Callable[[Provocation, str], None],
) -> None:
    claimed(one, outputs[machine.name, one.name])
