# SPDX-License-Identifier: GPL-3.0-or-later
"""What the package index says is held against the tables, and a row is proposed for what they lack."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from typing import Any

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables

from script import package_index, refresh_tables
from tests.unit.plugin_utils.compatibility import table_checks

KNOWN = tables.load()
Index = dict[str, Any]


@pytest.fixture
def index() -> Index:
    return copy.deepcopy(dict(table_checks.frozen("index")))


def test_nothing_differs(index: Index) -> None:
    assert refresh_tables.differences(index, KNOWN) == []


def test_a_new_release_is_told_and_its_row_proposed(index: Index) -> None:
    for package in ("tensorflow", "tensorflow-cpu"):
        index[package]["2.21.1"] = copy.deepcopy(index[package]["2.21.0"])
        index[package]["2.21.1"]["wheels"]["x86_64"]["pythons"] = "3.10 3.11 3.14"
    assert refresh_tables.differences(index, KNOWN) == [
        "TensorFlow 2.21.1 is on the index, and no row has it; script/refresh-tables proposes one."
    ]
    proposed = refresh_tables.proposal("2.21.1", index).replace("NAME", "cu12-nccl227")
    ours = tables.override({"tensorflow": {"releases": yaml.safe_load(proposed)}})
    row = ours.releases["2.21.1"]
    assert row.wheels["x86_64"].pythons == ("3.10", "3.11", "3.14")
    assert row.wheels["aarch64"] == KNOWN.releases["2.21.0"].wheels["aarch64"]
    assert row.wheels["x86_64"].builds == KNOWN.releases["2.21.0"].wheels["x86_64"].builds
    assert refresh_tables.differences(index, ours) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"uploaded": "2026-03-07"}, "TensorFlow 2.21.0 was uploaded on 2026-03-07, its row says 2026-03-06."),
        ({"yanked": True}, "TensorFlow 2.21.0 was yanked from the index."),
        ({"requires_python": ">=3.11"}, "TensorFlow 2.21.0 requires Python '>=3.11', its row says '>=3.10'."),
        (
            {"wheels": {"x86_64": {"pythons": "3.13"}}},
            "TensorFlow 2.21.0 has wheels for Python ['3.13'] on x86_64, its row says ['3.10', '3.11', '3.12', '3.13'].",
        ),
    ],
)
def test_what_differs_is_told(index: Index, change: Index, told: str) -> None:
    index["tensorflow"]["2.21.0"].update(change)
    assert told in refresh_tables.differences(index, KNOWN)


def test_what_is_gone_is_told(index: Index) -> None:
    del index["tensorflow"]["2.20.0"]
    del index["tensorflow-cpu"]["2.19.0"]
    index["tensorflow"]["2.18.0"]["and_cuda"].pop()
    index["tools"]["pip"]["24.0"] = ">=3.8"
    index["tools"]["uv"] = {}
    told = refresh_tables.differences(index, KNOWN)
    assert told[0] == "TensorFlow 2.20.0 has a row, and the index has it no more."
    assert told[1].startswith("TensorFlow 2.19.0 is on the index as ['tensorflow'], its row says")
    assert told[2].startswith("TensorFlow 2.18.0[and-cuda] requires")
    assert "pip 24.0 is not on the index for Python 3.7." in told
    assert sum("is not on the index with the hash that its row has" in line for line in told) == 2


def test_a_nightly_build_may_be_a_little_old(index: Index) -> None:
    index["tf-nightly"].update(version="2.23.0.dev20261120", uploaded="2026-11-20")
    assert refresh_tables.differences(index, KNOWN) == []
    index["tf-nightly"].update(version="2.23.0.dev20261220", uploaded="2026-12-20", has_row=False)
    assert refresh_tables.differences(index, KNOWN) == [
        "tf-nightly 2.23.0.dev20261026 is on the index no more; the newest is 2.23.0.dev20261220.",
        "tf-nightly 2.23.0.dev20261026 is 55 days older than the newest, 2.23.0.dev20261220.",
    ]


def test_an_empty_wheel_counts_with_the_one_behind_it(index: Index) -> None:
    assert refresh_tables.pythons(index, "2.15.1", "aarch64") == ["3.9", "3.10", "3.11"]
    assert refresh_tables.pythons(index, "2.11.1", "aarch64") == []
    assert refresh_tables.pythons(index, "2.16.1", "aarch64") == ["3.9", "3.10", "3.11", "3.12"]


def test_which_releases_are_to_have_rows() -> None:
    names = {"1.3.0", "1.4.0", "2.16.0rc0", "2.15.0.post1", "2.21.0", "2.22.0rc1", "2.22.0.dev1", "2.9.0rc0"}
    assert sorted(refresh_tables.wanted(names)) == ["1.4.0", "2.15.0.post1", "2.21.0", "2.22.0rc1"]


@pytest.mark.parametrize(
    ("platform", "glibc"),
    [
        ("manylinux1_x86_64", "2.5"),
        ("manylinux2010_x86_64", "2.12"),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", "2.17"),
        ("manylinux_2_27_aarch64", "2.27"),
        ("linux_x86_64", "?"),
    ],
)
def test_what_a_platform_tag_promises(platform: str, glibc: str) -> None:
    assert refresh_tables.glibc(platform) == glibc


@pytest.mark.parametrize(
    ("python", "required", "expected"),
    [
        ("3.7", ">=3.7", True),
        ("3.6", ">=3.7", False),
        ("3.2", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*", False),
        ("2.7", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*", True),
        ("3.9", "", True),
    ],
)
def test_which_python_a_requirement_lets_in(python: str, required: str, expected: bool) -> None:
    assert refresh_tables.serves(python, required) is expected


# --- reading the index ------------------------------------------------------------------------------------------------

HTML = """<!DOCTYPE html><html><body>
<a href="https://files.example.org/a/tensorflow-2.21.0-cp313-cp313-manylinux_2_27_x86_64.whl#sha256=12ab"
   data-requires-python="&gt;=3.10"
   data-upload-time="2026-03-06T12:00:00Z">tensorflow-2.21.0-cp313-cp313-manylinux_2_27_x86_64.whl</a><br/>
<a href="../b/tensorflow-2.21.0-cp313-cp313-macosx_12_0_arm64.whl">tensorflow-2.21.0-cp313-cp313-macosx_12_0_arm64.whl</a>
<a href="../b/tensorflow-0.1.tar.gz" data-yanked="bad">tensorflow-0.1.tar.gz</a>
</body></html>"""
JSON = {
    "files": [
        {
            "filename": "tensorflow-2.21.0-cp313-cp313-manylinux_2_27_x86_64.whl",
            "url": "https://files.example.org/a/tensorflow-2.21.0-cp313-cp313-manylinux_2_27_x86_64.whl",
            "hashes": {"sha256": "12ab"},
            "requires-python": ">=3.10",
            "upload-time": "2026-03-06T12:00:00Z",
        },
        {"filename": "tensorflow-2.21.0-cp313-cp313-macosx_12_0_arm64.whl", "url": "../b", "hashes": {}},
        {"filename": "tensorflow-0.1.tar.gz", "url": "../b", "hashes": {}, "yanked": "bad"},
    ]
}


class Answer(io.BytesIO):
    """What urlopen gives."""

    def __init__(self, body: bytes, kind: str = "text/html", status: int = 200) -> None:
        super().__init__(body)
        self.status = status
        self.headers = self
        self._kind = kind

    def get_content_type(self) -> str:
        return self._kind

    def __getitem__(self, name: str) -> str:
        return str(len(self.getvalue())) if name == "Content-Length" else ""


@pytest.mark.parametrize(
    ("body", "kind"), [(HTML.encode(), "text/html"), (json.dumps(JSON).encode(), "application/vnd.pypi.simple.v1+json")]
)
def test_both_kinds_of_index_are_read(body: bytes, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(request: Any, timeout: float) -> Answer:
        asked.append(request.full_url)
        return Answer(body, kind)

    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple/")
    monkeypatch.setattr("urllib.request.urlopen", answer)
    package_index.files.cache_clear()
    linux, mac, source = package_index.files("tensorflow")
    package_index.files.cache_clear()
    assert asked == ["https://index.example.org/simple/tensorflow/"]
    assert (linux.version, linux.pythons, linux.architecture, linux.sha256) == ("2.21.0", ["3.13"], "x86_64", "12ab")
    assert (linux.requires_python, linux.uploaded, linux.yanked) == (">=3.10", "2026-03-06", False)
    assert mac.architecture is None
    assert (source.version, source.pythons, source.platform, source.yanked) == ("", [], "", True)


def test_metadata_is_read_from_inside_a_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as wheel:
        wheel.writestr("tensorflow/big.so", b"\0" * 4_000_000)
        lines = [
            "Requires-Dist: numpy (>=1.26,<2)",
            "Requires-Dist: nvidia-cudnn-cu12 <10.0,>=9.3 ; extra == 'and-cuda'",
        ]
        wheel.writestr("tensorflow-2.21.0.dist-info/METADATA", "\n".join(["Name: tensorflow", *lines, "", "A text."]))
    served = []

    def answer(request: Any, timeout: float) -> Answer:
        if request.get_method() == "HEAD":
            return Answer(body.getvalue())
        first, last = map(int, request.get_header("Range").removeprefix("bytes=").split("-"))
        served.append(last - first + 1)
        return Answer(body.getvalue()[first : last + 1], status=206)

    monkeypatch.setattr("urllib.request.urlopen", answer)
    file = package_index.File("tensorflow-2.21.0-cp313-cp313-linux_x86_64.whl", "https://x/", "", "", "", False)
    found = package_index.requirements(file)
    assert package_index.of_extra(found, "and-cuda") == ["nvidia-cudnn-cu12<10.0,>=9.3"]
    assert package_index.normal(found[0]) == "numpy<2,>=1.26"
    assert sum(served) < len(body.getvalue())


def test_a_server_without_parts_of_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Answer(b"x" * 100))
    file = package_index.File("x-1-py3-none-any.whl", "https://x/x.whl", "", "", "", False)
    with pytest.raises(package_index.UnservedError, match="does not serve parts"):
        package_index.requirements(file)
