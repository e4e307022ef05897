# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: conda and mamba."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONDA,
    CONDA_ENVIRONMENTS,
    CONDA_TROUBLES,
    DOWNLOADS,
    GENERAL,
    Row,
)

ROWS = (
    Row(
        "conda-mixed",
        CONDA,
        (
            r"The environment is inconsistent, please check the package plan",
            r"Files managed by conda were found to have been deleted/overwritten",
            r"Cannot remove entries from nonexistent file \S*conda",
            r"(?s)conda\w*/(?:envs/[^/\s]+/)?lib/python.*undefined symbol",
        ),
        "in one conda environment, pip has replaced what conda installed, or the other way round",
        "make a new environment (`conda create`) and install with pip last; or use `tensorflow_method: virtualenv`",
        CONDA_ENVIRONMENTS,
    ),
    Row(
        "conda-terms",
        CONDA,
        (r"Terms of Service have not been accepted", r"CondaToSNonInteractiveError"),
        "Anaconda's channels want their terms accepted, and ask money of larger organisations",
        "use conda-forge: `conda config --remove channels defaults` and `conda config --add channels conda-forge`",
        "https://conda-forge.org/docs/user/transitioning_from_defaults/",
    ),
    Row(
        "conda-python",
        CONDA,
        (
            r"-> python\[version='(?P<wanted>[^']+)'\](?s:.*?)Your python: python=*(?P<python>[\d.]+)",
            r"incompatible with the existing python installation in your environment",
            r"(?s)(?:nothing provides|requires) python(?: |_)(?P<wanted>[<>=\d][^\n,]*?),? (?:which|but|needed)",
            r"python(?: |=)(?P<python>[\d.*]+) is (?:not )?installable (?:but|because)(?s:.*)tensorflow",
        ),
        "the package is not made for the environment's Python: it needs another version of Python than is there "
        "({python}; wanted: {wanted})",
        "make a new environment with one that it supports: `conda create -n tf -c conda-forge python=3.11 "
        "tensorflow`; with Tensorwright, "
        "`tensorflow_python: auto`",
        CONDA_TROUBLES,
    ),
    Row(
        "conda-virtual",
        CONDA,
        (
            r"feature:/\S+::(?P<feature>__\w+)==?(?P<version>\S+)",
            r"(?P<feature>__(?:cuda|glibc|unix|linux|archspec))\b(?:(?!\n).)*(?:missing|requires|>=|but|not)",
            r"nothing provides (?P<feature>__\w+)",
            r"Your installed version is: not available",
        ),
        "a package needs something of the host itself ({feature}): an NVIDIA driver that is new enough for its CUDA, "
        "or a newer C library",
        "`conda info` shows the virtual packages; on a host without a GPU, set `CONDA_OVERRIDE_CUDA=12.0` while "
        "installing, or ask for the "
        "CPU's build; else install a newer driver, with Tensorwright by `playbooks/nvidia.yml`",
        "https://docs.conda.io/projects/conda/en/latest/user-guide/tasks/manage-virtual.html",
    ),
    Row(
        "conda-no-package",
        CONDA,
        (
            r"The following packages are not available from current channels",
            r"nothing provides (?:requested )?(?P<package>[\w.-]+)",
            r"(?<![\w.-])(?P<package>[\w.-]+) (?:[^\n]*)does not exist \(perhaps a typo or a missing channel\)",
        ),
        "none of conda's channels has that package, or not in that version or for this platform",
        "look with `conda search -c conda-forge NAME`, and add the channel: `-c conda-forge`; what conda does not "
        "have, install with "
        "`python -m pip install NAME`; with Tensorwright, `tensorflow_method: virtualenv`",
        CONDA_TROUBLES,
        behind=("conda-python", "conda-virtual"),
        quote=r"(?<=nothing provides )[^\n]+?(?= needed|$)|(?<=  - )[\w.=<>*-]+",
        programs=("conda",),
    ),
    Row(
        "conda-conflict",
        CONDA,
        (
            r"found to be incompatible with each other",
            r"Could not solve for environment specs",
            r"Encountered problems while solving",
        ),
        "packages that are asked for, or pinned, exclude each other",
        "make a new environment that has only what is needed: `conda create -n tf -c conda-forge tensorflow`, with "
        "`conda config --set "
        "channel_priority strict`; remove pins from `conda-meta/pinned`; with Tensorwright, `tensorflow_method: "
        "virtualenv`",
        CONDA_TROUBLES,
        behind=("conda-python", "conda-virtual", "conda-no-package"),
        quote=r"(?<=  - )package [^\n]+|(?<=─ )[\w.-]+ [^\n]*(?:requires|conflicts)[^\n]*",
    ),
    Row(
        "conda-network",
        CONDA,
        (r"An HTTP error occurred when trying to retrieve this URL", r"HTTP 000 CONNECTION FAILED"),
        "conda could not reach a channel: network, proxy or certificate",
        "run again; behind a proxy set `proxy_servers`, and the site's certificates with `conda config --set "
        "ssl_verify FILE`; with "
        "Tensorwright, `ca_certificates_files` and `ca_certificates_https_proxy`",
        "https://docs.conda.io/projects/conda/en/latest/user-guide/configuration/use-condarc.html",
        behind=DOWNLOADS,
        transient=True,
    ),
    Row(
        "conda-channel",
        CONDA,
        (r"HTTP 404 NOT FOUND for channel",),
        "a channel of conda's does not exist at that address, or denies access",
        "look with `conda config --show channels`, and remove it: `conda config --remove channels NAME`; for a "
        "site's mirror, mend its "
        "address in `~/.condarc`",
        "https://docs.conda.io/projects/conda/en/latest/user-guide/tasks/manage-channels.html",
        quote=r"(?<=for channel )\S+",
    ),
    Row(
        "conda-no-environment",
        CONDA,
        (r"Could not find conda environment: (?P<name>\S+)",),
        "there is no conda environment of that name or at that place",
        "`conda env list` shows those that are there; make it with `conda create -n NAME`",
        CONDA_ENVIRONMENTS,
        quote=r"(?<=environment: )\S+|(?<=location: )\S+",
    ),
    Row(
        "conda-file",
        CONDA,
        (),
        "a file that conda was given, or its settings, does not exist or cannot be read",
        "look at the file that is named; `conda config --show-sources` shows where settings come from",
        "https://docs.conda.io/projects/conda/en/latest/user-guide/configuration/use-condarc.html",
    ),
    Row(
        "conda-pip",
        CONDA,
        (r"CondaEnvException: Pip failed", r"Pip subprocess error"),
        "conda made the environment, and pip failed to install its part of it; pip's own words are above",
        "activate the environment and run `python -m pip install` for the packages under pip: to see why",
        CONDA_ENVIRONMENTS,
        rank=GENERAL,
    ),
    Row(
        "conda-not-writable",
        CONDA,
        (r"The current user does not have write permissions to the target environment",),
        "this user may not write the conda environment or its cache",
        "make an environment of your own (`conda create -n tf`, `conda config --add pkgs_dirs ~/.conda/pkgs`), or "
        "give the directory back "
        "with `chown -R USER`",
        CONDA_TROUBLES,
        quote=r"(?<=location: )\S+|(?<=path: )\S+",
    ),
    Row(
        "conda-damaged",
        CONDA,
        (r"appears to be corrupted", r"The package for \S+ located at \S+"),
        "a package in conda's cache is damaged",
        "`conda clean --all`, then install again",
        CONDA_TROUBLES,
        quote=r"(?<=located at )\S+",
    ),
    Row(
        "conda-broken",
        CONDA,
        (r"An unexpected error has occurred\. Conda has prepared the above report",),
        "conda itself or its environment is damaged",
        "`conda clean --all` and `conda update -n base conda`; if it stays, make a new environment, or install conda "
        "anew",
        CONDA_TROUBLES,
        rank=GENERAL,
    ),
    Row(
        "conda-locked",
        CONDA,
        (r"LOCKERROR", r"lock(?:file)? .*(?:conda|mamba).*(?:could not|is held|locked)"),
        "another conda or mamba runs, or one that was ended left its lock",
        "wait for it; when none runs, `conda clean --locks` or remove the lock file that is named, and run again",
        CONDA_TROUBLES,
        transient=True,
    ),
    Row(
        "conda-path-long",
        CONDA,
        (r"Placeholder of length '\d+' too short",),
        "the path of the conda environment is too long for what is built into packages",
        "make the environment at a shorter path: `conda create -p /opt/tf`",
        CONDA_TROUBLES,
    ),
    Row(
        "conda-not-activated",
        CONDA,
        (
            r"Your shell has not been properly configured to use 'conda (?:de)?activate'",
            r"Run 'conda init' before",
            r"conda(?:\.sh)?: command not found",
            r"conda: not found",
        ),
        "conda has not been set up for this shell, so it cannot activate environments",
        "`conda init bash` and open a new shell; in scripts and Dockerfiles, `source "
        "/opt/conda/etc/profile.d/conda.sh` first, or "
        "`conda run -n tf python`",
        CONDA_ENVIRONMENTS,
    ),
    Row(
        "conda-call-wrong",
        CONDA,
        (r"prefix already exists: (?P<path>\S+)",),
        "conda was called with something that it does not accept",
        "`conda COMMAND --help` shows what it accepts; an environment that is there already is changed with `conda "
        "install -n NAME`",
        CONDA_ENVIRONMENTS,
        rank=GENERAL,
        quote=r"(?<=prefix already exists: )\S+",
    ),
)
