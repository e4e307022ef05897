# SPDX-License-Identifier: GPL-3.0-or-later
"""What an output means. Pure; used on hosts and on the controller.

The output is split into records (records.py). Rows of the table claim records by their phrases, by the grammar of errors (grammar.py)
and by error codes (enumerations.py). Only a record that is grave enough makes a claim of its own; what is less grave can only say
more about a failure. Of a chain of causes, the root that says most wins. What nothing explains is shown by the record that matters,
and called unknown.
"""

import functools
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Pattern, Set, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import printable
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import (
    enumerations,
    grammar,
    literals,
    records,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.catalog import DOWNLOADS, ROWS, Row
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.claims import Claim
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONSEQUENCE,
    FATAL,
    GENERAL,
    PLAIN,
    SPECIFIC,
    WARNING,
)

without_logins = printable.without_logins

QUOTED = 4  # more names than these say no more
READABLE = 1000  # characters of a line that is quoted from
LONGEST = 300  # characters of a quotation
MOST = 40  # places of one phrase that are looked at
FEW = 2  # plain lines that may follow a warning that somebody shows by itself
UNKNOWN = "an unknown failure, whose last words were: "
WRAPPED = re.compile(r"\n {6,}(?=[a-z])")  # how uv goes on with a sentence on its next line
# Lines that follow the one that says what went wrong, and say nothing about it.
NOISE = re.compile(
    r"\[notice\]|WARNING: |W: |hint: (?:See above|This is an issue with the package)|note: This |Note, |"
    r"Consider using|During handling of|The above exception|Traceback \(most recent|\s*[\^~]+$|"
    r"Some index files failed to download"
)
# Programs whose record is a chain of causes, the innermost last.
INWARDS = ("uv", "docker")
# Programs that start each other, so that one tells what another failed in.
GROUPS = (
    frozenset(("tensorflow", "python", "jupyter", "kernel")),
    frozenset(("apt", "dpkg", "dkms", "make", "kernel", "curl")),
    frozenset(("pip", "uv", "python", "make", "git", "curl", "conda")),
    frozenset(("bazel", "make", "curl", "git", "python")),
    frozenset(("ssh", "systemd", "kernel")),
)
# What a {name} stands for where the output does not tell.
NAMELESS = {
    "kernel": "that runs",
    "module": "nvidia",
    "by": "the program",
    "package": "the package",
    "file": "such as libcuda.so.1",
}
VARIABLE = re.compile(r"`((?:tensorflow|docker|nvidia|ca_certificates|package_cache)_\w+)")


class Finding(NamedTuple):
    """What is wrong, by a row of the table."""

    row: Row
    cause: str
    remedy: str
    quote: str

    @property
    def variable(self) -> str:
        """The variable by which users of Tensorwright mend it; or nothing."""
        found = VARIABLE.search(self.remedy)
        return found.group(1) if found else ""


@functools.lru_cache(maxsize=None)
def _pattern(source: str) -> Pattern[str]:
    return re.compile(source, re.MULTILINE)


@functools.lru_cache(maxsize=None)
def _word(source: str) -> str:
    return literals.required(source)


# --- who claims what ----------------------------------------------------------------------------------------------------


def _phrases(found: records.Split) -> Iterator[Claim]:
    """Yield what the phrases of the table's rows say of an output."""
    for row in ROWS:
        for source in row.signatures:
            if _word(source) not in found.text:
                continue
            for number, match in enumerate(_pattern(source).finditer(found.text)):
                if number >= MOST:
                    break
                record = found.at(match.start())
                if record.level > records.UNSEEN and (not row.programs or record.program in row.programs + ("",)):
                    names = {name: value for name, value in match.groupdict().items() if value}
                    yield Claim(
                        row, match.start(), match.end(), names, "", row.rank, record.level, record.program, record.chain
                    )


def _all(found: records.Split) -> List[Claim]:
    """Return all claims; where a phrase explains what the grammar would, the phrase."""
    phrases = list(_phrases(found))
    taken = {claim.chain for claim in phrases if claim.level >= claim.row.level and claim.rank == SPECIFIC}
    read = grammar.claims(found)
    return phrases + [claim for claim in read if claim.chain not in taken] + list(enumerations.claims(found))


def _counting(found: records.Split, claims: List[Claim]) -> List[Claim]:
    """Return the claims of grave records, and of others those that say more about what is grave."""
    grave = [claim for claim in claims if claim.level >= claim.row.level]
    behind = {name for claim in grave for name in claim.row.behind}
    explained = any(claim.rank < CONSEQUENCE for claim in grave)
    failed = {record.program for record in records.failures(found)}
    others = [record for record in found.records if record.level != WARNING or record.program != "tensorflow"]
    asked = len(others) <= FEW and all(record.level == PLAIN for record in others)
    more = [
        claim
        for claim in claims
        if claim.level < claim.row.level
        and (
            claim.row.id in behind
            or (asked and claim.level == WARNING)  # who shows nothing but a warning asks about it
            or (not explained and claim.level == WARNING and claim.program in failed and claim.program != "tensorflow")
        )
    ]
    return grave + more


def _order(claim: Claim) -> Tuple[int, int, int]:
    position = -claim.end if claim.program in INWARDS else claim.start
    return claim.rank, -(FATAL if claim.level == FATAL else PLAIN), position


def _settled(claims: List[Claim]) -> List[Claim]:
    """Return one claim for each failure, the most likely cause first."""
    claims = sorted((claim for claim in claims if not _stands_behind(claim, claims)), key=_order)
    specific = {claim.chain for claim in claims if claim.rank == SPECIFIC}
    programs = {claim.program for claim in claims if claim.rank == SPECIFIC and claim.program}
    chained = _chained(claims)
    some = any(claim.rank < CONSEQUENCE for claim in claims)
    kept: List[Claim] = []
    seen: Set[str] = set()
    taken: Set[int] = set()
    for claim in claims:
        late = claim.rank == GENERAL and (claim.chain in specific or claim.program in programs)
        if late or (claim.rank == CONSEQUENCE and (some or kept)) or claim.row.id in seen or claim.chain in taken:
            continue
        kept.append(claim)
        seen.add(claim.row.id)
        if claim.chain in chained or claim.rank > SPECIFIC:
            taken.add(claim.chain)
    return kept


def _stands_behind(claim: Claim, claims: List[Claim]) -> bool:
    """Tell whether another claim, of a program that has to do with it, says more about the same failure."""
    return any(
        other.row.id in claim.row.behind and other.rank < CONSEQUENCE and _related(claim.program, other.program)
        for other in claims
    )


def _related(one: str, other: str) -> bool:
    """Tell whether two programs may speak of one failure."""
    loose = {"", "ansible", "docker", "shell"}
    return one == other or one in loose or other in loose or any(one in group and other in group for group in GROUPS)


def _chained(claims: List[Claim]) -> Set[int]:
    """Return the chains of which only one link is the cause."""
    return {claim.chain for claim in claims if claim.program in INWARDS + ("python",)}


@functools.lru_cache(maxsize=8)
def _read(output: str) -> Tuple[records.Split, Tuple[Claim, ...]]:
    found = records.split(output)
    return found, tuple(_settled(_counting(found, _all(found))))


# --- in words -----------------------------------------------------------------------------------------------------------


def filled(text: str, names: Dict[str, str]) -> str:
    """Return a text with what its {names} stand for; a parenthesis that would name nothing is left out."""
    text = re.sub(
        r" \([^(){}]*(?:\{(\w+)\}[^(){}]*)+\)",
        lambda match: match.group(0) if _known(match.group(0), names) else "",
        text,
    )
    return re.sub(
        r"\{(\w+)\}",
        lambda match: names.get(match.group(1)) or NAMELESS.get(match.group(1), match.group(1).upper()),
        text,
    )


def _known(text: str, names: Dict[str, str]) -> bool:
    return any(names.get(name) for name in re.findall(r"\{(\w+)\}", text))


@functools.lru_cache(maxsize=2)
def _quotable(output: str) -> str:
    """Return an output without the lines that nobody would read, and with its sentences in one line."""
    return WRAPPED.sub(" ", "\n".join(line for line in output.split("\n") if len(line) <= READABLE))


def quoted(row: Row, output: str) -> str:
    """Return the words of an output that name what is concerned, or nothing."""
    words: List[str] = []
    for match in _pattern(row.quote).finditer(_quotable(output)) if row.quote else ():
        text = " ".join(match.group(0).split())
        if text not in words:
            words.append(text)
    return without_logins("; ".join(words[:QUOTED]))


def _finding(found: records.Split, claim: Claim) -> Finding:
    names = {name: without_logins(_short(value)) for name, value in claim.names.items()}
    words = "; ".join(filter(None, (claim.said, quoted(claim.row, found.text))))
    cause = filled(claim.row.cause, names)
    line = found.text[found.text.rfind("\n", 0, claim.start + 1) + 1 :].split("\n", 1)[0]
    if not line.strip():
        line = found.text[claim.start :].strip().split("\n", 1)[0]
    return Finding(
        claim.row,
        "{0} ({1})".format(cause, words) if words else cause,
        filled(claim.row.remedy, names),
        without_logins(_short(line)),
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else "{0} …".format(text[: LONGEST - 2])


@functools.lru_cache(maxsize=8)
def findings(output: str) -> Tuple[Finding, ...]:
    """Return what is wrong by an output, the most likely cause first; nothing where nothing is known to be wrong."""
    found, claims = _read(output)
    return tuple(_finding(found, claim) for claim in claims)


def claims(output: str) -> List[Row]:
    """Return the rows that claim an output, the most likely cause first."""
    return [claim.row for claim in _read(output)[1]]


def diagnose(output: str) -> Optional[Row]:
    """Return the row that explains an output, or None."""
    return next(iter(claims(output)), None)


def cause(row: Row, output: str = "") -> str:
    """Return a row's cause, with what the output says of who is concerned."""
    for finding in findings(output):
        if finding.row.id == row.id:
            return finding.cause
    names = quoted(row, output)
    return "{0} ({1})".format(filled(row.cause, {}), names) if names else filled(row.cause, {})


def explain(output: str) -> str:
    """Return cause and remedy in one sentence, or an empty string for an output that no row knows."""
    found = findings(output)
    return "{0}; {1}".format(found[0].cause, found[0].remedy) if found else ""


def says(message: str, row: Row) -> bool:
    """Tell whether a message of ours has a row's cause already, whatever it names."""
    parts = re.split(r"\s*\([^()]*\{\w+\}[^()]*\)|\{\w+\}", row.cause)
    return all(part in message for part in parts)


def transient(output: str) -> bool:
    """Tell whether trying again may help."""
    row = diagnose(output)
    return row is not None and row.transient


def of_the_network(output: str) -> bool:
    """Tell whether the network may be to blame, or whom it leads to: another place to ask may serve."""
    row = diagnose(output)
    return row is None or row.id in DOWNLOADS


def failure(output: str) -> str:
    """Return the line that tells of a failure that no row knows; nothing where nothing failed."""
    found, known = _read(output)
    failed = [] if known else records.failures(found)
    return without_logins(records.telling(found, failed[0])) if failed else ""


def last_words(output: str, lines: int = 3) -> str:
    """Return the last lines of an output that say something."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in said if not NOISE.match(line)]
    return " / ".join((telling or said)[-lines:])


def unknown(output: str, lines: int = 3) -> str:
    """Return the last lines of an output that no row explains."""
    return UNKNOWN + (last_words(output, lines) or "(nothing)")
