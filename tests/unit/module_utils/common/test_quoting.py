# SPDX-License-Identifier: GPL-3.0-or-later
"""A value stays one value, whatever is in it, for the program that reads the file."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.tensorwright.fleet.plugins.module_utils.common import quoting
from ansible_collections.tensorwright.fleet.plugins.module_utils.docker import services as docker_services
from ansible_collections.tensorwright.fleet.plugins.module_utils.users import access_files
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.model import blank
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles.tensorflow_users import add
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import role_variables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.request import RefusedError, _path

ROLES = Path(__file__).resolve().parents[4] / "roles"
# What could end a value, be run, or be filled in, in one syntax or the other; {0} is what must not be made.
HOSTILE = [
    "/opt/$(touch {0})",
    "/opt/`touch {0}`",
    '/opt/a"; touch {0}; echo "',
    "/opt/a'; touch {0}; echo '",
    "/opt/$HOME/${{PATH}}",
    "/opt/[exec touch {0}]",
    "/opt/a}}; exec touch {0}; list {{",
    "/opt/a{{b",
    "/opt/back\\slash\\",
    "/opt/100%h %n",
    "/opt/a*?[b]",
    "/opt/a b\tc#d;e&f|g<h>!~",
]


def environment(path: str) -> list[access_files.Environment]:
    plan = {
        "path": {"absolute": path},
        "method": "virtualenv",
        "tensorflow": {"version": "2.21.0"},
        "python": {"version": "3.11", "path": "/usr/bin/python3.11"},
        "device": "cpu",
    }
    return access_files.read([plan])


@pytest.fixture(params=HOSTILE)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.param).format(tmp_path / "made")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_login_shell_has_the_path_as_it_is(shell: str, path: str, tmp_path: Path) -> None:
    ((text, _mode),) = access_files.profile(environment(path)).values()
    script = f'id() {{ echo 1000; }}; HOME=/h; PATH=/usr/bin:/bin; {text}{text}printf %s "$PATH"'
    done = subprocess.run(["/usr/bin/env", shell, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}/bin:/usr/bin:/bin"  # once, although it was read twice
    assert not (tmp_path / "made").exists()


def tcl_words(text: str) -> list[list[str]]:
    """The commands of a script in words, as Tcl's parser has them: braces as they are, backslashes taken away elsewhere."""
    commands: list[list[str]] = []
    for line in text.splitlines():
        words, position = [], 0
        while not line.startswith("#") and position < len(line):
            if line[position] in " \t":
                position += 1
                continue
            start, depth, word = position, 0, ""
            while position < len(line):
                letter = line[position]
                if letter == "\\":
                    assert position + 1 < len(line), f"it goes on in the next line: {line}"
                    word += "\t" if line[position + 1] == "t" and depth == 0 else line[position + 1]
                    position += 2
                    continue
                if line[start] == "{":
                    depth += {"{": 1, "}": -1}.get(letter, 0)
                    position += 1
                    if depth == 0:
                        break
                    word += letter
                    continue
                if letter in " \t":
                    break
                assert letter not in '$[]"{};', f"{letter} means something: {line}"
                word += letter
                position += 1
            words.append(line[start + 1 : position - 1] if line[start] == "{" else word)
        commands.append(words)
    return [command for command in commands if command]


def test_a_modulefile_has_the_path_as_it_is(path: str) -> None:
    files = access_files.modulefiles(environment(path), ["/etc/lmod/modules"])
    text = files["/etc/lmod/modules/tensorflow/2.21"][0]
    about = f"TensorFlow 2.21.0 on Python 3.11 (cpu), {path}"
    commands = tcl_words(text)
    assert [command[0] for command in commands] == ["proc", "module-whatis", "conflict", "prepend-path"]
    assert commands[3] == ["prepend-path", "PATH", f"{path}/bin"]
    assert commands[1] == ["module-whatis", about]
    assert tcl_words(commands[0][3]) == [["puts", "stderr", about]]


@pytest.mark.skipif(not shutil.which("tclsh"), reason="there is no Tcl here")
def test_tcl_itself_reads_it_so(path: str, tmp_path: Path) -> None:
    text = access_files.modulefiles(environment(path), ["/m"])["/m/tensorflow/2.21"][0]
    script = tmp_path / "script"
    head = "proc module-whatis {a} {}\nproc conflict {a} {}\nproc prepend-path {a b} {puts -nonewline $b}\n"
    script.write_text(head + text + "ModulesHelp\n")
    done = subprocess.run(["tclsh", str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}/bin"
    assert done.stderr == f"TensorFlow 2.21.0 on Python 3.11 (cpu), {path}\n"
    assert not (tmp_path / "made").exists()


def test_a_kernel_has_the_path_as_it_is(path: str) -> None:
    ((text, _mode),) = access_files.kernels(environment(path)).values()
    assert json.loads(text)["argv"][3] == path


def test_a_unit_has_the_directory_as_it_is(path: str) -> None:
    service = docker_services.Service("tensorboard", "alice", 1000, 6006, "127.0.0.1", path, True)
    lines = dict(line.split("=", 1) for line in docker_services.render(service).splitlines() if "=" in line)
    assert lines["WorkingDirectory"].replace("%%", "%") == path
    assert not re.search(r"(?<!%)(?:%%)*%(?!%)", lines["ExecStart"])
    command = lines["ExecStart"].replace("%%", "%").replace("$$", "\0")  # systemd fills in nothing that is doubled
    assert "$" not in command
    assert shlex.split(command.replace("`", "\1"))[-1].replace("\0", "$").replace("\1", "`") == path


def rendered(role: str, template: str, **variables: Any) -> str:
    text = (ROLES / role / "templates" / template).read_text()
    templar = Templar(loader=DataLoader(), variables={"ansible_managed": "managed", **variables})
    return str(templar.template(trust_as_template(text)))


URL = 'http://user:a"b$(touch x)`touch x`\\c%20d@proxy.example.org:3128'


def test_apt_s_settings_have_one_value_in_their_quotes() -> None:
    text = rendered(
        *("ca_certificates", "apt.conf.j2"),
        ca_certificates_apt_proxy="",
        ca_certificates_http_proxy=URL,
        ca_certificates_https_proxy='http://p";APT::Update::Pre-Invoke {"touch x";};//',
    )
    values = [line for line in text.splitlines() if line.startswith("Acquire")]
    assert [line.count('"') for line in values] == [2, 2]
    assert values[0] == f'Acquire::http::Proxy "{URL.replace(chr(34), "%22")}";'


@pytest.mark.skipif(not shutil.which("apt-config"), reason="there is no apt here")
def test_apt_itself_reads_them_so(tmp_path: Path) -> None:
    file = tmp_path / "apt.conf"
    file.write_text(
        rendered(
            *("ca_certificates", "apt.conf.j2"),
            ca_certificates_apt_proxy="",
            ca_certificates_http_proxy=URL,
            ca_certificates_https_proxy='http://p";APT::Update::Pre-Invoke {"touch x";};//',
        )
    )
    shown = subprocess.check_output(["apt-config", "-c", str(file), "dump", "--format", "%F=%v%n"], text=True)
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    assert values["Acquire::http::Proxy"] == URL.replace('"', "%22")
    assert "Pre-Invoke" in values["Acquire::https::Proxy"]
    assert not any(name.startswith("APT::Update::Pre-Invoke") for name in values)


def test_the_shell_s_settings_have_the_proxy_as_it_is(tmp_path: Path) -> None:
    text = rendered(
        *("ca_certificates", "profile.sh.j2"),
        ca_certificates_files=[],
        ca_certificates_http_proxy=URL,
        ca_certificates_https_proxy="",
        ca_certificates_no_proxy="",
    )
    shown = subprocess.check_output(["sh", "-c", f'{text}\nprintf %s "$http_proxy"'], text=True, cwd=tmp_path)
    assert shown == URL
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("http://proxy.example.org:3128/", "HTTP_PROXY=http://proxy.example.org:3128/"),
        ("localhost,.example.org,10.0.0.0/8,*", "HTTP_PROXY=localhost,.example.org,10.0.0.0/8,*"),
        ('a"b$c`d\\e f#', 'HTTP_PROXY="a\\"b$c`d\\\\e f#"'),
    ],
)
def test_the_engine_s_environment_has_the_proxy_as_it_is(value: str, line: str) -> None:
    assert rendered("docker", "proxy.env.j2", __docker_proxies={"HTTP_PROXY": value}).splitlines()[1:] == [line]


@pytest.mark.parametrize("given", ["/opt/a\nb", "/opt/a\tb", "/opt/a\x1bb", "/opt/a:b", "/opt/a\u202eb", "/opt/a\rb"])
def test_a_path_that_no_file_can_hold_is_refused(given: str) -> None:
    with pytest.raises(RefusedError):
        _path(given)
    plan = blank()
    plan["path"]["absolute"] = "/opt/tensorflow"
    add(plan, {"become": True}, {"tensorflow_users_groups": [{"name": "vision", "path": given}]})
    assert any("vision" in one["message"] and "colons" in one["accepted"] for one in plan["problems"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ca_certificates_http_proxy", 'http://p/";\nAPT::Update::Pre-Invoke {"touch /x";};'),
        ("tensorflow_pip_index_url", "https://a.test/simple\ntrusted-host = b.test"),
        ("docker_settings", {"proxies": {"http-proxy": "http://p\r"}}),
        ("tensorflow_pip_extra_index_urls", ["https://a.test/\x00"]),
    ],
)
def test_a_value_of_two_lines_is_refused(name: str, value: Any) -> None:
    (problem,) = role_variables.problems({name: value})
    assert problem["message"].startswith(f"{name} has ")
    assert problem["accepted"] == "texts of one line"
    assert problem["message"].isprintable()


def test_what_shells_quote_is_one_word() -> None:
    for text in ("", "a b", '"', "\\", "$(x)", "`x`"):
        assert shlex.split(quoting.shell(text).replace("\\$", "$").replace("\\`", "`")) == [text]
