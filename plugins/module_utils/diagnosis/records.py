# SPDX-License-Identifier: GPL-3.0-or-later
"""An output split into the records that its programs wrote, each with how grave it is. Pure, and of any text."""

import bisect
import functools
import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.heads import (
    EXCEPTION,
    HARMLESS_PATTERN,
    HARMLESS_WORDS,
    HEADS,
    LEVELS,
    RAISED,
    TRACEBACK,
    WARNED,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    ERROR,
    FATAL,
    NOTICE,
    PLAIN,
    WARNING,
)

UNSEEN = -1  # the level of what is known to be harmless, whatever its program calls it
LONGEST = 4000  # characters of a line that are looked at; of longer ones, both ends
HEAD, TAIL = 96000, 288000  # characters of an output that are looked at

CHAINED = re.compile(r"During handling of the above exception|The above exception was the direct cause of")
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\u200b\u2028\u2029\x85]")
# What logs, terminals and forums put before a line.
PREFIX = re.compile(
    r"""
    >\ (?!\[)                                                            # quoted mail
    | [a-z][\w.-]*\ +\|\ (?=\S)                                          # docker compose
    | \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\ (?:std(?:out|err)\ [FP]\ )?  # CI, Kubernetes
    | \[\ *\d+\.\d+\]\ | \[\w{3}\ \w{3}\ +\d+\ [\d:]{8}\ \d{4}\]\        # dmesg
    | \w{3}\ +\d+\ [\d:]{8}\ (?:[\w.-]+\ (?!kernel:)[\w./@()-]+(?:\[\d+\])?:\ |[\w.-]+\ kernel:\ )?  # syslog, journal
    | kernel:\ | <\d>
    | \#\d+\ (?:\d+\.\d+\ )? | \d+\.\d{1,3}\ (?=ERROR|E:|W:|Err|error|Traceback|fatal|\s*[\w.]*(?:Error|Exception)\b)  # BuildKit
    | \(\w+\ pid=\d+[^)]*\)\ | \[\d+,\d+\]<std(?:out|err)>:\ ?           # Ray, MPI
    | \d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d(?:[.,]\d+)?:?\ (?=[IWEF]\ \S+\]|(?:\S+:?\ )?(?:ERROR|CRITICAL|WARNING|INFO)\b)
    """,
    re.VERBOSE,
)


class Record(NamedTuple):
    """What a program wrote in one go: characters `start` to `end` of the text, and the causal chain it belongs to."""

    program: str
    level: int
    start: int
    end: int
    chain: int
    raised: int  # where the line that tells what went wrong begins


class Split(NamedTuple):
    """A text made plain, and its records in order."""

    text: str
    records: Tuple[Record, ...]
    starts: Tuple[int, ...]

    def at(self, position: int) -> Record:
        """Return the record that a character belongs to."""
        return self.records[max(0, bisect.bisect_right(self.starts, position) - 1)]


def bounded(text: str) -> str:
    """Return a text of bearable size: both ends of a long one."""
    if len(text) <= HEAD + TAIL:
        return text
    head, tail = text[:HEAD], text[-TAIL:]
    return "{0}\n{1}".format(head.rpartition("\n")[0] or head, tail.partition("\n")[2] or tail)


def plain(text: str) -> str:
    """Return a text without colours, control characters, and what logs put before each line."""
    text = bounded(text).replace("\r\n", "\n").replace("\r", "\n")
    text = CONTROLS.sub("", ESCAPES.sub("", text))
    return "\n".join(_bare(line) for line in _unpacked(text).split("\n"))


RESULT = re.compile(r"(?:FAILED|UNREACHABLE)! =>|\"(?:msg|stderr|stdout|module_stderr|log)\": \"|^b?['\"]")


def _unpacked(text: str) -> str:
    """Return a text in which the lines of JSON strings, as in Ansible's results, are lines."""
    if "\\n" not in text:
        return text
    lines = []
    for line in text.split("\n"):
        if "\\n" in line and RESULT.search(line):
            line = line.replace("\\r", "").replace("\\n", "\n").replace('\\"', '"')
        lines.append(line)
    return "\n".join(lines)


def _bare(line: str) -> str:
    if len(line) > LONGEST:
        line = "{0} ... {1}".format(line[: LONGEST // 2], line[-LONGEST // 2 :])
    for _ in range(4):
        found = PREFIX.match(line)
        if not found or not found.end():
            break
        line = line[found.end() :]
    return line.rstrip()


def split(output: str) -> Split:
    """Split an output into its records."""
    text = plain(output)
    records = tuple(_settled(text, _Reader(text).records)) or (Record("", PLAIN, 0, len(text), 0, 0),)
    return Split(text, records, tuple(record.start for record in records))


class _Reader(object):
    """Goes through the lines of a plain text, and gathers its records."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.records: List[Record] = []
        self.current: Optional[Record] = None
        self.chain = 0
        self.blank = True  # whether the line before was blank
        self.tracing = False  # whether the current record is a traceback that has not come to its exception
        self.linked = False  # whether the next record belongs to the chain of the one before
        position = 0
        for line in text.split("\n"):
            self._take(line, position, position + len(line))
            position += len(line) + 1
        self._finish()

    def _finish(self) -> None:
        if self.current is not None:
            self.records.append(self.current)
        self.current = None

    def _take(self, line: str, start: int, end: int) -> None:
        if not line.strip():
            self.blank = True
            if not self.tracing:
                self._finish()
        elif CHAINED.search(line):
            self._finish()
            self.linked, self.tracing = True, False
        elif not self._goes_on(line, start, end):
            self._begin(line, start, end)

    def _goes_on(self, line: str, start: int, end: int) -> bool:
        """Take a line into the current record where it belongs there."""
        if self.current is None:
            return False
        if self.tracing:
            raised = bool(RAISED.match(line) if line[:1] not in " \t" else EXCEPTION.match(line))
            if raised and not TRACEBACK.match(line):
                self.current = self.current._replace(end=end, raised=start)
                self.tracing = self.blank = False
                return True
            if line[:1] in " \t" or line.startswith(("File ", "...", "[Previous line")):
                self.current = self.current._replace(end=end)
                return True
            self.tracing = False
        if _head(line) is None and _continues(self.current, line, self.blank):
            self.current = self.current._replace(end=end)
            return True
        return False

    def _begin(self, line: str, start: int, end: int) -> None:
        before = self.current
        self._finish()
        if not self.linked:
            self.chain += 1
        program, level = _head(line) or ("", PLAIN)
        self.tracing = program == "python" and bool(TRACEBACK.match(line) or line.lstrip().startswith("File "))
        if self.tracing and before is not None and before.program in ("jupyter", "python") and before.level < PLAIN:
            level = before.level  # a traceback that a log tells as a warning
        self.current = Record(program, level, start, end, self.chain, start)
        self.linked = self.blank = False


def _continues(record: Record, line: str, blank: bool) -> bool:
    """Tell whether a line without a head goes on with a record."""
    if blank:
        return False
    if line[:1] in " \t":
        return record.level != PLAIN
    return record.level >= ERROR and record.program in ("python", "uv", "docker", "bazel", "conda")


@functools.lru_cache(maxsize=4096)  # logs repeat themselves
def _head(line: str) -> Optional[Tuple[str, int]]:
    """Return the program and level of a line that begins a record, or None."""
    if any(word in line for word in HARMLESS_WORDS) or HARMLESS_PATTERN.search(line):
        return "", UNSEEN
    if WARNED.match(line):
        return ("pip" if "WARNING:" in line[:40] else "python"), WARNING
    for program, level, pattern in HEADS:
        found = pattern.match(line)
        if found:
            return program, LEVELS.get(found.group(1).lower(), PLAIN) if level is None else level
    return None


def _settled(text: str, records: List[Record]) -> Iterator[Record]:
    """Yield records, as notices those that Ansible was told to ignore."""
    for number, record in enumerate(records):
        if record.program == "ansible" and record.level >= ERROR:
            after = records[number + 1] if number + 1 < len(records) else record
            if "...ignoring" in text[record.start : record.end] or text[after.start : after.end] == "...ignoring":
                record = record._replace(level=NOTICE)
        yield record


def failures(found: Split) -> List[Record]:
    """Return the records that tell of a failure, the gravest first, of equals the last first."""
    grave = [record for record in found.records if record.level >= ERROR]
    return sorted(grave, key=lambda record: (-min(record.level, FATAL), -record.start))


def telling(found: Split, record: Record) -> str:
    """Return the line of a record that tells what went wrong."""
    line = found.text[record.raised : record.end].strip().split("\n")[0]
    return " ".join(line.split())[:400]


__all__ = ("UNSEEN", "WARNING", "Record", "Split", "failures", "plain", "split", "telling")
