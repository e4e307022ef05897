# SPDX-License-Identifier: GPL-3.0-or-later
"""How programs begin their records, and by what they mark how grave one is."""

import re
from typing import Optional, Pattern, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.codes.system import ERRNO
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    ERROR,
    FATAL,
    NOTICE,
    WARNING,
)

LEVELS = {
    "i": NOTICE,
    "n": NOTICE,
    "d": NOTICE,
    "info": NOTICE,
    "debug": NOTICE,
    "note": NOTICE,
    "w": WARNING,
    "warning": WARNING,
    "e": ERROR,
    "error": ERROR,
    "failed": ERROR,
    "critical": ERROR,
    "c": ERROR,
    "f": FATAL,
    "fatal": FATAL,
    "fatal error": FATAL,
    "panic": FATAL,
}

STRERROR = "(?i:{0})".format(
    "|".join(sorted((line.split(" ", 3)[3] for line in ERRNO.strip().splitlines()), key=len, reverse=True))
)
TRACEBACK = re.compile(r"\s*Traceback \(most recent call (?:last|first)\)")
# The line that ends a traceback, and one that could stand alone.
RAISED = re.compile(r"[A-Za-z_][\w.]*(?::| *$)")
EXCEPTION = re.compile(
    r"\s*(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Conflict|Timeout|NotFound|"
    r"Unsatisfiable|Impossible)"
    r"|BadZipFile|BadZipfile|gaierror|herror|timeout|IncompleteRead|InvalidURL|KeyboardInterrupt)"
    r"(?::(?= |$)|$)"
)
# Warnings of Python's own, of pip, and of what logs like them.
WARNED = re.compile(r"(?:[^\n]{0,200}?:\d+: )?\s*\w*Warning: |\s*(?:\[)?WARNING\b|\s*warnings\.warn\(|\S+ - WARNING - ")

Head = Tuple[str, Optional[int], Pattern[str]]


def _head(program: str, level: Optional[int], *patterns: str) -> Head:
    return program, level, re.compile("|".join(patterns))


# The first that fits; where the level is None, the first group names it.
HEADS: Tuple[Head, ...] = (
    # TensorFlow and absl. What its ops and its look for GPUs warn of is a failure all the same.
    _head(
        "tensorflow",
        ERROR,
        r"[IWE](?:\d{4})? .*(?:OP_REQUIRES failed|Cannot dlopen some GPU lib|Skipping registering GPU|"
        r"Ignoring visible gpu)",
    ),
    _head("tensorflow", None, r"([IWEF]) (?:\./)?[\w./+-]+\.(?:cc|h|cu|cpp|py)(?:\.\w+)?:\d+\] ?"),
    _head("tensorflow", None, r"([IWEF])\d{4,8} \d\d:\d\d:\d\d(?:\.\d+)? +\d+ [\w./+-]+:\d+\] ?"),
    _head("tensorflow", None, r"\[?(INFO|WARNING|ERROR|FATAL|CRITICAL):(?:tensorflow|absl|root|jax\S*):"),
    # Python and conda, whose exceptions look alike.
    _head("python", NOTICE, r"Exception ignored in"),
    _head("python", FATAL, TRACEBACK.pattern, r"\s*File \"[^\"]+\", line \d+"),
    _head(
        "python", FATAL, r"Fatal Python error: ", r".*\bpython[\d.]*: (?:No module named|can't open file|Error while)"
    ),
    _head(
        "conda",
        FATAL,
        r"(?:\w+\.)*(?:Conda\w*|Packages?NotFound|Resolve\w+|Unsatisfiable|LibMamba\w+|Environment\w+|NoWritable\w+|"
        r"NotWritable|"
        r"Channel\w*|Unavailable\w+|Clobber|Safety|ChecksumMismatch|Corrupted\w+|InvalidArchive\w*|Remove|Lock|"
        r"Padding|Link|"
        r"Specs\w+|NoSpaceLeft|Invalid\w+Spec\w*|DirectoryNotA\w+|CommandNotFound|CondaToS\w+)(?:Error|"
        r"Exception)\b(?:\(.*)?:?",
        r"ResolvePackageNotFound",
    ),
    _head("python", FATAL, EXCEPTION.pattern),
    # apt and dpkg.
    _head(
        "apt",
        ERROR,
        r"W: .*(?:Failed to fetch|GPG error|Some index files failed|signature verification|is not signed|"
        r"does not have a Rel)",
    ),
    _head("apt", None, r"([EWN]): "),
    _head("apt", ERROR, r"Err:\d+ "),
    _head("apt", NOTICE, r"(?:Ign|Hit|Get):\d+ "),
    _head("dpkg", None, r"dpkg(?:-\w+)*: (?:unrecoverable )?(fatal error|error|warning|info)\b"),
    _head("dpkg", ERROR, r"Errors were encountered while processing"),
    # The kernel and its modules.
    _head(
        "kernel",
        NOTICE,
        r"NVRM: loading|nvidia: (?:loading|module license)|nvidia-modeset: Loading|nvidia-nvlink: Nvlink Core",
        r"nvidia-uvm: Loaded|nvidia \d\S+: enabling",
    ),
    _head(
        "kernel",
        ERROR,
        r"NVRM: |nvidia(?:-\w+)?: (?!\d)|modprobe: (?:ERROR|FATAL): |insmod: ERROR: |Out of memory: |oom-kill|"
        r"Memory cgroup out",
    ),
    _head("dkms", ERROR, r"Error! |ERROR \(dkms|.*DKMS (?:make\.log|build) .*(?:fail|error)"),
    # Compilers and builds.
    _head("make", None, r"\S+:\d+(?::\d+)?: (fatal error|error|warning|note): "),
    _head("make", ERROR, r"(?:make|gmake|ninja)(?:\[\d+\])?: (?:\*\*\*|.*(?:stopped|error))|ninja: build stopped"),
    _head(
        "make",
        FATAL,
        r"(?:cc1plus|cc1|gcc|g\+\+|c\+\+|clang(?:-\d+)?|collect2|ld|/\S*/ld|nvcc|\S+-linux-gnu-gcc(?:-\d+)?): "
        r"(?:fatal error|fatal|error|internal compiler error)",
        r"\s*error: (?:command|legacy-install|subprocess-exited)|CMake Error|nvcc fatal",
    ),
    _head(
        "bazel",
        None,
        r"(ERROR|FAILED|FATAL|INFO|DEBUG|WARNING): (?:/|Analy|Build|Config|error |Skipping|no such|Download|An error|"
        r"The project)",
        r"(?:FAILED): ",
    ),
    # Docker.
    _head("docker", None, r".*\blevel=(debug|info|warning|error|fatal|panic)\b"),
    _head(
        "docker",
        ERROR,
        r"(?:docker|podman|nerdctl): (?!')|(?:Error|error)(?: response)? from (?:daemon|registry)|ERROR: failed to|"
        r"failed to solve",
        r"nvidia-container-cli(?:\.real)?: |(?:runc|crun|containerd|dockerd): |OCI runtime |Error: (?:crun|runc|OCI)|"
        r"ERRO\[|FATA\[",
        r"(?:[Cc]annot connect to|[Ff]ailed to connect to|[Pp]ermission denied while trying to connect to) the [Dd]oc"
        r"ker",
    ),
    _head("docker", WARNING, r"WARN\[|DEPRECATED: "),
    # Jupyter, systemd, Ansible, ssh, git.
    _head("jupyter", None, r"\[([IWECDF]) (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"),
    _head(
        "systemd",
        ERROR,
        r"(?:Failed to (?:start|enable|restart|stop)|Job for) \S+|\S+\.(?:service|socket|mount)\b.*(?:fail|exited|"
        r"killed|error)",
    ),
    _head("ansible", FATAL, r"(?:fatal|failed): \[|ERROR! |\[ERROR\]: |.*\bUNREACHABLE! =>|\S+ \| FAILED"),
    _head("ansible", WARNING, r"\[(?:DEPRECATION )?WARNING\]: "),
    _head("ansible", NOTICE, r"(?:ok|changed|skipping|included): \[|TASK \[|PLAY \[|PLAY RECAP"),
    _head(
        "ssh",
        FATAL,
        r"sshd?: |kex_exchange_identification|Host key verification failed|\S+@\S+: Permission denied|@{20,}",
    ),
    _head("ssh", NOTICE, r"debug\d: |Warning: Permanently added"),
    _head(
        "git",
        FATAL,
        r"fatal: |remote: (?:fatal|error)|"
        r"error: (?:RPC|pathspec|Your local|cannot lock|failed to push|unable to (?:create|write)|remote|invalid|"
        r"object|refs?)",
    ),
    # uv, pip and whatever else says error.
    _head("pip", ERROR, r"\s*(?:Could not find a version|No matching distribution)"),
    _head("pip", NOTICE, r"\s*\[notice\]|\s*(?:note|DEPRECATION): |Requirement already|Collecting |\s*Downloading "),
    _head("uv", ERROR, r"\s*hint: An index"),
    _head("uv", FATAL, r"\s*(?:×|error\[E\d+\]:|error:) "),
    _head("uv", WARNING, r"\s*(?:hint|help|warning): "),
    _head("pip", ERROR, r"\s*ERROR: |\s*\[(?:ERROR|error)\] "),
    _head("shell", FATAL, r"-?(?:ba|z|da|k)?sh: |/\S*/(?:ba|da)?sh: |\S+\.sh: (?:line )?\d+: "),
    _head(
        "shell",
        FATAL,
        r".*\b(?:Segmentation fault|Aborted|Illegal instruction|Bus error|Floating point exception|"
        r"Killed)(?: +\(core dumped\))?"
        r"(?:\s|$)",
        r".*\bcommand not found\b|terminate called|panic: |Process finished with exit code [^0]",
        r"\S*: symbol lookup error: |\S*: error while loading shared",
    ),
    _head(
        "curl",
        FATAL,
        r"curl: \(\d+\)|wget: |(?:\S+ )*ERROR \d{3}: |gpg: (?!WARNING|keybox|key |directory|Total|imported|Good|"
        r"Signature|using)",
    ),
    _head("shell", ERROR, r"(?:/\S+|[\w.+-]+): (?:.*[:\s])?" + STRERROR + r"\.?(?: \(\d+\))?$"),
    _head(
        "",
        ERROR,
        r"\s*(?:\w+ )?(?:ERROR|FATAL|CRITICAL)\b|(?:Error|Fatal(?: error)?|Failed|Failure)\b|\[Errno|.*\bFATAL:",
        r"\S+ - (?:ERROR|CRITICAL) - ",
    ),
)

# Words of what is no failure, whatever its mark.
HARMLESS_WORDS = (
    "factory: Attempting to register factory",
    "computation placer already registered",
    "NUMA node",
    "TF-TRT Warning",
    "Could not find TensorRT",
    "Could not load dynamic library 'libnvinfer",
    "Cannot dlopen some TensorRT libraries",
    "The caller indicates that this is not a failure",
    "NodeDef mentions attribute",
    "Delay kernel timed out",
    "remapper failed: ",
    "layout failed: ",
    "End of sequence",
    "cudart dlerror if you do not have a GPU",
    "policy-rc.d denied execution",
    "delaying package configuration",
    "unable to initialize frontend",
    "falling back to frontend",
    "unable to re-open stdin",
    "Setting locale failed",
    "cannot change locale",
    "Cannot set LC_",
    "is not a symbolic link",
    "Possible missing firmware",
    "cannot be preloaded (cannot open shared object file): ignored",
    "module verification failed: signature and/or required key missing - tainting kernel",
    "will retry with next repodata source",
    "Retrying with flexible solve",
    "unsuccessful initial attempt using frozen solve",
    "unsuccessful attempt using repodata from",
    "No files were found to uninstall",
    "ttyname failed",
    "Failed to get device properties, error code",
    "Skipping acquire of configured file",
    "is configured multiple times in",
    "Download is performed unsandboxed",
    "All log messages before absl::InitializeLog",
    "stored in legacy trusted.gpg keyring",
    'Failed to load module "canberra',
    "newer version of conda exists",
)
HARMLESS_PATTERN = re.compile(
    r"\[C .*To access the|\[C [^\]]*\]\s*$|(?:^|[\s,=(])0 (?:failed|errors?|warnings?)\b|failed=0\b|"
    r"[Ee]rrors?[=:] ?0\b|(?:no|without|ignoring) errors?\b|"
    r"except \w*Error|^\s*#(?! ?\d)|CRITICAL:? *0\b|^\s*(?:PASS|ok)\b"
)
