"""Measure Tensorwright against what it replaces, on this machine, and print Markdown tables.

    python -m tests.bench [install] [rerun] [disk] [fleet]

The contestants of a table take turns, so that a slow minute of the machine falls on all of them. Times are medians, with the
fastest and the slowest run.
"""

import argparse
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import fleet
from tests.bench.race import ROUNDS, Contestant, quietly, race
from tests.hosts import Host, down, up
from tests.hosts.images import site_certificates
from tests.hosts.keys import KEY
from tests.support.runs import ROOT, SESSION, command


def remove(*paths: Path) -> None:
    """Remove files and trees, where they are there."""
    for path in paths:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)


def site(path: Path) -> list[str]:
    """Return the command that makes an environment at `path` on this machine."""
    return command("site.yml", ROOT / "hosts", [], {"tensorflow_path": str(path), "tensorflow_device": "cpu"})


def install(work: Path) -> None:
    """The hand-typed guide against `ansible-playbook site.yml`, with empty caches and with warm ones."""
    guide, pip_cache, ours = work / "guide", work / "pip-cache", work / "ours" / "tensorflow"

    def by_hand() -> None:
        script = f"""
        set -e
        python3 -m venv {guide}
        . {guide}/bin/activate
        pip install --quiet --upgrade pip
        pip install --quiet tensorflow-cpu
        python -c "{SESSION}"
        """
        quietly(["sh", "-c", script], PIP_CACHE_DIR=str(pip_cache))

    def all_but_our_cache() -> None:
        store = ours.parent / ".tensorwright"
        remove(ours, *(entry for entry in store.glob("*") if entry.name not in ("cache", "tools")))

    contestants = [
        Contestant("guide by hand, empty cache", by_hand, lambda: remove(guide, pip_cache)),
        Contestant("guide by hand, warm cache", by_hand, lambda: remove(guide)),
        Contestant("`site.yml`, empty cache", partial(quietly, site(ours)), lambda: remove(ours.parent)),
        Contestant("`site.yml`, warm cache", partial(quietly, site(ours)), all_but_our_cache),
    ]
    race(*contestants)
    hand_cold, hand_warm, cold, warm = contestants
    print(
        "\n| install, to the session's greeting | median s | spread s | of the guide's time |\n| --- | ---: | ---: | ---: |"
    )
    for contestant, other in ((hand_cold, hand_cold), (cold, hand_cold), (hand_warm, hand_warm), (warm, hand_warm)):
        print(f"| {contestant.name} | {contestant.cells()} | {contestant.median() / other.median():.2f} |")


def rerun(work: Path) -> None:
    """A second run of `site.yml` on a host that is already right, over SSH, against a play with a lone `stat`."""
    host = up("bench", [{"name": "debian12", "distribution": "debian12"}])[0]
    try:
        inventory = work / "inventory.yml"
        inventory.write_text(inventory_of(host))
        lone_stat = work / "stat.yml"
        lone_stat.write_text(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.stat: {path: /etc/hostname}\n"
        )
        again = command("site.yml", inventory, [], {})
        quietly(again)
        stat_play = [*again[:1], str(lone_stat), *again[2:]]
        contestants = [
            Contestant("play with a lone `stat`", partial(quietly, stat_play)),
            Contestant("second run of `site.yml`", partial(quietly, again)),
        ]
        race(*contestants)
        trips = [quietly([*arguments, "-vvvv"]).count("SSH: EXEC") for arguments in (stat_play, again)]
    finally:
        down("bench")
    print("\n| over SSH, host already right | median s | spread s | of the `stat` play | round trips |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for contestant, count in zip(contestants, trips, strict=True):
        print(
            f"| {contestant.name} | {contestant.cells()} | {contestant.median() / contestants[0].median():.2f} | {count} |"
        )


def inventory_of(host: Host) -> str:
    """Return an inventory of one test host."""
    certificates = ", ".join(str(path) for path in site_certificates())
    return (
        f"all:\n  hosts:\n    {host.name}:\n      ansible_host: {host.address}\n      ansible_user: root\n"
        f"      ansible_ssh_private_key_file: {KEY}\n      ansible_ssh_common_args: -o UserKnownHostsFile=/dev/null\n"
        f"      tensorflow_path: /opt/tensorflow\n      ca_certificates_files: [{certificates}]\n"
    )


def disk(work: Path) -> None:
    """What a second environment of another name costs on disk."""
    first, second = work / "disk" / "first", work / "disk" / "second"
    for path in (first, second):
        quietly(site(path))
    trees = [work / "disk" / ".tensorwright" / path.name for path in (first, second)]
    one = used(trees[:1])
    both = used(trees)
    print("\n| disk | MB | of the first |\n| --- | ---: | ---: |")
    print(f"| first environment | {one / 1e3:.0f} | 1.00 |")
    print(f"| second environment, of another name | {(both - one) / 1e3:.0f} | {(both - one) / one:.3f} |")


def used(trees: list[Path]) -> int:
    """Return the kilobytes that trees take together; a file with several names counts once."""
    lines = quietly(["du", "--summarize", "--total", "--block-size=1000", *map(str, trees)]).splitlines()
    return int(lines[-1].split()[0])


PARTS: dict[str, Callable[[Path], None]] = {"install": install, "rerun": rerun, "disk": disk, "fleet": fleet.fleet}


def main() -> None:
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parts = parser.parse_args().parts or list(PARTS)
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.platform()}"
    print(f"{machine}; medians of {ROUNDS}, in fleet of {fleet.ROUNDS}\n")
    # Below the home directory, as the guide has it: an environment of one's own, for which the run needs no root.
    with tempfile.TemporaryDirectory(prefix="tensorwright-bench-", dir=Path.home()) as work:
        for part in parts:
            PARTS[part](Path(work))


if __name__ == "__main__":
    main()
