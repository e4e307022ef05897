# SPDX-License-Identifier: GPL-3.0-or-later
"""Error codes found in an output, by name, by number and by their text, each with the row that says what it means."""

import itertools
import re
from typing import Dict, Iterator, List, Match, NamedTuple, Optional, Pattern, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.catalog import BY_ID
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.claims import Claim
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.codes import (
    cuda,
    libraries,
    network,
    system,
    tools,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.heads import STRERROR
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.records import Split
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONSEQUENCE,
    ERROR,
    GENERAL,
    NOTICE,
    PLAIN,
    SPECIFIC,
)

MOST = 40  # places of one pattern that are looked at


class Entry(NamedTuple):
    """One code."""

    number: str
    name: str
    row: str
    text: str


class Family(NamedTuple):
    """Codes of one kind, how they are called, and the patterns (with the level of a record they need) that find one.

    A pattern's group says what it found: `name`, `number`, `text`, or `status`, which is 128 more than a signal's number.
    """

    label: str
    table: str
    rank: int
    patterns: Tuple[Tuple[int, str, str], ...]  # the least level, words of which one has to be there, the pattern


FAMILIES = (
    Family(
        "CUDA_ERROR_{name}",
        cuda.DRIVER,
        SPECIFIC,
        (
            (PLAIN, "CUDA_ERROR_", r"\bCUDA_ERROR_(?P<name>[A-Z0-9_]+)"),
            (PLAIN, "UNKNOWN ERROR", r"UNKNOWN ERROR \((?P<number>\d+)\)"),
            (
                PLAIN,
                "cu",
                (
                    r"\b(?:CUresult|cu[A-Z]\w+)\b[^\n\d]{0,30}?(?:returned|failed|error|code|"
                    r"CUresult)[^\n\d]{0,12}\(?(?P<number>\d{1,3})\b"
                ),
            ),
            (PLAIN, "rror", r"\b[Cc][Uu][Dd][Aa] [Dd]river (?:API )?[Ee]rror(?: code)?[ :=#(]+(?P<number>\d{1,3})\b"),
            (PLAIN, "rror", r"\b(?:CUDA|cuda|Cuda)(?: driver)? (?:API )?[Ee]rror[^\n:]{0,40}: (?P<text>[^\n]+)"),
            (ERROR, "cuda error", r"cuda error: (?P<text>[^\n]+)"),
        ),
    ),
    Family(
        "cudaError{name}",
        cuda.RUNTIME,
        SPECIFIC,
        (
            (PLAIN, "cudaError", r"\bcudaError(?P<name>[A-Z][A-Za-z]+)"),
            (
                PLAIN,
                "rror",
                r"\b(?:[Cc]uda|CUDA)(?: runtime)? (?:API )?[Ee]rror(?: code)?[ =:#]*\(?(?P<number>\d{1,3})\b",
            ),
            (PLAIN, "cuda", r"\bcuda[A-Z]\w+[^\n\d]{0,20}returned (?P<number>\d{1,3})\b"),
            (PLAIN, "cudaError_t", r"cudaError_t\D{0,4}(?P<number>\d{1,3})\b"),
            (PLAIN, "rror", r"\b(?:CUDA|cuda|Cuda)(?: runtime)? (?:API )?[Ee]rror[^\n:]{0,40}: (?P<text>[^\n]+)"),
            (PLAIN, "atus", r"\b(?:CUDA|cuda|Cuda|GPU)[^\n]*?[Ss]tatus: (?P<text>[^\n]+)"),
            (PLAIN, "-> ", r"^-> (?P<text>[^\n]+)"),
        ),
    ),
    Family(
        "CUDNN_STATUS_{name}", libraries.CUDNN, SPECIFIC, ((PLAIN, "CUDNN_STATUS_", r"CUDNN_STATUS_(?P<name>[A-Z_]+)"),)
    ),
    Family(
        "CUBLAS_STATUS_{name}",
        libraries.CUBLAS,
        SPECIFIC,
        ((PLAIN, "CUBLAS_STATUS_", r"CUBLAS_STATUS_(?P<name>[A-Z_]+)"),),
    ),
    Family(
        "CUSOLVER_STATUS_{name}",
        libraries.CUSOLVER,
        SPECIFIC,
        ((PLAIN, "CUSOLVER_STATUS_", r"CUSOLVER_STATUS_(?P<name>[A-Z_]+)"),),
    ),
    Family(
        "CUSPARSE_STATUS_{name}",
        libraries.CUSPARSE,
        SPECIFIC,
        ((PLAIN, "CUSPARSE_STATUS_", r"CUSPARSE_STATUS_(?P<name>[A-Z_]+)"),),
    ),
    Family("CUFFT_{name}", libraries.CUFFT, SPECIFIC, ((PLAIN, "CUFFT_", r"\bCUFFT_(?P<name>[A-Z_]+)"),)),
    Family(
        "CURAND_STATUS_{name}",
        libraries.CURAND,
        SPECIFIC,
        ((PLAIN, "CURAND_STATUS_", r"CURAND_STATUS_(?P<name>[A-Z_]+)"),),
    ),
    Family(
        "nccl{name}",
        libraries.NCCL,
        SPECIFIC,
        (
            (PLAIN, "nccl", r"\bnccl(?P<name>[A-Z]\w+)"),
            (PLAIN, "NCCL", r"NCCL (?:error|Error)[^\n]*?: (?P<text>[a-z][^\n,]+)"),
        ),
    ),
    Family(
        "NVML_ERROR_{name}",
        libraries.NVML,
        SPECIFIC,
        (
            (PLAIN, "NVML_ERROR_", r"NVML_ERROR_(?P<name>[A-Z_]+)"),
            (PLAIN, "NVML", r"(?:NVML|NVMLError_\w+|nvml error): (?P<text>[A-Za-z][^\n]+)"),
            (PLAIN, "nvml", r"nvml\w+[^\n\d]{0,20}(?:returned|failed|error)[^\n\d]{0,12}(?P<number>\d{1,3})\b"),
        ),
    ),
    Family(
        "Xid {number}",
        tools.XID,
        SPECIFIC,
        (
            (NOTICE, "Xid", r"Xid \(?(?:PCI:)?(?P<device>[0-9a-fA-F:.]*)[^)\n]*\): (?P<number>\d+)"),
            (PLAIN, "Xid", r"\bXid(?: error)?:? (?P<number>\d+)\b"),
        ),
    ),
    Family(
        "{name}",
        tools.CONDA,
        GENERAL,
        (
            (
                PLAIN,
                "",
                (
                    r"^\s*(?:\w+\.)*(?P<name>[A-Z]\w+(?:Error|Exception|NotFound\w*|Channel|MatchSpec|VersionSpec|"
                    r"NotAllowed|Denied|NotValid|Empty|NotDownloaded))\b(?=[:(\n]|$)"
                ),
            ),
        ),
    ),
    Family(
        "{name}",
        system.ERRNO,
        GENERAL,
        (
            (PLAIN, "rrno", r"\[Errno (?P<number>\d+)\]|\berrno[ :=]+(?P<name>\d+)\b"),
            (PLAIN, "os error ", r"\bos error (?P<number>\d+)\b"),
            (ERROR, "E", r"\b(?P<name>E[A-Z0-9]{3,13})\b(?=[:,)\s]|$)"),
            (ERROR, "", r"(?:^|[:\s'\"(])(?P<text>" + STRERROR + r")(?=[:,.;)\s'\"]|$)"),
        ),
    ),
    Family(
        "{name}",
        network.RESOLVER,
        GENERAL,
        ((PLAIN, "[Errno -", r"\[Errno (?P<number>-\d+)\]"), (PLAIN, "EAI_", r"\b(?P<name>EAI_[A-Z]+)\b")),
    ),
    Family(
        "{name}",
        system.SIGNALS,
        GENERAL,
        (
            (
                PLAIN,
                "SIG",
                r"\b(?P<name>SIG(?:HUP|INT|QUIT|ILL|TRAP|ABRT|BUS|FPE|KILL|SEGV|PIPE|ALRM|TERM|XCPU|XFSZ|SYS))\b",
            ),
            (PLAIN, "ignal", r"\b[Ss]ignal:?[ =]+(?P<number>\d{1,2})\b"),
            (
                PLAIN,
                "",
                (
                    r"(?:[Ee]xit(?:ed)?(?:ing)?(?: with)?(?: code| status| value)?|returncode|\brc|status|"
                    r"code)[ =:]*\(?(?P<status>1(?:29|3\d|4[0-5]|5[2-9]))\b"
                ),
            ),
            (
                PLAIN,
                "",
                r"(?:[Ee]xit(?:ed)?(?: with)?(?: code| status)?|returncode|\brc|code)[ =:]*-(?P<number>\d{1,2})\b",
            ),
        ),
    ),
    Family(
        "exit status {number}",
        system.EXITS,
        CONSEQUENCE,
        (
            (
                PLAIN,
                "",
                r"(?:[Ee]xit(?:ed)?(?: with)?(?: code| status| value)?|returncode|\brc)[ =:]*\(?(?P<number>12[567])\b",
            ),
        ),
    ),
    Family("status {number}/{name}", system.SYSTEMD, GENERAL, ((NOTICE, "status=", r"status=(?P<number>2\d\d)/"),)),
    Family(
        "HTTP {number}",
        network.HTTP,
        GENERAL,
        (
            (
                PLAIN,
                "HTTP",
                r"HTTP(?:/[\d.]+)?(?: [Ee]rror| [Ss]tatus| [Cc]ode| response)*[ :=(]+(?P<number>[45]\d\d)\b",
            ),
            (PLAIN, " Error", r"\b(?P<number>[45]\d\d) (?:Client|Server) Error"),
            (
                ERROR,
                "",
                (
                    r"(?:[Ss]tatus(?: ?[Cc]ode)?|returned(?: error)?|response(?: code)?|ERROR|[Ee]rror|"
                    r"[Cc]ode)[ :=]+(?P<number>[45]\d\d)\b(?! bytes)"
                ),
            ),
            (
                ERROR,
                "",
                (
                    r"\b(?P<number>[45]\d\d)[ :]+(?:Unauthorized|Forbidden|Not Found|Gone|Bad (?:Gateway|Request)|"
                    r"Service Unavailable|Too Many|"
                    r"Internal Server|Gateway Time|Proxy Auth|Request |Method Not|Range Not|Unavailable For|Payment)"
                ),
            ),
        ),
    ),
    Family(
        "TLS alert {number}",
        network.ALERTS,
        GENERAL,
        (
            (PLAIN, "lert", r"(?:received fatal )?alert:? (?P<text>[a-zA-Z][a-zA-Z ]+)"),
            (PLAIN, "ALERT_", r"ALERT_(?P<name>[A-Z_]+)"),
            (PLAIN, "tls: ", r"remote error: tls: (?P<text>[a-z ]+)"),
            (PLAIN, "alert number", r"SSL alert number (?P<number>\d+)"),
        ),
    ),
    Family(
        "verify error {number}",
        network.VERIFY,
        GENERAL,
        (
            (PLAIN, "erify", r"[Vv]erify (?:error|return code)[ :]*(?:num=)?(?P<number>\d+)"),
            (PLAIN, "certificate verify failed: ", r"certificate verify failed: (?P<text>[^(\n.,']+)"),
        ),
    ),
    Family(
        "curl {number}",
        network.CURL,
        GENERAL,
        ((PLAIN, "curl", r"(?:curl: \(|libcurl (?:error )?code:? )(?P<number>\d+)"),),
    ),
    Family(
        "{name}",
        tools.STATUS,
        CONSEQUENCE,
        (
            (
                ERROR,
                "",
                (
                    r"\b(?P<name>CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|"
                    r"RESOURCE_EXHAUSTED|FAILED_PRECONDITION|"
                    r"ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED)(?=: |$)"
                ),
            ),
            (PLAIN, "errors_impl", r"errors_impl\.(?P<name>[A-Z]\w+?)(?:Error)?(?=:|\n|$)"),
            (ERROR, "StatusCode", r"StatusCode\.(?P<name>[A-Z_]+)"),
            (ERROR, "rpc error", r"rpc error: code = (?P<name>\w+)"),
        ),
    ),
)


class _Codes(NamedTuple):
    """A family's codes by what they can be found by."""

    numbers: Dict[str, Entry]
    names: Dict[str, Entry]
    texts: Dict[str, Entry]


_read: Dict[str, _Codes] = {}
_patterns: Dict[str, Pattern[str]] = {}


def entries(table: str) -> List[Entry]:
    """Return the codes of a table."""
    return [Entry(*line.split(" ", 3)) for line in table.strip().splitlines()]


def _codes(table: str) -> _Codes:
    if table not in _read:
        found = _Codes({}, {}, {})
        for entry in entries(table):
            for number in entry.number.split(","):
                found.numbers.setdefault(number, entry)
            found.names.setdefault(_folded(entry.name), entry)
            found.texts.setdefault(entry.text.lower().rstrip("."), entry)
        _read[table] = found
    return _read[table]


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _entry(table: str, match: Match[str]) -> Optional[Entry]:
    groups = {name: value for name, value in match.groupdict().items() if value}
    codes = _codes(table)
    number = groups.get("number") or (str(int(groups["status"]) - 128) if "status" in groups else "")
    if number:
        return codes.numbers.get(number) or (_codes(cuda.DRIVER).numbers.get(number) if table is cuda.RUNTIME else None)
    if "name" in groups:
        found = codes.names.get(_folded(groups["name"])) or codes.numbers.get(groups["name"])
        return found or (_codes(cuda.DRIVER).names.get(_folded(groups["name"])) if table is cuda.RUNTIME else None)
    said = groups.get("text", "").lower().strip().rstrip(".")
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", groups.get("text", "")).lower().strip()  # rustls: HandshakeFailure
    if said in codes.texts or spaced in codes.texts:
        return codes.texts.get(said) or codes.texts[spaced]
    fitting = [text for text in codes.texts if len(text) > 9 and said.startswith(text)]
    return codes.texts[max(fitting, key=len)] if fitting else None


def claims(found: Split) -> Iterator[Claim]:
    """Yield what the error codes of an output say of it."""
    for family in FAMILIES:
        for level, words, source in family.patterns:
            if words and words not in found.text:
                continue
            if source not in _patterns:
                _patterns[source] = re.compile(source, re.MULTILINE)
            for match in _some(_patterns[source], found, level):
                claim = _claim(found, family, level, match)
                if claim is not None:
                    yield claim


def _some(pattern: Pattern[str], found: Split, level: int) -> Iterator[Match[str]]:
    """Yield the first places where a pattern is found, in records of that level."""
    if level < ERROR:
        yield from itertools.islice(pattern.finditer(found.text), MOST)
        return
    grave = (record for record in found.records if record.level >= level)
    for record in itertools.islice(grave, 5 * MOST):
        yield from itertools.islice(pattern.finditer(found.text, record.start, record.end), MOST)


def _claim(found: Split, family: Family, level: int, match: Match[str]) -> Optional[Claim]:
    record = found.at(match.start(match.lastgroup or 0))
    if record.level < level:
        return None
    entry = _entry(family.table, match)
    if entry is None or entry.row == "-":
        return None
    row = BY_ID[entry.row]
    label = family.label.format(name=entry.name, number=entry.number.split(",")[0])
    number = (
        " ({0})".format(entry.number.split(",")[0]) if "{number}" not in family.label and entry.number != "-" else ""
    )
    said = "{0}{1}: {2}".format(label, number, entry.text)
    device = match.groupdict().get("device")
    if device:
        said = "{0}, GPU {1}".format(said, device)
    rank = max(family.rank, row.rank)
    level = max(record.level, row.level)
    return Claim(row, match.start(), match.end(), {}, said, rank, level, record.program, record.chain)
