# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
import time

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import (
    printable,
    printable_bytes,
    printable_line,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as it is, Übergröße 数 é 🙂", "as it is, Übergröße 数 é 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2K\x1b[1;1Hover", "over"),
        ("\x9b2Kover", "over"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil.test\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("\x1b]52;c;Y2xpcA==\x9ctext", "text"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1bPq#0\x1b\\text", "text"),
        ("\x1b(0text\x1bc", "text"),
        ("\x1b]0;never ends", "0;never ends"),
        ("\x1b", ""),
        ("10 %\r50 %\r\ndone", "10 %\n50 %\ndone"),
        ("a\x00b\x08\x7fc", "abc"),
        ("\u202egnirts\u202c \u2066x\u2069 \u200f\u200b\ufeff", "gnirts x "),
        ("a\u2028b\x85c\x0bd", "a\nb\nc\nd"),
        ("no\xa0break", "no break"),
        ("\ud800\ufffe\ue000\U000e0041", ""),
    ],
)
def test_what_a_terminal_obeys_goes(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert printable(expected) == expected


def test_no_character_at_all_gets_through() -> None:
    letters = [chr(code) for code in range(sys.maxunicode + 1)]
    for text in (*(f"a{letter}b" for letter in letters[:256]), "".join(letters[256:])):
        left = printable(text)
        assert left.replace("\n", "").replace("\t", "").isprintable()
        assert {letter for letter in text if letter.isprintable()} <= {*left, "b"}


def test_what_programs_print_is_printable_in_a_log() -> None:
    assert printable_bytes("\x1b[31mÜ\x1b[0m\x9b2K\u202e 10 %\r20 %\r\n".encode()) == "Ü 10 %\n20 %\n".encode()
    assert printable_bytes(b"caf\xe9 \x9b\n") == "caf\ufffd \ufffd\n".encode()


def test_one_line_is_one() -> None:
    assert printable_line(" a\r\nb\x1b[2J\t\u2028 c ") == "a b c"


@pytest.mark.parametrize("beginning", ["\x1b]", "\x1b[", "\x9d", "\x1bP0", "\x1b", "\x9b0", "\r", "\u202e", "\x1b[0;"])
def test_a_text_of_beginnings_takes_no_longer(beginning: str) -> None:
    began = time.monotonic()
    printable(beginning * 300_000)
    assert time.monotonic() - began < 10
