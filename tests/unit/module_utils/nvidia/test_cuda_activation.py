# SPDX-License-Identifier: GPL-3.0-or-later
"""Real shells, as far as this machine has them; the scenarios' hosts have them all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import cuda_activation

from tests.unit.support.environment_site import PYTHON

HOME = "/usr/local/cuda-12.3"
LIBRARIES = f"{HOME}/lib64:{HOME}/extras/CUPTI/lib64"
SHOW = "/usr/bin/env | /bin/grep -E '^(CUDA_HOME|LD_LIBRARY_PATH|PATH)=' | /usr/bin/sort; /bin/echo --"
# Shell → its command, the script that it sources, and how it sets a variable.
SHELLS = {
    "bash": (["bash", "--norc", "-ec"], "activate", "export {}={}"),
    "dash": (["dash", "-ec"], "activate", "export {}={}"),
    "zsh": (["zsh", "-f", "-ec"], "activate", "export {}={}"),
    "tcsh": (["tcsh", "-f", "-c"], "activate.csh", "setenv {} {}"),
    "fish": (["fish", "--no-config", "-c"], "activate.fish", "set -gx {} {}"),
}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtualenv without CUDA in its scripts."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "tensorflow"], check=True)
    return tmp_path / "tensorflow"


def told(shell: str, environment: Path, before: dict[str, str], *steps: str) -> list[dict[str, str]]:
    """Return CUDA's variables and PATH after each step in a shell."""
    command, script, assignment = SHELLS[shell]
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"this machine has no {shell}: not tested here")
    activate = f"source {environment}/bin/{script}" if shell != "dash" else f". {environment}/bin/{script}"
    lines = [assignment.format(name, value) for name, value in before.items()]
    for step in steps:
        lines += [activate if step == "activate" else step, SHOW]
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(environment), "TERM": "dumb", "VIRTUAL_ENV_DISABLE_PROMPT": "1"}
    if shell == "tcsh":  # without a terminal it has no prompt, which the script of venv wants
        lines.insert(0, "set prompt=x")
    call = [program, *command[1:], "\n".join(lines)]
    run = subprocess.run(call, env=variables, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    blocks = run.stdout.split("--\n")[:-1]
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("own", [{}, {"CUDA_HOME": "/opt/cuda-13", "LD_LIBRARY_PATH": "/opt/cuda-13/lib64"}])
def test_activation_sets_the_systems_cuda_and_deactivate_takes_it_back(
    shell: str, own: dict[str, str], environment: Path
) -> None:
    cuda_activation.extend(str(environment / "bin"), f"{HOME}/bin", HOME)
    inside = {
        "CUDA_HOME": HOME,
        "LD_LIBRARY_PATH": ":".join([LIBRARIES, *(own[name] for name in ["LD_LIBRARY_PATH"] if own)]),
        "PATH": f"{environment}/bin:{HOME}/bin:/usr/bin:/bin",
    }
    outside = {"PATH": "/usr/bin:/bin", **own}
    steps = ("activate", "activate", "deactivate", "activate", "deactivate")
    assert told(shell, environment, own, *steps) == [inside, inside, outside, inside, outside]


@pytest.mark.parametrize("shell", SHELLS)
def test_of_wheels_only_the_tools_are_shown(shell: str, environment: Path) -> None:
    tools = f"{environment}/lib/python3.11/site-packages/nvidia/cuda_nvcc/bin"
    cuda_activation.extend(str(environment / "bin"), tools)
    own = {"CUDA_HOME": "/opt/cuda-13", "LD_LIBRARY_PATH": "/opt/cuda-13/lib64"}
    inside = {**own, "PATH": f"{environment}/bin:{tools}:/usr/bin:/bin"}
    outside = {**own, "PATH": "/usr/bin:/bin"}
    assert told(shell, environment, own, "activate", "deactivate") == [inside, outside]


def test_scripts_of_another_make_stay_as_they_are(environment: Path) -> None:
    for name in ("activate", "activate.csh"):
        (environment / "bin" / name).write_text("# of another make\n")
    (environment / "bin" / "activate.fish").unlink()
    cuda_activation.extend(str(environment / "bin"), f"{HOME}/bin", HOME)
    assert (environment / "bin" / "activate").read_text() == "# of another make\n"
    assert not (environment / "bin" / "activate.fish").exists()
