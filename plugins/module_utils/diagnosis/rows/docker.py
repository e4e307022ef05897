# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: docker, its containers and registries."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONSEQUENCE,
    CONTAINER_TOOLKIT,
    CONTAINER_TROUBLES,
    CUDA_COMPATIBILITY,
    DOCKER,
    DOCKER_TROUBLES,
    GENERAL,
    Row,
)

ROWS = (
    Row(
        "docker-runtime",
        DOCKER,
        (
            r"[Uu]nknown (?:or invalid )?runtime (?:name|specified):? \"?nvidia",
            r"could not select device driver \"\w*\" with capabilities: \[\[gpu\]\]",
            r"could not select device driver",
            r"unknown runtime specified nvidia",
            r"runtime \"?nvidia\"? not found",
            r"no such runtime: nvidia",
        ),
        "Docker does not know NVIDIA's runtime, so its containers get no GPU",
        "`apt-get install nvidia-container-toolkit`, `nvidia-ctk runtime configure --runtime=docker` and `systemctl "
        "restart docker`; with Tensorwright, "
        "run `site.yml` with `tensorflow_method: docker` and `tensorflow_device: gpu`: the role nvidia_docker does it",
        CONTAINER_TOOLKIT,
    ),
    Row(
        "docker-socket-denied",
        DOCKER,
        (r"permission denied while trying to connect to the [Dd]ocker",),
        "this user may not speak with the Docker daemon",
        "`usermod -aG docker USER` and log in anew, but who is in that group can become root; with Tensorwright, "
        "name the user in `docker_users`, or in "
        "`docker_rootless_users` for an engine without root, and run `site.yml`",
        "https://docs.docker.com/engine/install/linux-postinstall/",
    ),
    Row(
        "docker-not-running",
        DOCKER,
        (
            r"Cannot connect to the Docker daemon",
            r"failed to connect to the docker API",
            r"error during connect: .*docker",
        ),
        "the Docker daemon does not run",
        "`systemctl start docker`; `journalctl -u docker` says why it ended; `site.yml` with `tensorflow_method: "
        "docker` installs "
        "and starts one",
        "https://docs.docker.com/engine/daemon/troubleshoot/",
        behind=("docker-socket-denied",),
    ),
    Row(
        "docker-image-missing",
        DOCKER,
        (
            r"manifest for \S+ not found",
            r"manifest unknown",
            r"pull access denied for",
            r"repository does not exist or may require",
            r"[Nn]ot [Ff]ound: manifest",
            r"no such image:? (?P<image>\S+)",
            r"(?<!\S)[\w.-]+(?:/[\w.-]+)+:[\w.-]+: not found",
        ),
        "the registry has no such image or tag, or shows it only after a login",
        "check name and tag, and `docker login` for a registry that asks for it; with Tensorwright, let the plan "
        "choose (clear `tensorflow_docker_image`), or "
        "look at what `tensorflow_docker_registry` has",
        "https://hub.docker.com/r/tensorflow/tensorflow/tags",
    ),
    Row(
        "docker-rate-limit",
        DOCKER,
        (r"toomanyrequests", r"reached your (?:unauthenticated )?pull rate limit"),
        "the registry counts this site's downloads, and the limit is reached",
        "`docker login`, or wait, or use a mirror of the site's own (registry-mirrors in `/etc/docker/daemon.json`); "
        "with Tensorwright, "
        "`docker_registry_mirrors` or `tensorflow_docker_registry`",
        "https://docs.docker.com/docker-hub/usage/",
    ),
    Row(
        "docker-too-old-for-gpus",
        DOCKER,
        (
            r"unknown shorthand flag: 'g' in -gpus",
            r"Additional propert(?:y|ies) (?:are |is )?not allowed[^\n]*(?:devices|gpus|runtime)",
            r"Unsupported config option[^\n]*(?:runtime|deploy|gpus)",
            r"Additional property (?:devices|gpus|runtime|name) is not allowed",
            r"unknown flag: --gpus",
            r"client version (?P<client>[\d.]+) is too (?P<side>new|old)\. (?:Maximum|Minimum) supported API version",
            r"unknown (?:short)?hand flag",
            r"unknown flag: --(?P<flag>\w+)",
            r"requires API version",
        ),
        "this Docker is too old for what is asked of it (--gpus came with 19.03), or client and engine are of "
        "different age",
        "upgrade Docker: `docker version` shows client and engine, https://docs.docker.com/engine/install/ has newer "
        "ones than the distribution; with "
        "Tensorwright, `playbooks/docker.yml`",
        "https://docs.docker.com/engine/install/",
        programs=("docker",),
    ),
    Row(
        "docker-not-installed",
        DOCKER,
        (
            r"\bdocker(?:-compose)?: (?:command )?not found",
            r"Command 'docker' not found",
            r"there is no docker command on this host",
            r"'(?P<name>compose|buildx)' is not a docker command",
            r"unknown command: docker (?P<name>compose|buildx)",
        ),
        "Docker, or its plugin, is not installed here",
        "`apt-get install docker.io` (docker-compose-plugin and docker-buildx-plugin come from Docker's own "
        "repository); with Tensorwright, "
        "`playbooks/docker.yml`",
        "https://docs.docker.com/engine/install/",
    ),
    Row(
        "docker-toolkit-missing",
        DOCKER,
        (
            (
                r"(?:nvidia-container-(?:runtime|toolkit)(?:-hook)?|nvidia-ctk)\S*:? (?:executable file not found|"
                r"no such file|(?:command )?not found)"
            ),
            r"exec: \\*\"nvidia-container-(?:runtime|cli|toolkit)\S*: executable file not found",
            r"fork/exec \S*nvidia-container-\S+: no such file",
        ),
        "Docker is set up for NVIDIA's container toolkit, and its programs are not installed any more",
        "`apt-get install --reinstall nvidia-container-toolkit`, then `systemctl restart docker`; to do without, "
        "take nvidia out of "
        "`/etc/docker/daemon.json`; with Tensorwright, `nvidia_docker_packages` names it and `site.yml` installs it",
        CONTAINER_TOOLKIT,
    ),
    Row(
        "driver-file-in-the-image",
        DOCKER,
        (r"mount error: file creation failed: (?P<path>\S+?/merged)?(?P<file>/\S+?): file exists",),
        "the image itself already holds a file of the NVIDIA driver, where the toolkit has to put the host's: {file}",
        "build the image without the driver: `rm -f {file}` and the other libnvidia-*, libcuda.so* as the last step, "
        "and never install the driver in an "
        "image; or use another image; with Tensorwright, `tensorflow_docker_image`",
        CONTAINER_TROUBLES,
    ),
    Row(
        "docker-no-driver",
        DOCKER,
        (
            (
                r"nvidia-container-cli(?:\.real)?: initialization error: (?:driver error|load library failed|nvml error|"
                r"cuda error|driver rpc error)[^\n]*"
            ),
            r"nvml error: (?:driver not loaded|insufficient permissions|[^\n]*)",
            r"nvidia-container-cli(?:\.real)?: (?:detection|device) error: [^\n]*",
        ),
        "the host's NVIDIA driver does not run or does not answer, so containers get no GPU",
        "look with `nvidia-smi` on the host: install the driver, or reboot after its update; `nvidia-container-cli "
        "-k -d /dev/tty info` shows more; with "
        "Tensorwright, `playbooks/nvidia.yml`",
        CONTAINER_TROUBLES,
        behind=("driver-library-missing", "wsl-driver", "gpu-number-wrong", "docker-gpu-unknown"),
    ),
    Row(
        "docker-gpu-unknown",
        DOCKER,
        (
            r"nvidia-container-cli(?:\.real)?: device error: (?P<gpu>[^\n:]+): unknown device",
            r"unresolvable CDI devices (?P<gpu>[^\s:]+)",
            r"CDI device injection failed",
            r"failed to (?:inject|find) [^\n]*CDI[^\n]*",
        ),
        "the container is to get a GPU that this host does not have under that name ({gpu}), or the CDI "
        "specification does not have that GPU",
        "`nvidia-smi -L` lists numbers and UUIDs, `nvidia-ctk cdi list` CDI's names; after a change of GPUs or driver, "
        "`nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`; with Tensorwright, the role nvidia_docker "
        "(`site.yml`) makes it anew",
        CONTAINER_TROUBLES,
        behind=("docker-runtime",),
    ),
    Row(
        "docker-cgroups",
        DOCKER,
        (
            (
                r"nvidia-container-cli(?:\.real)?: (?:mount|container) error: (?:cgroup subsystem devices not found|"
                r"failed to add device rules|[^\n]*cgroup)[^\n]*"
            ),
            r"load program: invalid argument",
            r"[Dd]evices cgroup isn't mounted",
            r"cgroup mountpoint does not exist",
            r"no cgroup mount found",
            r"cgroups: cgroup mountpoint",
            r"bpf_prog_query\(BPF_CGROUP_DEVICE\) failed",
            r"systemd cgroup flag passed, but systemd support",
        ),
        "the container tools and the host's control groups (cgroup version 2, or a container without root) do not "
        "fit together",
        "upgrade nvidia-container-toolkit and Docker (`apt-get install --only-upgrade nvidia-container-toolkit "
        "libnvidia-container1`); without root, "
        "no-cgroups = true in `/etc/nvidia-container-runtime/config.toml`; `stat -fc %T /sys/fs/cgroup` shows the "
        "version; with Tensorwright, "
        "`nvidia_docker_cgroup_driver`",
        CONTAINER_TROUBLES,
    ),
    Row(
        "docker-ldconfig",
        DOCKER,
        (r"nvidia-container-cli(?:\.real)?: ldcache error: (?P<what>[^\n]+)",),
        "the container toolkit could not set up the loader's cache in the container: ldconfig is at another place on "
        "this host, or not allowed ({what})",
        'on Debian, ldconfig = "@/sbin/ldconfig" in `/etc/nvidia-container-runtime/config.toml`, on Ubuntu '
        '"@/sbin/ldconfig.real"; upgrade '
        "nvidia-container-toolkit; the image has to have an `/etc`",
        CONTAINER_TROUBLES,
    ),
    Row(
        "image-needs-newer-driver",
        DOCKER,
        (
            r"unsatisfied condition: (?P<wanted>(?:cuda|driver|brand)\s*[<>=]+\s*[\d.]+)",
            r"This container was built for NVIDIA Driver Release (?P<wanted>[\d.]+) or later",
        ),
        "the driver is older than this CUDA needs: the image wants {wanted}",
        "install a newer driver on the host and reboot, or take an older image; NVIDIA_DISABLE_REQUIRE=1 tries "
        "without; with Tensorwright, a newer "
        "`tensorflow_driver_branch`, or an older `tensorflow_version`",
        CUDA_COMPATIBILITY,
    ),
    Row(
        "docker-registry-denied",
        DOCKER,
        (
            r"unauthorized: ",
            r"no basic auth credentials",
            r"(?:^|: )denied: ",
            r"authentication required",
            r"incorrect username or password",
            r"[Gg]et \S+/v2/\S*: (?:unauthorized|denied)",
            r"failed to fetch (?:oauth|anonymous) token[^\n]*(?:40[13])",
        ),
        "the registry denies access",
        "check the image's name, and `docker login REGISTRY` with a user or token that may read (or push) it; "
        "nvcr.io wants the user $oauthtoken; with "
        "Tensorwright, log root in on the host",
        "https://docs.docker.com/reference/cli/docker/login/",
        behind=("docker-image-missing", "docker-rate-limit"),
        programs=("docker",),
    ),
    Row(
        "docker-registry-http",
        DOCKER,
        (r"server gave HTTP response to HTTPS client",),
        "the registry speaks plain http",
        "give it a certificate, or name it among insecure-registries in `/etc/docker/daemon.json` and `systemctl "
        "restart docker`; with Tensorwright, "
        "`docker_settings`",
        "https://docs.docker.com/reference/cli/dockerd/#insecure-registries",
    ),
    Row(
        "docker-platform",
        DOCKER,
        (
            r"no matching manifest for (?P<platform>\S+) in the manifest list",
            r"image with reference \S+ was found but (?:its|does not)[^\n]*platform",
            r"does not match the (?:detected host|specified) platform[^\n]*",
        ),
        "there is no image of that name for this architecture ({platform})",
        "use one that is made for it (`docker manifest inspect IMAGE` lists), or run it by emulation with "
        "`--platform linux/amd64` after installing "
        "qemu-user-static; with Tensorwright, `tensorflow_docker_image`",
        "https://docs.docker.com/build/building/multi-platform/",
        programs=("docker",),
    ),
    Row(
        "docker-name-taken",
        DOCKER,
        (r"container name \"?/?(?P<name>[\w.-]+)\"? is already in use",),
        "a container named {name} is there already",
        "`docker rm -f {name}`, or start that one with `docker start {name}`; `--rm` removes containers when they end",
        DOCKER_TROUBLES,
    ),
    Row(
        "docker-mount",
        DOCKER,
        (
            r"bind source path does not exist: (?P<path>\S+)",
            r"invalid mount config",
            r"invalid volume specification",
            r"[Mm]ounts denied",
            r"not a directory: (?:unknown|Are you trying to mount)",
            r"Are you trying to mount a directory onto a file",
        ),
        "a path that the container is to get is not there, or is a directory where a file is expected ({path})",
        "look with `ls -ld` on the host, and name it by its whole path: `-v /path/on/host:/path/in/container`",
        "https://docs.docker.com/engine/storage/bind-mounts/",
        programs=("docker",),
    ),
    Row(
        "docker-settings-wrong",
        DOCKER,
        (
            r"unable to configure the Docker daemon with file (?P<path>[^\s:]+)",
            r"the following directives are specified both as a flag and in the configuration file",
            r"invalid character '[^']+' (?:looking for|after)[^\n]*(?:daemon\.json)?",
        ),
        "Docker's settings file `/etc/docker/daemon.json` cannot be read, or says the same as the command line, so "
        "that the engine does not start",
        "check it with `python3 -m json.tool /etc/docker/daemon.json`, and take out what the service's own command "
        "sets; then `systemctl restart docker`; "
        "with Tensorwright, `docker_settings`",
        DOCKER_TROUBLES,
        programs=("docker", "systemd"),
    ),
    Row(
        "docker-storage",
        DOCKER,
        (
            r"failed to register layer",
            r"error (?:creating overlay mount|initializing graphdriver)",
            r"overlay2?[^\n]*(?:not supported|invalid argument)",
            r"input/output error[^\n]*overlay",
            r"layer does not exist",
            r"failed to get digest",
            r"content digest \S+: not found",
            r"failed to solve: failed to (?:prepare|compute cache key)",
        ),
        "Docker's store of images is damaged, or its file system does not suit it",
        "`docker system prune`, then pull again; `docker info` shows the storage driver: overlay2 needs ext4, or xfs "
        "with ftype=1; with Tensorwright, "
        "`docker_data_root`",
        "https://docs.docker.com/engine/storage/drivers/",
        behind=("disk-full", "docker-file-missing"),
        programs=("docker",),
        rank=GENERAL,
    ),
    Row(
        "docker-file-missing",
        DOCKER,
        (
            r"failed to (?:compute cache key|calculate checksum)[^\n]*(?P<path>\"[^\"]+\"): not found",
            r"COPY failed: [^\n]*(?:no such file|not found)",
            r"failed to read dockerfile",
            r"unable to prepare context: ",
            r"unable to evaluate symlinks in Dockerfile path",
        ),
        "the Dockerfile, or a file that it copies, is not in the directory that is built from ({path})",
        "start `docker build` in the right directory or name it, and look at `.dockerignore`; paths are relative to "
        "that directory",
        "https://docs.docker.com/build/concepts/context/",
        programs=("docker",),
    ),
    Row(
        "docker-step-failed",
        DOCKER,
        (
            r"process \"(?P<command>[^\n]{1,200}?)\" did not complete successfully",
            r"The command '(?P<command>[^']{1,200})' returned a non-zero code",
        ),
        "a step of the image's build failed: {command}",
        "its own output, before this line, says why; run it by hand in the image before it (`docker run --rm -it "
        "IMAGE sh`)",
        "https://docs.docker.com/build/building/best-practices/",
        rank=CONSEQUENCE,
    ),
    Row(
        "docker-network",
        DOCKER,
        (
            r"iptables[^\n]*(?:No chain/target/match|Chain .* does not exist|failed)",
            r"could not find an available, non-overlapping IPv4 address pool",
            r"all predefined address pools have been fully subnetted",
            r"Pool overlaps with other one on this address space",
            r"failed to create (?:NAT chain|endpoint)",
        ),
        "Docker could not set up a network for the container: its firewall rules were removed, or its addresses are "
        "used up or overlap",
        "`systemctl restart docker` makes the rules anew; `docker network prune` frees addresses; with Tensorwright, "
        "`docker_address_pools`",
        "https://docs.docker.com/engine/network/",
        programs=("docker", "systemd"),
    ),
    Row(
        "docker-user-namespaces",
        DOCKER,
        (
            r"newuidmap",
            r"newgidmap",
            r"no subuid ranges found",
            r"rootlesskit[^\n]*(?:failed|error)",
            r"user namespaces? (?:are not enabled|is not)",
            r"cannot clone: Operation not permitted",
        ),
        "containers without root need sub-ids and user namespaces, which this user or host does not have",
        "`apt-get install uidmap`, give the user a range in `/etc/subuid` and `/etc/subgid`, and allow user "
        "namespaces (`sysctl "
        "kernel.unprivileged_userns_clone=1`); with Tensorwright, `docker_rootless_users`",
        "https://docs.docker.com/engine/security/rootless/",
        programs=("docker", "shell"),
    ),
)
