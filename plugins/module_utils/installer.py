# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a virtualenv and install distributions into it: with uv where it can serve, with pip for older Pythons."""

import ctypes
import os
import shutil
import signal
import subprocess
import time
import zipfile
from typing import Any, Dict, List, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils import diagnosis, download

TAIL = 65536  # characters of output that are looked at


class InstallError(Exception):
    """An installer failed; the text names cause and remedy, `output` is what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(InstallError, self).__init__(message)
        self.output = output


def _die_with_parent() -> None:
    """Let the kernel end the installer when this module is killed, or it would write on without a lock."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Installer(object):
    """What both installers share: the site's addresses, the log, and running a command until it succeeds.

    `tool`: {name: uv|pip, version, wheels or wheel: {file, sha256}}; `site`: {index_url, extra_index_urls, ca_file, timeout,
    retries}; `tools`, `cache`: directories of the store; `log`: file that gets all output.
    """

    def __init__(self, tool: Dict[str, Any], site: Dict[str, Any], tools: str, cache: str, log: str) -> None:
        self.tool = tool
        self.site = site
        self.tools = tools
        self.cache = cache
        self.log = log

    def environment(self) -> Dict[str, str]:
        """Return the variables that tell the installer about the site's CA, time-outs and cache."""
        env = dict(os.environ, LC_ALL="C.UTF-8")
        ca_file = self.site.get("ca_file")
        if ca_file:
            env.update(SSL_CERT_FILE=ca_file, PIP_CERT=ca_file, REQUESTS_CA_BUNDLE=ca_file)
        return env

    def indexes(self) -> Tuple[str, List[str]]:
        """Return the package index and the further ones. They travel as environment variables: a command line is for all to read."""
        return self.site.get("index_url") or download.default_index(), list(self.site.get("extra_index_urls") or [])

    def fetch(self, project: str, wheel: Dict[str, str]) -> str:
        """Return the path of a tool's pinned wheel, fetched unless it is there."""
        path = os.path.join(self.tools, wheel["file"])
        if os.path.exists(path):
            return path
        try:
            return download.fetch_wheel(
                project,
                wheel,
                self.tools,
                index=self.site.get("index_url"),
                ca_file=self.site.get("ca_file"),
                timeout=self.site["timeout"],
                retries=self.site["retries"],
            )
        except download.DownloadError as error:
            raise InstallError(diagnosis.explain(str(error)) or str(error), str(error)) from error

    def run(self, command: List[str]) -> str:
        """Run a command, its output into the log; try again where the network is to blame. Raises InstallError."""
        for attempt in range(self.site["retries"] + 1):
            with open(self.log, "a+") as log:
                log.write("$ {}\n".format(" ".join(command)))
                log.flush()
                start = log.tell()
                status = subprocess.call(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.environment(),
                    preexec_fn=_die_with_parent,
                )
                log.seek(start)
                output = log.read()[-TAIL:]
            if status == 0:
                return output
            if status < 0:
                raise InstallError("{} was killed by signal {}".format(os.path.basename(command[0]), -status), output)
            if attempt == self.site["retries"] or not diagnosis.transient(output):
                break
            time.sleep(min(2.0 * (attempt + 1), 10.0))
        raise InstallError(diagnosis.explain(output) or diagnosis.unknown(output), output)

    def create(self, python: str, release: str, prompt: str) -> None:
        """Make an empty virtualenv of `python` at `release`."""
        raise NotImplementedError

    def install(self, release: str, requirements: List[str], constraints: str) -> None:
        """Install `requirements` under the constraints of the file `constraints` into the virtualenv at `release`."""
        raise NotImplementedError


class Uv(Installer):
    """Links files from one cache: fast, and equal files of several environments are on the disk once."""

    def _program(self) -> str:
        program = os.path.join(self.tools, "uv-{}".format(self.tool["version"]))
        if not os.path.exists(program):
            wheel = self.fetch("uv", self.tool["wheel"])
            partial = "{}.new{}".format(program, os.getpid())
            with zipfile.ZipFile(wheel) as archive:
                member = "uv-{}.data/scripts/uv".format(self.tool["version"])
                with archive.open(member) as source, open(partial, "wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
            os.chmod(partial, 0o755)
            os.rename(partial, program)
            os.unlink(wheel)
        return program

    def environment(self) -> Dict[str, str]:
        env = super(Uv, self).environment()
        index, extra = self.indexes()
        env.update(
            UV_DEFAULT_INDEX=index,
            UV_INDEX=" ".join(extra),
            # The extra indexes of a site add files to the first one's, as pip's option of that name does.
            UV_INDEX_STRATEGY="unsafe-best-match",
            UV_CACHE_DIR=self.cache,
            UV_HTTP_TIMEOUT=str(self.site["timeout"]),
            UV_HTTP_RETRIES=str(self.site["retries"]),
            UV_PYTHON_DOWNLOADS="never",
            UV_SYSTEM_CERTS="true",  # what the host trusts, not a list of uv's own
            UV_NO_PROGRESS="1",
        )
        return env

    def create(self, python: str, release: str, prompt: str) -> None:
        self.run([self._program(), "venv", "--no-project", "--python", python, "--prompt", prompt, release])

    def install(self, release: str, requirements: List[str], constraints: str) -> None:
        target = ["--python", os.path.join(release, "bin", "python"), "--constraint", constraints]
        self.run([self._program(), "pip", "install"] + target + requirements)


class Pip(Installer):
    """Serves the Pythons that uv no longer does. Its own wheel is run as it is: the host needs neither pip nor ensurepip."""

    def environment(self) -> Dict[str, str]:
        env = super(Pip, self).environment()
        index, extra = self.indexes()
        env.update(
            PIP_INDEX_URL=index,
            PIP_EXTRA_INDEX_URL=" ".join(extra),
            PIP_CACHE_DIR=self.cache,
            PIP_DEFAULT_TIMEOUT=str(self.site["timeout"]),
            PIP_RETRIES=str(self.site["retries"]),
            PIP_DISABLE_PIP_VERSION_CHECK="1",
        )
        return env

    def create(self, python: str, release: str, prompt: str) -> None:
        self.run([python, "-m", "venv", "--without-pip", "--prompt", prompt, release])

    def install(self, release: str, requirements: List[str], constraints: str) -> None:
        wheel = self.fetch("pip", self.tool["wheel"])
        pip = [
            os.path.join(release, "bin", "python"),
            os.path.join(wheel, "pip"),
            "install",
            "--constraint",
            constraints,
        ]
        own = ["pip==" + self.tool["version"] if item == "pip" else item for item in requirements]
        self.run(pip + own)


def choose(tool: Dict[str, Any], site: Dict[str, Any], tools: str, cache: str, log: str) -> Installer:
    """Return the installer that the plan names. Raises KeyError for a name that is none."""
    kinds = {"uv": Uv, "pip": Pip}
    return kinds[tool["name"]](tool, site, tools, os.path.join(cache, tool["name"]), log)
