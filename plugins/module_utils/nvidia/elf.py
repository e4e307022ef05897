# SPDX-License-Identifier: GPL-3.0-or-later

"""What a shared library says of itself: its soname and the libraries that it needs. 64-bit little-endian, as all GPU builds are."""

import struct
from typing import Dict, List, NamedTuple, Optional

Library = NamedTuple("Library", [("soname", str), ("needed", List[str])])

LOAD, DYNAMIC = 1, 2
NEEDED, STRTAB, SONAME = 1, 5, 14


def read(path: str) -> Optional[Library]:
    """Return what the file says, or None where it is no shared library that can be read."""
    try:
        with open(path, "rb") as source:
            header = source.read(64)
            if header[:6] != b"\x7fELF\x02\x01":
                return None
            table, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
            source.seek(table)
            programs = source.read(size * count)
            rows = [struct.unpack_from("<IIQQQQ", programs, index * size) for index in range(count)]
            dynamic = next(row for row in rows if row[0] == DYNAMIC)
            source.seek(dynamic[2])
            entries = list(struct.iter_unpack("<qQ", source.read(dynamic[5] // 16 * 16)))
            strings = dict(entries)[STRTAB]
            segment = next(row for row in rows if row[0] == LOAD and row[3] <= strings < row[3] + row[5])
            source.seek(segment[2] + strings - segment[3])
            names = source.read(min(1 << 20, segment[3] + segment[5] - strings))
    except (OSError, StopIteration, KeyError, struct.error):
        return None
    found: Dict[int, List[str]] = {NEEDED: [], SONAME: []}
    for tag, value in entries:
        if tag in found:
            found[tag].append(names[value : names.find(b"\0", value)].decode("utf-8", "replace"))
    return Library((found[SONAME] or [""])[0], found[NEEDED])
