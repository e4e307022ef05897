# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of OpenPGP (RFC 4880) to tell which public keys a file holds, and to take one out: hosts need not have gpg."""

import base64
import binascii
import hashlib
import re
from typing import FrozenSet, Iterator, List, NamedTuple, Tuple

SIGNATURE, PUBLIC_KEY, USER_ID, PUBLIC_SUBKEY, USER_ATTRIBUTE = 2, 6, 13, 14, 17
# By what they are about, the kinds of signatures that a key makes on its own parts.
KINDS = {
    PUBLIC_KEY: (0x1F, 0x20),
    USER_ID: (0x10, 0x11, 0x12, 0x13, 0x30),
    USER_ATTRIBUTE: (0x10, 0x11, 0x12, 0x13, 0x30),
    PUBLIC_SUBKEY: (0x18, 0x28),
}
RSA = (1, 3)
# What an RSA signature has before the hash (RFC 4880, 5.2.2).
HASHES = {
    2: ("sha1", "3021300906052b0e03021a05000414"),
    8: ("sha256", "3031300d060960864801650304020105000420"),
    9: ("sha384", "3041300d060960864801650304020205000430"),
    10: ("sha512", "3051300d060960864801650304020305000440"),
    11: ("sha224", "302d300d06096086480165030402040500041c"),
}
ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)(?:\r?\n=[^\r\n]*)?\r?\n-----END", re.S
)

Packet = Tuple[int, int, int, int]  # tag, start, start of the body, end
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


def _packets(data: bytes) -> Iterator[Packet]:
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
    """The keys of a file, each with what it has signed itself, by full fingerprint. Raises OpenPgpError.

    What else lies behind a key, such as subkeys of somebody else's, is left out: it is not what the fingerprint names.
    """
    data = dearmor(data)
    try:
        packets = list(_packets(data))
    except IndexError:
        raise OpenPgpError("cut off in the middle") from None
    starts = [number for number, packet in enumerate(packets) if packet[0] == PUBLIC_KEY]
    if not starts or starts[0] != 0:
        raise OpenPgpError("no public key")
    found = []
    for number, following in zip(starts, starts[1:] + [len(packets)]):
        _tag, start, body, end = packets[number]
        key = data[body:end]
        if key[:1] == b"\x04":
            own = b"".join(_own(data, key, packets[number:following])) if len(key) > 6 else b""
            found.append(Certificate(fingerprint(key), data[start:end] + own))
    return found


def _own(data: bytes, key: bytes, packets: List[Packet]) -> Iterator[bytes]:
    """What of the packets of a key, the first of which is the key itself, the key has signed: each part with its signatures."""
    parts: List[List[Packet]] = []
    for packet in packets:
        if packet[0] in (PUBLIC_KEY, PUBLIC_SUBKEY, USER_ID, USER_ATTRIBUTE):
            parts.append([packet])
        elif packet[0] == SIGNATURE:
            parts[-1].append(packet)
    for (tag, start, body, end), *rest in parts:
        signatures = [data[one[1] : one[3]] for one in rest if _signed(key, tag, data[body:end], data[one[2] : one[3]])]
        if signatures and tag != PUBLIC_KEY:
            yield data[start:end]
        yield from signatures


def _signed(key: bytes, tag: int, part: bytes, signature: bytes) -> bool:
    """Whether a signature on a part of a key is that key's own.

    RSA is verified. Of other algorithms the signature has to name the key as the one that made it; gpg verifies those.
    """
    try:
        kind, algorithm, name, trailer, makers, value = _read(signature)
    except (IndexError, OpenPgpError):
        return False
    if kind not in KINDS[tag]:
        return False
    if key[5] not in RSA:
        return bool({fingerprint(key), fingerprint(key)[-16:]} & makers)
    subject = b"\x99" + len(key).to_bytes(2, "big") + key
    if tag == PUBLIC_SUBKEY:
        subject += b"\x99" + len(part).to_bytes(2, "big") + part
    elif tag != PUBLIC_KEY:
        subject += (b"\xb4" if tag == USER_ID else b"\xd1") + len(part).to_bytes(4, "big") + part
    return algorithm in RSA and name in HASHES and _verifies(key, name, subject + trailer, value)


def _verifies(key: bytes, name: int, content: bytes, value: bytes) -> bool:
    """Whether an RSA signature fits a content (RFC 4880, 13.1.3; RFC 8017, 8.2.2)."""
    modulus, rest = _number(key[6:])
    exponent, _rest = _number(rest)
    number, _rest = _number(value)
    algorithm, prefix = HASHES[name]
    digest = bytes.fromhex(prefix) + hashlib.new(algorithm, content).digest()
    size = (modulus.bit_length() + 7) // 8
    expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return bool(modulus) and pow(number, exponent, modulus).to_bytes(size, "big") == expected


def _number(data: bytes) -> Tuple[int, bytes]:
    """The number with which these bytes begin, and what follows it."""
    end = 2 + (int.from_bytes(data[:2], "big") + 7) // 8
    return int.from_bytes(data[2:end], "big"), data[end:]


def _read(signature: bytes) -> Tuple[int, int, int, bytes, FrozenSet[str], bytes]:
    """Of a signature: its kind, algorithm and hash, what it has hashed of itself, whose it says that it is, and its value."""
    if signature[0] == 3:
        makers = frozenset([signature[7:15].hex().upper()])
        return signature[2], signature[15], signature[16], signature[2:7], makers, signature[19:]
    if signature[0] != 4:
        raise OpenPgpError("a signature of a version that is not known here")
    hashed_end = 6 + int.from_bytes(signature[4:6], "big")
    end = hashed_end + 2 + int.from_bytes(signature[hashed_end : hashed_end + 2], "big")
    trailer = signature[:hashed_end] + b"\x04\xff" + hashed_end.to_bytes(4, "big")
    makers = frozenset(_makers(signature[6:hashed_end])) | frozenset(_makers(signature[hashed_end + 2 : end]))
    return signature[1], signature[2], signature[3], trailer, makers, signature[end + 2 :]


def _makers(subpackets: bytes) -> Iterator[str]:
    """The key ids and fingerprints that a signature names as its maker's."""
    at = 0
    while at < len(subpackets):
        length, body = _length(subpackets, at)
        if subpackets[body] & 0x7F == 16:
            yield subpackets[body + 1 : body + length].hex().upper()
        elif subpackets[body] & 0x7F == 33:
            yield subpackets[body + 2 : body + length].hex().upper()
        at = body + length


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key packet of version 4."""
    # SHA-1 is what the format prescribes for this; what it names is compared with a value that the tables hold.
    return hashlib.sha1(b"\x99" + len(key).to_bytes(2, "big") + key).hexdigest().upper()
