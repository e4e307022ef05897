# SPDX-License-Identifier: GPL-3.0-or-later
"""Secure Boot: whether the kernel loads signed modules only, and whether the key that signs them on this host is enrolled.

The firmware's variables are files. A key is enrolled if its certificate, byte for byte, is in the list that shim keeps of the
machine owner's keys: `mokutil --test-key` looks there as well, and is not on every host.
"""

import glob
import os
import re
from typing import Any, Dict, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text

EFI = "/sys/firmware/efi"
FIRMWARE = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
# Where Ubuntu's shim and where dkms keep the key with which modules are signed as they are built.
KEYS = ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub")
SETTINGS = ("/etc/dkms/framework.conf", "/etc/dkms/framework.conf.d/*.conf")


def _content(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def is_on(efi: str = EFI) -> Optional[bool]:
    """Whether the kernel is made to load signed modules only; None where the firmware does not tell."""
    if not os.path.isdir(efi):
        return False
    firmware = _content(os.path.join(efi, "efivars", FIRMWARE))
    if firmware is None:
        return None
    # With this variable, `mokutil --disable-validation` has told shim not to look, whatever the firmware does.
    shim = _content(os.path.join(efi, "efivars", "MokSBStateRT-" + SHIM))
    return firmware[-1:] == b"\x01" and (shim or b"")[-1:] != b"\x01"


def _named(root: str) -> List[str]:
    """The files of keys that dkms was told to use, and those that it uses untold."""
    files = [path for pattern in SETTINGS for path in sorted(glob.glob(root + pattern))]
    told = [
        key.strip("\"'") for file in files for key in re.findall(r"^\s*mok_certificate=(\S+)", text(file), re.MULTILINE)
    ]
    return told + [key for key in KEYS if key not in told]


def key(efi: str = EFI, root: str = "") -> Dict[str, Any]:
    """The key that signs modules on this host: its file, and whether it is enrolled; None where that cannot be told."""
    there = [(name, _content(root + name)) for name in _named(root) if os.path.exists(root + name)]
    if not there:
        return {"file": None, "enrolled": None}
    lists = sorted(glob.glob(efi + "/efivars/MokListRT*-" + SHIM) + glob.glob(efi + "/mok-variables/MokListRT*"))
    contents = [_content(path) for path in lists]
    for name, certificate in there:
        if certificate and any(certificate in content for content in contents if content):
            return {"file": name, "enrolled": True}
    unreadable = any(one is None for one in contents) or any(certificate is None for _name, certificate in there)
    return {"file": there[0][0], "enrolled": None if unreadable else False}
