# SPDX-License-Identifier: GPL-3.0-or-later
"""Written into every release as the command `tensorflow-env`: users' own virtualenvs on top of a shared environment.

    tensorflow-env create ~/mine

makes a virtualenv that sees all of the environment's packages and into which its owner may `pip install`. Python's own
`--system-site-packages` cannot do that: it sees the packages of the system's Python, not those of the virtualenv it is called from.
"""

import argparse
import os
import shutil
import sys

# Resolved at each start: the virtualenv follows the environment, a running process stays with the release it began with.
# It holds the release in use, as the release's own Pythons do; where the environment is gone, Python starts without it. What the
# release's .pth files do (setuptools' distutils, the CUDA of a release for GPUs) is done here too.
PTH = (
    "import os, site; place = os.path.realpath({!a}); site.addsitedir(place); "
    "os.path.isdir(place) and __import__('_tensorwright_release').hold_site(place)\n"
)
PIP = """import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


def shebang(python: str) -> str:
    """Return the first lines of a script for `python`; the kernel takes no long path there, and none with a blank."""
    if len(python) < 120 and not any(character.isspace() for character in python):
        return "#!{}\n".format(python)
    # A sentence for sh that is a string for Python.
    return "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''\n".format(python)


def environment() -> str:
    """Return the path of the environment that this command belongs to: <parent>/.tensorwright/<name>/<release> → <parent>/<name>."""
    releases = os.path.dirname(os.path.realpath(sys.prefix))
    return os.path.join(os.path.dirname(os.path.dirname(releases)), os.path.basename(releases))


def create(path: str) -> str:
    """Make the virtualenv at `path` and return the line that activates it."""
    import venv

    path = os.path.abspath(os.path.expanduser(path))
    if os.path.lexists(path):
        sys.exit("tensorflow-env: {} is there already; choose another path".format(path))
    try:
        venv.EnvBuilder(with_pip=False, symlinks=True, prompt=os.path.basename(path)).create(path)
        if sys.prefix == sys.base_prefix:
            rebase(path)
        fill(path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return "source {}/bin/activate".format(path)


def rebase(path: str) -> None:
    """Let a virtualenv of one of conda's Pythons stand on the environment: the release itself will be gone some day."""
    bin_directory = os.path.join(environment(), "bin")
    settings = os.path.join(path, "pyvenv.cfg")
    with open(settings) as source:
        lines = ["home = " + bin_directory if line.startswith("home ") else line for line in source.read().splitlines()]
    with open(settings, "w") as out:
        out.write("\n".join(lines) + "\n")
    for name in os.listdir(os.path.join(path, "bin")):
        program = os.path.join(path, "bin", name)
        if os.path.islink(program) and os.path.isabs(os.readlink(program)):
            os.unlink(program)
            os.symlink(os.path.join(bin_directory, "python{}.{}".format(*sys.version_info[:2])), program)


def fill(path: str) -> None:
    """Lead a new virtualenv to the environment, its settings and its pip."""
    version = "python{}.{}".format(*sys.version_info[:2])
    base = os.path.join(environment(), "lib", version, "site-packages")
    with open(os.path.join(path, "lib", version, "site-packages", "tensorwright.pth"), "w") as pth:
        pth.write(PTH.format(base))
    settings = os.path.join(environment(), "pip.conf")  # the site's package index and certificates
    if os.path.exists(settings):
        shutil.copyfile(settings, os.path.join(path, "pip.conf"))
    for name in ("pip", "pip3"):
        program = os.path.join(path, "bin", name)
        with open(program, "w") as script:
            script.write(shebang(os.path.join(path, "bin", "python")) + PIP)
        os.chmod(program, 0o755)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="tensorflow-env", description="Your own virtualenv on top of " + environment()
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    make = commands.add_parser("create", help="make a virtualenv that sees all of the environment's packages")
    make.add_argument("path", metavar="PATH")
    arguments = parser.parse_args()
    try:
        print(create(arguments.path))
    except OSError as error:
        sys.exit("tensorflow-env: {}".format(error))


if __name__ == "__main__":
    main()
