"""Start and end test hosts from the command line: for molecule (its scenario), or by hand (a group of plain hosts)."""

import argparse
import os
from pathlib import Path
from typing import cast

import yaml

from tests.hosts import images, state
from tests.hosts.containers import Platform, address_of, down, up
from tests.hosts.scenario import scenario_hosts


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("molecule-up", help="start the platforms of molecule's current scenario")
    verbs.add_parser("molecule-record", help="keep the state of that scenario's hosts, once it has prepared them")
    verbs.add_parser("molecule-down", help="end the hosts of molecule's current scenario")
    by_hand = verbs.add_parser("up", help="start a group of hosts, one of each distribution named")
    by_hand.add_argument("group")
    by_hand.add_argument("distributions", nargs="+", choices=images.CODENAMES)
    verbs.add_parser("down", help="end a group of hosts").add_argument("group")
    verbs.add_parser("images", help="build the images that are missing")
    arguments = parser.parse_args()

    if arguments.verb == "molecule-up":
        molecule_up()
    elif arguments.verb == "molecule-record":
        for host in scenario_hosts():
            state.record(host)
    elif arguments.verb == "molecule-down":
        down(os.environ["MOLECULE_SCENARIO_NAME"])
    elif arguments.verb == "up":
        platforms: list[Platform] = [{"name": name, "distribution": name} for name in arguments.distributions]
        for host in up(arguments.group, platforms):
            print(host.name, host.address)
    elif arguments.verb == "down":
        down(arguments.group)
    else:
        for distribution in images.CODENAMES:
            print(images.ensure(distribution))


def molecule_up() -> None:
    """Start the scenario's platforms, and leave their addresses where molecule looks for them."""
    scenario = os.environ["MOLECULE_SCENARIO_NAME"]
    configuration = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text())
    down(scenario)
    platforms = cast("list[Platform]", configuration["platforms"])
    hosts = up(scenario, platforms)
    for host, platform in zip(hosts, platforms, strict=True):
        if platform.get("recorded"):
            state.record(host)
    if any(platform.get("package_origin") for platform in platforms):
        for name in ("package-origin", "cache"):
            address = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / name
            address.write_text(address_of(f"{scenario}-{name}"))
    Path(os.environ["MOLECULE_INSTANCE_CONFIG"]).write_text(yaml.safe_dump([host.connection() for host in hosts]))


if __name__ == "__main__":
    main()
