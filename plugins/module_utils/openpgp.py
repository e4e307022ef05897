# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of OpenPGP (RFC 4880) to tell which public keys a file holds, and to take one out: hosts need not have gpg."""

import base64
import binascii
import hashlib
import re
from typing import Iterator, List, NamedTuple, Tuple

PUBLIC_KEY = 6
ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)(?:\r?\n=[^\r\n]*)?\r?\n-----END", re.S
)

Certificate = NamedTuple("Certificate", [("fingerprint", str), ("content", bytes)])


class OpenPgpError(ValueError):
    """These bytes are no OpenPGP keys; the text says what they are instead."""


def dearmor(data: bytes) -> bytes:
    """The keys in binary form, as every apt understands them."""
    blocks = ARMOR.findall(data)
    if not blocks:
        return data
    try:
        return b"".join(base64.b64decode(block) for block in blocks)
    except binascii.Error as error:
        raise OpenPgpError("the armor of the key is damaged: {0}".format(error)) from error


def armor(data: bytes) -> bytes:
    """Keys as text, for files that apt takes for text by their name."""
    lines = base64.encodebytes(data)
    return b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + lines.rstrip(b"\n") + b"\n-----END PGP PUBLIC KEY BLOCK-----\n"


def _length(data: bytes, at: int) -> Tuple[int, int]:
    """The length that a packet in new format has, and where its body begins."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    raise OpenPgpError("a packet of partial length, which no key has")


def _packets(data: bytes) -> Iterator[Tuple[int, int, int, int]]:
    """Tag, start, start of the body and end of each packet."""
    at = 0
    while at < len(data):
        start, head = at, data[at]
        if not head & 0x80:
            raise OpenPgpError("not in OpenPGP format")
        if head & 0x40:
            tag = head & 0x3F
            length, body = _length(data, at + 1)
        else:
            tag, kind = (head & 0x3C) >> 2, head & 3
            if kind == 3:
                raise OpenPgpError("a packet without a length, which no key has")
            body = at + 1 + (1 << kind)
            length = int.from_bytes(data[at + 1 : body], "big")
        at = body + length
        if at > len(data):
            raise OpenPgpError("cut off in the middle")
        yield tag, start, body, at


def certificates(data: bytes) -> List[Certificate]:
    """The keys of a file, each with all that belongs to it, by full fingerprint. Raises OpenPgpError."""
    data = dearmor(data)
    try:
        packets = list(_packets(data))
    except IndexError:
        raise OpenPgpError("cut off in the middle") from None
    starts = [(start, data[body:end]) for tag, start, body, end in packets if tag == PUBLIC_KEY]
    if not starts or packets[0][0] != PUBLIC_KEY:
        raise OpenPgpError("no public key")
    ends = [start for start, _ in starts[1:]] + [len(data)]
    return [
        Certificate(fingerprint(key), data[start:end]) for (start, key), end in zip(starts, ends) if key[:1] == b"\x04"
    ]


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key packet of version 4."""
    # SHA-1 is what the format prescribes for this; what it names is compared with a value that the tables hold.
    return hashlib.sha1(b"\x99" + len(key).to_bytes(2, "big") + key).hexdigest().upper()
