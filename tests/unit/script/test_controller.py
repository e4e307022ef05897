"""The controller's environment: what it is made from, and when it is made anew."""

from pathlib import Path

import pytest
import yaml

from script import controller


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_pins_are_read_as_yaml_reads_them(machine: str) -> None:
    pins = yaml.safe_load(controller.PINS.read_text())["uv"]["wheels"][machine]
    assert controller.pinned_wheel(controller.PINS.read_text(), machine) == (pins["file"], pins["sha256"])


def test_a_machine_without_a_pin_is_told_what_to_do() -> None:
    with pytest.raises(controller.ProvisionError, match=r"not pinned for s390x machines; install ansible-core"):
        controller.pinned_wheel(controller.PINS.read_text(), "s390x")


def test_included_requirements_count(tmp_path: Path) -> None:
    requirements = tmp_path / "dev.txt"
    requirements.write_text("-r run.txt\npytest\n")
    (tmp_path / "run.txt").write_text("ansible-core>=2.16\n")
    before = controller.stamp(requirements)
    (tmp_path / "run.txt").write_text("ansible-core>=2.17\n")
    assert controller.stamp(requirements) != before


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    """An environment that is complete and was made from "these"."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/bin/sh")
    (tmp_path / "venv" / controller.STAMP).write_text("these")
    return tmp_path / "venv"


def test_a_complete_environment_is_current(complete: Path) -> None:
    assert controller.is_current(complete, "these")


def test_an_environment_made_from_others_is_not_current(complete: Path) -> None:
    assert not controller.is_current(complete, "those")


def test_an_environment_that_lost_its_python_is_not_current(complete: Path) -> None:
    (complete / "bin" / "python").unlink()
    (complete / "bin" / "python").symlink_to(complete / "gone")
    assert not controller.is_current(complete, "these")


def test_an_unfinished_environment_is_not_current(complete: Path) -> None:
    (complete / controller.STAMP).unlink()
    assert not controller.is_current(complete, "these")


def test_a_failed_build_leaves_the_old_environment(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_uv: Path, *arguments: str) -> None:
        Path(arguments[-1]).mkdir()
        raise controller.ProvisionError("the index is away")

    monkeypatch.setattr(controller, "installer", lambda: tmp_path / "uv")
    monkeypatch.setattr(controller, "run_uv", broken)
    with pytest.raises(controller.ProvisionError):
        controller.make(complete, tmp_path / "requirements.txt", "those")
    assert controller.is_current(complete, "these")
    assert [path.name for path in tmp_path.iterdir()] == ["venv"]


def test_a_finished_build_takes_the_old_ones_place(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_uv: Path, *arguments: str) -> None:
        if arguments[0] == "venv":
            python = Path(arguments[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to("/bin/sh")

    monkeypatch.setattr(controller, "installer", lambda: tmp_path / "uv")
    monkeypatch.setattr(controller, "run_uv", build)
    controller.make(complete, tmp_path / "requirements.txt", "those")
    assert controller.is_current(complete, "those")
    assert [path.name for path in tmp_path.iterdir()] == ["venv"]
