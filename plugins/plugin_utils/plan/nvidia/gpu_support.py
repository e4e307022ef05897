# SPDX-License-Identifier: GPL-3.0-or-later
"""What a GPU is, and whether a build of TensorFlow carries code for it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Cuda, Series, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Gpu

_NVIDIA = "10de:"


@dataclass(frozen=True, slots=True)
class Service:
    """Whether a build serves a GPU: by machine code, by compiling its PTX in the driver, or not and why."""

    capability: str | None
    served: bool
    compiles: bool
    why_not: str


def capability(gpu: Gpu, tables: Tables) -> str | None:
    """The compute capability: what the driver says, else the chip's, else the product's."""
    if gpu.capability:
        return gpu.capability
    if gpu.pci_id.startswith(_NVIDIA):
        try:
            chip = tables.chip_of_id.get(int(gpu.pci_id.removeprefix(_NVIDIA), 16))
        except ValueError:
            chip = None
        if chip:
            return chip.capability
    name = gpu.name.removeprefix("NVIDIA ")
    return tables.gpu_names.get(name)


def label(gpu: Gpu) -> str:
    return gpu.name or f"the GPU {gpu.pci_id or 'without a name'}"


def service(gpu: Gpu, series: Series, cuda: Cuda | None, tables: Tables) -> Service:
    """Whether the binaries of a series, and the CUDA they were built with, serve this GPU."""
    own = capability(gpu, tables)
    if own is None:
        return Service(None, False, False, f"{label(gpu)} is not in the tables")
    known_as = f"{label(gpu)} (compute capability {own})"
    if cuda and versions.order(own) < versions.order(cuda.lowest):
        return Service(own, False, False, f"{known_as} is older than CUDA {cuda.version} serves")
    if cuda and cuda.highest and versions.major(own) > versions.major(cuda.highest):
        return Service(own, False, False, f"{known_as} is newer than CUDA {cuda.version} knows")
    if not series.machine_code:
        return Service(own, True, False, "")
    fits = [
        code
        for code in series.machine_code
        if versions.major(code) == versions.major(own) and versions.order(code) <= versions.order(own)
    ]
    if fits:
        return Service(own, True, False, "")
    if series.ptx and versions.order(series.ptx) <= versions.order(own):
        return Service(own, True, True, "")
    oldest = min(series.machine_code, key=versions.order)
    return Service(
        own, False, False, f"{known_as} is older than the builds of TensorFlow {series.name} serve ({oldest})"
    )
