#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what an output means: the most likely cause first, what it quotes, and what to do about it.

    explain.py [--format text|json] [FILE]

Reads the standard input where no file is named. Of a long output both ends are looked at, and what looks like a failure in between. As
JSON it prints a list of objects with id, cause, remedy, quote and variable (Tensorwright's, or empty); the list is empty where nothing
is wrong, and an unknown failure has the id "unknown". Exits with 0 whatever the output means, with 2 where it cannot be read.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import report  # noqa: E402 (the path is set above)


def main(arguments=None):
    # type: (list[str] | None) -> int
    """Explain a file or the standard input; return the exit status."""
    parser = argparse.ArgumentParser(prog="explain", description="Tell what an output means and what to do about it.")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print it (default: text)")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="the output; standard input without one")
    asked = parser.parse_args(arguments)
    try:
        if asked.file == "-":
            found = report.explained(report.read(sys.stdin.buffer))
        else:
            with open(asked.file, "rb") as stream:
                found = report.explained(report.read(stream))
    except OSError as error:
        print(f"{asked.file}: {error.strerror}", file=sys.stderr)
        return 2
    out = json.dumps(found, ensure_ascii=False, indent=2) if asked.format == "json" else report.text(found)
    sys.stdout.buffer.write(f"{out}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
