"""What a run left on a test host, compared with the image that the host was made from."""

import os

from tests.hosts import Host, differences, inside

# Where nothing but the system itself and its packages write in a run's course, whoever asked for it.
ROOTS = ("/etc/", "/home/", "/opt/", "/root/", "/srv/", "/usr/", "/var/lib/tensorwright")
# Written by the system itself as hosts start and packages come and go, and by Ansible's own connection.
NOISE = (
    "/etc/.pwd.lock",
    "/etc/.updated",
    "/etc/alternatives/",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/machine-id",
    "/etc/mtab",
    "/etc/passwd-",
    "/etc/resolv.conf",
    "/etc/shadow-",
    "/etc/ssl/certs/",
    "/home/admin/.ansible",
    "/home/admin/.sudo_as_admin_successful",
    "/root/.ansible",
)


def traces(host: Host) -> set[str]:
    """Return what differs from the image, but for the noise, bytecode beside its source, and what came out of a package.

    A directory is told only where nothing in it is.
    """
    packaged = set(inside(host, "cat /var/lib/dpkg/info/*.list").splitlines())
    found = {
        path
        for path in differences(host)
        if path.startswith(ROOTS)
        and not path.startswith(NOISE)
        and "__pycache__" not in path
        and path not in packaged
        and path.removeprefix("/usr") not in packaged  # /lib is a link to /usr/lib, and packages use either name
    }
    return found - {os.path.dirname(path) for path in found}
