# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of troubles against what programs really print: each output has exactly one cause, and an unknown one has none.

outputs/provoked/ holds what programs printed on test hosts on which the trouble was provoked (`script/test molecule diagnosis`
provokes them again); outputs/captured/ holds what others published, with its source in the first line.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import catalog, enumerations, matcher

from script import render_variables
from tests.support.provocations import PROVOCATIONS

ROOT = Path(__file__).resolve().parents[4]
DATA = Path(__file__).with_name("outputs")
RECORDED = sorted(DATA.glob("*/*.txt"))
ROWS = {row.id: row for row in catalog.ROWS}
# Commands that a remedy may name.
COMMANDS = {
    "2to3",
    "ansible-galaxy",
    "ansible-playbook",
    "apt-cache",
    "apt-file",
    "apt-get",
    "apt-mark",
    "bazel",
    "cat",
    "cd",
    "chmod",
    "chown",
    "conda",
    "curl",
    "df",
    "dkms",
    "dmesg",
    "docker",
    "dpkg",
    "env",
    "export",
    "file",
    "free",
    "fsck",
    "fuser",
    "getent",
    "git",
    "grep",
    "huggingface-cli",
    "journalctl",
    "jupyter",
    "ldconfig",
    "ldd",
    "locale",
    "ls",
    "lsattr",
    "lspci",
    "make",
    "modprobe",
    "mokutil",
    "mount",
    "mv",
    "namei",
    "nohup",
    "nvcc",
    "nvidia-container-cli",
    "nvidia-ctk",
    "nvidia-cuda-mps-control",
    "nvidia-smi",
    "nvidia-uninstall",
    "openssl",
    "pip",
    "ptxas",
    "pyenv",
    "python",
    "python3",
    "python3.11",
    "quota",
    "rm",
    "smartctl",
    "source",
    "ss",
    "ssh",
    "ssh-keygen",
    "stat",
    "sudo",
    "sysctl",
    "systemctl",
    "systemd-run",
    "tensorflow-docker",
    "timedatectl",
    "ubuntu-drivers",
    "ulimit",
    "umount",
    "uname",
    "unset",
    "update-ca-certificates",
    "update-initramfs",
    "useradd",
    "usermod",
    "uv",
    "which",
    "wsl",
    "xargs",
    "xvfb-run",
}


# Values of variables and of other settings, names of packages, lines of files.
VALUES = "|".join(
    [
        *(
            "native",
            "auto",
            "virtualenv",
            "apt",
            "wheels",
            r"\.whl",
            "cpu",
            "tensorflow",
            "scikit-learn",
            "proxy_servers",
            "conda-meta/pinned",
        ),
        *(
            "name==1.2",
            "name>=1,<2",
            "import .+",
            "blacklist nouveau",
            "options .+",
            r"tf\.\S+",
            r"git\+ssh://",
            "pci=realloc",
            "__pycache__",
        ),
        *("native.cgroupdriver=cgroupfs", "systemd=true", "tf_upgrade_v2"),
    ]
)
ONE_LINE = yaml.safe_load(Path(__file__).with_name("one_line.yml").read_text(encoding="utf-8"))


def cases() -> list[str]:
    """The outputs of all cases."""
    return [
        case["output"]
        for path in sorted(Path(__file__).with_name("cases").glob("*.yml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


# What the tools print, in short, by the row that explains it.
SHORT = {
    "disk-full": [
        (
            "error: Failed to install: tensorflow\n  Caused by: failed to copy file\n  Caused by: No space left on "
            "device (os error 28)"
        ),
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "[Errno 28] No space left on device: '/opt/.tensorwright/tensorflow/3f9c/constraints.txt'",
    ],
    "quota-exceeded": ["OSError: [Errno 122] Disk quota exceeded: '/home/alice/x'", "cause: os error 122"],
    "certificate-untrusted": [
        (
            "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer "
            "certificate>"
        ),
        "  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer",
    ],
    "proxy-login": [
        (
            "cause: HTTP status client error (407 Proxy Authentication Required) for url "
            "(http://index.example/simple/demo/)"
        ),
        "cause: tunnel error: proxy authorization required",
        (
            "Could not fetch URL http://x/simple/demo/: 407 Client Error: Proxy Authentication Required for url: "
            "http://x - skipping"
        ),
        "<urlopen error Tunnel connection failed: 407 Proxy Authentication Required>",
        "cannot fetch uv.whl from http://index.example/simple: HTTP Error 407: Proxy Authentication Required",
    ],
    "index-denied": [
        (
            "error: No solution found when resolving dependencies\n\nhint: An index (http://x) returned a 403 Forbidden "
            "error."
        ),
        (
            "hint: An index URL (http://x) could not be queried due to a lack of valid authentication credentials (401 "
            "Unauthorized)"
        ),
        "cannot fetch uv.whl from http://index.example/simple: HTTP Error 401: Unauthorized",
        "ERROR: HTTP error 403 while getting x\n403 Client Error: Forbidden for url: https://index.example/x",
    ],
    "name-unresolved": [
        "cause: dns error\n  cause: failed to lookup address information: Name or service not known",
        "<urlopen error [Errno -3] Temporary failure in name resolution>",
    ],
    "hash-mismatch": [
        "error: Failed to download `demo==1.0`\n  cause: Hash mismatch for `demo==1.0`",
        f"http://index.example/x.whl has SHA-256 {'a' * 64}, expected {'b' * 64}",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        (
            "error: Failed to download `demo==1.0`\n  cause: Failed to extract archive: demo-1.0-py3-none-any.whl\n"
            "  cause: Bad uncompressed size (got 00000534, expected 00000053) for file: demo-1.0.dist-info/METADATA"
        ),
        (
            "error: No solution found when resolving dependencies\n  cause: Because demo==1.0 has an invalid package "
            "format and you "
            "require demo==1.0, we can conclude that your requirements are unsatisfiable.\n\nhint: The structure of "
            "`demo` (v1.0) was "
            "invalid:\n  Bad CRC (got 0d441c44, expected 88f73275) for file: demo-1.0.dist-info/METADATA"
        ),
    ],
    "no-such-version": [
        "error: No solution found when resolving dependencies\n  cause: Because only tensorflow-cpu==2.19 is available",
        (
            "ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1.0, 1.1)\n"
            "ERROR: No matching distribution found for x==9"
        ),
        "the package index http://index.example/simple does not offer uv-1.0.whl",
    ],
    "server-overloaded": [
        (
            "error: Request failed after 2 retries in 4.4s\n  cause: HTTP status server error (503 Service Unavailable) "
            "for url (x)"
        ),
        "cause: HTTP status client error (429 Too Many Requests) for url (http://index.example/simple/demo/)",
        (
            "Could not fetch URL http://x/y/: connection error: (Caused by ResponseError('too many 503 error "
            "responses')) - skipping"
        ),
    ],
    "download-truncated": [
        (
            "error: Failed to download `demo`\n  cause: error decoding response body\n  cause: end of file before "
            "message length reached"
        ),
        (
            "pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(5 bytes read, 5 more "
            "expected)')"
        ),
        "http://index.example/x.whl: connection broken after 50 of 100 bytes",
    ],
    "network-broken": [
        "  cause: error sending request for url (http://index.example/simple/demo/)\n  cause: operation timed out",
        "  cause: tcp connect error\n  cause: Connection refused (os error 111)",
        "urllib3.exceptions.ReadTimeoutError: HTTPConnectionPool(host='x', port=80): Read timed out.",
    ],
    "no-execution": ["ImportError: x.so: failed to map segment from shared object"],
    "permission-denied": [
        "[Errno 13] Permission denied: '/opt/.tensorwright'",
        "error: failed to create directory `/opt/x`: Permission denied (os error 13)",
    ],
}
CASES = [
    *((name, output) for name, outputs in SHORT.items() for output in outputs),
    *((path.name.partition(".")[0], path.read_text().partition("\n")[2]) for path in RECORDED),
]


@pytest.mark.parametrize(
    ("name", "output"), CASES, ids=[*(name for name, _ in CASES[: -len(RECORDED)]), *(path.stem for path in RECORDED)]
)
def test_what_tools_print_has_exactly_one_cause(name: str, output: str) -> None:
    assert [row.id for row in matcher.claims(output)] == [name]
    row = ROWS[name]
    (found,) = matcher.findings(output)
    assert matcher.explain(output) == f"{matcher.cause(row, output)}; {found.remedy}"
    assert matcher.transient(output) is row.transient


@pytest.mark.parametrize("name", ONE_LINE)
def test_a_line_is_claimed_by_its_row(name: str) -> None:
    assert [row.id for row in matcher.claims(ONE_LINE[name])][:1] == [name]


def test_every_row_is_tested() -> None:
    listed = {name for name, _ in CASES}
    coded = {entry.row for family in enumerations.FAMILIES for entry in enumerations.entries(family.table)}
    of_cases = {row.id for case in cases() for row in matcher.claims(case)}
    assert set(ROWS) == (listed | coded | of_cases | set(ONE_LINE)) - {"-"}


def test_a_recorded_output_says_where_it_is_from() -> None:
    assert RECORDED
    for path in RECORDED:
        assert re.match(r"# \S.*\n", path.read_text()), path.name


def test_what_is_recorded_as_provoked_is_provoked() -> None:
    """Only what the scenario provokes at each of its runs counts as provoked."""
    recorded = {path.stem.rpartition("-")[0] for path in DATA.glob("provoked/*.txt")}
    assert recorded == {one.name for one in PROVOCATIONS}


# The guides' table of common problems, https://www.tensorflow.org/install/errors, but for those of Windows and macOS alone; and what of
# it is no failure.
GUIDES = [
    (
        "ImportError: libcudart.so.8.0: cannot open shared object file:\n  No such file or directory",
        "cuda-library-missing",
    ),
    ("ImportError: libcudnn.5: cannot open shared object file:\n  No such file or directory", "cudnn-missing"),
    ("A\n  protocol message was rejected because it was too big (more than 67108864 bytes).", "protobuf-too-big"),
    ("you should\n  not try to import tensorflow from its source directory; please exit the", "source-tree"),
    ("IOError: [Errno 2] No such file or directory:\n  '/tmp/pip-o6Tpui-build/setup.py'", "setup-py-missing"),
    (
        "from google.protobuf import descriptor as _descriptor\n  ImportError: cannot import name 'descriptor'",
        "descriptor-missing",
    ),
    ("SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify\n  failed", "certificate-untrusted"),
    (
        "[Errno 1] Operation not permitted:\n  '/tmp/pip-a1DXRT-uninstall/.../lib/python/_markerlib'",
        "package-of-the-system",
    ),
    ("ERROR: Could not install packages due to an OSError: [Errno 1] Operation not permitted", "package-of-the-system"),
    ("ImportError: No module named copyreg", "six-old"),
    ("TypeError: __init__() got an unexpected keyword argument 'syntax'", "protobuf-old"),
    ('No module named "pywrap_tensorflow"', "compiled-part-missing"),
    ("ImportError: cannot import name pywrap_tensorflow", "compiled-part-missing"),
    ("ModuleNotFoundError: No module named 'tensorflow.python._pywrap_tensorflow_internal'", "compiled-part-missing"),
    ("Could not find a version that satisfies the requirement tensorflow (from versions: )", "no-wheel"),
    ("undefined reference to `cublasGemmEx@libcublas.so.9.0'", "cuda-library-missing"),
    (
        "The TensorFlow library wasn't compiled to use SSE4.1 instructions, but these are available on\n  your machine",
        None,
    ),
]


@pytest.mark.parametrize(("output", "name"), GUIDES)
def test_the_guides_common_problems(output: str, name: str | None) -> None:
    assert [row.id for row in matcher.claims(output)] == ([name] if name else [])


# --- the rows themselves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", catalog.ROWS, ids=lambda row: row.id)
def test_a_row_reads_as_one_sentence(row: catalog.Row) -> None:
    assert row.part in catalog.PARTS
    for signature in (*row.signatures, row.quote):
        assert re.compile(signature)
    for text in (row.cause, row.remedy):
        assert text == text.strip()
        assert text[-1] not in ".;"
        assert "\n" not in text


def test_rows_have_names_of_their_own() -> None:
    assert len(ROWS) == len(catalog.ROWS)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ROWS)


@pytest.mark.parametrize("row", catalog.ROWS, ids=lambda row: row.id)
def test_a_remedy_is_something_to_type_or_to_set(row: catalog.Row) -> None:
    variables = {name for one in render_variables.read(ROOT).values() for name in one["options"]}
    typed = re.findall(r"`([^`]+)`", row.remedy)
    assert typed
    for text in typed:
        word = re.split(r"[ :=]", text)[0]
        known = word in variables | COMMANDS or word.startswith("ansible_") or (ROOT / word).exists()
        assert known or re.fullmatch(rf"[/~.%]\S.*|--?\S+( .+)?|[A-Z0-9_]+=.+|{VALUES}", text), text


@pytest.mark.parametrize("row", catalog.ROWS, ids=lambda row: row.id)
def test_a_reference_is_an_address_or_a_place_in_the_documents(row: catalog.Row) -> None:
    page, _, anchor = row.reference.partition("#")
    if page.startswith("https://"):
        return
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    assert not anchor or anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("row", catalog.ROWS, ids=lambda row: row.id)
def test_rows_stand_behind_others_in_no_circle(row: catalog.Row) -> None:
    ahead = list(row.behind)
    seen: set[str] = set()
    while ahead:
        name = ahead.pop()
        assert name != row.id
        if name not in seen:
            seen.add(name)
            ahead.extend(ROWS[name].behind)


@pytest.mark.parametrize("row", catalog.ROWS, ids=lambda row: row.id)
def test_what_we_say_is_not_taken_for_another_s_words(row: catalog.Row) -> None:
    assert {one.id for one in matcher.claims(f"{row.cause}; {row.remedy}")} <= {row.id}


# --- naming who is concerned ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            (
                "ERROR: Cannot install demo-a and demo-b because these package versions have conflicting "
                "dependencies.\n"
                "The conflict is caused by:\n    demo-a 1.0 depends on demo-c==1.0\n    demo-b 1.0 depends on "
                "demo-c==2.0\n"
            ),
            "(demo-a 1.0 depends on demo-c==1.0; demo-b 1.0 depends on demo-c==2.0)",
        ),
        (
            (
                "  × No solution found when resolving dependencies:\n  ╰─▶ Because demo-a==1.0 depends on "
                "demo-c==1.0 and demo-b==1.0\n"
                "      depends on demo-c==2.0, we can conclude that demo-a==1.0 and demo-b==1.0 are incompatible.\n"
            ),
            "(demo-a==1.0 depends on demo-c==1.0 and demo-b==1.0 depends on demo-c==2.0)",
        ),
        ("ImportError: libcudart.so.9.0: cannot open shared object file: No such file", "(libcudart.so.9.0)"),
        (
            (
                "The following packages have unmet dependencies:\n demo-a : Depends: demo-c (= 1.0) but 2.0 is to be "
                "installed\n"
                "E: Unable to correct problems, you have held broken packages.\n"
            ),
            "(demo-a : Depends: demo-c (= 1.0) but 2.0 is to be installed)",
        ),
    ],
)
def test_who_is_concerned_is_named(output: str, said: str) -> None:
    assert said in matcher.explain(output)


# --- what is unknown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        "Prepared 2 packages\n + async-timeout==5.0.1\n + requests-timeout==1.0\nerror: strange",
        (
            "Collecting tensorflow\n  Downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl (620.4 "
            "MB)\nInstalling packages"
        ),
        "RuntimeError: something that nobody has seen",
        "demo.service: a timeout was exceeded.",
        (
            "Reading package lists...\nBuilding dependency tree...\n0 upgraded, 0 newly installed, 0 to remove and 0 not "
            "upgraded."
        ),
        (
            "2026-01-01 I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to "
            "use available CPU "
            "instructions in performance-critical operations.\nTo enable the following instructions: AVX2 FMA, in "
            "others, rebuild "
            "TensorFlow with the appropriate compiler flags."
        ),
        "TF-TRT Warning: Could not find TensorRT",
        "",
    ],
)
def test_what_no_row_knows_has_no_cause(output: str) -> None:
    assert matcher.claims(output) == []
    assert matcher.explain(output) == ""
    assert not matcher.transient(output)


def test_what_no_row_knows_is_shown_by_its_last_words() -> None:
    assert (
        matcher.unknown("one\ntwo\n\n  three  \nfour\n")
        == "an unknown failure, whose last words were: two / three / four"
    )
    assert matcher.unknown("\n") == "an unknown failure, whose last words were: (nothing)"


def test_last_words_are_those_that_matter() -> None:
    output = "ERROR: strange thing\n\n[notice] A new release of pip is available\n[notice] To update, run: pip install --upgrade pip\n"
    assert matcher.unknown(output) == "an unknown failure, whose last words were: ERROR: strange thing"
    assert (
        matcher.unknown("WARNING: all there is") == "an unknown failure, whose last words were: WARNING: all there is"
    )


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("see https://bob:pw@index.example/x and http://a@b/", "see https://index.example/x and http://b/"),
        ("https://index.example/a@b", "https://index.example/a@b"),
        ("mail bob@example.org", "mail bob@example.org"),
    ],
)
def test_logins_are_left_out(text: str, without: str) -> None:
    assert matcher.without_logins(text) == without
