# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a virtualenv and install distributions into it: with uv where it can serve, with pip for older Pythons."""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess
import threading
import time
import zipfile
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import unquote, urlsplit

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, safe_tree, workplaces
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable_bytes
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import workshop
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import NONE, Cache

# Its wheel is run as it is too, by the Python that the environment is for.
VIRTUALENV = "import sys; sys.path.insert(0, sys.argv.pop(1)); import virtualenv; virtualenv.main()"
TAIL = 65536  # bytes of output that are looked at
WATCH = 10.0  # seconds between two looks whether the package cache is still there
# Settings of the calling user's that would lead an installer to another place, or colour what we read.
UNWANTED = (
    "CLICOLOR_FORCE",
    "CONDA_PREFIX",
    "FORCE_COLOR",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_USER",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "VIRTUAL_ENV",
)


class InstallError(Exception):
    """An installer failed; the text names cause and remedy, `output` is what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(InstallError, self).__init__(message)
        self.output = output


def version_of(python: str) -> Tuple[int, ...]:
    """Return the version, such as (3, 11, 2), of an interpreter that is no package's: it is started. Raises InstallError."""
    try:
        program = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
        # -S: not the .pth files of what is installed; -E, -s: nothing of the caller's (Python 2 has no -I). From / nobody's modules.
        told = subprocess.check_output(
            [python, "-E", "-s", "-S", "-B", "-c", program], cwd="/", universal_newlines=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise InstallError("the planned interpreter {} does not start: {}".format(python, error)) from error
    return tuple(int(part) for part in told.strip().split("."))


class Installer(object):
    """What both installers share: the site's addresses, the log, and running a command until it succeeds.

    `tool`: {name: uv|pip, version, wheel: {file, sha256}, virtualenv: {file, sha256} for Python 2.7}; `site`: {index_url,
    extra_index_urls, ca_file, timeout, retries, package_cache}; `tools`, `cache`: directories of the store; `log`: file that gets all
    output; `shop`: where it works and as whom, by default as the acting user.
    """

    retries_downloads = False  # whether the installer itself tries a download again that broke in the middle
    compiles = False  # whether the installer writes bytecode
    taken_over = True  # whether what a builder installs becomes the acting user's, or stays the builder's

    def __init__(
        self,
        tool: Dict[str, Any],
        site: Dict[str, Any],
        tools: str,
        cache: str,
        log: str,
        shop: Optional[workshop.Workshop] = None,
    ) -> None:
        self.tool = tool
        self.site = site
        self.tools = tools
        self.cache = cache
        self.log = log
        self.shop = shop or workshop.Workshop(tools)
        self.python: Tuple[int, ...] = ()  # the release's, where it is known: it is not started to be asked
        asked = Cache(site.get("package_cache"))
        self.package_cache = asked if asked.usable() else NONE
        self.package_cache.reach_directly()
        self.cache_is_lost = False
        self._verified = False  # by hash, in this run
        self.left_cache = ""  # why the origin was asked after all

    @property
    def timeout(self) -> int:
        """Seconds that the network may stay silent: the package cache gives out what it has the whole of."""
        return max(int(self.site["timeout"]), self.package_cache.timeout if self.package_cache else 0)

    def environment(self) -> Dict[str, str]:
        """Return the variables that tell the installer about the site's CA, time-outs and cache."""
        env = {
            name: value
            for name, value in self.shop.environment().items()
            if name not in UNWANTED and not name.startswith("PYTHON")
        }
        env.update(LC_ALL="C.UTF-8", NO_COLOR="1")
        ca_file = self.site.get("ca_file")
        if ca_file:
            ca_file = self.shop.file(ca_file)
            env.update(SSL_CERT_FILE=ca_file, PIP_CERT=ca_file, REQUESTS_CA_BUNDLE=ca_file)
        return env

    def indexes(self) -> Tuple[str, List[str]]:
        """Return the package index and the further ones. They travel as environment variables: a command line is for all to read."""
        index, extra = self.site.get("index_url") or download.default_index(), self.site.get("extra_index_urls") or []
        return self.package_cache.of(index), [self.package_cache.of(url) for url in extra]

    @contextlib.contextmanager
    def workplace(self) -> Iterator[str]:
        """Make a directory for what is not finished, where the builder can read."""
        with workplaces.workplace(self.tools) as directory:
            safe_tree.change(directory, mode=0o755)
            yield directory

    def fetch(self, project: str, wheel: Dict[str, str], directory: str) -> str:
        """Fetch a tool's pinned wheel into a directory and return its path. Raises InstallError."""
        try:
            return download.fetch_wheel(
                project,
                wheel,
                directory,
                index=self.site.get("index_url"),
                ca_file=self.site.get("ca_file"),
                timeout=self.site["timeout"],
                retries=self.site["retries"],
                cache=self.package_cache,
            )
        except download.DownloadError as error:
            raise InstallError(
                self.refused(str(error)) or matcher.explain(str(error)) or str(error), str(error)
            ) from error

    def fetch_url(self, url: str, directory: str, sha256: Optional[str]) -> Tuple[str, str]:
        """Fetch a file into a directory; return its path and its SHA-256. Raises InstallError.

        One whose hash nobody knows is not asked of a package cache without TLS: whoever is on the line could give another.
        """
        path = os.path.join(directory, unquote(urlsplit(url).path.rpartition("/")[2]))
        cache = self.package_cache
        if not sha256 and cache.plain_host and cache.has(url):
            if cache.only:
                raise InstallError(
                    "the hash of {} is not known, so it is not taken from the package cache {} without TLS, which alone may be "
                    "asked; name the wheel and its hash in tensorflow_wheel_url and tensorflow_wheel_sha256".format(
                        download.without_login(url), cache.url
                    )
                )
            cache = NONE
        try:
            return path, download.fetch_url(
                url,
                path,
                sha256,
                self.site.get("ca_file"),
                self.site["timeout"],
                self.site["retries"],
                cache,
            )
        except download.DownloadError as error:
            why = "; ".join(filter(None, (str(error), matcher.explain(str(error)))))
            raise InstallError(why, str(error)) from error

    def _kept(self, project: str, wheel: Dict[str, str]) -> str:
        """Return a tool's wheel, fetched where it is not there already."""
        path = os.path.join(self.tools, wheel["file"])
        if files.sha256(path) != wheel["sha256"]:
            with self.workplace() as directory:
                durable.rename(self.fetch(project, wheel, directory), path)
        return path

    def refused(self, output: str) -> str:
        """Return why a failure is the package cache's, where nothing else may be asked."""
        return self.package_cache.refusal() if self.package_cache and matcher.of_the_network(output) else ""

    def run(self, command: List[str]) -> str:
        """Run a command, by way of the package cache and after that fails without it. Raises InstallError."""
        if not self.package_cache:
            return self._tried(command)
        try:
            return self._tried(command)
        except InstallError as error:
            if not (self.cache_is_lost or matcher.of_the_network(error.output)):
                raise
            if self.package_cache.only:
                raise InstallError(self.package_cache.refusal() or str(error), error.output) from error
            self.left_cache = "The package cache {} failed in the middle ({}), so the origin was asked.".format(
                self.package_cache.url, error
            )
        self.package_cache = NONE
        return self._tried(command)

    def _tried(self, command: List[str]) -> str:
        """Run a command, its output into the log; try again where the network is to blame. Raises InstallError."""
        attempts = 1 if self.retries_downloads else self.site["retries"] + 1
        for attempt in range(attempts):
            status, output = self._call(command)
            if status == 0:
                return output
            if self.cache_is_lost:
                raise InstallError("it does not answer any more", output)
            if status < 0:
                raise InstallError(
                    "{} was killed by signal {}; if nobody did that by hand, it lacked memory: free some and run again".format(
                        os.path.basename(command[0]), -status
                    ),
                    output,
                )
            # "Max retries exceeded": pip has tried this connection as often as it was told to.
            if attempt + 1 == attempts or not matcher.transient(output) or "Max retries exceeded" in output:
                break
            time.sleep(min(2.0 * (attempt + 1), 10.0))
        raise InstallError(matcher.explain(output) or matcher.unknown(output), output)

    def _call(self, command: List[str]) -> Tuple[int, str]:
        """Run a command and return its status and the last of its output, which is also written into the log."""
        self._note("$ {}\n".format(" ".join(command)).encode("utf-8", "surrogateescape"))
        try:
            process = subprocess.Popen(
                command,
                cwd=self.tools,  # no settings from whatever directory this run was started in
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                preexec_fn=self.shop.becoming(),
            )
        except PermissionError as error:
            why = "{} cannot be executed; perhaps its file system is mounted noexec".format(command[0])
            raise InstallError(matcher.explain(why), str(error)) from error
        output = b""
        end = threading.Thread(target=self._end, args=(process,), daemon=True)
        end.start()
        over = threading.Event()
        if self.package_cache:
            threading.Thread(target=self._watch, args=(process, over), daemon=True).start()
        try:
            # Through a pipe: on a full disk the log stays empty, and the cause would be lost with it.
            for line in iter(process.stdout.readline, b""):  # type: ignore[union-attr]  # it is a pipe
                output = (output + line)[-TAIL:]
                self._note(line)
            return process.wait(), output.decode("utf-8", "replace")
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            end.join()
            over.set()

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for an installer, and end what it has left running: that would hold our end of its pipe open."""
        process.wait()
        self.shop.stop()

    def _watch(self, process: "subprocess.Popen[bytes]", over: threading.Event) -> None:
        """End an installer whose package cache has gone without a word: it would wait for as long as a large file may take."""
        missed = 0
        while not over.wait(WATCH):
            missed = 0 if self.package_cache.answers() else missed + 1
            if missed == 3:
                self.cache_is_lost = True
                process.kill()

    def _note(self, text: bytes) -> None:
        with contextlib.suppress(OSError), safe_tree.open_file(self.log, "a", encoding=None) as log:
            log.write(printable_bytes(text))

    def wheels(self) -> List[str]:
        """Return the options by which no package is built, where none is to be: what a wheel brings is not run by installing it."""
        return [] if self.site.get("sdists") else ["--only-binary", ":all:"]

    def create(self, python: str, release: str, prompt: str) -> None:
        """Make an empty virtualenv of `python` at `release`."""
        raise NotImplementedError

    def install(self, release: str, requirements: List[str], constraints: str) -> None:
        """Install `requirements` under the constraints of the file `constraints` into the virtualenv at `release`."""
        raise NotImplementedError


class Uv(Installer):
    """Links files from one cache: fast, and equal files of several environments are on the disk once."""

    retries_downloads = True

    def _program(self) -> str:
        """Return uv, which is at this moment what its pinned wheel holds: a file of that name alone says nothing."""
        program = os.path.join(self.tools, "uv-{}".format(self.tool["version"]))
        if self._verified:
            return program
        with zipfile.ZipFile(self._kept("uv", self.tool["wheel"])) as archive:
            member = "uv-{}.data/scripts/uv".format(self.tool["version"])
            with archive.open(member) as source:
                pinned = files.sha256_of(source)
            if files.sha256(program) != pinned:
                with self.workplace() as directory:
                    fresh = os.path.join(directory, "uv")
                    with archive.open(member) as source, safe_tree.open_file(fresh, "w", 0o755, None) as out:
                        shutil.copyfileobj(source, out, 1 << 20)
                    durable.rename(fresh, program)
        self._verified = True
        return program

    def environment(self) -> Dict[str, str]:
        env = super(Uv, self).environment()
        index, extra = self.indexes()
        env.update(
            UV_DEFAULT_INDEX=index,
            UV_INDEX=" ".join(extra),
            UV_CACHE_DIR=self.cache,
            UV_HTTP_TIMEOUT=str(self.timeout),
            UV_HTTP_RETRIES=str(self.site["retries"]),
            UV_PYTHON_DOWNLOADS="never",
            UV_SYSTEM_CERTS="true",  # what the host trusts, not a list of uv's own
            UV_NO_PROGRESS="1",
        )
        if self.shop.account and self.taken_over:
            env["UV_LINK_MODE"] = "symlink"  # the acting user makes links from the cache of it
        env.setdefault("TMPDIR", self.tools)  # it leaves a lock there for each prefix of conda's
        if extra:
            # The extra indexes of a site add files to the first one's, as pip's option of that name does. Not without them: with
            # this, uv takes an index that denies access for one that has nothing.
            env["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        return env

    def create(self, python: str, release: str, prompt: str) -> None:
        self.run([self._program(), "venv", "--no-project", "--python", python, "--prompt", prompt, release])

    def install(self, release: str, requirements: List[str], constraints: str) -> None:
        target = ["--python", os.path.join(release, "bin", "python"), "--constraint", constraints]
        self.run([self._program(), "pip", "install"] + self.wheels() + target + requirements)


class Pip(Installer):
    """Serves the Pythons that uv no longer does. Its own wheel is run as it is: the host needs neither pip nor ensurepip."""

    compiles = True

    def environment(self) -> Dict[str, str]:
        env = super(Pip, self).environment()
        index, extra = self.indexes()
        env.update(
            PIP_INDEX_URL=index,
            PIP_EXTRA_INDEX_URL=" ".join(extra),
            PIP_CACHE_DIR=self.cache,
            PIP_DEFAULT_TIMEOUT=str(self.timeout),
            PIP_RETRIES=str(self.site["retries"]),
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            PIP_NO_INPUT="1",
            PIP_LOG=self.details,
        )
        if self.package_cache.plain_host:  # for pip it means as well that no certificate of that host is looked at
            env["PIP_TRUSTED_HOST"] = self.package_cache.plain_host
        return env

    @property
    def details(self) -> str:
        """The file in which pip says more than on its output."""
        return os.path.join(self.shop.home, "pip.log") if self.shop.account else self.log + ".pip"

    def _call(self, command: List[str]) -> Tuple[int, str]:
        try:
            status, output = super(Pip, self)._call(command)
            # A page that cannot be fetched counts as one that offers nothing; why it could not is in the details alone.
            if "from versions: none" in output:
                lines = [
                    line for line in self.shop.text(self.details).splitlines(True) if "Could not fetch URL" in line
                ]
                output = "".join(line for line in lines if "404 Client Error" not in line) or output
            return status, output
        finally:
            if not self.shop.account:  # whose home goes as a whole
                with contextlib.suppress(OSError):
                    safe_tree.unlink(self.details)

    def create(self, python: str, release: str, prompt: str) -> None:
        version = self.python = version_of(python)
        if version >= (3, 6):
            self.run([python, "-m", "venv", "--without-pip", "--prompt", prompt, release])
        elif version >= (3, 3):  # their venv has no prompt to choose
            self.run([python, "-m", "venv", "--without-pip", release])
        else:
            wheel = self._kept("virtualenv", self.tool["virtualenv"])
            bare = ["--no-download", "--no-pip", "--no-setuptools", "--no-wheel", "--prompt", "({}) ".format(prompt)]
            self.run([python, "-s", "-E", "-B", "-c", VIRTUALENV, wheel] + bare + [release])

    def install(self, release: str, requirements: List[str], constraints: str) -> None:
        python = os.path.join(release, "bin", "python")
        pip = [
            python,
            os.path.join(self._kept("pip", self.tool["wheel"]), "pip"),
            "install",
            "--constraint",
            constraints,
        ] + self.wheels()
        if (self.python or version_of(python)) < (3, 7):
            # What these Pythons are served is often not built yet, and the pips of their day build with what is there.
            self.run(pip + ["setuptools", "wheel"])
        own = ["pip==" + self.tool["version"] if item == "pip" else item for item in requirements]
        self.run(pip + own)


def choose(
    tool: Dict[str, Any],
    site: Dict[str, Any],
    tools: str,
    cache: str,
    log: str,
    shop: Optional[workshop.Workshop] = None,
) -> Installer:
    """Return the installer that the plan names. Raises KeyError for a name that is none."""
    kinds = {"uv": Uv, "pip": Pip}
    return kinds[tool["name"]](tool, site, tools, os.path.join(cache, tool["name"]), log, shop)


def abandoned(cache: str) -> List[str]:
    """Return what killed runs of uv have left in its cache; nothing while any uv works with that cache."""
    directory = os.path.join(cache, "uv")
    try:
        if os.stat(directory).st_uid != os.geteuid():
            return []  # a builder's, for which workshop.lent() sees to that
        with open(os.path.join(directory, ".lock"), "r+") as lock:  # uv holds it, shared, for as long as it runs
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return sorted(glob.glob(os.path.join(glob.escape(directory), ".tmp*")))
    except OSError:
        return []
