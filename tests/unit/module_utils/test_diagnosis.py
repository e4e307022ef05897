# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils import diagnosis

# What the tools really print, by the row that explains it.
OUTPUTS = {
    "disk full": [
        "error: Failed to install: tensorflow\n  Caused by: failed to copy file\n  Caused by: No space left on device (os error 28)",
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        "[Errno 28] No space left on device: '/opt/.tensorwright/tensorflow/3f9c/constraints.txt'",
    ],
    "quota exceeded": ["OSError: [Errno 122] Disk quota exceeded: '/home/alice/x'", "cause: os error 122"],
    "certificate not trusted": [
        "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate>",
        "  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer",
    ],
    "proxy needs a login": [
        "cause: HTTP status client error (407 Proxy Authentication Required) for url (http://index.example/simple/demo/)",
        "cause: tunnel error: proxy authorization required",
        "Could not fetch URL http://x/simple/demo/: 407 Client Error: Proxy Authentication Required for url: http://x - skipping",
        "<urlopen error Tunnel connection failed: 407 Proxy Authentication Required>",
        "cannot fetch uv.whl from http://index.example/simple: HTTP Error 407: Proxy Authentication Required",
    ],
    "access denied": [
        "error: No solution found when resolving dependencies\n\nhint: An index (http://x) returned a 403 Forbidden error.",
        "hint: An index URL (http://x) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)",
        "cannot fetch uv.whl from http://index.example/simple: HTTP Error 401: Unauthorized",
        "ERROR: HTTP error 403 while getting x\n403 Client Error: Forbidden for url: https://index.example/x",
    ],
    "name not resolved": [
        "cause: dns error\n  cause: failed to lookup address information: Name or service not known",
        "<urlopen error [Errno -3] Temporary failure in name resolution>",
    ],
    "hash mismatch": [
        "error: Failed to download `demo==1.0`\n  cause: Hash mismatch for `demo==1.0`",
        f"http://index.example/x.whl has SHA-256 {'a' * 64}, expected {'b' * 64}",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
    ],
    "no such distribution": [
        "error: No solution found when resolving dependencies\n  cause: Because only tensorflow-cpu==2.19 is available",
        "ERROR: No matching distribution found for tensorflow-cpu==2.99.0",
        "the package index http://index.example/simple does not offer uv-1.0.whl",
    ],
    "network broken": [
        "error: Failed to download `demo`\n  cause: error decoding response body\n  cause: end of file before message length reached",
        "error: Request failed after 2 retries in 4.4s\n  cause: HTTP status server error (503 Service Unavailable) for url (x)",
        "cause: HTTP status client error (429 Too Many Requests) for url (http://index.example/simple/demo/)",
        "  cause: error sending request for url (http://index.example/simple/demo/)\n  cause: operation timed out",
        "  cause: tcp connect error\n  cause: Connection refused (os error 111)",
        "pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(5 bytes read, 5 more expected)')",
        "Could not fetch URL http://x/y/: connection error: (Caused by ResponseError('too many 503 error responses')) - skipping",
        "urllib3.exceptions.ReadTimeoutError: HTTPConnectionPool(host='x', port=80): Read timed out.",
        "http://index.example/x.whl: connection broken after 50 of 100 bytes",
    ],
    "no execution": ["ImportError: x.so: failed to map segment from shared object"],
    "permission denied": [
        "[Errno 13] Permission denied: '/opt/.tensorwright'",
        "error: failed to create directory `/opt/x`: Permission denied (os error 13)",
    ],
}


@pytest.mark.parametrize(
    ("name", "output"), [(name, output) for name, outputs in OUTPUTS.items() for output in outputs]
)
def test_what_tools_print_is_explained(name: str, output: str) -> None:
    row = diagnosis.diagnose(output)
    assert row is not None
    assert row.name == name
    assert diagnosis.explain(output) == f"{row.cause}; {row.remedy}"
    assert diagnosis.transient(output) is row.transient


def test_every_row_is_tested() -> None:
    assert [row.name for row in diagnosis.ROWS] == list(OUTPUTS)


@pytest.mark.parametrize("row", diagnosis.ROWS, ids=lambda row: row.name)
def test_a_row_reads_as_one_sentence(row: diagnosis.Row) -> None:
    assert re.compile(row.signature)
    for text in (row.cause, row.remedy):
        assert text == text.strip()
        assert text[-1] not in ".;"
        assert "\n" not in text


def test_the_name_of_a_package_is_no_cause() -> None:
    assert (
        diagnosis.diagnose("Prepared 2 packages\n + async-timeout==5.0.1\n + requests-timeout==1.0\nerror: strange")
        is None
    )


def test_what_no_row_knows_is_shown_by_its_last_words() -> None:
    output = "one\ntwo\n\n  three  \nfour\n"
    assert diagnosis.explain(output) == ""
    assert not diagnosis.transient(output)
    assert diagnosis.unknown(output) == "an unknown failure, whose last words were: two / three / four"
    assert diagnosis.unknown("\n") == "an unknown failure, whose last words were: (nothing)"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("see https://bob:pw@index.example/x and http://a@b/", "see https://index.example/x and http://b/"),
        ("https://index.example/a@b", "https://index.example/a@b"),
        ("mail bob@example.org", "mail bob@example.org"),
    ],
)
def test_logins_are_left_out(text: str, without: str) -> None:
    assert diagnosis.without_logins(text) == without
