# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: pip, uv and what they install."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    COMPATIBILITY,
    DOWNLOADS,
    INSTALL_ERRORS,
    INSTALL_PIP,
    PACKAGES,
    PINS,
    PIP_RESOLVER,
    SITE_INDEX,
    SITE_NETWORK,
    Row,
)

ROWS = (
    Row(
        "no-wheel",
        PACKAGES,
        (
            r"\(from versions: (?:none)?\)",
            r"has no (?:usable )?wheels with a matching",
            r"only has wheels (?:for the following|with the following)",
            r"was not found in the package registry",
            r"no source distribution",
        ),
        "the package index has nothing of that name that fits this host: no wheel for its Python, architecture or C "
        "library",
        "compare with `python3 -m pip debug --verbose` and `python3 -m pip index versions NAME`: mostly a Python "
        "that the release has wheels for has to "
        "be taken, or a newer pip (`python -m pip install --upgrade pip`); with Tensorwright, let the plan choose "
        "(`tensorflow_version: latest`, "
        "`tensorflow_python: auto`); `playbooks/plan.yml` shows what it would be",
        COMPATIBILITY,
        behind=DOWNLOADS,
    ),
    Row(
        "no-such-version",
        PACKAGES,
        (
            r"\(from versions: (?!none)[^)]",
            r"there (?:is|are) no versions? of",
            r"Because only .+ (?:is|are) available",
            r"does not offer \S+",
        ),
        "the package index does not have the version that is asked for, or not for this host's Python",
        "take one of the versions that it lists, another Python that the release supports, or another index: a "
        "mirror may lag behind; with Tensorwright, "
        "let the plan choose (`tensorflow_version: latest`, `tensorflow_python: auto`), or name "
        "`tensorflow_pip_index_url`",
        SITE_INDEX,
        behind=("no-wheel",) + DOWNLOADS,
    ),
    Row(
        "dependency-conflict",
        PACKAGES,
        (r"ResolutionImpossible", r"conflicting dependencies", r"No solution found when resolving"),
        "two requirements exclude each other",
        "leave one of them out or loosen its version, or give each an environment of its own (`python3 -m venv`); "
        "with Tensorwright, "
        "`tensorflow_pip_extra_packages`; method `native` also has those of the system's packages, so "
        "`tensorflow_method: virtualenv` may do",
        PIP_RESOLVER,
        behind=("no-wheel", "no-such-version") + DOWNLOADS,
        quote=r"(?<=Because ).+?(?=, we can conclude|\. |$)|The user requested (?:\(constraint\) )?[^\s,]+"
        r"|(?<!\S)(?!Because)\S+ \S+ depends on \S+",
    ),
    Row(
        "externally-managed",
        PACKAGES,
        (r"externally-managed-environment", r"is externally managed"),
        "the distribution forbids pip to change its own Python",
        "make an environment with `python3 -m venv ~/tf` (`apt-get install python3-venv`) and install with "
        "`~/tf/bin/python -m pip install`; with "
        "Tensorwright, `tensorflow_method: virtualenv`, or `native`, which leaves the distribution's files alone",
        "https://packaging.python.org/en/latest/specifications/externally-managed-environments/",
    ),
    Row(
        "wrong-platform",
        PACKAGES,
        (
            r"exec format error",
            r"is not a supported wheel on this platform",
            r"is incompatible with the current platform",
            r"Exec format error",
            r"os error 8\b",
            r"wrong ELF class",
            r"cannot execute binary file",
        ),
        "the wheel or the program is for another architecture or another Python than this host's; a very old pip "
        "knows no new wheels",
        "compare its name with `python3 -m pip debug --verbose` and `uname -m`, take the one for this host, or "
        "update pip; for images of another "
        "architecture, `docker run --platform`; with Tensorwright, clear `tensorflow_wheel_url` and let the plan "
        "choose",
        "https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/",
    ),
    Row(
        "glibc-old",
        PACKAGES,
        (r"version `GLIBC_[\d.]+' not found",),
        "the host's C library is older than this build needs",
        "use a newer distribution (or its container), or an older release of the package; `ldd --version` shows the "
        "host's; with Tensorwright, "
        "`tensorflow_version`",
        COMPATIBILITY,
        quote=r"GLIBC_[\d.]+",
    ),
    Row(
        "libstdcxx-old",
        PACKAGES,
        (r"version `(?:GLIBCXX|CXXABI)_[\d.]+' not found",),
        "a C++ library is found that is older than this build needs; often one of conda's, or one that "
        "LD_LIBRARY_PATH names",
        "`unset LD_LIBRARY_PATH`, and deactivate conda; the distribution's own comes with `apt-get install libstdc++6`",
        COMPATIBILITY,
        quote=r"(?:GLIBCXX|CXXABI)_[\d.]+",
    ),
    Row(
        "no-compiler",
        PACKAGES,
        (
            r"error: command '\S*(?:gcc|g\+\+|cc|clang)\S*' failed",
            r"unable to execute '\S*(?:gcc|cc)'",
            r"Python\.h: No such file or directory",
            r"Broken toolchain",
        ),
        "there is no wheel of a package for this host, and no compiler or no headers to build one",
        "use a Python that has wheels of it, or `apt-get install build-essential python3-dev` to build it; with "
        "Tensorwright, `tensorflow_python`",
        COMPATIBILITY,
        behind=("memory-short",),
    ),
    Row(
        "setup-py-missing",
        PACKAGES,
        (
            r"No such file or directory:\s+'[^']*setup\.py'",
            r"[Nn]either 'setup\.py' nor 'pyproject\.toml' found",
            r"neither `pyproject\.toml` nor `setup\.py` are present",
        ),
        "pip was given something that is no Python package, or is too old to know what it was given",
        "`python3 -m pip install --upgrade pip` in the environment, then install by the package's name or a `.whl` "
        "file's address",
        INSTALL_ERRORS,
    ),
    Row(
        "venv-missing",
        PACKAGES,
        (r"ensurepip is not\s+available", r"No module named '?ensurepip'?$", r"No module named '?venv'?$"),
        "the distribution keeps the parts of Python that make virtual environments in a package of its own",
        "`apt-get install python3-venv`, or the python3.X-venv of your Python; with Tensorwright, "
        "`tensorflow_method: virtualenv` needs none of it",
        "https://docs.python.org/3/library/venv.html",
    ),
    Row(
        "pip-missing",
        PACKAGES,
        (r"No module named '?pip'?$", r"\bpip3?: (?:command )?not found"),
        "this Python has no pip",
        "`apt-get install python3-pip` for the system's; in an environment, `python -m ensurepip`",
        "https://pip.pypa.io/en/stable/installation/",
    ),
    Row(
        "package-of-the-system",
        PACKAGES,
        (
            r"Cannot uninstall .+(?:RECORD|distutils)",
            r"uninstall-no-record-file",
            r"installed by debian",
            r"Operation not permitted:\s+'[^']*(?:pip-|-packages|/python)",
            r"Could not install packages due to an \w+Error: \[Errno 1\] Operation not permitted",
        ),
        "pip was told to replace a package that the operating system installed, and cannot or must not",
        "leave the system's Python alone, and install in an environment (`python3 -m venv ~/tf`), or beside it with "
        "`--ignore-installed`; with "
        "Tensorwright, `tensorflow_method: virtualenv`",
        INSTALL_ERRORS,
    ),
    Row(
        "removed-package",
        PACKAGES,
        (
            r"The \\?\"(?P<package>[\w-]+)\\?\" package has been removed",
            r"You tried to install \"(?P<package>pytorch)\"",
            r"package (?P<package>[\w-]+) is a placeholder",
            (
                r"(?<![\w.-])(?P<package>[\w-]+) is (?:a )?(?:deprecated|placeholder|fake)[^\n]*(?:use|"
                r"install) [^\n]*instead"
            ),
            r"(?:The )?\"?(?P<package>tensorflow-gpu)\"? package has been removed",
            r"TF_REMOVAL_WARNING",
            r"The '(?P<package>sklearn)' PyPI package is deprecated",
        ),
        "the package {package} has been removed: it is empty and only says so (tensorflow-gpu no longer exists)",
        "`python -m pip install 'tensorflow[and-cuda]'` has the GPU's libraries, `tensorflow` alone serves the CPU; "
        "take {package} out of "
        "requirements; for sklearn, `scikit-learn`; with Tensorwright, `tensorflow_device: gpu`",
        INSTALL_PIP,
    ),
    Row(
        "damaged-archive",
        PACKAGES,
        (
            r"invalid load key, '",
            r"EOFError: Compressed file ended before",
            r"CRC check failed",
            r"[Cc]ould not find EOCD|[Uu]nable to locate the end of central directory",
            r"invalid Zip archive",
            r"failed finding central directory",
            r"compressed data is corrupt",
            r"[Ff]ile format not recognized",
            r"invalid tar header",
            r"layer verification failed for digest",
            r"Failed to extract archive",
            r"invalid gzip header",
            r"This does not look like a tar archive",
            r"not in gzip format",
            r"BadZip[Ff]ile: [^\n]*",
            r"(?:gzip|zipfile|tarfile|lzma|zlib)\.\w*(?:Error|File): ",
            r"tarfile\.ReadError",
            r"unexpected end of data",
            r"not a gzip file",
            r"Not a gzipped file",
            (
                r"(?:gzip|tar|xz|unzip): [^\n]*(?:unexpected end|not in gzip format|does not look like a tar|corrupt|"
                r"Unexpected EOF|CRC error)"
            ),
            r"End-of-central-directory signature not found",
            r"Error -3 while decompressing data",
            r"Wheel '[^']+' located at \S+ is invalid",
            r"has an invalid wheel",
            r"invalid distance (?:too far back|code)",
            r"incorrect data check",
        ),
        "an archive is damaged or incomplete, or is not the file that its name says (an error page, a Git LFS pointer)",
        "remove it and download it again, without the cache: `python -m pip cache purge` and `python -m pip install "
        "--no-cache-dir`; `ls -l` and "
        "`file` show what it is; if it stays, another mirror; with Tensorwright, `tensorflow_pip_index_url`",
        SITE_NETWORK,
        behind=("hash-mismatch", "download-truncated", "conda-damaged", "disk-full"),
        transient=True,
    ),
    Row(
        "package-too-old",
        PACKAGES,
        (),
        "{package} {version} is too old for {by}, which needs {wanted}",
        "`python -m pip install --upgrade '{package}{wanted}'` in the environment, or install {by} and {package} "
        "together in a new one, so that pip "
        "finds versions that fit; with Tensorwright, the plan pins them (`site.yml`), and "
        "`tensorflow_pip_extra_packages` names further ones",
        PINS,
    ),
    Row(
        "package-too-new",
        PACKAGES,
        (),
        "{package} {version} is too new for {by}, which needs {wanted}",
        "`python -m pip install '{package}{wanted}'` in the environment (an older one), or upgrade {by}; with "
        "Tensorwright, the plan pins them "
        "(`site.yml`), and `tensorflow_pip_extra_packages` names further ones",
        PINS,
    ),
    Row(
        "package-not-there",
        PACKAGES,
        (),
        "{by} needs {package}{wanted}, which is not installed in this environment",
        "`python -m pip install '{package}{wanted}'` in the environment; `python -m pip check` shows what else is "
        "missing; with Tensorwright, "
        "`tensorflow_pip_extra_packages`",
        PINS,
    ),
    Row(
        "packages-do-not-fit",
        PACKAGES,
        (),
        "{package} does not have {name}, which {by} uses: the versions of the two do not fit together ({path})",
        "install both together, so that pip finds versions that fit: `python -m pip install --upgrade {by} "
        "{package}`; `python -m pip check` and "
        "`python -m pip show {package}` tell what is there; {package} may be too new as well as too old; with "
        "Tensorwright, the plan pins them "
        "(`site.yml`)",
        PINS,
    ),
    Row(
        "installation-damaged",
        PACKAGES,
        (r"RECORD of (?P<package>[\w.-]+) names \d+ files that are not there",),
        "the installation of {package} is damaged: files that it brought are missing or of another size",
        "`python -m pip install --force-reinstall --no-deps {package}`; with Tensorwright, `-e "
        "tensorwright_trust_receipts=false` builds a new release",
        INSTALL_ERRORS,
        quote=r"RECORD of [^\n]+",
    ),
)
