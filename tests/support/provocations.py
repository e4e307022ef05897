# SPDX-License-Identifier: GPL-3.0-or-later
"""How to provoke troubles for real: for each a shell script that a test host runs, and whose output is what users get to see.

Scripts run in a host that tests/doubles/troubled_host.py has prepared, with the addresses of package indexes that fail in each way
(tests/doubles/package_index.py) as `$GOOD`, `$BROKEN`, ….
"""

from __future__ import annotations

from dataclasses import dataclass

BOTH = ("debian12", "debian13")
PIP = "/srv/venv/bin/python -m pip --disable-pip-version-check install --no-cache-dir --retries 1 --timeout 2"
UV = "UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=2 NO_COLOR=1 /srv/uv pip install --no-cache --python /srv/venv/bin/python --system-certs"
# A program of Python's that fetches what its first argument names, trusting only what SSL_CERT_FILE names.
FETCH = "python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=3)'"
BASH = "bash -c"  # sh tells less of how its children end


@dataclass(frozen=True)
class Provocation:
    """A row, what complains, and the script that makes it complain."""

    row: str
    program: str
    script: str
    user: str = "root"
    on: tuple[str, ...] = BOTH
    installed: bool = False  # needs a real TensorFlow at /opt/tensorflow

    @property
    def name(self) -> str:
        """Its name, also of the file in which its output is recorded."""
        return f"{self.row}.{self.program}"


def apt(source: str, *commands: str, options: str = "", path: str = "/srv/apt") -> str:
    """Run commands of apt-get's in a place of its own, with this for its only source."""
    settings = (
        "-o Dir::Etc::sourcelist=/srv/one.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=/srv/lists"
    )
    options = f"-o Acquire::Retries=0 {options}"  # or it would try thrice, and say the same
    lines = [f"apt-get -q {settings} {options} {command}" for command in commands or ("update",)]
    address = source if "[" in source or "://" in source else f"[signed-by=/srv/keys/right.gpg] file:{path}/{source}"
    return "\n".join(
        ["rm -rf /srv/lists; mkdir -p /srv/lists/partial", f'echo "deb {address} ./" >/srv/one.list', *lines]
    )


SOUND = "[signed-by=/srv/keys/right.gpg] file:/srv/apt/sound"
AGAIN = "-y --allow-downgrades"
QUIET = ">/dev/null 2>&1"


def until(condition: str) -> str:
    """Wait until something that was started is there."""
    return f"timeout 20 sh -c 'until {condition}; do sleep 0.1; done'"


def tls(kind: str, command: str) -> str:
    """Run a command while a server with this kind of certificate answers on port 8443."""
    serve = f"openssl s_server -quiet -www -accept 8443 -cert /srv/tls/{kind}.crt -key /srv/tls/{kind}.key {QUIET}"
    return f"{serve} & server=$!\n{until('ss -ltn | grep -q :8443')}\n{command}\nkill $server"


def trusted(kind: str, command: str) -> str:
    """Run a command that trusts such a certificate, so that what is left is the other thing that is wrong with it."""
    return tls(kind, f"export SSL_CERT_FILE=/srv/tls/{kind}.crt PIP_CERT=/srv/tls/{kind}.crt\n{command}")


def holding(path: str, command: str) -> str:
    """Run a command while another program holds a lock as dpkg does."""
    hold = f"import fcntl, time; f = open('{path}', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/srv/held', 'w'); time.sleep(60)"
    return f'rm -f /srv/held; python3 -c "{hold}" & holder=$!\n{until("test -e /srv/held")}\n{command}\nkill $holder'


def loads(library: str) -> str:
    """Load a library as TensorFlow does."""
    return f"""python3 -c 'import ctypes; ctypes.CDLL("{library}")'"""


MACHINE_CODE = """
import ctypes, mmap, platform
page = mmap.mmap(-1, 4096, prot=7)
page.write(b"\\x0f\\x0b" if platform.machine() == "x86_64" else bytes(4))
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
OLD_CODE = """
from google.protobuf import descriptor
descriptor.FieldDescriptor(
    name="x", full_name="x", index=0, number=1, type=9, cpp_type=9, label=1, has_default_value=False, default_value="",
    message_type=None, enum_type=None, containing_type=None, is_extension=False, extension_scope=None)
"""
REAL_INDEX = "/srv/uv pip install --quiet --python /srv/bare/bin/python --system-certs --no-deps --target"

HOST = [
    Provocation(
        "disk-full", "pip", f"TMPDIR=/var/tmp {PIP} --index-url $GOOD --target /small/pip demo-big; rm -rf /small/*"
    ),
    Provocation("disk-full", "uv", f"{UV} --default-index $GOOD --target /small/uv demo-big; rm -rf /small/*"),
    Provocation("disk-full", "cp", "cp /srv/uv /small/; rm -f /small/*"),
    Provocation("read-only", "pip", f"{PIP} --index-url $GOOD --target /readonly/x demo"),
    Provocation("read-only", "uv", f"{UV} --default-index $GOOD --target /readonly/x demo"),
    Provocation("no-execution", "python", "PYTHONPATH=/noexec python3 -c 'import _ctypes'"),
    Provocation("memory-short", "python", f"{BASH} 'ulimit -v 200000; python3 -c \"x = bytearray(10**9)\"'"),
    Provocation("memory-short", "bash", f"{BASH} 'python3 -c \"import os; os.kill(os.getpid(), 9)\"; true'"),
    Provocation(
        "illegal-instruction",
        "bash",
        f"cat >/tmp/machine-code.py <<'END'\n{MACHINE_CODE}END\n{BASH} 'python3 /tmp/machine-code.py; true'",
    ),
    Provocation("permission-denied", "pip", f"{PIP} --index-url $GOOD --target /opt/x demo", user="alice"),
    Provocation("permission-denied", "uv", f"{UV} --default-index $GOOD --target /opt/x demo", user="alice"),
    Provocation("permission-denied", "apt", "apt-get -q install -y demo", user="alice"),
    Provocation("sudo-denied", "sudo", "sudo -n true", user="alice"),
    Provocation("ssh-login", "ssh", "ssh -o BatchMode=yes -o StrictHostKeyChecking=no alice@localhost true"),
    Provocation(
        "ssh-host-key", "ssh", "ssh -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null alice@localhost true"
    ),
    Provocation("interpreter-missing", "sh", "/bin/sh -c '/usr/bin/python3.99 -c x; true'"),
    Provocation("clock-wrong", "apt", apt("future", options="-o Acquire::Check-Date=true")),
    Provocation("clock-wrong", "python", trusted("future", f"{FETCH} https://localhost:8443/")),
    Provocation("clock-wrong", "uv", trusted("future", f"{UV} --default-index https://localhost:8443/simple demo")),
]
NETWORK = [
    Provocation("name-unresolved", "pip", f"{PIP} --index-url https://nowhere.invalid/simple demo"),
    Provocation("name-unresolved", "uv", f"{UV} --default-index http://nowhere.invalid/simple demo"),
    Provocation("name-unresolved", "apt", apt("[trusted=yes] http://nowhere.invalid/debian")),
    Provocation("name-unresolved", "python", f"{FETCH} http://nowhere.invalid/"),
    Provocation("network-broken", "pip-refused", f"{PIP} --index-url http://127.0.0.1:9/simple demo"),
    Provocation("network-broken", "pip-silent", f"{PIP} --index-url $SILENT demo"),
    Provocation("network-broken", "uv-refused", f"{UV} --default-index http://127.0.0.1:9/simple demo"),
    Provocation("network-broken", "uv-silent", f"{UV} --default-index $SILENT demo"),
    Provocation("network-broken", "apt-refused", apt("[trusted=yes] http://127.0.0.1:9/debian")),
    Provocation("network-broken", "apt-silent", apt("[trusted=yes] $SILENT", options="-o Acquire::http::Timeout=1")),
    Provocation("network-broken", "python", f"{FETCH} http://127.0.0.1:9/"),
    Provocation("download-truncated", "uv", f"{UV} --default-index $BROKEN demo"),
    Provocation(
        "download-truncated",
        "curl",
        "curl --no-progress-meter --output /dev/null $BROKEN/../files/demo-1.0-py3-none-any.whl",
    ),
    Provocation("server-overloaded", "pip", f"{PIP} -vvv --index-url $OVERLOADED demo"),
    Provocation("server-overloaded", "uv", f"{UV} --default-index $OVERLOADED demo"),
    Provocation("server-overloaded", "apt", apt("[trusted=yes] $OVERLOADED")),
    Provocation(
        "certificate-untrusted", "pip", tls("stranger", f"{PIP} --index-url https://localhost:8443/simple demo")
    ),
    Provocation(
        "certificate-untrusted", "uv", tls("stranger", f"{UV} --default-index https://localhost:8443/simple demo")
    ),
    Provocation("certificate-untrusted", "apt", tls("stranger", apt("[trusted=yes] https://localhost:8443/debian"))),
    Provocation("certificate-untrusted", "python", tls("stranger", f"{FETCH} https://localhost:8443/")),
    Provocation("certificate-untrusted", "curl", tls("stranger", "curl --no-progress-meter https://localhost:8443/")),
    Provocation(
        "certificate-expired", "pip", trusted("expired", f"{PIP} --index-url https://localhost:8443/simple demo")
    ),
    Provocation(
        "certificate-expired", "uv", trusted("expired", f"{UV} --default-index https://localhost:8443/simple demo")
    ),
    Provocation("certificate-expired", "python", trusted("expired", f"{FETCH} https://localhost:8443/")),
    Provocation(
        "certificate-name", "pip", trusted("other-name", f"{PIP} --index-url https://localhost:8443/simple demo")
    ),
    Provocation(
        "certificate-name", "uv", trusted("other-name", f"{UV} --default-index https://localhost:8443/simple demo")
    ),
    Provocation("certificate-name", "python", trusted("other-name", f"{FETCH} https://localhost:8443/")),
    Provocation("proxy-login", "pip", f"{PIP} -vvv --proxy $PROXY --index-url https://index.example.org/simple demo"),
    Provocation("proxy-login", "uv", f"https_proxy=$PROXY {UV} --default-index https://index.example.org/simple demo"),
    Provocation(
        "proxy-login",
        "apt",
        apt("[trusted=yes] http://deb.example.org/debian", options="-o Acquire::http::Proxy=$PROXY"),
    ),
    Provocation("proxy-login", "python", f"https_proxy=$PROXY {FETCH} https://index.example.org/"),
    Provocation(
        "proxy-unreachable",
        "pip",
        f"{PIP} --proxy http://127.0.0.1:9 --index-url https://index.example.org/simple demo",
    ),
    Provocation("proxy-unreachable", "python", f"https_proxy=$REFUSING {FETCH} https://index.example.org/"),
    Provocation("index-denied", "uv-401", f"{UV} --default-index $CLOSED demo"),
    Provocation("index-denied", "uv-403", f"{UV} --default-index $FORBIDDEN demo"),
    Provocation("index-denied", "pip", f"{PIP} -vvv --no-input --index-url $FORBIDDEN demo"),
    Provocation("index-denied", "apt", apt("[trusted=yes] $FORBIDDEN")),
    Provocation("not-found", "python", f"{FETCH} $GOOD/nothing/"),
    Provocation("not-found", "pip", f"{PIP} $GOOD/../files/nothing-1.0-py3-none-any.whl"),
    Provocation("hash-mismatch", "pip", f"{PIP} --index-url $WRONG demo"),
    Provocation("hash-mismatch", "uv", f"{UV} --default-index $WRONG demo"),
    Provocation(
        "hash-mismatch",
        "apt",
        apt("damaged", f"update {QUIET}", "download demo=2.0", options="-o Dir::Cache::archives=/srv"),
    ),
]
PACKAGES = [
    Provocation("index-without-tls", "pip", f"unset PIP_TRUSTED_HOST; {PIP} --index-url $GOOD demo"),
    Provocation("no-wheel", "pip", f"{PIP} --index-url $GOOD demo-nowhere"),
    Provocation("no-wheel", "pip-platform", f"{PIP} --index-url $GOOD --only-binary :all: demo-arm"),
    Provocation("no-wheel", "uv", f"{UV} --default-index $GOOD demo-nowhere"),
    Provocation("no-wheel", "uv-platform", f"{UV} --default-index $GOOD demo-arm"),
    Provocation("no-wheel", "uv-python", f"{UV} --default-index $GOOD demo-ancient"),
    Provocation("no-such-version", "pip", f"{PIP} --index-url $GOOD demo==9"),
    Provocation("no-such-version", "uv", f"{UV} --default-index $GOOD demo==9"),
    Provocation("dependency-conflict", "pip", f"{PIP} --index-url $GOOD demo-a demo-b"),
    Provocation("dependency-conflict", "uv", f"{UV} --default-index $GOOD demo-a demo-b"),
    Provocation("externally-managed", "pip", "python3 -m pip install --index-url $GOOD demo"),
    Provocation("externally-managed", "uv", "/srv/uv pip install --no-cache --system --default-index $GOOD demo"),
    Provocation(
        "wrong-platform",
        "pip",
        f"{PIP} $GOOD/../files/demo_arm-1.0-py3-none-manylinux_2_17_aarch64.whl",
        on=("debian12",),
    ),
    Provocation("wrong-platform", "uv", f"{UV} $GOOD/../files/demo_arm-1.0-py3-none-manylinux_2_17_aarch64.whl"),
    Provocation("wrong-platform", "bash", f"{BASH} '/srv/bin/other-machine; true'"),
    Provocation("glibc-old", "loader", "/srv/bin/newer-libc"),
    Provocation("libstdcxx-old", "loader", "LD_LIBRARY_PATH=/srv/lib apt-get --version"),
    Provocation("no-compiler", "pip", f"{PIP} --no-build-isolation --no-index /srv/compiled"),
    Provocation("setup-py-missing", "pip", f"{PIP} --no-index /srv/empty"),
    Provocation("setup-py-missing", "uv", f"{UV} /srv/empty"),
    Provocation("venv-missing", "python", "python3 -m venv /srv/never"),
    Provocation("pip-missing", "python", "/srv/bare/bin/python -m pip --version"),
    Provocation(
        "package-of-the-system",
        "pip",
        f"{PIP} --quiet --index-url $GOOD demo-kept==1.0 {QUIET}\ncd /srv/venv/lib/python3*/site-packages/demo_kept-1.0.dist-info\n"
        f"rm RECORD; echo debian >INSTALLER; cd /\n{PIP} --index-url $GOOD demo-kept==2.0",
    ),
]
TENSORFLOW = [
    Provocation("tensorflow-missing", "python", "/srv/bare/bin/python -c 'import tensorflow'"),
    Provocation(
        "descriptor-missing",
        "protobuf",
        f"{REAL_INDEX} /srv/protobuf protobuf==4.25.8\nrm /srv/protobuf/google/protobuf/descriptor.py\n"
        "PYTHONPATH=/srv/protobuf python3 -c 'from google.protobuf import descriptor'",
    ),
    Provocation(
        "protobuf-old",
        "protobuf",
        f"{REAL_INDEX} /srv/protobuf-old protobuf==3.20.3\n"
        "PYTHONPATH=/srv/protobuf-old python3 -c 'from google.protobuf import runtime_version'",
    ),
    Provocation(
        "protobuf-new",
        "protobuf",
        f"{REAL_INDEX} /srv/protobuf-new protobuf==5.29.5\nPYTHONPATH=/srv/protobuf-new python3 -c '{OLD_CODE}'",
    ),
    Provocation(
        "numpy-mismatch",
        "numpy",
        f"{REAL_INDEX} /srv/numpy numpy==2.2.6 ml-dtypes==0.3.1\nPYTHONPATH=/srv/numpy python3 -c 'import ml_dtypes'",
        on=("debian12",),
    ),
    Provocation("python-too-new", "python", "python3 -c 'import imp'", on=("debian13",)),
    Provocation("undefined-symbol", "loader", "PYTHONPATH=/srv/symbol python3 -c 'import _ctypes'"),
    Provocation("library-missing", "loader", loads("libdemo.so.7")),
]
GPU = [
    Provocation("cuda-library-missing", "loader", loads("libcudart.so.12")),
    Provocation("cudnn-missing", "loader", loads("libcudnn.so.9")),
    Provocation("driver-library-missing", "loader", loads("libcuda.so.1")),
]
APT = [
    Provocation("apt-key-missing", "apt", apt("[signed-by=/srv/keys/other.gpg] file:/srv/apt/sound")),
    # sqv, which Debian 13 asks, goes by the time of the signature.
    Provocation(
        "apt-key-expired", "apt", apt("[signed-by=/srv/keys/expired.gpg] file:/srv/apt/old-key"), on=("debian12",)
    ),
    Provocation("apt-signature-bad", "apt", apt("manipulated")),
    Provocation("apt-not-a-repository", "apt", apt("login-page")),
    Provocation(
        "apt-signed-by-conflict", "apt", apt(f"{SOUND} ./\ndeb [signed-by=/srv/keys/other.gpg] file:/srv/apt/sound")
    ),
    Provocation("apt-repository-missing", "apt", apt("empty")),
    Provocation("apt-unsigned", "apt", apt("unsigned")),
    Provocation(
        "apt-index-expired",
        "apt",
        apt("outdated", options="-o Acquire::Check-Date=true -o Acquire::Check-Valid-Until=true"),
    ),
    Provocation("apt-source-malformed", "apt", apt("[signed-by=/srv/keys/right.gpg] nonsense://\ndebb")),
    Provocation("apt-source-malformed", "apt-method", apt("[signed-by=/srv/keys/right.gpg] nonsense://stable")),
    Provocation(
        "dpkg-locked", "apt", holding("/var/lib/dpkg/lock-frontend", apt(SOUND, f"update {QUIET}", "install -y demo"))
    ),
    Provocation("dpkg-locked", "dpkg", holding("/var/lib/dpkg/lock", "dpkg --install /srv/debs/demo_1.0.deb")),
    Provocation("dpkg-locked", "apt-lists", holding("/var/lib/apt/lists/lock", "apt-get -q update")),
    Provocation(
        "dpkg-interrupted",
        "apt",
        "touch /var/lib/dpkg/updates/0001\napt-get -q install -y demo\nrm /var/lib/dpkg/updates/0001",
    ),
    Provocation(
        "dpkg-script-failed",
        "dpkg",
        f"dpkg --install /srv/debs/demo-failing_1.0.deb\ndpkg --purge demo-failing {QUIET}",
    ),
    Provocation(
        "dpkg-overwrite",
        "dpkg",
        f"dpkg --install /srv/debs/demo-left_1.0.deb {QUIET}\ndpkg --install /srv/debs/demo-right_1.0.deb\n"
        f"dpkg --purge demo-left demo-right {QUIET}",
    ),
    Provocation("apt-held-broken", "apt", apt(SOUND, f"update {QUIET}", "install -y demo-a demo-b")),
    Provocation(
        "apt-unmet",
        "apt",
        f"dpkg --force-depends --install /srv/debs/demo-needy_1.0.deb {QUIET}\n"
        + apt(SOUND, f"update {QUIET}", "install -y demo")
        + f"\ndpkg --purge demo-needy {QUIET}",
    ),
    Provocation(
        "apt-held-changed",
        "apt",
        f"dpkg --install /srv/debs/demo_1.0.deb {QUIET}; apt-mark hold demo {QUIET}\n"
        + apt(SOUND, f"update {QUIET}", "install -y demo=2.0")
        + f"\napt-mark unhold demo {QUIET}; dpkg --purge demo {QUIET}",
    ),
    Provocation("apt-no-such-package", "apt", "apt-get -q install -y demo-nowhere"),
    Provocation("apt-no-such-package", "apt-version", apt(SOUND, f"update {QUIET}", "install -y demo=9")),
]
PARTIAL = "cp -rs $(dirname $(realpath /opt/tensorflow/lib/python3*/site-packages/tensorflow/__init__.py)) /srv/{0}/tensorflow"
IMPORT = "/opt/tensorflow/bin/python -c 'import tensorflow'"


def part(name: str, missing: str) -> str:
    """Import a copy of the real TensorFlow from which something is missing."""
    place = f"/srv/{name}"
    return f"mkdir {place}; {PARTIAL.format(name)}\nrm {place}/tensorflow/{missing}\ncd {place}; {IMPORT}"


INSTALLED = [
    # What a source tree does not have either: the build makes it.
    Provocation(
        "source-tree", "tensorflow", part("tree", "python/platform/build_info.py"), on=("debian12",), installed=True
    ),
    Provocation(
        "compiled-part-missing",
        "tensorflow",
        part("parts", "python/_pywrap_tfe.so"),
        on=("debian12",),
        installed=True,
    ),
    Provocation(
        "library-missing",
        "tensorflow",
        part("library", "libtensorflow_framework.so.2"),
        on=("debian12",),
        installed=True,
    ),
]
DOCKER = [
    Provocation(
        "docker-socket-denied",
        "docker",
        "python3 -c \"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('/run/docker.sock'); s.listen(); time.sleep(60)\" "
        "& holder=$!\n"
        + until("test -S /run/docker.sock")
        + "; chmod 600 /run/docker.sock\nrunuser -u alice -- docker ps\nkill $holder; rm /run/docker.sock",
        on=("debian13",),
    ),
    Provocation("docker-not-running", "docker", "docker ps", on=("debian13",)),
]
PROVOCATIONS = [*HOST, *NETWORK, *PACKAGES, *TENSORFLOW, *GPU, *APT, *DOCKER, *INSTALLED]
