"""The key pair with which this machine reaches its test hosts: made once, kept outside the checkout."""

import os
import subprocess
from pathlib import Path

HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tensorwright-tests"
KEY = HOME / "id_ed25519"


def public_key() -> str:
    """Return the public key, made now if this machine has none yet."""
    if not KEY.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tensorwright-tests", "-f", str(KEY)], check=True
        )
    return KEY.with_suffix(".pub").read_text().strip()


def ssh_arguments() -> list[str]:
    """Return ssh's options for a test host; hosts come and go at the same addresses, so their keys are not kept."""
    return [
        *("-i", str(KEY)),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "LogLevel=ERROR"),
    ]
