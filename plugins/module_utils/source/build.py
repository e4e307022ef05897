# SPDX-License-Identifier: GPL-3.0-or-later
"""A wheel of TensorFlow from its source, by a process of its own that outlives the connection which started it.

Where that acts as root, all that the checkout brings runs as a builder without rights: git, ./configure, Bazel, the packager. Root
keeps the wheel, once none of the builder's processes is left.

/opt/.tensorwright/builds/bazelisk-<hash>         what fetches the Bazel of each release; shared by all builds
/opt/.tensorwright/builds/<key>/tree/             the checkout
/opt/.tensorwright/builds/<key>/{output,home,python}/   what Bazel and the build's Python keep: an interrupted build goes on from there
/opt/.tensorwright/builds/<key>/builder           the number of the user without rights to whom these belong
/opt/.tensorwright/builds/<key>/{build.log,state.json,lock}
/opt/.tensorwright/builds/<key>/tensorflow-….whl  the result; whole once record.json is there
"""

import contextlib
import fcntl
import glob
import json
import os
import re
import shlex
import signal
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import durable, files, safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.common.printable import printable_bytes
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments import store as releases
from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import (
    builder_user,
    installers,
    workshop,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download, package_cache
from ansible_collections.tensorwright.fleet.plugins.module_utils.source import facts as source_facts

TAIL = 65536  # bytes of output that are looked at
IDLE = 60  # seconds after which a Bazel that nobody talks to ends
PACKAGE = "tensorflow/tools/pip_package"
GIVEN = ("tree", "output", "python")  # to the builder, besides its home
COMPLETE = "python.complete"  # beside what it vouches for, where the builder cannot write
BUILDER = "builder"
TEMPORARY = (BUILDER, COMPLETE, "home", "bin") + GIVEN
# Bazel's own, such as "[1,234 / 20,111] Compiling …"
PROGRESS = re.compile(r"^\[([\d,]+) / ([\d,]+)\]", re.MULTILINE)
# How Bazel is told the memory that it may plan with; one for each age of it.
MEMORY = (((0, 25), "--local_ram_resources={0}"), ((0, 0), "--local_resources={0},{1},1.0"))
# Settings of the calling user's, and of this run, that would change what is built.
UNWANTED = (
    "ANSIBLE_",
    "BAZEL",
    "CC",
    "CFLAGS",
    "CPPFLAGS",
    "CXX",
    "GIT_",
    "HERMETIC_",
    "LDFLAGS",
    "PYTHON",
    "TF_",
    "USE_BAZEL",
)


class BuildError(Exception):
    """The build failed; the text names cause and remedy, `output` is the last of what was printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super(BuildError, self).__init__(message)
        self.output = output


class PatienceError(BuildError):
    """The run has waited long enough; the build goes on."""


class Build(object):
    """One build: `name` is its directory's; `asked` are the module's parameters."""

    def __init__(self, environment: releases.Environment, name: str, asked: Dict[str, Any]) -> None:
        self.asked = asked
        self.builds = environment.shared(source_facts.BUILDS)
        self.tools = environment.shared("tools")
        self.cache = environment.shared("cache")
        self.directory = os.path.join(self.builds, name)
        self.shop = workshop.Workshop(self.directory)  # the acting user's, until working() lends another one

    def path(self, *parts: str) -> str:
        """Return a path of the build."""
        return os.path.join(self.directory, *parts)

    # --- looked at from outside -----------------------------------------------------------------------------------

    def record(self) -> Optional[Dict[str, Any]]:
        """Return what is known of the finished wheel, with its path; None while there is none."""
        try:
            found = json.loads(files.text(self.path(source_facts.RECORD)))
        except ValueError:
            return None
        wheel = self.path(found["file"])
        return dict(found, path=wheel) if os.path.isfile(wheel) else None

    def state(self) -> Dict[str, Any]:
        """Return how far the process has come, by its own words."""
        try:
            found: Dict[str, Any] = json.loads(files.text(self.path("state.json")))
            return found
        except ValueError:
            return {}

    def running(self) -> Optional[int]:
        """Return the process that builds, if one does; 0 for one that has not said its number yet."""
        with contextlib.suppress(OSError), safe_tree.open_file(self.path("lock"), "r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return int(self.state().get("process", 0))
        return None

    def progress(self) -> str:
        """Return one line for whoever waits."""
        state = self.state()
        counted = PROGRESS.findall(files.text(self.path("build.log"))[-TAIL:]) if state.get("step") == "build" else []
        done = " [{} / {}]".format(*counted[-1]) if counted else ""
        minutes = int(time.time() - state.get("started", time.time())) // 60
        return "{}{}, {} min".format(state.get("step", "start"), done, minutes)

    def wait(self, seconds: float) -> bool:
        """Wait for the process; tell whether it has ended."""
        deadline = time.time() + seconds
        while self.running() is not None:
            if time.time() >= deadline:
                return False
            time.sleep(0.5)
        return True

    def failure(self) -> BuildError:
        """Return why there is no wheel although no process builds one."""
        told = self.state().get("error")
        if told:
            return BuildError(told["message"], told["output"])
        return BuildError("the build was stopped from outside; the next run goes on where it was")

    # --- the process ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or go on, in a process that neither this module's end nor that of its connection ends."""
        safe_tree.make_directories(self.directory)
        lock = safe_tree.open_file(self.path("lock"), "w+", 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by the process for as long as it lives
        self.tell("start", started=time.time())
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            lock.close()
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        status = 1
        try:
            self.detach()
            self.run()
            status = 0
        finally:
            os._exit(status)

    def detach(self) -> None:
        """Leave the terminal and the pipes of whoever started us: sshd waits for those."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with open(os.devnull, "rb") as nothing, safe_tree.open_file(self.path("build.log"), "w") as log:
            for number, target in ((0, nothing), (1, log), (2, log)):
                os.dup2(target.fileno(), number)

    def tell(self, step: str, **more: Any) -> None:
        """Say how far it is."""
        told = dict({"started": self.state().get("started"), "process": os.getpid(), "step": step}, **more)
        files.replace(self.path("state.json"), json.dumps(told))

    def run(self) -> None:
        """Do everything that is not done yet."""
        try:
            with self.working():
                self.make()
        except BaseException as error:
            output = getattr(error, "output", "") or ""
            why = str(error) or error.__class__.__name__
            if isinstance(error, OSError):
                why = "; ".join(filter(None, (why, matcher.explain(why))))
            self.tell(self.state().get("step", "start"), error={"message": why, "output": str(output)[-4000:]})
            raise

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Lend a user without rights for the steps, where root would do them. Raises BuildError and StoreError.

        An interrupted build goes on as the user that it had. What belongs to any other one is made anew.
        """
        groups = workshop.account_groups([self.builds])
        if groups is None:
            self.shop.prepare([])
            yield
            return
        needed = builder_user.groups_for([self.asked["python"]])
        if needed is None or not needed <= set(groups):
            raise BuildError(
                "the Python {} cannot be started by all who reach {}, and so not by the user without rights who builds; choose "
                "another one".format(self.asked["python"], self.builds)
            )
        known = files.text(self.path(BUILDER))
        left = int(known) if known.isdigit() else None
        with builder_user.borrowed(groups, left) as account:
            self.hand_out(account, left)
            try:
                yield
            finally:
                self.shop.stop()
                self.close()

    def hand_out(self, account: builder_user.Account, left: Optional[int]) -> None:
        """Give the builder a new home, and what it had before it was interrupted. left: the number of who had it."""
        if account.uid != left:
            self.clear()
            files.replace(self.path(BUILDER), str(account.uid))
        elif os.path.lexists(self.path("home")):
            releases.remove_tree(self.path("home"))
        self.shop = workshop.Workshop(self.directory, account)
        # Whose repository a mirror on this host is does not matter to who has no rights.
        safe_tree.make_directories(self.shop.home, 0o700)
        files.replace(os.path.join(self.shop.home, ".gitconfig"), "[safe]\n\tdirectory = *\n")
        self.shop.prepare([self.asked["ca_file"]])
        for name in GIVEN:
            self.shop.give(self.path(name))

    def close(self) -> None:
        """Shut the builder's directories: whoever has its number next is somebody else."""
        for name in GIVEN + ("home",):
            with contextlib.suppress(FileNotFoundError):
                safe_tree.change(self.path(name), mode=0o700, owner=0, group=0)

    def make(self) -> None:
        """The steps; each finds what an earlier run has left of it."""
        started = time.time()
        self.tell("tools")
        self.bazelisk()
        self.tell("checkout")
        commit = self.checkout()
        self.tell("python")
        python = self.python()
        self.tell("configure")
        self.configure(python)
        self.tell("build")
        wheel = self.build()
        self.tell("finish")
        self.bazel(["shutdown"])
        self.shop.stop()
        name = self.keep(wheel)
        record = {
            "key": self.asked["key"],
            "capabilities": self.asked["capabilities"],
            "file": name,
            "sha256": files.sha256(self.path(name)),
            "commit": commit,
            "url": self.asked["url"],
            "tag": self.asked["tag"],
            "glibc": (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")[2],
            "bazel": self.asked["bazel"],
            "compiler": self.asked["compiler"],
            "built": releases.now(),
            "seconds": int(time.time() - started),
        }
        files.replace(self.path(source_facts.RECORD), json.dumps(record, indent=1, sort_keys=True) + "\n")
        if not self.asked["keep_tree"]:
            self.clear()

    def clear(self) -> None:
        """Remove what only building needs: tens of gigabytes."""
        for name in TEMPORARY:
            if os.path.lexists(self.path(name)):
                releases.remove_tree(self.path(name))

    # --- the steps ------------------------------------------------------------------------------------------------

    def bazelisk(self) -> None:
        """Fetch bazelisk, trusted by its hash, and put a `bazel` on the path that keeps all that it writes in the build's directory."""
        asked = self.asked["bazelisk"]
        program = os.path.join(self.builds, "bazelisk-{}".format(asked["sha256"][:12]))
        if files.sha256(program) != asked["sha256"]:
            try:
                site = self.asked
                download.fetch_url(
                    *(asked["url"], program, asked["sha256"], site["ca_file"], site["timeout"], site["retries"]),
                    cache=package_cache.Cache(site["package_cache"]),
                )
            except download.DownloadError as error:
                why = "; ".join(filter(None, (str(error), matcher.explain(str(error)))))
                raise BuildError(why, str(error)) from error
        safe_tree.change(program, mode=0o755)
        line = [program, "--output_user_root=" + self.path("output"), "--max_idle_secs={}".format(IDLE)]
        # Bazel knows --version only as its sole word.
        script = '#!/bin/sh\n[ "$*" = --version ] && exec {} --version\nexec {} "$@"\n'.format(
            shlex.quote(program), " ".join(map(shlex.quote, line))
        )
        files.replace(self.path("bin", "bazel"), script, 0o755)

    def checkout(self) -> str:
        """Check out the release's tag, and return its commit."""
        tree, tag, wanted = self.path("tree"), self.asked["tag"], self.asked["commit"]
        if not os.path.isdir(os.path.join(tree, ".git")):
            self.call(["git", "init", "--quiet", tree], self.directory)
        if self.git("rev-parse", "--quiet", "--verify", "refs/tags/" + tag, check=False) == "":
            fetch = ["git", "fetch", "--quiet", "--depth", "1", "--no-tags", self.asked["url"]]
            self.call(fetch + ["+refs/tags/{0}:refs/tags/{0}".format(tag)], tree, self.asked["retries"])
        commit = self.git("rev-parse", "--verify", "refs/tags/" + tag + "^{commit}")
        if wanted and commit != wanted:
            raise BuildError(
                "the tag {} of {} is commit {}, and tensorflow_source_commit names {}".format(
                    tag, self.asked["url"], commit, wanted
                )
            )
        if self.git("rev-parse", "--quiet", "--verify", "HEAD", check=False) != commit:
            self.call(["git", "checkout", "--quiet", "--force", "--detach", commit], tree)
        return commit

    def git(self, *words: str, check: bool = True) -> str:
        """Return what git says about the checkout."""
        asked = subprocess.run(
            ["git"] + list(words),
            cwd=self.path("tree"),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            preexec_fn=self.shop.becoming(),
        )
        if asked.returncode and check:
            raise BuildError(matcher.explain(asked.stdout) or matcher.unknown(asked.stdout), asked.stdout)
        return "" if asked.returncode else asked.stdout.strip()

    def python(self) -> str:
        """Make the virtualenv that the build's scripts run in, and return its interpreter."""
        directory = self.path("python")
        python = os.path.join(directory, "bin", "python")
        mark = self.path(COMPLETE)
        if not os.path.exists(mark):
            if os.path.lexists(directory):
                releases.remove_tree(directory)
            self.shop.give(directory)
            # The code of packages may run: then what it could have spoilt is for this build only.
            cache = self.path("output", "packages") if self.shop.account else self.cache
            site, log = dict(self.asked, sdists=True), self.path("build.log")
            tool = installers.choose(self.asked["installer"], site, self.tools, cache, log, self.shop)
            tool.taken_over = False
            try:
                tool.create(self.asked["python"], directory, "build")
                bounds = self.path("constraints.txt")
                files.replace(bounds, "".join(line + "\n" for line in self.asked["constraints"]))
                tool.install(directory, self.asked["requirements"], bounds)
            except installers.InstallError as error:
                raise BuildError(str(error), error.output) from error
            durable.sync_filesystem(directory)
            files.replace(mark, "")
        return python

    def configure(self, python: str) -> None:
        """Answer the questions of ./configure by its own variables; what it asks beyond them gets its default."""
        self.call(["./configure"], self.path("tree"), env=dict(self.answers(), PYTHON_BIN_PATH=python))

    def build(self) -> str:
        """Let Bazel build, and return the path of the wheel."""
        tree, out = self.path("tree"), self.path("output", "wheels")
        options = [
            "--config=opt",
            "--compilation_mode=opt",
            "--jobs={}".format(self.asked["jobs"]),
            "--color=no",
            "--curses=no",
        ]
        if self.asked["memory_mb"]:
            age = tuple(int(part) for part in self.asked["bazel"].split(".")[:2])
            form = next(text for since, text in MEMORY if age >= since)
            options.append(form.format(self.asked["memory_mb"], self.asked["jobs"]))
        if self.answers().get("TF_NEED_CUDA") == "1" and ":cuda_wheel " in self.shop.text(
            os.path.join(tree, ".bazelrc")
        ):
            options.append("--config=cuda_wheel")
        options += self.asked["options"]
        # Until some release, a program made the wheel in a step of its own; since then the wheel is a target.
        if re.search(r'name = "wheel"', self.shop.text(os.path.join(tree, PACKAGE, "BUILD"))):
            settings = [
                "--repo_env=" + one for one in ("WHEEL_NAME=tensorflow", "ML_WHEEL_TYPE=release", "USE_PYWRAP_RULES=1")
            ]
            self.bazel(["build"] + options + settings + ["//{}:wheel".format(PACKAGE)])
            found = glob.glob(os.path.join(glob.escape(tree), "bazel-bin", PACKAGE, "wheel_house", "*.whl"))
        else:
            self.bazel(["build"] + options + ["//{}:build_pip_package".format(PACKAGE)])
            self.call(["rm", "-rf", out], tree)
            self.call([os.path.join(tree, "bazel-bin", PACKAGE, "build_pip_package"), out], tree)
            found = glob.glob(os.path.join(glob.escape(out), "*.whl"))
        right = [
            path for path in found if os.path.basename(path).startswith("tensorflow-" + self.asked["version"] + "-")
        ]
        if len(right) != 1:
            names = ", ".join(map(os.path.basename, found)) or "none"
            raise BuildError(
                "one wheel of TensorFlow {} was to be built, and there is {}".format(self.asked["version"], names)
            )
        return right[0]

    def keep(self, wheel: str) -> str:
        """Put the wheel where it stays, and return its name."""
        name = os.path.basename(wheel)
        with self.shop.open(wheel) as source:
            files.replace_bytes(self.path(name), source.read())
        return name

    def bazel(self, words: List[str]) -> None:
        """Call Bazel."""
        self.call([self.path("bin", "bazel")] + words, self.path("tree"), env=self.answers())

    def answers(self) -> Dict[str, str]:
        """Return the variables that answer the questions of ./configure."""
        found = dict(one.split("=", 1) for one in self.asked["environment"])
        if found.get("TF_NEED_CUDA") == "1":
            capabilities = ",".join(self.asked["capabilities"])
            found.update(TF_CUDA_COMPUTE_CAPABILITIES=capabilities, HERMETIC_CUDA_COMPUTE_CAPABILITIES=capabilities)
        return found

    # --- commands -------------------------------------------------------------------------------------------------

    def environment(self, more: Optional[Dict[str, str]] = None) -> Dict[str, str]:
        """Return the variables of a command: the site's proxy and certificates, nothing of the user's, and the build's own."""
        env = {name: value for name, value in self.shop.environment().items() if not name.startswith(UNWANTED)}
        asked = self.asked
        ca_file = self.shop.file(asked["ca_file"])
        env.update(
            HOME=self.path("home"),
            XDG_CACHE_HOME=self.path("home", ".cache"),
            LC_ALL="C.UTF-8",
            PATH=self.path("bin") + ":" + env.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            GIT_TERMINAL_PROMPT="0",
            USE_BAZEL_VERSION=asked["bazel"],
            BAZELISK_HOME=self.path("output", "bazelisk"),
        )
        for name, value in (
            ("BAZELISK_BASE_URL", asked["bazel_url"].rstrip("/")),
            ("BAZELISK_VERIFY_SHA256", asked["bazel_sha256"]),
            ("GIT_SSL_CAINFO", ca_file),
            ("SSL_CERT_FILE", ca_file),
        ):
            if value:
                env[name] = value
        env.update(more or {})
        return env

    def call(self, command: List[str], directory: str, retries: int = 0, env: Optional[Dict[str, str]] = None) -> None:
        """Run a command, its output into the log; try again where the network is to blame. Raises BuildError."""
        for attempt in range(retries + 1):
            status, output = self._call(command, directory, self.environment(env))
            if status == 0:
                return
            if attempt == retries or not matcher.transient(output):
                break
            time.sleep(min(2.0 * (attempt + 1), 10.0))
        if status < 0:
            why = "{} was killed by signal {}; if nobody did that by hand, it lacked memory: lower tensorflow_source_jobs and run again"
            raise BuildError(why.format(os.path.basename(command[0]), -status), output)
        raise BuildError(matcher.explain(output) or matcher.unknown(output), output)

    def _call(self, command: List[str], directory: str, env: Dict[str, str]) -> Any:
        self.note("$ {}\n".format(" ".join(map(shlex.quote, command))).encode("utf-8", "surrogateescape"))
        try:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                preexec_fn=self.shop.becoming(),
            )
        except OSError as error:
            raise BuildError("{} cannot be started: {}".format(command[0], error)) from error
        output = b""
        for line in iter(process.stdout.readline, b""):  # type: ignore[union-attr]  # it is a pipe
            output = (output + line)[-TAIL:]
            self.note(line)
        return process.wait(), output.decode("utf-8", "replace")

    @staticmethod
    def note(line: bytes) -> None:
        """Write into the log; on a full disk the cause is still in the output."""
        with contextlib.suppress(OSError):
            os.write(1, printable_bytes(line))
