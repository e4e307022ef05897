# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.board import ROWS, Board, Screen, clock

from tests.unit.support.terminal import Glass


def running(count: int) -> Board:
    board = Board(0)
    board.expect(f"gpu{number:02}.example.org" for number in range(count))
    for number in range(count):
        board.start(f"gpu{number:02}.example.org", "tensorflow_pip", "Build and prove the planned release", 10 + number)
    return board


def test_a_host_has_its_step_and_for_how_long() -> None:
    board = running(1)
    assert board.lines(75, 80, 24) == [
        "1 host: 1 running                                                          1:15",
        "  gpu00.example.org  tensorflow_pip  Build and prove the planned relea…    1:05",
    ]


def test_counts_say_who_is_done_waits_and_is_lost() -> None:
    board = running(6)
    for host, state in zip(range(6), ("done", "waiting", "refused", "failed", "unreachable"), strict=False):
        board.end(f"gpu0{host}.example.org", state)
    assert board.headline() == "6 hosts: 1 done, 1 running, 1 waiting, 1 refused, 1 failed, 1 unreachable"
    assert len(board.lines(20, 80, 24)) == 2
    board.finish()
    assert board.headline() == "6 hosts: 3 done, 1 refused, 1 failed, 1 unreachable"


def test_a_rescued_host_runs_again() -> None:
    board = running(1)
    board.end("gpu00.example.org", "failed")
    board.start("gpu00.example.org", "cuda", "Tell", 50)
    assert board.headline() == "1 host: 1 running"


def test_what_a_host_is_at_takes_the_place_of_the_step_until_the_next() -> None:
    board = running(1)
    board.tell("gpu00.example.org", "Downloading tensorflow-cpu (261.1MiB)")
    board.tell("gpu00.example.org", "")
    board.tell("a stranger", "something")
    assert "  Downloading tensorflow-cpu (261.1MiB)  " in board.lines(70, 120, 24)[1]
    board.start("gpu00.example.org", "tensorflow", "Report the result", 70)
    assert "  Report the result  " in board.lines(70, 120, 24)[1]
    assert board.headline() == "1 host: 1 running"


def test_before_any_host() -> None:
    assert Board(0).lines(0, 80, 24)[0].startswith("0 hosts: none yet")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (40, 10), (20, 3), (1, 1)])
def test_the_board_fits_any_terminal(width: int, height: int) -> None:
    lines = running(500).lines(70, width, height)
    assert all(len(line) < width for line in lines if width > 1)
    assert len(lines) <= max(3, min(height - 1, ROWS + 1))


def test_who_is_at_a_step_for_longest_comes_first_and_the_rest_is_counted() -> None:
    lines = running(40).lines(70, 80, 24)
    assert "gpu00" in lines[1]
    assert "gpu01" in lines[2]
    assert lines[-1] == "  … and 21 more"
    assert len(lines) == 1 + ROWS


def test_wide_terminals_show_steps_in_full() -> None:
    assert "Build and prove the planned release  " in running(1).lines(70, 200, 24)[1]


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3601)] == ["0:00", "0:59", "1:00", "60:01"]


class Sized(Screen):
    """A screen on a stream that is no terminal."""

    def __init__(self, stream: io.StringIO, width: int) -> None:
        super().__init__(stream)
        self.width = width

    def size(self) -> tuple[int, int]:
        return self.width, 24


def test_lines_are_replaced_where_they_stand() -> None:
    stream, glass = io.StringIO(), Glass(80, 24)
    screen = Sized(stream, 80)
    stream.write("above\n")
    screen.show(["one", "two"])
    screen.show(["three"])
    screen.clear()
    stream.write("between\n")
    screen.show(["four"])
    glass.feed(stream.getvalue().replace("\n", "\r\n"))
    assert glass.lines == ["above", "between", "four", ""]


def test_equal_lines_are_not_written_again() -> None:
    stream = io.StringIO()
    screen = Sized(stream, 80)
    screen.show(["one"])
    written = stream.getvalue()
    screen.show(["one"])
    assert stream.getvalue() == written


def test_lines_that_a_narrowed_terminal_has_broken_are_taken_away_as_a_whole() -> None:
    stream = io.StringIO()
    screen = Sized(stream, 80)
    screen.show(["x" * 70, "y"])
    screen.width = 40
    stream.truncate(0)
    screen.clear()
    assert "\x1b[3A" in stream.getvalue()


def test_without_a_terminal_s_size_the_usual_one_is_taken() -> None:
    assert Screen(open("/dev/null", "w")).size() == (80, 24)  # noqa: SIM115
