# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import progress_pipe

LOG = """$ /opt/.tensorwright/tools/uv-0.13.8 pip install --python /opt/.tensorwright/tensorflow/ab2f/bin/python tensorflow
Resolved 33 packages in 1.98s
Downloading tensorflow-cpu (261.1MiB)
 Downloaded tensorflow-cpu
Installed 33 packages in 212ms
 + absl-py==2.5.1
 + wrapt==2.5.2
""".splitlines()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress_pipe, "_pipe", None)
    progress_pipe.listen()
    yield
    for end in progress_pipe._pipe or ():
        os.close(end)


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (0, ""),
        (1, "uv-0.13.8 pip install"),
        (2, "Resolved 33 packages in 1.98s"),
        (3, "Downloading tensorflow-cpu (261.1MiB)"),
        (4, "Downloaded tensorflow-cpu"),
        (5, "Installed 33 packages in 212ms"),
        (7, "Installed 33 packages in 212ms"),
    ],
)
def test_what_a_log_ends_with(lines: int, last: str) -> None:
    assert progress_pipe.last(LOG[:lines]) == last


def test_nobody_hears_without_a_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_pipe, "_pipe", None)
    assert not progress_pipe.heard()
    progress_pipe.tell("a", "said to nobody")
    assert list(progress_pipe.told()) == []


@pytest.mark.usefixtures("pipe")
def test_what_forked_workers_say_is_heard_once() -> None:
    assert progress_pipe.heard()
    workers = [
        multiprocessing.get_context("fork").Process(target=progress_pipe.tell, args=(host, "x")) for host in "ab"
    ]
    for worker in workers:
        worker.start()
        worker.join()
    assert list(progress_pipe.told()) == [("a", "x"), ("b", "x")]
    assert list(progress_pipe.told()) == []


@pytest.mark.usefixtures("pipe")
def test_a_board_that_has_no_time_holds_nobody_up() -> None:
    for number in range(5000):
        progress_pipe.tell("a" * 300, f"{number} " + "x" * 500)
    heard = list(progress_pipe.told())
    assert 0 < len(heard) < 5000
    assert {len(host) for host, _ in heard} == {255}
    assert {len(said) for _, said in heard} == {progress_pipe.LONGEST}
