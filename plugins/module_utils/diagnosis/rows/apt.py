# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: apt and dpkg."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    APT,
    APT_FETCHES,
    APT_GET,
    APT_SECURE,
    CONSEQUENCE,
    DPKG,
    SOURCES,
    Row,
)

ROWS = (
    Row(
        "apt-key-missing",
        APT,
        (r"NO_PUBKEY", r"Missing key [0-9A-F]{16,}"),
        "a repository is signed with a key that this host does not have",
        "fetch the repository's key from its owner into `/etc/apt/keyrings/NAME.gpg` (`curl -fsSL URL | gpg "
        "--dearmor`) and name it with signed-by in its "
        "file; NVIDIA's comes with the package cuda-keyring; with Tensorwright, `playbooks/nvidia.yml`",
        APT_SECURE,
        quote=r"(?:NO_PUBKEY|Missing key) [0-9A-F]+",
    ),
    Row(
        "apt-key-expired",
        APT,
        (r"EXPKEYSIG", r"KEYEXPIRED", r"[Ee]xpired on [\d-]+", r"REVKEYSIG"),
        "the key that a repository is signed with has expired or was revoked",
        "fetch the repository's new key from its owner into `/etc/apt/keyrings` (`curl -fsSL URL | gpg --dearmor`); "
        "for the distribution's own, install its "
        "new keyring package; with Tensorwright, for NVIDIA's, `playbooks/nvidia.yml`",
        APT_SECURE,
        quote=r"EXPKEYSIG [0-9A-F]+",
    ),
    Row(
        "apt-signature-bad",
        APT,
        (r"\bBADSIG\b", r"Bad signature", r"[Mm]essage has been manipulated"),
        "a repository's index is not what its owner signed",
        "`rm -rf /var/lib/apt/lists/*`, then `apt-get update`; if it stays, the mirror or a proxy in between is at "
        "fault",
        APT_SECURE,
    ),
    Row(
        "apt-not-a-repository",
        APT,
        (
            r"got 'NO(?:DATA|SPLIT)'",
            r"does the network require authentication\?",
            r"No Hash entry in Release file",
            r"Unable to find expected entry",
        ),
        "something else than a repository answers at that address: a login page, a proxy's message, or a wrong path",
        "look at it with `curl -v URL`; then mend `/etc/apt/sources.list.d` or the proxy below "
        "`/etc/apt/apt.conf.d`; with Tensorwright, "
        "`ca_certificates_apt_proxy`",
        SOURCES,
    ),
    Row(
        "apt-signed-by-conflict",
        APT,
        (r"Conflicting values set for option Signed-By",),
        "two files name the same repository with different keys",
        "remove one of the two: `grep -r URL /etc/apt/sources.list.d` shows them; with Tensorwright, for NVIDIA's, "
        "`playbooks/nvidia.yml`",
        SOURCES,
        quote=r"regarding source \S+",
    ),
    Row(
        "apt-repository-missing",
        APT,
        (r"does not have a Release file", r"no longer has a Release file"),
        "there is no repository for this distribution at that address",
        "remove or mend its file in `/etc/apt/sources.list.d`; for an old distribution, its archive has moved",
        SOURCES,
        behind=("apt-not-a-repository",) + APT_FETCHES,
        quote=r"The repository '[^']+'",
    ),
    Row(
        "apt-unsigned",
        APT,
        (r"The repository '[^']*' is not signed", r"There were unauthenticated packages"),
        "a repository is not signed, and apt does not trust it",
        "get one that is; for a repository of the site's own, sign it and name the key with Signed-By in "
        "`/etc/apt/sources.list.d`",
        APT_SECURE,
        behind=(
            "apt-key-missing",
            "apt-key-expired",
            "apt-signature-bad",
            "apt-not-a-repository",
            "apt-repository-missing",
        )
        + APT_FETCHES,
        quote=r"The repository '[^']+'",
    ),
    Row(
        "apt-index-expired",
        APT,
        (r"Release file for \S+ is expired",),
        "a mirror's index is too old: the mirror is no longer updated, or the host's clock is ahead",
        "look at the clock with `timedatectl`, then name another mirror in `/etc/apt/sources.list`",
        APT_SECURE,
    ),
    Row(
        "apt-source-malformed",
        APT,
        (
            r"Malformed (?:entry|line|stanza)",
            r"The list of sources could not be read",
            r"is not known on line \d+ in",
            r"The method driver \S+ could not be found",
        ),
        "a file of apt's sources has a line that apt cannot read",
        "mend or remove that file below `/etc/apt`; `grep -rn deb /etc/apt/sources.list*` shows all lines",
        SOURCES,
        behind=("apt-signed-by-conflict",),
        quote=r"/etc/apt/\S+\w|method driver \S+",
    ),
    Row(
        "dpkg-locked",
        APT,
        (
            r"Could not get lock /var/lib/",
            r"Could not get lock /var/cache/apt",
            r"Unable to (?:acquire the dpkg frontend lock|lock (?:the administration )?directory)",
            r"dpkg (?:frontend|database) lock was locked by",
            r"dpkg status database is locked by",
            r"Failed to lock apt for exclusive operation",
        ),
        "another program installs packages right now; often unattended upgrades",
        "wait for it and run again; `fuser -v /var/lib/dpkg/lock-frontend /var/lib/apt/lists/lock` shows who it is",
        APT_GET,
        behind=("permission-denied", "read-only", "disk-full"),
        transient=True,
    ),
    Row(
        "dpkg-interrupted",
        APT,
        (r"dpkg was interrupted", r"^The following packages (?:are only half|have been unpacked but|are in a mess)"),
        "an earlier installation of packages was cut off",
        "`dpkg --configure -a`",
        DPKG,
    ),
    Row(
        "dpkg-script-failed",
        APT,
        (
            r"(?:post|pre)-(?:installation|removal) script subprocess (?:returned error|was killed|failed)",
            r"installed \S+ package \S+ script subprocess",
        ),
        "a package's own script failed while it was installed or removed; its words are above that line",
        "mend what they name, then `dpkg --configure -a`",
        DPKG,
        behind=(
            "disk-full",
            "read-only",
            "kernel-headers",
            "secure-boot",
            "memory-short",
            "module-not-built",
            "boot-full",
            "conffile-question",
        ),
        quote=r"(?<=processing package )\S+",
    ),
    Row(
        "dpkg-overwrite",
        APT,
        (
            r"trying to overwrite shared '[^']+', which is different from other instances",
            r"trying to overwrite '[^']+', which is also in package",
        ),
        "two packages, or two versions or architectures of one, bring the same file; often the distribution's NVIDIA "
        "packages beside NVIDIA's own",
        "remove one of the two with `apt-get purge` (of one package, both architectures need the same version), then "
        "`apt-get -f install`",
        DPKG,
        quote=r"trying to overwrite '[^']+', which is also in package \S+",
    ),
    Row(
        "apt-held-broken",
        APT,
        (r"you have held broken packages", r"The following packages have unmet dependencies:"),
        "packages cannot be installed together: one needs what another, or a hold or a pin, forbids",
        "`apt-mark showhold` and `apt-cache policy` show what stands in the way; then `apt-mark unhold` it, or "
        "remove the pin",
        APT_GET,
        behind=("apt-unmet", "apt-nvidia-mixed"),
        quote=r"\S+ : (?:Pre)?(?:Depends|Breaks|Conflicts): [^\n]+?(?= but |$)(?: but [^\n]+?(?= or$|$))?",
    ),
    Row(
        "apt-unmet",
        APT,
        (r"Unmet dependencies", r"Try 'apt --fix-broken install'"),
        "installed packages lack something that they depend on: an installation was cut off, or one was forced",
        "`apt-get --fix-broken install`, and look at what it wants to remove before you agree",
        APT_GET,
        quote=r"\S+ : (?:Pre)?(?:Depends|Breaks|Conflicts): [^\n]+",
    ),
    Row(
        "apt-held-changed",
        APT,
        (r"Held packages were changed and -y was used without",),
        "this would change a package that is held",
        "if that is meant, `apt-mark unhold NAME` or `apt-get install --allow-change-held-packages`; with "
        "Tensorwright, `tensorflow_version` and "
        "`tensorflow_driver_branch` change its own",
        "https://manpages.debian.org/stable/apt/apt-mark.8.en.html",
    ),
    Row(
        "apt-no-such-package",
        APT,
        (
            r"Unable to locate package",
            r"has no installation candidate",
            r"E: Version '[^']+' for '[^']+' was not found",
            r"No package matching '[^']+' is available",
            r"no repository of this host has \S+ in the version",
        ),
        "no repository of this host has that package, or not in that version",
        "`apt-get update`, then `apt-cache policy NAME`; a missing repository belongs into `/etc/apt/sources.list.d`",
        SOURCES,
        behind=(
            "apt-key-missing",
            "apt-key-expired",
            "apt-signed-by-conflict",
            "apt-source-malformed",
            "apt-unsigned",
        )
        + APT_FETCHES,
        quote=r"Unable to locate package \S+|Package '?\S+ has no installation|E: Version '[^']+' for '[^']+'|"
        r"matching '[^']+'",
    ),
    Row(
        "apt-suite-changed",
        APT,
        (
            (
                r"Repository '(?P<repository>[^']+)' changed its '(?P<field>[\w-]+)' value from '(?P<before>[^']*)' to '("
                r"?P<after>[^']*)'"
            ),
        ),
        "the repository {repository} changed its {field} from {before} to {after} (a new release of the distribution "
        "came out), and apt wants that accepted",
        "`apt-get update --allow-releaseinfo-change`; name the release by its code name in `/etc/apt/sources.list` "
        "to keep it",
        APT_SECURE,
    ),
    Row(
        "apt-method-missing",
        APT,
        (
            r"(?:Sub-process|Method) \S*(?:https?|/usr/lib/apt/methods/\w+)\S* (?:received|has died|returned an error)",
            r"Method \S+ has died unexpectedly",
            r"Is the package apt-transport-(?P<name>\w+) installed",
        ),
        "the program by which apt downloads is missing or crashed",
        "`apt-get install --reinstall apt ca-certificates` (on old systems also apt-transport-https); if it crashes, "
        "look with `dmesg`, and for another "
        "libssl or libcurl in `/usr/local/lib`",
        APT_GET,
    ),
    Row(
        "apt-lists-damaged",
        APT,
        (
            r"The package lists or status file could not be parsed or opened",
            r"Encountered a section with no Package: header",
            r"Problem with MergeList",
            r"Unable to parse package file",
            r"Splitting up \S+ into data and signature failed",
            r"Unable to synchronize mmap",
            r"Dynamic MMap ran out of room",
        ),
        "apt's lists of packages are damaged",
        "`rm -rf /var/lib/apt/lists/*`, then `apt-get update`",
        APT_GET,
        behind=("disk-full", "apt-signature-bad", "apt-not-a-repository"),
        quote=r"MergeList \S+|file /var/\S+",
    ),
    Row(
        "dpkg-status-damaged",
        APT,
        (
            r"parsing file '(?P<path>/var/lib/dpkg/[^']+)' near line",
            r"files list file for package '(?P<package>[^']+)' (?:is missing final newline|contains empty filename)",
            r"unable to (?:open|access|read) (?:the )?(?:dpkg )?(?:database|status|files list)[^\n]*",
        ),
        "dpkg's own database is damaged: a disk was full or the power was cut while it was written ({path})",
        "copy `/var/lib/dpkg/status-old` over `/var/lib/dpkg/status` (older ones are in `/var/backups`); for a files "
        "list, remove it and "
        "`apt-get install --reinstall NAME`; then `dpkg --configure -a`",
        DPKG,
        behind=("permission-denied",),
    ),
    Row(
        "deb-damaged",
        APT,
        (
            r"is not a Debian format archive",
            r"unexpected end of file in (?:archive|[^\n]*)",
            r"premature EOF",
            r"dpkg-deb: error: [^\n]*(?:corrupt|lzma|archive)",
            r"uses unknown compression for member '(?P<name>[^']+)'",
            r"\(--unpack\):\s+dpkg-deb --control subprocess returned error",
            r"decompressing archive[^\n]*fail",
            r"<decompress> subprocess returned error",
        ),
        "a package's file (.deb) is damaged or incomplete, or made for a newer dpkg ({name})",
        "`apt-get clean`, then install again; `file NAME.deb` shows what it is; of a foreign distribution's package, "
        "get the one for this release",
        DPKG,
        behind=("disk-full",),
        programs=("apt", "dpkg"),
    ),
    Row(
        "dpkg-reinstall-needed",
        APT,
        (
            r"Package is in a very bad inconsistent state",
            r"needs to be reinstalled, but I can't find an archive for it",
        ),
        "a package was left half installed, and needs to be installed anew or removed by force",
        "`apt-get install --reinstall NAME`; if that fails, `dpkg --remove --force-remove-reinstreq NAME` and "
        "`apt-get -f install`",
        DPKG,
        quote=r"(?<=processing package )\S+|[Tt]he package \S+ needs",
    ),
    Row(
        "dpkg-dependencies",
        APT,
        (r"dependency problems(?: - leaving unconfigured| prevent configuration of (?P<package>\S+?):?$)",),
        "a package was unpacked whose dependencies are not installed, as dpkg alone fetches none ({package})",
        "`apt-get -f install` fetches them; install files with `apt-get install ./NAME.deb` instead of `dpkg -i`",
        DPKG,
        behind=("dpkg-script-failed", "disk-full", "dpkg-overwrite"),
        quote=r"\S+ depends on [^;\n]+",
    ),
    Row(
        "dpkg-architecture",
        APT,
        (
            r"package architecture \((?P<there>\w+)\) does not match system \((?P<system>\w+)\)",
            r"couldn't find any package (?:by|with) architecture",
        ),
        "the package is for another architecture ({there}) than this system ({system})",
        "get the package for this one: `dpkg --print-architecture` names it",
        DPKG,
    ),
    Row(
        "boot-full",
        APT,
        (
            (
                r"(?s)(?:update-initramfs|mkinitramfs|cpio|gzip: stdout|zstd|/boot/)[^\n]*(?:failed|"
                r"error)?[^\n]*No space left on device"
            ),
        ),
        "the file system /boot is full of old kernels, so that no new one can be set up",
        "`apt-get autoremove --purge` removes old kernels (`dpkg -l 'linux-image*'` lists them, `uname -r` is the "
        "one that runs), then "
        "`dpkg --configure -a`; `df -h /boot` shows the space",
        DPKG,
        programs=("apt", "dpkg", "shell"),
    ),
    Row(
        "debconf-locked",
        APT,
        (r"debconf: DbDriver \S+: \S+ is locked by another process",),
        "another installation holds debconf's database",
        "wait for it; `fuser -v /var/cache/debconf/config.dat` shows who it is; then `dpkg --configure -a`",
        DPKG,
        transient=True,
    ),
    Row(
        "conffile-question",
        APT,
        (
            r"end of file on stdin at conffile prompt",
            r"conffile difference visualizer",
            r"EOF on stdin at conffile",
        ),
        "dpkg wanted to ask which version of a changed settings file to keep, and nobody could answer",
        "`dpkg --configure -a --force-confdef --force-confold` keeps yours; for later, the same with apt: `-o "
        "Dpkg::Options::=--force-confold` and "
        "DEBIAN_FRONTEND=noninteractive",
        DPKG,
        quote=r"(?<=processing package )\S+",
    ),
    Row(
        "apt-would-remove",
        APT,
        (
            r"Essential packages were removed and -y was used without",
            r"Packages were downgraded and -y was used without",
            r"Removing essential system-critical packages is not permitted",
            r"You are about to do something potentially harmful",
        ),
        "apt would have to remove or downgrade packages for this, and does not do so without being told",
        "look with `apt-get -s` at what it would do; if that is meant, `--allow-downgrades` or "
        "`--allow-remove-essential`; with NVIDIA's packages, keep them "
        "all of one version; with Tensorwright, `tensorflow_driver_branch`",
        APT_GET,
    ),
    Row(
        "apt-key-tool",
        APT,
        (
            r"gpg: no valid OpenPGP data found",
            r"apt-key: (?:command )?not found",
            r"gnupg, gnupg2 and gnupg1 do not seem to be installed",
            r"gpg: (?:command )?not found",
            r"(?:keyserver receive|keyserver) [^\n]*failed",
            r"gpg: keyserver",
            (
                r"The key\(s\) in the keyring (?P<path>\S+) are ignored(?: as the file (?:is not readable|"
                r"has an unsupported filetype))?"
            ),
        ),
        "a repository's key could not be fetched or read: no key came from that address, or the tool for it is missing",
        "`curl -fsSL URL -o /etc/apt/keyrings/NAME.asc` and look at the file; name it with signed-by (apt-key no "
        "longer exists); `apt-get install gnupg` for "
        "gpg; the file has to be readable for all (`chmod 644`); with Tensorwright, for NVIDIA's, "
        "`playbooks/nvidia.yml`",
        APT_SECURE,
        behind=("apt-key-missing",),
    ),
    Row(
        "apt-weak-key",
        APT,
        (
            r"uses (?:a )?(?:weak|insecure|unsupported)[^\n]*(?:algorithm|digest|key)",
            r"(?:Policy rejects|not considered secure|SHA1 is not)[^\n]*",
        ),
        "a repository is signed in a way that is no longer held to be safe (SHA-1, a short key)",
        "its owner has to sign it anew; get his new key into `/etc/apt/keyrings`, or use another repository",
        APT_SECURE,
    ),
    Row(
        "apt-nvidia-mixed",
        APT,
        (
            r"^ *(?P<package>(?:lib)?(?:nvidia|cuda|xserver-xorg-video-nvidia)[\w.+:-]*) : (?:Pre)?(?:Depends|Breaks|Conflicts): ",
            r"^ *[\w.+:-]+ : (?:Pre)?(?:Depends|Breaks|Conflicts): (?P<package>(?:lib)?(?:nvidia|cuda)[\w.+:-]*)",
        ),
        "packages of several versions of the NVIDIA driver are mixed, or two repositories (the distribution's and "
        "NVIDIA's) offer different ones: {package}",
        "`apt-cache policy {package}` shows from where; take one repository and one branch: `apt-get purge "
        "'nvidia-*' 'libnvidia-*'`, then install that; "
        "with Tensorwright, `playbooks/nvidia_remove.yml`, then `playbooks/nvidia.yml`",
        APT_GET,
        quote=r"\S+ : (?:Pre)?(?:Depends|Breaks|Conflicts): [^\n]+",
    ),
    Row(
        "apt-failed",
        APT,
        (
            r"Sub-process /usr/bin/dpkg returned an error code",
            r"Unable to fetch some archives",
        ),
        "apt ended with an error; the lines before say why",
        "read the first line with E: or dpkg: error; `dpkg --configure -a` and `apt-get -f install` finish "
        "what was begun",
        APT_GET,
        rank=CONSEQUENCE,
    ),
)
