# SPDX-License-Identifier: GPL-3.0-or-later
"""Method conda: a release is a prefix that the store's conda makes, and pip fills it as it fills a virtualenv.

conda's own prefix, `base`, stays as its installer left it, and no user's shell is set up for it.
"""

import os
from typing import Any, Dict, List

from ansible_collections.tensorwright.fleet.plugins.module_utils.environments.build import installers, workshop

CHANNELS = "https://conda.anaconda.org"  # where channels lie that are given by name
# What `source <release>/bin/activate` means, for each shell: conda's own activation, of the release by its own path.
ACTIVATION = {
    "activate": ". '{conda}/etc/profile.d/conda.sh'\nconda activate '{release}'\n",
    "activate.csh": "source '{conda}/etc/profile.d/conda.csh'\nconda activate '{release}'\n",
    "activate.fish": "source '{conda}/etc/fish/conf.d/conda.fish'\nconda activate '{release}'\n",
}


class Conda(installers.Installer):
    """Makes prefixes; `tool`: {directory: of conda, channels: [...]}."""

    retries_downloads = True

    def environment(self) -> Dict[str, str]:
        """Return variables with which conda minds neither the caller's settings nor leaves anything in a home."""
        env = {name: value for name, value in super(Conda, self).environment().items() if not name.startswith("CONDA")}
        netrc = self.shop.file(os.path.expanduser("~/.netrc"))
        if os.path.exists(netrc):
            env.setdefault("NETRC", netrc)  # logins for the site's channels
        env.update(
            HOME=self.shop.home,
            CONDA_PKGS_DIRS=self.cache,
            CONDA_REGISTER_ENVS="false",
            CONDA_NUMBER_CHANNEL_NOTICES="0",
            CONDA_AUTO_UPDATE_CONDA="false",
            CONDA_REPORT_ERRORS="false",
            CONDA_REMOTE_CONNECT_TIMEOUT_SECS=str(self.site["timeout"]),
            CONDA_REMOTE_READ_TIMEOUT_SECS=str(self.timeout),
            CONDA_REMOTE_MAX_RETRIES=str(self.site["retries"]),
        )
        if self.package_cache:
            env["CONDA_CHANNEL_ALIAS"] = self.package_cache.of(CHANNELS)
        if self.site.get("ca_file"):
            env["CONDA_SSL_VERIFY"] = self.shop.file(self.site["ca_file"])
        return env

    def create(self, python: str, release: str, prompt: str) -> None:
        """Make a prefix with a Python of the minor version `python`; activation() has the scripts that activate it."""
        command = [
            os.path.join(self.tool["directory"], "bin", "conda"),
            "create",
            "--yes",
            "--quiet",
            "--no-default-packages",
        ]
        channels: List[str] = []
        for channel in self.tool["channels"]:
            channels += ["--channel", channel]
        self.run(command + ["--prefix", release, "--override-channels"] + channels + ["python=" + python])


def activation(directory: str, release: str) -> Dict[str, str]:
    """Return path → text of the scripts that activate a prefix of the conda at `directory`."""
    return {
        os.path.join(release, "bin", name): text.format(conda=directory, release=release)
        for name, text in ACTIVATION.items()
    }


def maker(params: Dict[str, Any], directory: str, tools: str, cache: str, log: str, shop: workshop.Workshop) -> Conda:
    """Return what makes prefixes with the conda at `directory`."""
    tool = {"directory": directory, "channels": params["conda"]["channels"]}
    return Conda(tool, params, tools, os.path.join(cache, "conda"), log, shop)
