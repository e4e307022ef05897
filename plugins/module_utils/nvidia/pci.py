# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA devices as the PCI bus shows them: known before there is any driver."""

import os
from typing import Any, Dict, List, NamedTuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text

DEVICES = "/sys/bus/pci/devices"
NVIDIA = "10de"
DISPLAY = "03"  # VGA and 3D controllers; a GPU's audio function is of another class
BRIDGE = "0680"  # how an NVSwitch shows itself

Device = NamedTuple("Device", [("address", str), ("id", str), ("kind", str)])


def nvidia_devices(directory: str = DEVICES) -> List[Device]:
    """Every NVIDIA function on the bus, in the order of its addresses."""
    try:
        addresses = sorted(os.listdir(directory))
    except OSError:
        return []
    found = []
    for address in addresses:
        vendor, device, kind = (
            text(os.path.join(directory, address, name)).strip().lower().replace("0x", "")
            for name in ("vendor", "device", "class")
        )
        if vendor == NVIDIA and device:
            found.append(Device(address.lower(), vendor + ":" + device, kind))
    return found


def gpus(devices: List[Device]) -> List[Dict[str, Any]]:
    """The GPUs among the devices; their address is there to be matched with what a driver says."""
    return [
        {"address": device.address, "pci_id": device.id, "name": None, "compute_capability": None, "memory_mb": None}
        for device in devices
        if device.kind.startswith(DISPLAY)
    ]


def nvswitches(devices: List[Device]) -> int:
    """How many NVSwitches the machine has: with any, its GPUs need Fabric Manager."""
    return sum(device.kind.startswith(BRIDGE) for device in devices)
