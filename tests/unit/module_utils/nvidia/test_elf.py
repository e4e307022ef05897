# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ctypes
import sys
import sysconfig
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import elf

from tests.doubles.shared_object import shared_object


def test_a_library_tells_its_name_and_its_needs(tmp_path: Path) -> None:
    path = tmp_path / "libx.so"
    path.write_bytes(shared_object("libx.so.1", ["liby.so.2", "libz.so.3"], "$ORIGIN"))
    assert elf.read(str(path)) == ("libx.so.1", ["liby.so.2", "libz.so.3"])
    path.write_bytes(shared_object("libx.so.1"))
    assert elf.read(str(path)) == ("libx.so.1", [])
    ctypes.CDLL(str(path))  # the stand-in is one that the real loader takes


def test_real_libraries_are_read() -> None:
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    found = elf.read(next(path for path in mapped if Path(path).name.startswith(("libc.so", "libc-"))))
    assert found is not None
    assert found.soname == "libc.so.6"
    module = Path(sysconfig.get_config_var("DESTSHARED")) / f"_ctypes{sysconfig.get_config_var('EXT_SUFFIX')}"
    assert "libffi.so" in " ".join(getattr(elf.read(str(module)), "needed", []))


@pytest.mark.parametrize(
    "content", [b"", b"INPUT(libx.so.1)", b"\x7fELF", shared_object("libx.so.1")[:150], b"\x7fELF\x01\x01" + bytes(99)]
)
def test_what_is_no_library_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "libx.so").write_bytes(content)
    assert elf.read(str(tmp_path / "libx.so")) is None
    assert elf.read(str(tmp_path / "missing")) is None


def test_a_program_has_no_name() -> None:
    found = elf.read(sys.executable)
    assert found is not None
    assert found.soname == ""
