"""Images of test hosts: Debian as its own installer tools make it, from the mirror that this machine itself uses."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

from tests.hosts.keys import public_key

REPOSITORY = "localhost/tensorwright-test"
CODENAMES = {"debian11": "bullseye", "debian12": "bookworm", "debian13": "trixie"}
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
    # The hook's address is not part of the recipe: another checkout of the same text uses the same image.
    command = [command[0], f"--customize-hook={CUSTOMIZE}", *command[1:]]
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
    codename = CODENAMES[distribution]
    main, security = mirrors()
    return [
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=tar"),
        f"--include={','.join(PACKAGES)}",
        *(f"--aptopt={option}" for option in apt_options()),
        codename,
        "-",
        f"deb {main} {codename} main",
        f"deb {main} {codename}-updates main",
        f"deb {security} {codename}-security main",
    ]


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
