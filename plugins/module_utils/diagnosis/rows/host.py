# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: the host itself: disks, memory, CPU, rights, logins, clock."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONSEQUENCE,
    ERRNO,
    HOST,
    INSTALL_PIP,
    SIGNALS,
    Row,
)

ROWS = (
    Row(
        "disk-full",
        HOST,
        (r"[Nn]o space left on device", r"os error 28\b", r"\bENOSPC\b", r"You don't have enough free space in"),
        "the disk is full",
        "free space on it: `df -h` shows which, `df -i` whether it has run out of inodes; `python -m pip cache "
        "purge`, `apt-get clean` and "
        "`docker system prune` free some; TMPDIR names another place for what is temporary; with Tensorwright, "
        "`tensorflow_path` on another disk, for images `docker_data_root`",
        "environments.md#on-the-disk",
    ),
    Row(
        "quota-exceeded",
        HOST,
        (r"Disk quota exceeded", r"os error 122\b", r"\bEDQUOT\b"),
        "the user's disk quota is used up",
        "free space, or have the quota raised (`quota -s` shows it); with Tensorwright, `tensorflow_path` on another "
        "disk",
        "environments.md#on-the-disk",
    ),
    Row(
        "read-only",
        HOST,
        (r"[Rr]ead-only file system", r"os error 30\b", r"\bEROFS\b"),
        "the file system is mounted read-only; a disk with errors is mounted so, too",
        "look for errors with `dmesg`, then `mount -o remount,rw` it; in a container, mount a volume there; with "
        "Tensorwright, "
        "`tensorflow_path` on another one",
        "https://manpages.debian.org/stable/mount/mount.8.en.html",
    ),
    Row(
        "no-execution",
        HOST,
        (r"failed to map segment from shared object", r"mounted noexec"),
        "programs and libraries may not be executed from there: the file system is mounted noexec",
        "install to a place on another one, or `mount -o remount,exec` it; for what pip builds, TMPDIR names another "
        "place; with "
        "Tensorwright, `tensorflow_path`",
        "https://manpages.debian.org/stable/mount/mount.8.en.html",
    ),
    Row(
        "memory-short",
        HOST,
        (
            r"killed by the OOM killer",
            r"[Rr]esult '?oom-kill",
            r"OOMKilled",
            r"oom_reaper: reaped process",
            r"Memory cgroup out of memory",
            r"oom-kill:",
            r"(?:^|\d )\s*Killed\b",
            r"killed by signal 9\b",
            r"\bMemoryError\b",
            r"[Cc]annot allocate memory",
            r"std::bad_alloc",
            r"Out of memory: Killed process",
            r"Killed signal terminated program",
            r"\(Exit 137\)",
        ),
        "the process was killed, or got no memory: the host lacks some for this, unless somebody ended it by hand",
        "free memory (`free -h` and `dmesg` show what happened), or add swap, and run again",
        "https://manpages.debian.org/stable/procps/free.1.en.html",
        behind=("gpu-memory",),
    ),
    Row(
        "illegal-instruction",
        HOST,
        (
            r"Illegal instruction",
            r"killed by signal 4\b",
            r"was compiled to use (?!AVX512)[^\n]{1,80}instructions, but these aren't available",
        ),
        "the CPU lacks an instruction that this build of TensorFlow needs (AVX, from 1.6 on)",
        "see `grep -ow 'avx[^ ]*' /proc/cpuinfo`; use a host with AVX, or a build without it (TensorFlow 1.5, or one "
        "of your own); a virtual "
        "machine may only have to be given its host's CPU; with Tensorwright, `tensorflow_version`",
        INSTALL_PIP,
    ),
    Row(
        "permission-denied",
        HOST,
        (
            r"^(?!W: Download is performed unsandboxed).*[Pp]ermission denied",
            r"os error 13\b",
            r"\bEACCES\b",
            r"are you root\?",
        ),
        "the run may not read, write or execute that",
        "look with `ls -ld` at who owns it, and install as that user, into an environment of your own (`python3 -m "
        "venv ~/tf`), or give it back "
        "with `chown`; do not run pip as root in it; with Tensorwright, `ansible_become: true`, or `tensorflow_path` "
        "where the connecting user may "
        "write",
        "environments.md#on-the-disk",
        behind=("no-execution", "docker-socket-denied", "ssh-login", "gpu-permission", "sudo-denied"),
    ),
    Row(
        "sudo-denied",
        HOST,
        (
            r"[Mm]issing sudo password",
            r"sudo: a password is required",
            r"sudo: a terminal is required",
            r"[Ii]ncorrect sudo password",
            r"is not in the sudoers file",
            r"is not allowed to execute",
        ),
        "the connecting user may not become root, or not without a password",
        "give the user sudo on the host, and the password with `--ask-become-pass` or `ansible_become_password` (in "
        "a vault)",
        "https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_privilege_escalation.html",
    ),
    Row(
        "ssh-login",
        HOST,
        (r"Permission denied \([\w,-]*(?:publickey|password)", r"Too many authentication failures"),
        "the host does not accept this login",
        "check `ansible_user` and the key: `ssh USER@HOST` has to work without a question",
        "https://docs.ansible.com/ansible/latest/inventory_guide/connection_details.html",
    ),
    Row(
        "ssh-host-key",
        HOST,
        (r"Host key verification failed", r"REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "the host's SSH key is not known here, or is another than it was",
        "if the host was made anew, forget the old key with `ssh-keygen -R HOST`, and accept the new one with `ssh "
        "HOST`",
        "https://docs.ansible.com/ansible/latest/inventory_guide/connection_details.html",
        behind=("ssh-login",),
    ),
    Row(
        "interpreter-missing",
        HOST,
        (
            r"The module interpreter '[^']*' was not found",
            r"sh: (?:line )?\d+: /\S*python[\d.]*: (?:not found|No such file or directory)",
        ),
        "the host has no Python at the place where Ansible looks for it",
        "install it (`apt-get install python3`), or name another in `ansible_python_interpreter`",
        "https://docs.ansible.com/ansible/latest/reference_appendices/interpreter_discovery.html",
    ),
    Row(
        "clock-wrong",
        HOST,
        (
            r"certificate is not yet valid",
            r"certificate not valid yet",
            r"Verifying signature: +Not live until",
            r"not valid yet \(invalid for another",
            r"invalid peer certificate: NotValidYet",
        ),
        "the host's clock is behind: something is not valid yet that is",
        "set it: `timedatectl set-ntp true`, and look with `timedatectl`",
        "https://manpages.debian.org/stable/systemd/timedatectl.1.en.html",
    ),
    Row(
        "process-crashed",
        HOST,
        (
            r"Segmentation fault",
            r"\bSIGSEGV\b",
            r"killed by signal (?:8|11)\b",
            r"[Ff]loating point exception",
            r"Fatal Python error: (?!Aborted|init)",
            r"\*\*\* (?:stack smashing detected|Process received signal)",
        ),
        "the process crashed (segmentation fault): libraries of different builds are mixed in it, or one of them has "
        "a fault",
        "run with `python -X faulthandler`, whose last lines name the library; make a new environment that has only "
        "what is needed, "
        "`unset LD_LIBRARY_PATH LD_PRELOAD PYTHONPATH`, and update driver and packages; with Tensorwright, "
        "`-e tensorwright_trust_receipts=false` builds a new release",
        SIGNALS,
        behind=("gpu-program-fault",),
        rank=CONSEQUENCE,
    ),
    Row(
        "process-aborted",
        HOST,
        (
            r"\bSIGABRT\b",
            r"Aborted \(core dumped\)",
            r"Fatal Python error: Aborted",
            r"killed by signal 6\b",
            r"terminate called (?:after throwing|without)",
            r"free\(\): invalid",
            r"malloc\(\): ",
            r"double free or corruption",
            r"corrupted size vs",
            r"munmap_chunk\(\)",
            r"^F(?:\d{4})? [^\n]*Check failed: ",
            r"Check failed: [^\n]+",
        ),
        "the program ended itself, as something was not as it must be; the line before says what",
        "look at the last line before it, and search for it; update TensorFlow and what uses it; with libraries of "
        "several builds in one "
        "environment, make a new one; with Tensorwright, `-e tensorwright_trust_receipts=false`",
        SIGNALS,
        quote=r"Check failed: [^\n]+|what\(\): [^\n]+",
        rank=CONSEQUENCE,
    ),
    Row(
        "bus-error",
        HOST,
        (
            r"Bus error",
            r"\bSIGBUS\b",
            r"insufficient shared memory \(shm\)",
            r"unable to (?:mmap|write to file|open shared memory object|allocate shared memory)[^\n]*(?:shm|torch_)",
            r"/dev/shm[^\n]*(?:No space|too small|insufficient)",
        ),
        "the shared memory (`/dev/shm`) is used up: containers get only 64 MB; or a file on a full or lost disk was "
        "mapped",
        "start the container with `--shm-size=8g` or `--ipc=host`; on a host, `df -h /dev/shm /tmp` shows what is full",
        SIGNALS,
    ),
    Row(
        "process-ended",
        HOST,
        (
            r"^(?:\S+ )?Terminated\b",
            r"killed by signal (?:1|2|3|13|14|15)\b",
        ),
        "somebody or something ended the process: a time limit, a shutdown, a scheduler, or a closed terminal",
        "look who did: `journalctl -e`, the scheduler's log or the CI's time limit; start what takes long with "
        "`nohup` or `systemd-run`",
        SIGNALS,
        rank=CONSEQUENCE,
    ),
    Row(
        "too-many-files",
        HOST,
        (
            r"Too many open files",
            r"inotify (?:watch|instance)\w* limit",
            r"System limit for number of file watchers reached",
        ),
        "the limit of open files or watches is reached",
        "raise it: `ulimit -n 65536`, for a service LimitNOFILE=65536, for watches `sysctl "
        "fs.inotify.max_user_watches=524288`",
        ERRNO,
    ),
    Row(
        "limit-reached",
        HOST,
        (
            (
                r"(?:can't start new thread|pthread_create (?:failed|failure)|"
                r"fork: (?:retry: )?Resource temporarily unavailable)"
            ),
            r"Thread creation via pthread_create\(\) failed",
            r"OpenBLAS blas_thread_init: pthread_create failed",
        ),
        "the system starts no more processes or threads for this user: a limit of the user, the container or the "
        "service is reached",
        "`ulimit -u` shows the user's; raise it, in a container with `--pids-limit=-1`; an old Docker also needs "
        "`--security-opt "
        "seccomp=unconfined` for a new image; OPENBLAS_NUM_THREADS=1 asks for fewer threads",
        ERRNO,
    ),
    Row(
        "static-tls",
        HOST,
        (
            r"(?<![\w./+-])(?P<library>[\w./+-]*)[: ]*cannot load any more object with static TLS",
            r"(?<![\w./+-])(?P<library>[\w./+-]*\.so[\w.]*): cannot allocate memory in static TLS block",
        ),
        "the library {library} needs thread-local storage (a static TLS block), and libraries that were loaded "
        "before have used it up; often "
        "OpenMP's libgomp",
        "have it loaded first: `LD_PRELOAD={library}` before the command, or import its package first, in another "
        "order; a newer C library "
        "(glibc 2.32) or newer wheels do not need it",
        "https://manpages.debian.org/stable/manpages/ld.so.8.en.html",
    ),
    Row(
        "text-encoding",
        HOST,
        (
            r"UnicodeEncodeError: '(?:ascii|latin-1)' codec",
            r"UnicodeDecodeError: 'ascii' codec",
            r"Python was configured to use ASCII",
            r"unsupported locale setting",
        ),
        "the locale is not UTF-8 here, so that letters outside of ASCII cannot be read or written",
        "`export LC_ALL=C.UTF-8 LANG=C.UTF-8` (or PYTHONUTF8=1) before the command; `locale -a` shows what there is",
        "https://docs.python.org/3/library/os.html#python-utf-8-mode",
    ),
    Row(
        "port-in-use",
        HOST,
        (
            r"[Aa]ddress already in use",
            r"[Bb]ind for \S+?:(?P<port>\d+) failed: port is already allocated",
            r"port (?P<port>\d+) is already (?:in use|allocated)",
            r"[Pp]orts? \S* ?(?:is|are) (?:already )?(?:in use|not available)",
            r"because no available port could be found",
            r"The port (?P<port>\d+) is already in use",
            r"TensorBoard could not bind to port (?P<port>\d+)",
        ),
        "another program listens on the port already ({port})",
        "`ss -ltnp` shows which; end it, or take another port, such as `--port 8889`",
        ERRNO,
    ),
)
