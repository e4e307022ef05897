"""What a run left on a test host, compared with the image that the host was made from."""

from tests.hosts import Host, differences

# Written by the system itself as packages come and go, and by Ansible's own connection.
NOISE = (
    "/etc/.pwd.lock",
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
    "/root/.ansible",
    "/usr/share/doc/",
    "/usr/share/man/",
)


def traces(host: Host, *roots: str) -> set[str]:
    """Return what differs under the given directories, but for the noise; caches of bytecode count as their directory's."""
    return {
        path
        for path in differences(host)
        if path.startswith(tuple(f"{root}/" for root in roots))
        and not path.startswith(NOISE)
        and "__pycache__" not in path
    }
