"""A host that answers with attacks: the Python of one, in whose answers every text is a template, terminal escapes and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

# What a terminal obeys: a title (OSC), a cleared line (CSI, in 7 and 8 bits), reversed writing, a line written over.
ESCAPES = "\x1b]0;OWNED\x07\x1b[2K\x9b2K\u202e\u2066\rover"
HTML = "<img src=x onerror=alert(1)>"

_PROGRAM = """#!/usr/bin/python3
import json, subprocess, sys

ATTACK = {attack!r}
SPARED = {spared!r}


def attacked(value, name=""):
    if isinstance(value, dict):
        return {{key: attacked(one, name + "." + key) for key, one in value.items()}}
    if isinstance(value, list):
        return [attacked(one, name) for one in value]
    name = name.replace(".ansible_facts.tensorflow_host", "")
    return value if not isinstance(value, str) or name.startswith(SPARED) else ATTACK + value


done = subprocess.run(["/usr/bin/python3", *sys.argv[1:]], stdout=subprocess.PIPE)
output = done.stdout.decode()
try:
    answer = json.loads(output.strip().splitlines()[-1])
except (ValueError, IndexError):
    answer = None
if isinstance(answer, dict):
    facts = answer if "receipts" in answer else (answer.get("ansible_facts") or {{}}).get("tensorflow_host")
    if facts:
        facts.update({claims!r})
    output = json.dumps(attacked(answer))
sys.stdout.write(output)
sys.stdout.flush()
sys.exit(done.returncode)
"""


def attack(mark: Path) -> str:
    """Return a text that makes the file, if anybody takes it for a template."""
    return "{{ lookup('pipe', 'touch " + str(mark) + "') }}" + ESCAPES + HTML


def make(path: Path, text: str, spared: Sequence[str] = (), **claims: Any) -> Path:
    """Write the Python whose answers have this text before each text of theirs.

    spared: where in an answer texts stay as they are (".release"), for a plan hangs on them.
    claims: host facts that this host makes up.
    """
    path.write_text(_PROGRAM.format(attack=text, spared=tuple(spared), claims=claims))
    path.chmod(0o755)
    return path
