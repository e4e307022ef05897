"""The hosts of molecule's current scenario."""

import os
from pathlib import Path

import yaml

from tests.hosts.containers import Host


def scenario_hosts() -> list[Host]:
    """Return the hosts that molecule made for this scenario."""
    scenario = os.environ["MOLECULE_SCENARIO_NAME"]
    instances = yaml.safe_load(Path(os.environ["MOLECULE_INSTANCE_CONFIG"]).read_text())
    return [Host(item["instance"], f"{scenario}-{item['instance']}", item["address"]) for item in instances]
