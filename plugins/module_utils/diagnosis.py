# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed step's output means: signature → cause → remedy. Pure; used on hosts and on the controller.

The rows are tried in their order; the first whose signature is found explains the output. An output that no row knows is shown
by its last lines and called unknown.
"""

import re
from typing import NamedTuple, Optional

Row = NamedTuple("Row", [("name", str), ("signature", str), ("cause", str), ("remedy", str), ("transient", bool)])

ROWS = (
    Row(
        "disk full",
        r"No space left on device|os error 28|ENOSPC",
        "the disk is full",
        "free space on it, or choose a tensorflow_path on another one",
        False,
    ),
    Row(
        "quota exceeded",
        r"Disk quota exceeded|os error 122",
        "the user's disk quota is used up",
        "free space, raise the quota, or choose a tensorflow_path on another disk",
        False,
    ),
    Row(
        "certificate not trusted",
        r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer|self.signed certificate",
        "the server's certificate is signed by an authority that this host does not trust",
        "name the site's CA files in ca_certificates_files",
        False,
    ),
    Row(
        "proxy needs a login",
        r"407:? Proxy Authentication|407 Client Error|[Pp]roxy auth(?:entication|orization) required|Tunnel connection failed: 407",
        "the proxy asks for a login",
        "put user and password into the proxy variables' URL (in a vault)",
        False,
    ),
    Row(
        "access denied",
        r"HTTP (?:Error|status client error)[ :(]+40[13]|returned an? 403 |lack of valid authentication|40[13] Client Error",
        "the package index denies access",
        "check tensorflow_pip_index_url and its credentials",
        False,
    ),
    Row(
        "name not resolved",
        r"[Tt]emporary failure in name resolution|Name or service not known|failed to lookup address|dns error",
        "the host name of the package index cannot be resolved on this host",
        "check the host's DNS, or name a mirror in tensorflow_pip_index_url or a proxy in ca_certificates_https_proxy",
        True,
    ),
    Row(
        "hash mismatch",
        r"Hash mismatch|has SHA-256 [0-9a-f]+, expected|HASHES FROM THE REQUIREMENTS FILE",
        "a download is not the file that was expected",
        "run again; if it stays, the mirror or a proxy in between serves a damaged or foreign file",
        True,  # pip takes half a file for a wrong one
    ),
    Row(
        "no such distribution",
        r"No solution found when resolving|No matching distribution found|from versions: none|does not offer",
        "the package index has no set of versions that fits all that is asked for",
        "look at the versions named in the output; a mirror that lags behind and constraints of the host's own packages are the usual "
        "reasons",
        False,
    ),
    Row(
        "network broken",
        r"timed out|ReadTimeout|ConnectTimeout|TimeoutError|too many 5\d\d error|"
        r"[Cc]onnection (?:reset|refused|aborted|closed|broken)|Network is unreachable|No route to host|"
        r"IncompleteRead|unexpected end of file|connection error|error sending request|request or response body error|"
        r"Remote end closed|tcp connect error|HTTP (?:Error|status server error)[ :(]+5\d\d|"
        r"Too Many Requests|error decoding response body",
        "the connection to the package index could not be made or broke off",
        "run again; raise tensorflow_pip_timeout or tensorflow_pip_retries, or name a nearer mirror in tensorflow_pip_index_url",
        True,
    ),
    Row(
        "no execution",
        r"failed to map segment from shared object|mounted noexec",
        "programs and libraries may not be executed from there: the file system is mounted noexec",
        "choose a tensorflow_path on another one",
        False,
    ),
    Row(
        "permission denied",
        r"Permission denied|os error 13|EACCES",
        "the run may not write there",
        "run with become, or choose a tensorflow_path that the connecting user may write",
        False,
    ),
)


def diagnose(output: str) -> Optional[Row]:
    """Return the row that explains an output, or None."""
    for row in ROWS:
        if re.search(row.signature, output):
            return row
    return None


def explain(output: str) -> str:
    """Return cause and remedy in one sentence, or an empty string for an output that no row knows."""
    row = diagnose(output)
    return "{}; {}".format(row.cause, row.remedy) if row else ""


def transient(output: str) -> bool:
    """Tell whether trying again may help."""
    row = diagnose(output)
    return row is not None and row.transient


def unknown(output: str, lines: int = 3) -> str:
    """Return the last lines of an output that no row explains."""
    last = [line.strip() for line in output.splitlines() if line.strip()][-lines:]
    return "an unknown failure, whose last words were: {}".format(" / ".join(last) or "(nothing)")


def without_logins(text: str) -> str:
    """Return a text without the user and password of any URL in it."""
    return re.sub(r"(\w://)[^/@\s]+@", r"\1", text)
