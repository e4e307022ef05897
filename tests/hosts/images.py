"""Images of test hosts, made by their distributions' own installer tools; Debian from the mirror that this machine itself uses."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

from tests.hosts.keys import public_key

REPOSITORY = "localhost/tensorwright-test"
DEBIAN = {"debian11": "bullseye", "debian12": "bookworm", "debian13": "trixie"}
UBUNTU = {"ubuntu2204": "jammy", "ubuntu2404": "noble"}
CODENAMES = DEBIAN | UBUNTU
UBUNTU_ARCHIVE = "http://archive.ubuntu.com/ubuntu"
# Debian 12 has no package of Ubuntu's keys, so they come from Ubuntu's own, which is trusted by its hash.
UBUNTU_KEYS = "pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
UBUNTU_KEYS_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"
PACKAGES = [
    "ca-certificates",
    "dbus",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
]
CUSTOMIZE = Path(__file__).parent / "customize.sh"
CACHE = Path(__file__).parents[2] / ".cache"


def ensure(distribution: str) -> str:
    """Return the image of a distribution such as `debian12`, built now unless this recipe's image is already there."""
    command = bootstrap_command(distribution)
    recipe = hashlib.sha256("\0".join([*command, CUSTOMIZE.read_text(), public_key()]).encode()).hexdigest()[:12]
    image = f"{REPOSITORY}:{distribution}-{recipe}"
    if subprocess.run(["podman", "image", "exists", image], check=False).returncode != 0:
        build(image, command)
        remove_older(distribution, image)
    return image


def build(image: str, command: list[str]) -> None:
    """Bootstrap a root file system straight into an image."""
    print(f"building {image} (about half a minute)", flush=True)
    init = ["--change", 'CMD ["/sbin/init"]', "--change", "STOPSIGNAL SIGRTMIN+3"]
    environment = {**os.environ, "TEST_HOST_KEY": public_key()}
    # The addresses of hook and keys are not part of the recipe: another checkout of the same text uses the same image.
    keys = [f"--keyring={ubuntu_keys()}"] if UBUNTU_ARCHIVE in command[-1] else []
    command = [command[0], f"--customize-hook={CUSTOMIZE}", *keys, *command[1:]]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as bootstrap:
        subprocess.run(["podman", "import", "--quiet", *init, "-", image], stdin=bootstrap.stdout, check=True)
    if bootstrap.returncode != 0:
        subprocess.run(["podman", "rmi", image], check=True)
        raise SystemExit(f"mmdebstrap could not make {image}; its messages are above.")


def remove_older(distribution: str, image: str) -> None:
    """Remove this distribution's images of earlier recipes; one that a container still uses stays for the next time."""
    pattern = ["--filter", f"reference={REPOSITORY}:{distribution}-*"]
    listing = ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", *pattern]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        if name != image:
            subprocess.run(["podman", "rmi", name], check=False, capture_output=True)


def bootstrap_command(distribution: str) -> list[str]:
    """Return the mmdebstrap command that writes the distribution's root file system to standard output as a tar."""
    packages = [*PACKAGES, "apt"] if distribution in UBUNTU else PACKAGES  # mmdebstrap's least Ubuntu has none
    return [
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=tar"),
        f"--include={','.join(packages)}",
        *(f"--aptopt={option}" for option in apt_options()),
        CODENAMES[distribution],
        "-",
        *sources(distribution),
    ]


def sources(distribution: str) -> list[str]:
    """Return the lines of the distribution's sources.list, as its installer writes them."""
    codename = CODENAMES[distribution]
    if distribution in UBUNTU:
        suites = (codename, f"{codename}-updates", f"{codename}-security")
        return [f"deb {UBUNTU_ARCHIVE} {suite} main universe" for suite in suites]
    main, security = mirrors()
    return [
        f"deb {main} {codename} main",
        f"deb {main} {codename}-updates main",
        f"deb {security} {codename}-security main",
    ]


def ubuntu_keys() -> Path:
    """Return a file with the keys that sign Ubuntu's archive, fetched now if this checkout does not have it yet."""
    package = CACHE / Path(UBUNTU_KEYS).name
    package.parent.mkdir(exist_ok=True)
    address = f"{UBUNTU_ARCHIVE}/{UBUNTU_KEYS}"
    fetch = ["/usr/lib/apt/apt-helper", "-qq", "download-file", address, str(package), f"SHA256:{UBUNTU_KEYS_SHA256}"]
    subprocess.run(fetch, check=True)
    subprocess.run(["dpkg-deb", "--extract", str(package), str(package.with_suffix(""))], check=True)
    return package.with_suffix("") / "usr/share/keyrings/ubuntu-archive-keyring.gpg"


def mirrors() -> tuple[str, str]:
    """Return the addresses of Debian and of Debian's security updates, as this machine's own apt sources name them."""
    listing = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    addresses = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    return (
        next((a for a in addresses if re.fullmatch(r"https?://.*/debian/?", a)), "http://deb.debian.org/debian"),
        next((a for a in addresses if "debian-security" in a), "http://deb.debian.org/debian-security"),
    )


def apt_options() -> list[str]:
    """Return this machine's apt settings that decide whether a mirror can be used: its proxy and its view of dates."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    wanted = re.compile(r'Acquire::(https?::Proxy|Check-Date|Check-Valid-Until)(::\S+)? ".+";')
    return sorted(line.rstrip(";") for line in dump.splitlines() if wanted.fullmatch(line))


def site_certificates() -> list[Path]:
    """Return the certificates that this machine trusts beyond those of its distribution."""
    return sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
