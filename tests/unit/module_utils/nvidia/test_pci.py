# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import pci


def bus(directory: Path, *devices: tuple[str, str, str, str]) -> str:
    for address, vendor, device, kind in devices:
        place = directory / address
        place.mkdir(parents=True)
        for name, value in (("vendor", vendor), ("device", device), ("class", kind)):
            (place / name).write_text(f"0x{value}\n")
    return str(directory)


def test_gpus_and_switches_and_nothing_else(tmp_path: Path) -> None:
    directory = bus(
        tmp_path,
        ("0000:65:00.0", "10de", "2330", "030200"),
        ("0000:01:00.0", "10de", "1b06", "030000"),
        ("0000:01:00.1", "10de", "10ef", "040300"),  # the GPU's audio function
        ("0000:07:00.0", "10de", "22a3", "068000"),
        ("0000:08:00.0", "10de", "22a3", "068000"),
        ("0000:00:02.0", "8086", "3e92", "030000"),  # another maker's display
    )
    devices = pci.nvidia_devices(directory)
    assert [(gpu["address"], gpu["pci_id"]) for gpu in pci.gpus(devices)] == [
        ("0000:01:00.0", "10de:1b06"),
        ("0000:65:00.0", "10de:2330"),
    ]
    assert all(gpu["name"] is gpu["memory_mb"] is gpu["compute_capability"] is None for gpu in pci.gpus(devices))
    assert pci.nvswitches(devices) == 2


def test_the_bus_of_a_real_h200(tmp_path: Path) -> None:
    """A virtual machine's, to which one GPU is passed through, as it was seen on 2026-11-20."""
    directory = bus(
        tmp_path,
        ("0000:00:00.0", "8086", "0d57", "060000"),
        ("0000:00:01.0", "1af4", "1042", "018000"),
        ("0000:00:02.0", "1af4", "1042", "018000"),
        ("0000:00:03.0", "1af4", "1041", "020000"),
        ("0000:00:04.0", "1af4", "1053", "ffff00"),
        ("0000:00:05.0", "1af4", "1044", "ffff00"),
        ("0000:00:06.0", "10de", "2335", "030200"),
    )
    devices = pci.nvidia_devices(directory)
    assert [(gpu["address"], gpu["pci_id"]) for gpu in pci.gpus(devices)] == [("0000:00:06.0", "10de:2335")]
    assert pci.nvswitches(devices) == 0


def test_no_bus_and_a_device_that_cannot_be_read(tmp_path: Path) -> None:
    assert pci.nvidia_devices(str(tmp_path / "missing")) == []
    (tmp_path / "0000:00:00.0").mkdir()
    assert pci.nvidia_devices(str(tmp_path)) == []
