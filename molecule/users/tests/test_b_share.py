"""What members of a group share, what others cannot do there, what is put right, and who sees which GPU."""

from collections.abc import Callable

import pytest
from testinfra.host import Host as Login

from tests.support.runs import GREETING, SESSION, Run

SHOW = "echo $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER $TF_FORCE_GPU_ALLOW_GROWTH"
ORDER = "PCI_BUS_ID true"


@pytest.fixture
def carol(login: Callable[[str], Login]) -> Login:
    """A member of both groups, with a row of her own."""
    return login("carol")


@pytest.fixture
def dora(login: Callable[[str], Login]) -> Login:
    """A member of both groups."""
    return login("dora")


@pytest.mark.parametrize("pip", ["pip", "python -m pip"])
def test_members_install_and_replace_each_others_packages(alice: Login, carol: Login, bob: Login, pip: str) -> None:
    alice.check_output(f"umask 077; /opt/vision/bin/{pip} install --quiet tabulate==0.9.0")
    assert carol.check_output("/opt/vision/bin/python -c 'import tabulate; print(tabulate.__version__)'") == "0.9.0"
    carol.check_output(f"umask 022; /opt/vision/bin/{pip} install --quiet --upgrade --force-reinstall tabulate==0.8.10")
    alice.check_output(f"/opt/vision/bin/{pip} uninstall --quiet --yes tabulate")
    alice.check_output(f"/opt/vision/bin/{pip} install --quiet tabulate")
    assert bob.check_output("/opt/vision/bin/python -c %s", SESSION) == GREETING
    assert bob.run(f"/opt/vision/bin/{pip} install --quiet colorama").rc != 0
    assert bob.run("touch /opt/vision/lib/mine").rc != 0
    assert bob.run("rm /opt/vision/bin/python").rc != 0
    assert bob.run("/opt/tensorflow/bin/python -c 'import tabulate'").rc != 0
    found = alice.check_output(
        "find /opt/vision ! -type l '(' ! -group vision -o -type d ! -perm -2770 -o -perm /o+w ')'"
    )
    assert found == ""


def test_a_run_after_that_changes_nothing(play: Callable[..., Run]) -> None:
    play("site.yml").changed_nothing()


BROKEN = {
    "chmod -R a+w {release}/lib/python3*/site-packages/absl": "others than its owner may write",
    "chmod -R go-rx {release}/lib/python3*/site-packages/numpy": "not all users may read",
    "chmod -R g-w /opt/vision/lib": "not all of group vision may read and write",
    "chmod o+w /opt/vision/bin": "others than group vision may write /opt/vision/bin",
}


def test_permissions_broken_by_hand_are_told_and_mended(
    root: Login, alice: Login, bob: Login, play: Callable[..., Run]
) -> None:
    release = root.check_output("readlink -f /opt/tensorflow")
    for command in BROKEN:
        root.check_output("sh -c %s", command.format(release=release))
    found = play("playbooks/validate.yml")
    assert found.status != 0
    mended = play("site.yml").succeeded()
    assert any(mended.changed().values())
    for said in BROKEN.values():
        assert said in found.output
        assert said in mended.output
    play("site.yml").changed_nothing()
    assert root.check_output("readlink -f /opt/tensorflow") == release, "nothing is built for permissions"
    assert root.check_output("find %s ! -type l -perm /go+w", release) == ""
    assert bob.check_output("/opt/tensorflow/bin/python -c %s", SESSION) == GREETING
    alice.check_output("/opt/vision/bin/pip install --quiet --force-reinstall tabulate")


def test_sessions_see_their_gpus(alice: Login, bob: Login, carol: Login, dora: Login, root: Login) -> None:
    assert alice.check_output(SHOW) == f"0,1 {ORDER}"
    assert bob.check_output(SHOW) == f"2,3 {ORDER}"
    assert dora.check_output(SHOW) == f"0,1 {ORDER}", "of two groups, the first row counts"
    assert carol.check_output(SHOW) == f"-1 {ORDER}", "a row of her own stands before her groups'"
    assert root.check_output("su - bob -c %s", SHOW) == f"2,3 {ORDER}"
    assert root.check_output("su alice -c %s", SHOW) == f"0,1 {ORDER}"
    units = alice.check_output("XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user show-environment")
    assert "CUDA_VISIBLE_DEVICES=0,1\n" in units
    wait = "for i in $(seq 90); do [ -s gpus.out ] && head -n 1 gpus.out && exit; sleep 1; done; exit 1"
    assert alice.check_output(wait) == f"0,1 {ORDER}", "from the job of cron that alice has"
    alice.check_output("crontab -r")


def test_a_login_works_without_the_files(root: Login, login: Callable[[str], Login], play: Callable[..., Run]) -> None:
    root.check_output("rm -r /etc/security/tensorwright")
    assert login("alice").check_output("su --version >/dev/null; id -un") == "alice"
    assert root.check_output("su - bob -c %s", SHOW) == ""
    play("site.yml").succeeded()
    assert root.check_output("su - bob -c %s", SHOW) == f"2,3 {ORDER}"
