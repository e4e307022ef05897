"""Which CUDA an environment loads and shows to shells, where apt has installed two of them."""

import base64
import io
import json
import shlex
import tarfile
from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.doubles import gpu_host
from tests.doubles.shared_object import CUDA, shared_object
from tests.hosts import Host, inside
from tests.support.runs import GREETING, Run

HOME, OTHER = "/usr/local/cuda-12.3", "/usr/local/cuda-12.2"
SYSTEM = "/usr/lib/x86_64-linux-gnu"
LIBRARIES = f"{HOME}/lib64:{HOME}/extras/CUPTI/lib64"
SENTENCE = "CUDA libraries load; no GPU on this host"
CUDNN = ["libcudnn.so.8", "libcudnn_ops_infer.so.8"]
SONAMES = sorted(
    [name for name in CUDA if not name.startswith(("libcudnn", "libnccl", "libnvblas", "libcufftw"))] + CUDNN
)
LOADS = f"""
import ctypes, json, tensorflow
for name in {SONAMES}:
    ctypes.CDLL(name)
paths = {{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}}
print(json.dumps(sorted(path for path in paths if path.rpartition("/")[2] in {SONAMES})))
"""
# Shell → how it sources a script and sets a variable.
SHELLS = {
    "bash": ("source {}/activate", "export {}={}"),
    "dash": (". {}/activate", "export {}={}"),
    "zsh": ("source {}/activate", "export {}={}"),
    "tcsh": ("source {}/activate.csh", "setenv {} {}"),
    "fish": ("source {}/activate.fish", "set -gx {} {}"),
}


def put(host: Host, directories: dict[str, list[str]]) -> None:
    """Put libraries without code in the place of the stand-in packages' files, which the loader would not take."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for directory, names in directories.items():
            for soname in names:
                content = shared_object(soname, CUDA.get(soname, ()))
                member = tarfile.TarInfo(f"{directory}/{soname}".lstrip("/"))
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    inside(host, "base64 -d | tar -x --keep-directory-symlink -C /", base64.b64encode(out.getvalue()).decode())


def show(login: Login, shell: str, *steps: str) -> list[dict[str, str]]:
    """Return CUDA's variables and PATH after each step in a user's shell."""
    printing = "/usr/bin/env | /bin/grep -E '^(CUDA_HOME|LD_LIBRARY_PATH|PATH)='; /bin/echo --"
    lines = "\n".join(f"{step}\n{printing}" for step in steps)
    clean = "env -i HOME=$HOME TERM=dumb PATH=/usr/bin:/bin"
    ran = login.run("bash -c %s", f"{clean} {shell} -c {shlex.quote(lines)}")
    assert (ran.rc, ran.stderr) == (0, "")
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in ran.stdout.split("--\n")[:-1]]


@pytest.fixture(scope="session")
def installed(machine: Host, root: Login, play: Callable[..., Run]) -> Run:
    """The environment's first run, on a host that got a second CUDA before and was started again."""
    inside(machine, gpu_host.load_driver("580.95.05"))
    play("playbooks/nvidia.yml", tensorflow_version="2.15.1").succeeded()
    play("playbooks/nvidia.yml").succeeded()
    toolkit = [name for name in SONAMES if name not in (*CUDNN, "libcupti.so.12")]
    places = {
        f"{home}/{sub}": names
        for home in (HOME, OTHER)
        for sub, names in {"targets/x86_64-linux/lib": toolkit, "extras/CUPTI/lib64": ["libcupti.so.12"]}.items()
    }
    put(machine, {**places, SYSTEM: CUDNN, "/opt/hostile": SONAMES})
    root.check_output("apt-get install --yes --no-install-recommends tcsh fish zsh")
    return play("site.yml").succeeded()


def loaded(login: Login, library_path: str) -> list[str]:
    """Return the CUDA libraries of a user's process that has imported TensorFlow."""
    command = f"LD_LIBRARY_PATH={library_path} /opt/tensorflow/bin/python -c {shlex.quote(LOADS)}"
    paths: list[str] = json.loads(login.check_output("bash -c %s", command).splitlines()[-1])
    return paths


def test_the_run_says_what_was_proved(installed: Run) -> None:
    assert GREETING in installed.output
    assert f"Note: {SENTENCE}." in installed.output


@pytest.mark.parametrize("library_path", ["", f"{OTHER}/lib64:{OTHER}/extras/CUPTI/lib64", "/opt/hostile"])
def test_tensorflow_has_the_planned_cuda(installed: Run, root: Login, alice: Login, library_path: str) -> None:
    root.check_output(f"update-alternatives --set cuda {OTHER}")
    found = loaded(alice, library_path)
    assert sorted(path.rpartition("/")[2] for path in found) == SONAMES
    for path in found:
        place = f"{HOME}/extras/CUPTI/lib64" if "cupti" in path else f"{HOME}/targets/x86_64-linux/lib"
        assert path.rpartition("/")[0] == (SYSTEM if "cudnn" in path else place)


def test_what_does_that_is_compiled_already(installed: Run, alice: Login) -> None:
    found = alice.check_output("ls /opt/tensorflow/lib/python3*/site-packages/__pycache__/_tensorwright_cuda.*")
    assert found.endswith(".pyc")


def test_xla_is_led_to_the_planned_cuda(installed: Run, alice: Login) -> None:
    script = "import os, shutil, tensorflow; print(os.environ['XLA_FLAGS'], shutil.which('ptxas'))"
    shown = alice.check_output("/opt/tensorflow/bin/python -c %s", script).splitlines()[-1]
    assert shown == f"--xla_gpu_cuda_data_dir={HOME} {HOME}/bin/ptxas"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("own", [{}, {"CUDA_HOME": OTHER, "LD_LIBRARY_PATH": f"{OTHER}/lib64"}], ids=["bare", "own"])
def test_shells_see_it_while_the_environment_is_active(
    installed: Run, alice: Login, shell: str, own: dict[str, str]
) -> None:
    release = alice.check_output("readlink -f /opt/tensorflow")
    source, assignment = SHELLS[shell]
    before = "\n".join(assignment.format(name, value) for name, value in own.items()) or "true"
    first = f"{before}\n{source.format('/opt/tensorflow/bin')}"
    inside_it, after = show(alice, shell, first, "deactivate")
    assert inside_it == {
        "CUDA_HOME": HOME,
        "LD_LIBRARY_PATH": ":".join([LIBRARIES, *([own["LD_LIBRARY_PATH"]] if own else [])]),
        "PATH": f"{release}/bin:{HOME}/bin:/usr/bin:/bin",
    }
    assert after == {"PATH": "/usr/bin:/bin", **own}


def test_a_login_shell_and_the_loader_agree(installed: Run, root: Login, alice: Login) -> None:
    assert alice.check_output("bash -lc 'echo $CUDA_HOME'") == HOME
    root.check_output("ldconfig")
    first = next(line for line in root.check_output("ldconfig -p").splitlines() if "libcublas.so.12 " in line)
    assert first.split()[-1] == f"{HOME}/lib64/libcublas.so.12"


def test_a_second_run_changes_nothing(installed: Run, play: Callable[..., Run]) -> None:
    play("site.yml").changed_nothing()
    assert SENTENCE in play("playbooks/validate.yml").changed_nothing().output


def test_a_library_that_is_gone_is_named_with_the_remedy(installed: Run, root: Login, play: Callable[..., Run]) -> None:
    root.check_output(f"rm {HOME}/lib64/libcufft.so.11")
    failed = play("playbooks/validate.yml")
    assert failed.status != 0
    assert "the CUDA library libcufft.so.11 does not load" in failed.output
    assert f"`dpkg -S {HOME}/lib64/libcufft.so.11` names" in failed.output
