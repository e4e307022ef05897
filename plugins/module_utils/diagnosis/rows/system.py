# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: what the system's error codes mean in general; services, programs, logins."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONSEQUENCE,
    ERRNO,
    ERROR,
    GENERAL,
    HOST,
    SIGNALS,
    SSH,
    SYSTEMD,
    Row,
)

ROWS = (
    Row(
        "not-permitted",
        HOST,
        (),
        "the system does not permit that: it is root's, the file is immutable, or the container lacks the right",
        "look with `ls -ld` and `lsattr`; run as root with `sudo`, or give the container what it needs; with "
        "Tensorwright, `ansible_become: true`",
        ERRNO,
        behind=("package-of-the-system",),
        rank=GENERAL,
    ),
    Row(
        "file-missing",
        HOST,
        (),
        "a file, directory or program that is needed is not there",
        "look at the path that is named with `ls -ld`: it is wrong, or what brings it is not installed; `apt-file "
        "search NAME` finds a package's",
        ERRNO,
        rank=GENERAL,
        quote=r"(?<![\w./~+@-])[~.]?/[\w./+@-]+(?=['\"`]?: ?[Nn]o such file)|(?<=No such file or directory: )['\"][^'\"\n]+['\"]",
    ),
    Row(
        "device-missing",
        HOST,
        (),
        "a device is not there, or its driver is not loaded",
        "look with `lspci` or `ls -l /dev`, and at `dmesg`; load its driver with `modprobe`",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "disk-error",
        HOST,
        (
            r"I/O error, dev \w+",
            r"EXT4-fs error",
            r"blk_update_request: I/O error",
        ),
        "a disk or a file system has errors",
        "look with `dmesg` and `smartctl -a DEVICE`; save what is on it, check it with `fsck` while it is not "
        "mounted, and exchange the disk",
        ERRNO,
    ),
    Row(
        "arguments-too-long",
        HOST,
        (),
        "a command or its environment is too long",
        "give it fewer files at once, with `xargs`, or a shorter environment (`env` shows it)",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "file-busy",
        HOST,
        (),
        "a file or device is in use, so it cannot be changed or removed",
        "`fuser -v PATH` shows by whom; end that, and run again",
        ERRNO,
        rank=GENERAL,
        transient=True,
    ),
    Row(
        "file-exists",
        HOST,
        (),
        "something is there already where a new file or directory shall be",
        "look at it with `ls -la`, and move it away",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "other-file-system",
        HOST,
        (),
        "a file cannot be moved or linked to another file system",
        "use places on one file system: uv and pip copy instead with `UV_LINK_MODE=copy`; `df` shows which is where",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "file-of-other-kind",
        HOST,
        (),
        "a file is where a directory is expected, or the other way round",
        "look at the path that is named with `ls -ld`, and move away what is in the way; Docker makes a directory of "
        "a file that it shall mount and "
        "that is not there",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "file-too-large",
        HOST,
        (),
        "a file is larger than is allowed there",
        "`ulimit -f` shows the user's limit; on a server, raise its limit for uploads; on FAT, use another file system",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "name-too-long",
        HOST,
        (),
        "a file's name or path is too long",
        "work at a shorter path (`mv` it); encrypted home directories allow only 143 characters for a name",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "call-unknown",
        HOST,
        (r"FATAL: kernel too old",),
        "the kernel or the file system does not know a call that the program uses",
        "use a newer kernel (`uname -r` shows it), or an older image; in a container, a newer Docker and libseccomp; "
        "on network disks, a local one",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "link-circle",
        HOST,
        (),
        "symbolic links lead in a circle",
        "`namei -l PATH` shows them; remove the one that leads back",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "file-system-gone",
        HOST,
        (),
        "the file system behind a path has gone away: a network disk (NFS, FUSE), or a mount that was lost",
        "`mount` shows it; `umount -l PATH` and mount it again, then `cd` anew",
        ERRNO,
        rank=GENERAL,
    ),
    Row(
        "command-missing",
        HOST,
        (
            r"executable file `(?P<command>[^`]+)` not found in \$PATH",
            (
                r"^error: (?:\[Errno 2\] )?No such file or directory: '(?P<command>gcc|g\+\+|cc|make|cmake|git|rustc|"
                r"nvcc)'"
            ),
            r"(?:ba|z|da|k)?sh: (?:line )?(?:\d+: )?(?:\d+: )?(?P<command>[\w./+-]+): (?:command )?not found",
            r"(?<![\w.-])(?P<command>[\w.+-]+): command not found",
            r"Command '(?P<command>[\w.+-]+)' not found, (?:but|did you mean)",
            r"exec: \"(?P<command>[^\"]+)\": (?:executable file not found in \$PATH|stat [^\n]*no such file)",
            r"(?<![\w./+-])(?P<command>[\w./+-]+): cannot execute: required file not found",
            r"env: '?(?P<command>[\w.+-]+)'?: No such file or directory",
        ),
        "there is no program {command} here: it is not installed, not on the PATH, or a script names an interpreter "
        "that is not there",
        "install it (`apt-get install NAME`; `apt-file search bin/NAME` finds its package), or activate the "
        "environment that has it "
        "(`source ~/tf/bin/activate`); Debian and Ubuntu call Python `python3`",
        SIGNALS,
        behind=(
            "nvidia-smi-missing",
            "conda-not-activated",
            "pip-missing",
            "interpreter-missing",
            "docker-not-installed",
            "docker-toolkit-missing",
            "cuda-headers-missing",
            "make-missing",
            "kernel-compiler",
        ),
        quote=r"(?<!\S)\S+: bad interpreter",
    ),
    Row(
        "not-executable",
        HOST,
        (),
        "a program was found, and may not or cannot be executed",
        "`ls -l` shows its rights (`chmod +x`), `file` what it is made for, `mount` whether its place is noexec",
        SIGNALS,
        rank=CONSEQUENCE,
    ),
    Row(
        "container-not-started",
        HOST,
        (),
        "the container could not be started; the lines before say why",
        "look at them, and at `journalctl -u docker`",
        SIGNALS,
        rank=CONSEQUENCE,
    ),
    Row(
        "service-setup",
        HOST,
        (),
        "systemd could not set up the process of a service",
        "`systemctl cat NAME` shows the unit, `journalctl -u NAME` what is wrong with it; after a change, `systemctl "
        "daemon-reload`",
        SYSTEMD,
        rank=GENERAL,
    ),
    Row(
        "user-missing",
        HOST,
        (
            r"Failed to determine user credentials",
            r"no users? (?:named|with name) (?P<name>\S+)",
            r"unable to find user (?P<name>\S+)",
        ),
        "a user or group does not exist on this host or in this image",
        "`getent passwd NAME` looks for it; make it with `useradd`, or name another",
        SYSTEMD,
    ),
    Row(
        "service-failed",
        HOST,
        (
            r"Job for (?P<unit>\S+?)(?:\.service)? failed",
            (
                r"(?<![\w.-])(?P<unit>[\w@.-]+)\.service: (?:Failed with result|Main process exited|"
                r"Start request repeated too quickly)"
            ),
            r"Failed to start (?P<unit>\S+)",
        ),
        "the service {unit} failed to start or ended",
        "`systemctl status NAME` and `journalctl -xeu NAME` show why; then `systemctl restart NAME`",
        SYSTEMD,
        behind=("fabric-manager",),
        level=ERROR,
        rank=CONSEQUENCE,
    ),
    Row(
        "unit-missing",
        HOST,
        (
            r"Unit (?P<unit>\S+?) (?:could not be found|not found|does not exist)",
            r"Failed to \w+ (?P<unit>\S+): Unit \S+ (?:not found|not loaded)",
        ),
        "systemd has no unit {unit}: what brings it is not installed, or it has another name",
        "`systemctl list-unit-files` lists all; install its package (`apt-get install NAME`), or `systemctl "
        "daemon-reload` after a new unit",
        SYSTEMD,
    ),
    Row(
        "no-systemd",
        HOST,
        (
            r"System has not been booted with systemd as init system",
            r"Failed to connect to bus: (?:Host is down|No such file)",
        ),
        "systemd does not run here: a container, a chroot, or WSL without it",
        "start the program itself instead of its service; in WSL, `systemd=true` under [boot] in `/etc/wsl.conf`, "
        "then `wsl --shutdown`",
        SYSTEMD,
    ),
    Row(
        "ssh-unreachable",
        HOST,
        (
            r"ssh: connect to host (?P<host>\S+) port (?P<port>\d+): ",
            r"ssh: Could not resolve hostname (?P<host>[^\s:]+)",
            r"kex_exchange_identification: (?:read: )?Connection",
            r"Connection (?:closed|reset) by \S+ port \d+",
            r"Unable to negotiate with (?P<host>\S+)",
        ),
        "the host {host} cannot be reached by SSH: name or address is wrong, it is down, or something keeps the port "
        "closed",
        "`ssh -v USER@HOST` shows how far it comes; look whether the host is up, `systemctl status ssh` there, and "
        "the firewall; with "
        "Ansible, `ansible_host` and `ansible_port`",
        SSH,
        behind=("ssh-host-key",),
        programs=("ssh", "ansible"),
        transient=True,
    ),
    Row(
        "wsl-driver",
        HOST,
        (
            r"/usr/lib/wsl/lib",
            r"dxgkio_\w+: Ioctl failed",
            r"GPU access blocked by the operating system",
            r"dzn is not a conformant",
        ),
        "in WSL, the GPU comes from the driver of Windows, and that does not let it through: it is too old, or a "
        "Linux driver was installed inside",
        "update NVIDIA's driver in Windows and `wsl --update`; remove a driver inside (`apt-get purge 'nvidia-*'`), "
        "keep `/usr/lib/wsl/lib` "
        "on the loader's path, and `wsl --shutdown`",
        "https://docs.nvidia.com/cuda/wsl-user-guide/",
        level=ERROR,
    ),
)
