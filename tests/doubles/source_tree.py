# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for what a build of TensorFlow from source fetches: the git repository, bazelisk, and a Bazel.

    python -m tests.doubles.source_tree DIRECTORY

writes them as `mirror.tar`, and the hashes of what is served. The repository has the real one's layout where a build looks: ./configure
that asks for what the environment does not answer, files of Bazel's, and C files that the stand-in Bazel really compiles with the
planned compiler, one action each, and keeps, as Bazel does, where it is told to. The wheel loads what was compiled.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.doubles import tensorflow_wheel

VERSION = "2.14.1"
BAZEL = "6.1.0"
PARTS = 8
HOLD = "/run/hold-stand-in-bazel"  # where this file is, the Bazel waits before its last actions

CONFIGURE = """#!/bin/sh
# A stand-in for TensorFlow's own.
set -e
exec "${PYTHON_BIN_PATH:-python3}" "$(dirname "$0")/configure.py" "$@"
"""
# As the real one: a question for each setting that the environment has not, and its default where nobody answers.
CONFIGURE_PY = '''"""A stand-in for TensorFlow's configure.py: its variables, its file, and nothing else of it."""
import os
import subprocess
import sys

LINES = []


def get(name, default, question):
    value = os.environ.get(name)
    if not value:
        sys.stdout.write(question + " [" + default + "]: ")
        sys.stdout.flush()
        value = sys.stdin.readline().strip() or default
        sys.stdout.write("\\n")
    return value


def switch(name, default=False):
    return get(name, str(int(default)), "Do you wish to build TensorFlow with " + name + "?") == "1"


def action_env(name, value):
    LINES.append('build --action_env {}="{}"'.format(name, value))


def existing(name, default):
    path = get(name, default, "Please specify the path of " + name)
    if not os.path.exists(path):
        sys.exit("Invalid {} path. {} cannot be found.".format(name, path))
    action_env(name, path)
    return path


def main():
    there = subprocess.check_output(["bazel", "--version"], universal_newlines=True).split()[1]
    with open(".bazelversion") as stream:
        wanted = stream.read().strip()
    if there != wanted:
        sys.exit("Please use bazel {} to build TensorFlow, not {}!".format(wanted, there))
    action_env("PYTHON_BIN_PATH", get("PYTHON_BIN_PATH", sys.executable, "Please specify the location of python."))
    if switch("TF_NEED_ROCM"):
        sys.exit("no ROCm here")
    if switch("TF_NEED_CUDA"):
        LINES.append("build --config=cuda")
        if switch("TF_NEED_TENSORRT"):
            LINES.append("build --config=tensorrt")
        action_env("TF_CUDA_VERSION", get("TF_CUDA_VERSION", "11", "Please specify the CUDA SDK version"))
        action_env("TF_CUDA_COMPUTE_CAPABILITIES", get("TF_CUDA_COMPUTE_CAPABILITIES", "3.5,7.0", "Compute capabilities"))
        clang = switch("TF_CUDA_CLANG")
    if switch("TF_NEED_CLANG", True):
        existing("CLANG_COMPILER_PATH", "/usr/lib/llvm-16/bin/clang")
    elif os.environ.get("GCC_HOST_COMPILER_PATH"):
        existing("GCC_HOST_COMPILER_PATH", "/usr/bin/gcc")
    flags = get("CC_OPT_FLAGS", "-Wno-sign-compare", 'Please specify optimization flags for "--config=opt"')
    LINES.extend("build:opt --copt=" + flag for flag in flags.split())
    switch("TF_SET_ANDROID_WORKSPACE")
    with open(".tf_configure.bazelrc", "w") as stream:
        stream.write("".join(line + "\\n" for line in LINES))
    print("Configuration finished")


main()
'''
PIP_BUILD = """# A stand-in for TensorFlow's own.
sh_binary(
    name = "build_pip_package",
    srcs = ["build_pip_package.sh"],
)
"""
BAZELISK = """#!/bin/sh
# A stand-in for bazelisk; not bazelisk. Its variables are the real one's.
set -eu
version=${USE_BAZEL_VERSION:-$(cat .bazelversion)}
program=$BAZELISK_HOME/downloads/$version/bin/bazel
if [ ! -x "$program" ]; then
    mkdir -p "$(dirname "$program")"
    python3 - "$BAZELISK_BASE_URL/$version/bazel-$version-linux-$(uname -m)" "$program.part" <<'END'
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as answer, open(sys.argv[2], "wb") as out:
    out.write(answer.read())
END
    if [ -n "${BAZELISK_VERIFY_SHA256:-}" ]; then
        echo "$BAZELISK_VERIFY_SHA256  $program.part" | sha256sum --check --quiet
    fi
    chmod 755 "$program.part"
    mv "$program.part" "$program"
fi
exec "$program" "$@"
"""
BAZEL_PROGRAM = '''#!/usr/bin/env python3
"""A stand-in for Bazel; not Bazel. It compiles the C files of the tree, keeps what it has compiled, and makes the wheel's program."""
import glob
import os
import re
import subprocess
import sys
import time

VERSION = "@BAZEL@"
ACTIONS = re.compile(r'--action_env (\\w+)="(.*)"')

words = sys.argv[1:]
if words == ["--version"]:
    print("bazel " + VERSION)
    sys.exit(0)
startup = {}
while words and words[0].startswith("--"):
    name, equals, value = words.pop(0)[2:].partition("=")
    if name not in ("output_user_root", "max_idle_secs"):
        sys.exit("[FATAL] Unknown startup option: '--{}'.".format(name))
    startup[name] = value
root = startup["output_user_root"]
command, *rest = words
os.makedirs(root, exist_ok=True)
with open(os.path.join(root, "calls"), "a") as calls:
    calls.write(" ".join([command, *rest]) + "\\n")
if command == "shutdown":
    sys.exit(0)
if command != "build":
    sys.exit("Command '{}' not found.".format(command))
if not os.path.exists("WORKSPACE"):
    sys.exit("ERROR: The 'build' command is only supported from within a workspace")
with open(".tf_configure.bazelrc") as stream:
    settings = stream.read()
environment = dict(ACTIONS.findall(settings))
flags = re.findall(r"build:opt --copt=(\\S+)", settings) if "--config=opt" in rest else []
compiler = environment.get("CLANG_COMPILER_PATH") or environment.get("GCC_HOST_COMPILER_PATH") or "cc"
targets = [word for word in rest if word.startswith("//")]
sources = sorted(glob.glob("tensorflow/core/*.c"))
objects = os.path.join(root, "objects")
os.makedirs(objects, exist_ok=True)
total = len(sources) + 1
for number, source in enumerate(sources):
    if number == len(sources) - 2:
        while os.path.exists("@HOLD@"):
            time.sleep(0.05)
    target = os.path.join(objects, os.path.basename(source)[:-2] + ".o")
    print("[{} / {}] Compiling {}".format(number, total, source), flush=True)
    if not os.path.exists(target):
        subprocess.check_call([compiler, "-c", "-fPIC", "-O2", *flags, source, "-o", target + ".part"])
        os.rename(target + ".part", target)
        with open(os.path.join(root, "compiled"), "a") as log:
            log.write(source + "\\n")
built = os.path.join(root, "bin")
place = os.path.join(built, "tensorflow/tools/pip_package")
os.makedirs(place, exist_ok=True)
library = os.path.join(place, "libtensorflow_stand_in.so")
subprocess.check_call([compiler, "-shared", *sorted(glob.glob(objects + "/*.o")), "-o", library])
if os.path.islink("bazel-bin"):
    os.unlink("bazel-bin")
os.symlink(built, "bazel-bin")
program = os.path.join(place, "build_pip_package")
with open("tensorflow/tools/pip_package/build_pip_package.py") as source, open(program, "w") as out:
    out.write("#!" + environment["PYTHON_BIN_PATH"] + "\\n" + source.read())
os.chmod(program, 0o755)
print("INFO: Build completed successfully, {} total actions".format(total))
'''
# Runs in the Python that the build is for, and so knows the wheel's tag.
PACKAGER = '''"""A stand-in for TensorFlow's build_pip_package: a wheel of the tree's Python files and of what was compiled."""
import os
import sys
import zipfile

import numpy  # the real one needs it as well

HERE = os.path.dirname(os.path.abspath(__file__))
out = sys.argv[1]
os.makedirs(out, exist_ok=True)
with open("VERSION") as stream:
    version = stream.read().strip()
tag = "cp{0}{1}-cp{0}{1}-linux_{2}".format(sys.version_info[0], sys.version_info[1], os.uname().machine)
info = "tensorflow-{}.dist-info/".format(version)
files = {"tensorflow/" + name: open("tensorflow/" + name, "rb").read() for name in ("__init__.py", "lazy.py", "tools.py")}
files["tensorflow/libtensorflow_stand_in.so"] = open(os.path.join(HERE, "libtensorflow_stand_in.so"), "rb").read()
files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: tensorflow\\nVersion: {}\\nRequires-Dist: numpy\\n".format(version).encode()
files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: stand-in\\nRoot-Is-Purelib: false\\nTag: {}\\n".format(tag).encode()
files[info + "RECORD"] = "".join(name + ",,\\n" for name in list(files) + [info + "RECORD"]).encode()
with zipfile.ZipFile(os.path.join(out, "tensorflow-{}-{}.whl".format(version, tag)), "w") as wheel:
    for name, content in files.items():
        wheel.writestr(name, content)
'''
LOADED = """
import ctypes, os
BUILT = ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libtensorflow_stand_in.so")).part_0
assert BUILT() == 42
"""


def tree() -> dict[str, str]:
    """Return the files of the repository."""
    wheel = tensorflow_wheel.tensorflow(VERSION, at_import=LOADED).files
    files = {
        f"tensorflow/core/part_{number}.c": f"int part_{number}(void) {{ return {42 + number}; }}\n"
        for number in range(PARTS)
    }
    files.update(
        {name: str(wheel[name]) for name in ("tensorflow/__init__.py", "tensorflow/lazy.py", "tensorflow/tools.py")}
    )
    files.update(
        {
            "configure": CONFIGURE,
            "configure.py": CONFIGURE_PY,
            "WORKSPACE": 'workspace(name = "org_tensorflow")\n',
            "BUILD": "# A stand-in for TensorFlow's own.\n",
            ".bazelversion": BAZEL + "\n",
            ".bazelrc": "try-import %workspace%/.tf_configure.bazelrc\nbuild:opt --copt=-O2\n",
            "VERSION": VERSION + "\n",
            "tensorflow/tools/pip_package/BUILD": PIP_BUILD,
            "tensorflow/tools/pip_package/build_pip_package.py": PACKAGER,
        }
    )
    return files


def repository(directory: Path) -> str:
    """Make the bare git repository, with the release's tag; return the tag's commit, which is always the same."""
    fixed = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
             (("NAME", "A stand-in"), ("EMAIL", "stand-in@example.org"), ("DATE", "2026-01-01T00:00:00Z"))}  # fmt: skip
    env = {**os.environ, **fixed, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True, env=env).stdout.strip()

    with tempfile.TemporaryDirectory() as place:
        for name, text in tree().items():
            path = Path(place, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name == "configure" else 0o644)
        git("-C", place, "init", "--quiet", "--initial-branch=master")
        git("-C", place, "add", "--all")
        git("-C", place, "commit", "--quiet", "--message", "A stand-in for TensorFlow")
        git("-C", place, "tag", "--annotate", f"v{VERSION}", "--message", "A stand-in for a release")
        git("clone", "--quiet", "--bare", place, str(directory))
        return git("-C", place, "rev-parse", "HEAD")


def bazel() -> str:
    """Return the program of the stand-in Bazel."""
    return BAZEL_PROGRAM.replace("@BAZEL@", BAZEL).replace("@HOLD@", HOLD)


def main(directory: Path) -> None:
    """Write what a scenario's build host is served."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        commit = repository(Path(place, "tensorflow.git"))
        served = {"bazelisk": BAZELISK, f"bazel/{BAZEL}/bazel-{BAZEL}-linux-x86_64": bazel()}
        for name, text in served.items():
            Path(place, name).parent.mkdir(parents=True, exist_ok=True)
            Path(place, name).write_text(text)
        with tarfile.open(directory / "mirror.tar", "w") as archive:
            archive.add(place, "mirror")
    hashes = {Path(name).name: hashlib.sha256(text.encode()).hexdigest() for name, text in served.items()}
    (directory / "served.json").write_text(json.dumps({**hashes, "commit": commit}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
