# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: what builds TensorFlow from its source, notebooks, git, Ansible."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    BAZEL,
    CONSEQUENCE,
    DOWNLOADS,
    ERROR,
    GENERAL,
    TOOLS,
    Row,
)

JUPYTER = "https://docs.jupyter.org/en/latest/"
GIT = "https://git-scm.com/docs"

ROWS = (
    Row(
        "bazel-version",
        TOOLS,
        (
            r"Please upgrade your bazel installation to version (?P<wanted>[\d.]+)",
            r"Please downgrade your bazel installation to version (?P<wanted>[\d.]+)",
            r"The project you're trying to build requires Bazel (?P<wanted>[\d.]+)",
            r"Current bazel version is (?P<there>[\d.]+), expected at least (?P<wanted>[\d.]+)",
            r"bazel(?:isk)?: (?:command )?not found",
            r"Cannot find bazel",
        ),
        "bazel is missing, or of another version than this source of TensorFlow needs ({wanted})",
        "install bazelisk as bazel: it fetches the version that `.bazelversion` names; with Tensorwright, "
        "`tensorflow_method: source` brings its own",
        BAZEL,
    ),
    Row(
        "bazel-memory",
        TOOLS,
        (
            r"(?:gcc|g\+\+|cc1plus|clang)[^\n]*: (?:fatal error|internal compiler error): Killed",
            r"Server terminated abruptly \(error code: (?P<code>\d+)",
            r"virtual memory exhausted",
            r"LLVM ERROR: out of memory",
            r"OutOfMemoryError: Java heap space",
            r"java\.lang\.OutOfMemoryError",
        ),
        "the host's memory is too small for so many compilers at once: one was killed",
        "build with fewer: `bazel build --jobs=4 --local_ram_resources=HOST_RAM*.5`, or add swap; with Tensorwright, "
        "`tensorflow_source_jobs` and "
        "`tensorflow_source_memory_mb`",
        BAZEL,
    ),
    Row(
        "bazel-fetch",
        TOOLS,
        (
            r"(?:Error|error) downloading \[(?P<url>[^\]\s,]+)",
            (
                r"no such package '@(?P<package>[^']+)'[^\n]*(?:download|fetch|[Ii]llegal|Failed|failed|java\.io|"
                r"GET returned)[^\n]*"
            ),
        ),
        "bazel could not fetch something that TensorFlow is built of ({package})",
        "run again; behind a proxy set HTTPS_PROXY; a file that was fetched elsewhere is found with `--distdir`; "
        "with Tensorwright, "
        "`ca_certificates_https_proxy`",
        BAZEL,
        behind=DOWNLOADS,
        transient=True,
        programs=("bazel",),
        level=ERROR,
    ),
    Row(
        "bazel-config",
        TOOLS,
        (
            r"Config value '?(?P<name>[\w-]+)'? is not defined in any \.rc file",
            r"Unrecognized option: (?P<name>--\S+)",
            r"(?:Cuda Configuration Error|Repository command failed)[^\n]*",
            r"Could not find any (?P<name>cuda\S*|cudnn\S*|NvInfer\S*|nccl\S*|lib\S*)[^\n]*",
            r"Inconsistent CUDA toolkit path",
            r"no such target '(?P<name>[^']+)'",
        ),
        "the build of TensorFlow is not set up as this source expects ({name}): an option it does not know, or CUDA "
        "or cuDNN that it does not find",
        "run `./configure` again in the source tree and look at `.tf_configure.bazelrc`; name versions with "
        "HERMETIC_CUDA_VERSION and "
        "HERMETIC_CUDNN_VERSION (TF_CUDA_PATHS in old ones); with Tensorwright, `tensorflow_source_options`",
        BAZEL,
        programs=("bazel", "python"),
        quote=r"(?:Cuda Configuration Error|Could not find any)[^\n]*",
    ),
    Row(
        "source-compile-error",
        TOOLS,
        (
            r"\(Exit \d+\): (?P<program>\S+) failed: error executing",
            r"Compiling \S+ failed: \(Exit \d+\)",
            r"^\S+\.(?:cc?|cpp|cxx|h|hpp|cu):\d+:\d+: (?:fatal )?error: [^\n]+",
            r"undefined reference to [`']?(?P<name>[^'`\n]+)",
            r"collect2: error: ld returned",
            r"ld: symbol\(s\) not found",
            r"multiple definition of",
        ),
        "the compiler or linker failed on a source file: compiler and source do not fit together, or a header or "
        "library is missing",
        "the first line with error: says why; use the compiler that the release was made with (clang 17 or gcc of "
        "that time; "
        "https://www.tensorflow.org/install/source lists them), and begin anew with `bazel clean --expunge`; with "
        "Tensorwright, `tensorflow_source_compiler`",
        BAZEL,
        behind=(
            "no-compiler",
            "header-missing",
            "cuda-headers-missing",
            "module-not-built",
            "bazel-memory",
            "kernel-headers",
            "no-rust",
            "nvcc-compiler",
            "nvcc-architecture",
            "cuda-library-missing",
            "kernel-compiler",
            "disk-full",
            "memory-short",
        ),
        quote=r"(?<!\S)\S+:\d+:\d+: (?:fatal )?error: [^\n]+|undefined reference to [^\n]+",
        level=ERROR,
        rank=GENERAL,
    ),
    Row(
        "make-missing",
        TOOLS,
        (
            r"\bmake: (?:command )?not found",
            r"make: \*\*\* No rule to make target '?(?P<target>[^'\n.]+)",
            r"No makefile found",
        ),
        "make is not installed, or finds nothing that it can build here ({target})",
        "`apt-get install build-essential`; start it in the directory that has the Makefile, after its configuration",
        "https://www.gnu.org/software/make/manual/",
        behind=("kernel-headers", "module-not-built"),
    ),
    Row(
        "make-failed",
        TOOLS,
        (
            r"make(?:\[\d+\])?: \*\*\* \[[^\n]*\] Error \d+",
            r"ninja: build stopped",
            r"Build did NOT complete successfully",
            r"gyp ERR!",
            r"CMake Error",
        ),
        "a build failed; an earlier line says why",
        "look for the first line with error: above it; `make -k` or `bazel build --verbose_failures` show more",
        BAZEL,
        rank=CONSEQUENCE,
        level=ERROR,
    ),
    Row(
        "no-ipykernel",
        TOOLS,
        (
            r"No module named '?ipykernel(?:_launcher)?'?",
            r"requires the ipykernel package",
            r"'ipykernel' (?:is not installed|package)",
        ),
        "the Python that a notebook's kernel starts has no ipykernel, so the kernel ends at once",
        "`python -m pip install ipykernel` with the Python that is named, then `python -m ipykernel install --user "
        "--name tf`; with Tensorwright, "
        "`tensorflow_users_kernels`",
        JUPYTER,
    ),
    Row(
        "no-kernel",
        TOOLS,
        (
            r"NoSuchKernel",
            r"No such kernel named (?P<name>\S+)",
            r"Kernel (?P<name>\S+) does not exist",
            r"[Ff]ailed to start the [Kk]ernel",
        ),
        "the notebook asks for a kernel that is not there, or that does not start ({name})",
        "`jupyter kernelspec list` shows them and where their Python is; make it with `python -m ipykernel install "
        "--user --name tf` in the environment; with "
        "Tensorwright, `tensorflow_users_kernels`",
        JUPYTER,
        behind=("no-ipykernel",),
    ),
    Row(
        "kernel-died",
        TOOLS,
        (
            r"AsyncIOLoopKernelRestarter: restart failed",
            r"KernelRestarter: (?:restart failed|restarting kernel)(?s:.*)giving up",
            r"The kernel (?:appears to have died|crashed|died)",
            r"Kernel (?:died|restarting)[^\n]*",
            r"Canceled future for execute_request message before replies were done",
        ),
        "the notebook's kernel ended: memory ran out, or a library crashed it",
        "look at the notebook server's own log and `dmesg` for the reason; run the same program with `python` to see "
        "its last words; `free -h` and `nvidia-smi` "
        "show memory; with Tensorwright, `tensorflow_users_memory_growth: true`",
        JUPYTER,
        rank=GENERAL,
        behind=("no-ipykernel", "no-kernel", "memory-short"),
    ),
    Row(
        "jupyter-root",
        TOOLS,
        (r"Running as root is not recommended\. Use --allow-root",),
        "Jupyter does not start as root without being told to",
        "start it as an ordinary user; in a container that is yours alone, `jupyter lab --allow-root`",
        JUPYTER,
    ),
    Row(
        "jupyter-versions",
        TOOLS,
        (
            (
                r"(?:jupyter|notebook|jupyterlab|nbconvert|traitlets|tornado|zmq|jinja2)\S*[^\n]*(?:cannot import name|"
                r"has no attribute)(?s:.*)(?:notebook|jupyter)"
            ),
            r"Error loading server extension (?P<name>\S+)",
        ),
        "parts of Jupyter are of versions that do not fit together ({name})",
        "`python -m pip install --upgrade jupyterlab notebook jupyter_server traitlets` in an environment of its own",
        JUPYTER,
        level=ERROR,
        rank=GENERAL,
    ),
    Row(
        "git-repository-missing",
        TOOLS,
        (
            r"repository '(?P<url>[^']+)' not found",
            r"remote: Repository not found",
            r"does not appear to be a git repository",
            r"could not read Username for '(?P<url>[^']+)'",
            r"Authentication failed for '(?P<url>[^']+)'",
            r"remote: Invalid username or (?:password|token)",
            r"Support for password authentication was removed",
        ),
        "there is no git repository at that address, or only for those who log in",
        "look at the address, and log in with a token or an SSH key; for pip, `git+ssh://`",
        GIT,
        programs=("git", "pip", "uv", "ansible"),
        level=ERROR,
    ),
    Row(
        "git-ref-missing",
        TOOLS,
        (
            r"pathspec '(?P<name>[^']+)' did not match any",
            r"[Rr]emote branch (?P<name>\S+) not found in upstream",
            r"couldn't find remote ref (?P<name>\S+)",
            r"reference is not a tree: (?P<name>\w+)",
            r"unable to read tree (?P<name>\w+)",
            r"Did not find branch or tag '(?P<name>[^']+)'",
        ),
        "the repository has no branch, tag or commit {name}",
        "`git ls-remote URL` lists them; a shallow clone lacks older ones: `git fetch --unshallow --tags`; with "
        "Tensorwright, `tensorflow_source_commit`",
        GIT,
    ),
    Row(
        "git-interrupted",
        TOOLS,
        (
            r"early EOF",
            r"index-pack failed",
            r"RPC failed; ",
            r"the remote end hung up unexpectedly",
            r"fetch-pack: unexpected disconnect",
        ),
        "the transfer of a git repository broke off",
        "run again; fetch less with `git clone --depth 1`; behind a slow proxy, `git config --global http.version "
        "HTTP/1.1` and http.postBuffer",
        GIT,
        behind=DOWNLOADS,
        transient=True,
    ),
    Row(
        "git-owner",
        TOOLS,
        (r"detected dubious ownership in repository at '(?P<path>[^']+)'", r"unsafe repository \('?(?P<path>[^'\s)]+)"),
        "the repository {path} belongs to another user, so git does not trust it",
        "`git config --global --add safe.directory {path}`, or give it to yourself with `chown -R`",
        GIT,
    ),
    Row(
        "git-missing",
        TOOLS,
        (
            r"Cannot find command 'git'",
            r"\bgit: (?:command )?not found",
            r"Git executable not found",
            r"git-lfs[^\n]*: (?:command )?not found",
            r"'lfs' is not a git command",
        ),
        "git, or its part for large files (git-lfs), is not installed here",
        "`apt-get install git git-lfs`",
        GIT,
    ),
    Row(
        "git-local-changes",
        TOOLS,
        (
            r"Your local changes to the following files would be overwritten",
            r"Local modifications exist in the destination",
            r"not a git repository",
        ),
        "git does not go on over local changes, or is not in a repository",
        "look with `git status`; put changes aside with `git stash`, and start it in the repository",
        GIT,
        programs=("git", "ansible"),
    ),
    Row(
        "git-locked",
        TOOLS,
        (r"Unable to create '(?P<path>[^']+\.lock)': File exists",),
        "another git works in the repository, or one that was ended left its lock {path}",
        "wait for it; when none runs, `rm {path}`",
        GIT,
        transient=True,
    ),
    Row(
        "ansible-unreachable",
        TOOLS,
        (r"UNREACHABLE! =>", r"Failed to connect to the host via ssh"),
        "Ansible cannot log in to a host",
        "`ssh USER@HOST` has to work without a question; look at `ansible_host`, `ansible_user`, `ansible_port` and "
        "the key",
        "https://docs.ansible.com/ansible/latest/inventory_guide/connection_details.html",
        behind=(
            "ssh-login",
            "ssh-host-key",
            "ssh-unreachable",
            "interpreter-missing",
            "name-unresolved",
            "network-broken",
            "permission-denied",
            "disk-full",
        ),
        rank=GENERAL,
    ),
    Row(
        "ansible-module-missing",
        TOOLS,
        (
            r"couldn't resolve module/action '(?P<name>[^']+)'",
            r"the role '(?P<name>[^']+)' was not found",
            r"unable to (?:find|locate) collection (?P<name>\S+)",
        ),
        "Ansible does not find {name}: its collection or role is not installed",
        "`ansible-galaxy collection install NAME`, or `ansible-galaxy install -r requirements.yml`; `ansible-galaxy "
        "collection list` shows what is there",
        "https://docs.ansible.com/ansible/latest/collections_guide/",
    ),
    Row(
        "ansible-undefined",
        TOOLS,
        (
            (
                r"(?:The task includes an option with an undefined variable|"
                r"AnsibleUndefinedVariable)[^\n]*?'(?P<name>\w+)' is undefined"
            ),
            r"'(?P<name>\w+)' is undefined",
        ),
        "the variable {name} is not defined",
        "set it in the inventory or with `-e {name}=…`; a fact has to be gathered first",
        "https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html",
        programs=("ansible",),
    ),
    Row(
        "ansible-syntax",
        TOOLS,
        (
            r"Syntax Error while loading YAML",
            r"mapping values are not allowed",
            r"found character that cannot start any token",
            r"We were unable to read either as JSON nor YAML",
        ),
        "a YAML file cannot be read: indentation, a colon or a quote is wrong in it",
        "look at the line that is named; values with a colon or a brace at their begin stand in quotes; "
        "`ansible-playbook --syntax-check` tries again",
        "https://docs.ansible.com/ansible/latest/reference_appendices/YAMLSyntax.html",
        programs=("ansible", "docker", "python"),
    ),
    Row(
        "ansible-python",
        TOOLS,
        (
            r"ansible(?:-core)? (?:requires|[^\n]*needs)[^\n]*Python",
            r"SyntaxError: future feature annotations",
            r"The Python 2 bindings for (?P<name>\w+) are needed",
            r"No module named .?ansible\.module_utils\.six\.moves.?",
            r"Could not detect which (?:package|major) ",
        ),
        "Ansible and the host's Python do not fit together: one is too old for the other",
        "use an ansible-core that supports the host's Python "
        "(https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html), or "
        "name another in `ansible_python_interpreter`",
        "https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html",
    ),
    Row(
        "ansible-killed",
        TOOLS,
        (
            r"MODULE FAILURE",
            r"Module result deserialization failed",
            r"Shared connection to \S+ closed",
        ),
        "a step ended on the host without an answer",
        "run again with `-vvv`, and look at the host's memory and `dmesg`",
        "https://docs.ansible.com/ansible/latest/reference_appendices/general_precedence.html",
        rank=CONSEQUENCE,
        programs=("ansible",),
    ),
    Row(
        "xserver-missing",
        TOOLS,
        (
            r"could not connect to display",
            r"cannot (?:connect to|open) (?:X server|display)",
            r"no display name and no \$DISPLAY",
            r"[Qq]t\.qpa\.plugin: Could not load",
            r"TclError: no display",
        ),
        "a program wants to open a window, and there is no display here",
        "use matplotlib without one (MPLBACKEND=Agg) and opencv-python-headless, or `ssh -X`; `xvfb-run` gives a "
        "pretended display",
        "https://matplotlib.org/stable/users/explain/figure/backends.html",
    ),
    Row(
        "hub-refused",
        TOOLS,
        (
            r"(?:URL fetch failure on|Exception: URL fetch failure) (?P<url>\S+?):? ",
            r"GatedRepoError",
            r"RepositoryNotFoundError",
            r"(?:401|403) Client Error[^\n]*huggingface",
            r"KaggleApi",
            r"OSError: \S+ is not a local folder and is not a valid model",
        ),
        "a model or data set could not be downloaded ({url}): its server cannot be reached, or wants a login",
        "try the address with `curl -I URL`; log in (`huggingface-cli login`) where it asks for it; behind a proxy "
        "set HTTPS_PROXY, or copy the files by hand",
        "https://www.tensorflow.org/datasets/overview",
        behind=DOWNLOADS,
        rank=GENERAL,
        transient=True,
    ),
)
