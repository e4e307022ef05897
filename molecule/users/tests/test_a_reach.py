"""How users reach the environments of a server: the command, modules, notebooks, cron and units, and what they have of their own."""

from shlex import quote

from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION

MINE = "/home/alice/mine"
PREFIX = "import os, sys; print(os.environ['PATH'], sys.prefix)"
ENVIRONMENT = "/opt/tensorflow/bin"
# Runs a notebook as JupyterHub and nbconvert do, by the kernel's name.
NOTEBOOK = """
import sys
import nbformat
from nbclient import NotebookClient
cells = [nbformat.v4.new_code_cell(cell) for cell in sys.argv[1:]]
made = NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="tensorflow", timeout=300).execute()
for cell in made.cells:
    print("".join(output["text"] for output in cell.outputs if output.get("name") == "stdout"), end="")
"""


# Two jobs of cron: how they find Python, and which GPUs they see. They are waited for later, by those who ask.
JOBS = """* * * * * /usr/local/bin/tensorflow-env run -- python job.py >>job.out
* * * * * (echo $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER $TF_FORCE_GPU_ALLOW_GROWTH) >>gpus.out
"""


def shell(login: Login, script: str) -> str:
    """Return what a login shell prints."""
    return str(login.check_output("bash -lc %s", script))


def written(login: Login, file: str) -> str:
    """Return what a file says, as soon as somebody has written it."""
    return str(
        login.check_output(
            "for i in $(seq 90); do [ -s %s ] && head -n 1 %s && exit; sleep 1; done; exit 1", file, file
        )
    )


def test_a_virtualenv_of_ones_own_is_small_and_made_at_once(alice: Login) -> None:
    made, seconds = shell(alice, "TIMEFORMAT=%R; { time tensorflow-env create ~/mine; } 2>&1").splitlines()
    assert made == f"source {MINE}/bin/activate"
    assert float(seconds) < 1
    assert int(alice.check_output("du -sk %s", MINE).split()[0]) < 1000
    assert shell(alice, f"{made}; python -c {quote(SESSION)}") == GREETING
    alice.check_output("%s/bin/pip install --quiet nbclient", MINE)


def test_cron_takes_jobs(alice: Login) -> None:
    alice.check_output("printf %%s %s >job.py; printf %%s %s | crontab -", PREFIX, JOBS)


def test_the_list_tells_what_there_is_and_whose_it_is(alice: Login, bob: Login) -> None:
    lines = {
        line.split()[1 if line.startswith("*") else 0]: line
        for line in shell(alice, "tensorflow-env list").splitlines()
    }
    assert set(lines) == {"NAME", "tensorflow", "vision", "mine"}
    assert "2.20.0" in lines["tensorflow"]
    assert lines["tensorflow"].endswith("shared")
    assert lines["vision"].endswith("group vision, and so yours, on /opt/tensorflow")
    assert lines["mine"].endswith("yours, on /opt/tensorflow")
    active = shell(alice, f"source {MINE}/bin/activate; tensorflow-env list")
    assert [line.split()[1] for line in active.splitlines() if line.startswith("*")] == ["mine"]
    others = shell(bob, "tensorflow-env list")
    assert MINE not in others
    assert "group vision, on" in others
    alice.check_output("tensorflow-env create ~/gone; rm -r ~/gone")
    assert "gone" not in shell(alice, "tensorflow-env list")


def test_modules_load_and_unload(alice: Login) -> None:
    assert "tensorflow/2.20" in shell(alice, "module avail 2>&1")
    before, loaded, after = shell(
        alice, "echo $PATH; module load tensorflow/2.20; command -v python; module unload tensorflow; echo $PATH"
    ).splitlines()
    assert loaded == f"{ENVIRONMENT}/python"
    assert before == after
    assert shell(alice, f"module load tensorflow; python -c {quote(SESSION)}") == GREETING


def test_path_and_python_are_the_same_everywhere(alice: Login, root: Login) -> None:
    found = {}
    profile = "tensorwright-users" in alice.check_output("ls /etc/profile.d")
    enter = "true" if profile else "module load tensorflow"
    found["shell"] = shell(alice, f"{enter}; python -c {quote(PREFIX)}")
    found["run"] = alice.check_output("tensorflow-env run -- python -c %s", PREFIX)
    found["unit"] = root.check_output(
        "systemd-run --quiet --pipe --wait --uid alice /usr/local/bin/tensorflow-env run -- python -c %s", PREFIX
    )
    alice.check_output("printf %%s %s >~/notebook.py", NOTEBOOK)
    found["notebook"] = alice.check_output("~/mine/bin/python ~/notebook.py %s", PREFIX)
    found["cron"] = written(alice, "job.out")
    path, prefix = found["run"].split()
    assert path.startswith(f"{ENVIRONMENT}:/")
    assert prefix.startswith("/opt/.tensorwright/tensorflow/")
    assert found == dict.fromkeys(found, f"{path} {prefix}")


def test_a_notebook_says_hello(alice: Login) -> None:
    assert alice.check_output("~/mine/bin/python ~/notebook.py %s", SESSION.strip()) == GREETING


def test_what_cannot_be_is_told_in_one_sentence(alice: Login) -> None:
    for arguments, said in (
        ("create ~/mine", "/home/alice/mine is there already; choose another path"),
        ("create -e other ~/new", "there is no environment other; there is tensorflow"),
        ("run -- nothing-of-that-name", "there is no command nothing-of-that-name"),
        ("create --group nobodies ~/new", "there is no group nobodies on this host"),
    ):
        refused = alice.run(f"tensorflow-env {arguments}")
        assert refused.rc != 0
        assert refused.stderr == f"tensorflow-env: {said}\n"
