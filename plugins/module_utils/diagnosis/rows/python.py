# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: Python itself: modules that are not found, versions that do not fit, pip's own troubles."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    COMPATIBILITY,
    CONSEQUENCE,
    GENERAL,
    PACKAGES,
    PINS,
    PIP_RESOLVER,
    Row,
)

ROWS = (
    Row(
        "module-not-found",
        PACKAGES,
        (),
        "this Python has no module {module}: its package {package} is not installed in the environment that runs",
        "`python -m pip install {package}` with the very Python that runs (in a notebook, `%pip install {package}`), "
        "or activate the environment that has "
        "it; with Tensorwright, `tensorflow_pip_extra_packages`",
        "environments.md#what-users-see",
    ),
    Row(
        "submodule-not-found",
        PACKAGES,
        (),
        "{package} has no module {module}: its version is another than the program expects, or its installation is "
        "damaged",
        "`python -m pip show {package}` tells the version; install the one that the program names, or `python -m pip "
        "install --force-reinstall "
        "{package}`; with Tensorwright, `-e tensorwright_trust_receipts=false` builds a new release",
        PINS,
    ),
    Row(
        "shadowed-by-a-file",
        PACKAGES,
        (),
        "a file or folder of yours has the name of the module {module} and is imported in its place: {path}",
        "rename it (`mv {path} my_{module}.py`), and remove the `__pycache__` beside it; or start Python in another "
        "directory",
        "https://docs.python.org/3/tutorial/modules.html#the-module-search-path",
    ),
    Row(
        "circular-import",
        PACKAGES,
        (),
        "{module} is imported while it is being imported (a circular import): modules import each other, its "
        "versions are mixed, or a file of yours "
        "has a module's name",
        "`python -m pip install --force-reinstall {package}` mends a mixed installation; among modules of your own, "
        "move one import into the function "
        "that needs it, and rename a file that has a package's name",
        "https://docs.python.org/3/faq/programming.html",
    ),
    Row(
        "python-part-missing",
        PACKAGES,
        (),
        "this Python was built without {module}: a library's headers were missing when it was built",
        "use the distribution's Python or uv's; for one of pyenv's or your own, `apt-get install {package}` and "
        "build it anew",
        "https://github.com/pyenv/pyenv/wiki/Common-build-problems",
    ),
    Row(
        "python-home-wrong",
        PACKAGES,
        (
            r"Fatal Python error: init_fs_encoding",
            r"No module named 'encodings'",
            r"Could not find platform (?:independent|dependent) libraries",
        ),
        "Python does not find its own library: PYTHONHOME or PYTHONPATH points elsewhere, or the Python that an "
        "environment was made with is gone",
        "`unset PYTHONHOME PYTHONPATH`; if it stays, make the environment anew with `python3 -m venv --clear`",
        "https://docs.python.org/3/using/cmdline.html",
    ),
    Row(
        "python-too-old",
        PACKAGES,
        (
            r"requires a different Python: (?P<python>[\d.]+) not in '(?P<wanted>[^']+)'",
            r"requires Python '(?P<wanted>[^']+)' but the running Python is (?P<python>[\d.]+)",
            r"(?<![\w.-])(?P<package>[\w.-]+) requires Python\s?(?P<wanted>[<>=~!][^\s;]*)[^\n]*",
            r"Python (?P<wanted>[\d.]+(?: or (?:later|newer|higher))?)\+? is required",
            r"future feature annotations is not defined",
            r"Unsupported Python version",
            r"This version of \w+ requires Python",
            r"current Python version \((?P<python>[\d.]+)[^)]*\) does not satisfy Python(?P<wanted>[<>=][^,\s]*)",
        ),
        "the package is not made for this Python ({python}): it needs {wanted}",
        "use a Python that it supports: `python3.11 -m venv ~/tf`, `conda create -n tf python=3.11` or `uv venv "
        "--python 3.11`, or an older "
        "version of the package; with Tensorwright, `tensorflow_python: auto`",
        COMPATIBILITY,
    ),
    Row(
        "no-rust",
        PACKAGES,
        (
            r"can't find Rust compiler",
            r"error: can't find (?:the )?(?:Rust|rustc|cargo)",
            r"[Cc]argo, the Rust package manager, is not installed",
            r"requires Rust [\d.]+",
            r"rustc [\d.]+ is not supported",
            r"edition2021 is (?:unstable|required)",
        ),
        "there is no wheel of a package for this host, and no Rust compiler to build one",
        "`python -m pip install --upgrade pip` first (an old one does not know the wheel), or a Python that has "
        "wheels of it; to build, install Rust from "
        "https://rustup.rs; with Tensorwright, `tensorflow_python: auto`",
        COMPATIBILITY,
    ),
    Row(
        "header-missing",
        PACKAGES,
        (
            r"fatal error: (?P<header>(?!Python\.h|cuda|cudnn|nv)[\w./+-]+\.h(?:pp)?): No such file or directory",
            r"Package (?P<header>[\w.+-]+) was not found in the pkg-config search path",
            r"/ld: cannot find -l(?P<header>[\w.+-]+)",
            r"pkg-config: (?:command )?not found",
            r"(?:hdf5|libhdf5|HDF5)[^\n]*(?:not found|Unable to (?:load|find))",
            r"(?<![\w.-])(?P<header>\w+_config|mysql_config): not found",
        ),
        "something is built here, and a library or header for it is missing: {header}",
        "`apt-file search {header}` names the package (its name ends in -dev): `apt-get install` it; or use a Python "
        "for which there are wheels; "
        "with Tensorwright, `tensorflow_python: auto`",
        COMPATIBILITY,
        behind=("kernel-headers", "module-not-built", "cuda-headers-missing", "no-compiler"),
    ),
    Row(
        "build-tool-missing",
        PACKAGES,
        (
            r"Cannot import '(?P<package>setuptools\.build_meta|[\w.]+)'",
            r"BackendUnavailable: [^\n]*'(?P<package>[\w.]+)'",
            r"error: invalid command '(?P<package>bdist_wheel)'",
            r"CMake must be installed to build",
            r"No module named 'skbuild'",
            r"(?P<package>cmake): (?:command )?not found",
            r"Could not find (?P<package>cmake|CMake)",
            r"Could not find ninja",
            r"(?P<package>ninja)(?:-build)?: (?:command )?not found",
            r"ninja' failed",
            r"use_2to3 is invalid",
            r"No module named '?setuptools'?$",
        ),
        "a package is built here, and a tool for that is missing or of the wrong version ({package})",
        "`python -m pip install --upgrade pip setuptools wheel`, and `apt-get install cmake ninja-build` where they "
        "are named; better a version of the "
        "package that has wheels for this Python; with Tensorwright, `tensorflow_python: auto`",
        COMPATIBILITY,
    ),
    Row(
        "build-failed",
        PACKAGES,
        (
            r"subprocess-exited-with-error",
            r"metadata-generation-failed",
            r"legacy-install-failure",
            r"Failed(?: to)? build(?:ing)? (?:wheel|installable wheels)? ?(?:for|some)? ?(?P<package>[\w.-]*)",
            r"Failed to build `(?P<package>[^`]+)`",
            r"The build backend returned an error",
            r"command errored out with exit status",
        ),
        "a package could not be built from its source: there is no wheel of it for this host's Python, and its own "
        "build failed",
        "the first error of its output says why; mostly a Python that has wheels of it, a newer version of the "
        "package or a newer pip does: "
        "`python -m pip install --upgrade pip`, `--only-binary :all:`; with Tensorwright, `tensorflow_python: auto`",
        COMPATIBILITY,
        behind=(
            "no-compiler",
            "no-rust",
            "header-missing",
            "build-tool-missing",
            "removed-package",
            "python-too-old",
            "python-too-new",
        ),
        quote=r"(?<=Failed to build )`?[\w.=-]+`?",
        rank=GENERAL,
    ),
    Row(
        "package-metadata-broken",
        PACKAGES,
        (
            r"Ignoring invalid distribution -?(?P<package>\S*)(?=.*\n[\s\S]*ERROR)",
            r"invalid metadata entry 'name'",
            r"has invalid metadata: ",
            r"Metadata file \S+ is (?:missing|empty)",
            r"No METADATA file",
            r"No package metadata was found for (?P<package>[\w.-]+)",
            r"PackageNotFoundError: (?P<package>(?!The following|Packages)[\w.-]+)$",
        ),
        "the environment's record of an installed package is damaged or missing ({package}): an installation was cut "
        "off, or files were copied",
        "`python -m pip install --force-reinstall --no-deps {package}`, after removing folders that begin with ~ in "
        "site-packages; with Tensorwright, "
        "`-e tensorwright_trust_receipts=false` builds a new release",
        PIP_RESOLVER,
    ),
    Row(
        "requirement-unreadable",
        PACKAGES,
        (
            r"Invalid requirement: [^\n]+",
            r"InvalidRequirement: ",
            r"Expected end or semicolon",
            r"InvalidVersion: ",
            r"[Ii]nvalid version: '",
            r"Could not open requirements file",
            r"(?:Failed to parse|Couldn't parse requirement)",
            r"error: File not found: `(?P<path>[^`]+)`",
        ),
        "a requirement cannot be read: its name, version or file is not written as packages are asked for today",
        "write it as `name==1.2` or `name>=1,<2`, in quotes on a command line; an old package's own metadata need "
        "`python -m pip install 'pip<24.1'`; with "
        "Tensorwright, `tensorflow_pip_extra_packages`",
        "https://packaging.python.org/en/latest/specifications/dependency-specifiers/",
        quote=r"Invalid requirement: [^\n]+|[Ii]nvalid version: '[^']+'|requirements file: [^\n]+",
    ),
    Row(
        "resolution-too-deep",
        PACKAGES,
        (
            r"ResolutionTooDeep",
            r"resolution-too-deep",
            r"pip's dependency resolver .*exceeded",
        ),
        "pip tried so many versions that it gave up",
        "name the versions of the main packages, use a constraints file, or install with uv (`uv pip install`), "
        "which resolves better; with "
        "Tensorwright, the plan pins them",
        PIP_RESOLVER,
    ),
    Row(
        "environment-missing",
        PACKAGES,
        (
            r"No virtual environment found",
            r"error: No (?:interpreter|Python) found",
            r"No interpreter found for (?P<python>[^\n]+?) in",
            r"Could not find an activated virtualenv",
            r"pyenv: version `(?P<python>[^']+)' is not installed",
            r"pyenv: (?P<python>\w+): command not found",
        ),
        "there is no virtual environment or Python where it is looked for ({python})",
        "make one (`python3 -m venv ~/tf`, `uv venv --python 3.11`) and activate it (`source ~/tf/bin/activate`); "
        "for pyenv, `pyenv install`; with "
        "Tensorwright, `tensorflow_method: virtualenv`",
        "environments.md#what-users-see",
    ),
    Row(
        "pip-broken",
        PACKAGES,
        (
            r"No module named '?pip\._(?:internal|vendor)\S*",
            r"cannot import name '?main'? from '?pip",
            r"has no attribute 'X509_V_FLAG_(?:NOTIFY_POLICY|CB_ISSUER_CHECK)'",
            r"module 'lib' has no attribute",
            r"No module named '?(?:apt_pkg|CommandNotFound|lsb_release)'?",
        ),
        "pip or another tool of the system's Python is damaged: it was replaced by another version, or `python3` "
        "points to another Python",
        "in an environment, `python -m ensurepip --upgrade`; for the system's, `apt-get install --reinstall "
        "python3-pip python3-openssl python3-apt "
        "python3-minimal`, and let `/usr/bin/python3` point to the distribution's own; with Tensorwright, "
        "`tensorflow_method: virtualenv`",
        "https://pip.pypa.io/en/stable/installation/",
    ),
    Row(
        "user-install-refused",
        PACKAGES,
        (
            r"Cannot set --home and --prefix together",
            r"Can not combine '--user'",
            r"User site-packages are not visible",
        ),
        "pip may not install for the user here: an environment, or its own settings, forbid it",
        "leave out `--user` in an environment; `python -m pip config list` shows settings",
        PIP_RESOLVER,
    ),
    Row(
        "cancelled",
        PACKAGES,
        (
            r"ERROR: Operation cancelled by user",
            r"^KeyboardInterrupt$",
        ),
        "somebody ended it with Ctrl-C",
        "run it again, and let it end; `python -m pip check` shows whether something was left half done",
        PIP_RESOLVER,
        rank=CONSEQUENCE,
    ),
    Row(
        "python-lost",
        PACKAGES,
        (),
        "the program or package is older than this Python, which no longer has {name} (removed in Python {version})",
        "upgrade the package that uses it (`python -m pip install --upgrade NAME`), or use an older Python: "
        "`python3.11 -m venv ~/tf`, "
        "`uv venv --python 3.9`; for distutils and imp, `python -m pip install setuptools`; with Tensorwright, "
        "`tensorflow_python: auto`",
        COMPATIBILITY,
    ),
    Row(
        "python2-code",
        PACKAGES,
        (
            r"has no attribute '(?:iteritems|has_key|itervalues|decode\(|next\(\))'",
            r"name '(?P<name>xrange|raw_input|unicode|basestring|reduce|unichr)' is not defined",
        ),
        "the program is written for Python 2, and Python 3 runs it ({name})",
        "convert it (`2to3 -w FILE`, or take a newer state of it), or run it with Python 2.7 in a container (`docker "
        "run python:2.7`); TensorFlow up to 2.1 ran "
        "with it; with Tensorwright, `tensorflow_python`",
        COMPATIBILITY,
    ),
    Row(
        "interpreter-gone",
        PACKAGES,
        (
            r"(?<!\S)(?P<script>/\S+?): (?P<path>/[^\s:]+): bad interpreter",
            (
                r"(?<!\S)(?P<script>\S+): cannot execute: required file "
                r"not found"
            ),
        ),
        "the program {script} was made for a Python interpreter that is not there any more ({path}): the environment "
        "was moved, copied or its Python removed",
        "make the environment anew in its place: `python3 -m venv --clear ~/tf`, then install again; until then, "
        "`python -m pip` instead of `pip` "
        "helps; with Tensorwright, `-e tensorwright_trust_receipts=false`",
        "environments.md#what-users-see",
    ),
    Row(
        "pip-crashed",
        PACKAGES,
        (
            (
                r"File \"[^\"]*/pip/(?:_internal/|_vendor/)?\w+\.py\", line \d+, in \w+\n(?:    [^\n]*\n)*(?!.*(?:OSError|"
                r"Errno|SSL|Connection|Timeout|HTTP|Zip|Incomplete|Permission))\w*(?:TypeError|AttributeError|KeyError|"
                r"AssertionError|IndexError|UnicodeDecodeError|ValueError|ImportError|NameError): [^\n]*"
            ),
        ),
        "pip itself crashed: it is too old for what it was given, or damaged",
        "`python -m pip install --upgrade pip` (or `python -m ensurepip --upgrade`), best in a new `python3 -m venv "
        "~/tf`; the distribution's own pip may be too "
        "old for today's packages; with Tensorwright, `tensorflow_method: virtualenv`",
        "https://pip.pypa.io/en/stable/installation/",
        behind=("pip-broken", "damaged-archive", "requirement-unreadable"),
        rank=GENERAL,
    ),
    Row(
        "str-decode",
        PACKAGES,
        (r"'str' object has no attribute 'decode'",),
        "the code is older than the packages it runs with: it decodes text that is decoded already (a Keras before "
        "2.4 with h5py 3 or newer does, and code of Python 2)",
        "`python -m pip install 'h5py<3'` for an old Keras or TensorFlow, or upgrade TensorFlow; in code of your "
        "own, take `.decode(...)` out; with "
        "Tensorwright, `tensorflow_version: latest`",
        COMPATIBILITY,
    ),
    Row(
        "call-does-not-fit",
        PACKAGES,
        (),
        "{by} calls {name} with {argument}, which it does not accept: {by} and a package that it uses are of "
        "versions that do not fit together",
        "`python -m pip check` names pairs that do not fit; install {by} and what it uses together in a new "
        "environment, so that pip finds versions that fit; with "
        "Tensorwright, the plan pins them (`site.yml`)",
        PINS,
        rank=GENERAL,
    ),
)
