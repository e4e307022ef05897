# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.result_table import Result, render

RIGHT = Result(
    host="localhost",
    state="installed",
    seconds=41.26,
    changed=True,
    method="virtualenv",
    device="cpu",
    python="3.11.2",
    tensorflow="2.21.0",
    session="Hello, TensorFlow!",
    activate="source ~/tensorflow/bin/activate",
)
SECOND_RUN = replace(RIGHT, seconds=1.3, changed=False, proved="2026-11-20T11:02:33Z")


def test_no_host_no_text() -> None:
    assert render([]) == ""


def test_one_host() -> None:
    assert render([RIGHT]) == (
        "host       method      device  Python  TensorFlow  session             seconds\n"
        "localhost  virtualenv  cpu     3.11.2  2.21.0      Hello, TensorFlow!     41.3\n"
        "\n"
        "Activate: source ~/tensorflow/bin/activate\n"
        "\n"
        "1 host: 1 installed; 1 changed."
    )


def test_one_host_again() -> None:
    assert render([SECOND_RUN]) == (
        "host       method      device  Python  TensorFlow  session           seconds\n"
        "localhost  virtualenv  cpu     3.11.2  2.21.0      2026-11-20 11:02      1.3\n"
        "\n"
        "A date (UTC): when this release last printed Hello, TensorFlow!\n"
        "\n"
        "Activate: source ~/tensorflow/bin/activate\n"
        "\n"
        "1 host: 1 installed; none changed."
    )


def test_check_mode() -> None:
    planned = replace(RIGHT, state="planned", session="", seconds=1.0, notes=["TensorRT is left out."])
    assert render([planned]) == (
        "host       method      device  Python  TensorFlow  session  seconds\n"
        "localhost  virtualenv  cpu     3.11.2  2.21.0      planned      1.0\n"
        "\n"
        "Note: TensorRT is left out.\n"
        "\n"
        "Activate: source ~/tensorflow/bin/activate\n"
        "\n"
        "1 host: 1 planned; 1 would change."
    )


def test_a_fleet_of_five() -> None:
    shared = replace(RIGHT, activate="source /opt/tensorflow/bin/activate")
    hosts = [
        replace(shared, host="web10", notes=["It uses the CPU: no GPU was found."]),
        replace(shared, host="web2", notes=["It uses the CPU: no GPU was found."]),
        replace(
            shared,
            host="gpu1",
            method="native",
            device="gpu",
            activate="",
            proved="2026-11-19T08:00:00Z",
            changed=False,
        ),
        Result("old", "refused", 0.4, problems=["old: tensorflow_version is 9.9; accepted: 2.0 to 2.21."]),
        Result("gone", "unreachable", 10.0, problems=["No route to host"]),
    ]
    assert render(hosts) == (
        "host   method      device  Python  TensorFlow  session             seconds\n"
        "gone   -           -       -       -           unreachable            10.0\n"
        "gpu1   native      gpu     3.11.2  2.21.0      2026-11-19 08:00       41.3\n"
        "old    -           -       -       -           refused                 0.4\n"
        "web2   virtualenv  cpu     3.11.2  2.21.0      Hello, TensorFlow!     41.3\n"
        "web10  virtualenv  cpu     3.11.2  2.21.0      Hello, TensorFlow!     41.3\n"
        "\n"
        "A date (UTC): when this release last printed Hello, TensorFlow!\n"
        "\n"
        "gone: No route to host\n"
        "old: tensorflow_version is 9.9; accepted: 2.0 to 2.21.\n"
        "\n"
        "Note, web2, web10: It uses the CPU: no GPU was found.\n"
        "\n"
        "Activate, web2, web10: source /opt/tensorflow/bin/activate\n"
        "\n"
        "5 hosts: 3 installed, 1 refused, 1 unreachable; 2 changed."
    )


def test_five_hundred_hosts_are_a_few_rows() -> None:
    web = [replace(RIGHT, host=f"web{number:03}", seconds=number / 10) for number in range(1, 401)]
    again = [
        replace(SECOND_RUN, host=f"lab{number:02}", proved=f"2026-11-20T10:{number % 60:02}:00Z", method="native")
        for number in range(1, 81)
    ]
    bad = [Result(f"x{number}", "refused", 0.5, problems=[f"x{number}: No AVX."]) for number in range(1, 21)]
    assert render(web + again + bad) == (
        "host                       method      device  Python  TensorFlow  session             seconds\n"
        "lab01…lab80 (80 hosts)     native      cpu     3.11.2  2.21.0      2026-11-20 10:00        1.3\n"
        "web001…web400 (400 hosts)  virtualenv  cpu     3.11.2  2.21.0      Hello, TensorFlow!     40.0\n"
        "x1…x20 (20 hosts)          -           -       -       -           refused                 0.5\n"
        "\n"
        "A date (UTC): when this release last printed Hello, TensorFlow!\n"
        "\n"
        "20 hosts (x1, x2, x3, …): No AVX.\n"
        "\n"
        "Activate, 480 hosts (lab01, lab02, lab03, …): source ~/tensorflow/bin/activate\n"
        "\n"
        "500 hosts: 480 installed, 20 refused; 400 changed."
    )


def test_forty_hosts_keep_their_rows_and_forty_one_share() -> None:
    hosts = [replace(RIGHT, host=f"web{number}") for number in range(41)]
    assert len(render(hosts[:40]).split("\n\n")[0].splitlines()) == 41
    assert render(hosts).splitlines()[1].startswith("web0…web40 (41 hosts)  virtualenv")


def test_hosts_whose_rows_differ_stay_apart_among_many() -> None:
    hosts = [replace(RIGHT, host=f"web{number}") for number in range(50)]
    hosts[7] = replace(hosts[7], tensorflow="2.20.0")
    assert [line.split()[0] for line in render(hosts).split("\n\n")[0].splitlines()] == ["host", "web0…web49", "web7"]


def test_usual_names_fit_eighty_columns() -> None:
    table = render([replace(RIGHT, host="gpu-server1"), replace(SECOND_RUN, host="web01")]).split("\n\n")[0]
    assert max(map(len, table.splitlines())) <= 80


def test_removed_and_rolled_back() -> None:
    rows = render(
        [replace(RIGHT, host="a", state="removed", activate=""), replace(RIGHT, host="b", state="rolled back")]
    ).splitlines()
    assert rows[1].split()[-2:] == ["removed", "41.3"]
    assert "Hello, TensorFlow!" in rows[2]
    assert rows[-1] == "2 hosts: 1 removed, 1 rolled back; 2 changed."
