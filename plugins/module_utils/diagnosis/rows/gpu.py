# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: the GPU, its driver and CUDA's libraries."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CUDA_COMPATIBILITY,
    CUDA_GUIDE,
    GPU,
    XID,
    Row,
)

ROWS = (
    Row(
        "cuda-library-missing",
        GPU,
        (
            (
                r"lib(?:cudart|cublas|cublasLt|cufft|cufftw|curand|cusolver|cusparse|cupti|nvrtc|"
                r"nvJitLink)\b[\w.-]*: cannot open shared"
            ),
            r"Cannot dlopen some GPU libraries",
            r"undefined reference to .\w+@libcu\w+\.so",
        ),
        "the CUDA libraries of the version that this build needs are not found",
        "install those that the build needs, of that very version: `python -m pip install 'tensorflow[and-cuda]'`; "
        "`unset LD_LIBRARY_PATH`; "
        "with Tensorwright, `tensorflow_device: gpu` and `tensorflow_cuda_from: wheels` or `apt`",
        "compatibility.md#cuda-and-drivers",
        behind=("cudnn-missing", "driver-library-missing"),
        quote=r"lib(?:cu|nv)\w+\.so[.\d]*(?=: cannot open|')",
    ),
    Row(
        "cudnn-missing",
        GPU,
        (r"libcudnn\w*\.[\w.]*: cannot open shared", r"Unable to load cuDNN", r"Could not locate cudnn"),
        "cuDNN of the version that this build needs is not found",
        "install those that the build needs, of that very version: `python -m pip install 'tensorflow[and-cuda]'`; "
        "`unset LD_LIBRARY_PATH`; "
        "with Tensorwright, `tensorflow_device: gpu` and `tensorflow_cuda_from: wheels` or `apt`",
        "compatibility.md#cuda-and-drivers",
        quote=r"libcudnn\w*\.[\w.]*(?=: cannot open)",
    ),
    Row(
        "driver-library-missing",
        GPU,
        (r"lib(?:cuda|nvidia-ml)\.so[.\d]*: cannot open shared",),
        "the NVIDIA driver's library is missing: no driver is installed here, or the container was started without "
        "the GPU",
        "install the driver (`apt-get install nvidia-driver`, on Ubuntu `ubuntu-drivers install`) and reboot; start "
        "a container with "
        "`docker run --gpus all`; on a host without a GPU nothing is wrong, or set `tensorflow_device: cpu`; with "
        "Tensorwright, "
        "`playbooks/nvidia.yml`, and `tensorflow-docker` for containers",
        CUDA_GUIDE,
    ),
    Row(
        "nvml-mismatch",
        GPU,
        (
            r"Failed to initialize NVML: Driver/library version mismatch",
            r"kernel version \S+ does not match DSO version",
            r"API mismatch: the client has the version",
            r"the driver in the kernel is \S+, its library \S+, the module on disk \S+",
        ),
        "the driver was updated, and the old one still runs in the kernel",
        "reboot the host: `systemctl reboot`",
        CUDA_GUIDE,
    ),
    Row(
        "driver-not-running",
        GPU,
        (
            r"couldn't communicate with the NVIDIA driver",
            r"kernel driver does not appear to be running on this host",
            r"Failed to initialize NVML: Driver Not Loaded",
        ),
        "the NVIDIA driver is not loaded in the kernel",
        "`modprobe nvidia`; if that fails, `dkms status` and `dmesg | grep -i nvidia` show why; after a kernel update, "
        "`apt-get install linux-headers-$(uname -r)` and `dkms autoinstall`, then reboot; with Tensorwright, "
        "`playbooks/nvidia.yml`",
        CUDA_GUIDE,
        behind=("nvml-mismatch", "secure-boot", "nouveau-has-the-gpu", "module-missing"),
    ),
    Row(
        "no-cuda-device",
        GPU,
        (
            r"CUDA_ERROR_NO_DEVICE",
            r"no CUDA-capable device is detected",
            r"^No devices were found",
            r"UNKNOWN ERROR \(100\)",
        ),
        "the driver runs, but this process sees no GPU",
        "look with `nvidia-smi -L`; `unset CUDA_VISIBLE_DEVICES`; start a container with `docker run --gpus all`; if "
        "the host has no GPU, "
        "nothing is wrong: set `CUDA_VISIBLE_DEVICES=-1` to silence it, with Tensorwright `tensorflow_device: cpu`",
        CUDA_GUIDE,
        behind=("driver-not-running", "nvml-mismatch", "driver-library-missing"),
    ),
    Row(
        "driver-old",
        GPU,
        (
            r"The NVIDIA driver on your system is too old",
            r"driver version is insufficient for CUDA runtime version",
            r"CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
            r"PTX was compiled with an unsupported toolchain",
        ),
        "the driver is older than this CUDA needs",
        "install a newer driver (on Ubuntu `ubuntu-drivers install`, else `apt-get install --only-upgrade "
        "nvidia-driver`) and reboot, or a "
        "release of an older CUDA; with Tensorwright, `playbooks/nvidia.yml` with `tensorflow_driver_branch: auto`, "
        "or `tensorflow_version`",
        CUDA_COMPATIBILITY,
    ),
    Row(
        "gpu-too-new",
        GPU,
        (
            r"no kernel image is available for execution",
            r"compute capability [\d.]+ is not served by this build",
            r"CUDA_ERROR_NO_BINARY_FOR_GPU",
            r"CUDA_ERROR_INVALID_PTX",
        ),
        "the GPU is newer, or much older, than what this build has code for",
        "for a new GPU, `python -m pip install --upgrade 'tensorflow[and-cuda]'` (or tf-nightly) and a new driver; "
        "for an old one, an older "
        "release; with Tensorwright, `tensorflow_version: latest`, or `tensorflow_device: cpu` where no release has "
        "code for the GPU",
        "compatibility.md#gpus",
        behind=("driver-old",),
    ),
    Row(
        "gpu-too-old",
        GPU,
        (r"The minimum required Cuda capability is",),
        "the GPU is older than what this build has code for",
        "install an older release that has, or build one for it; with Tensorwright, `tensorflow_version`, or "
        "`tensorflow_device: cpu`",
        "compatibility.md#gpus",
    ),
    Row(
        "ptxas-missing",
        GPU,
        (
            r"Couldn't (?:get ptxas|invoke ptxas)",
            r"ptxas not found",
            r"Failed to launch ptxas",
            r"[Ll]ibdevice not found",
            r"Can't find libdevice directory",
        ),
        "the compiler's parts of CUDA (ptxas, libdevice) are not found, which XLA needs",
        "`python -m pip install nvidia-cuda-nvcc-cu12`, or put `/usr/local/cuda/bin` on the PATH and set "
        "`XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda`; with Tensorwright, `tensorflow_cuda_from: wheels`",
        "https://www.tensorflow.org/xla",
    ),
    Row(
        "gpu-memory",
        GPU,
        (
            r"CUDA_ERROR_OUT_OF_MEMORY",
            r"OOM when allocating tensor",
            r"[Ff]ailed to allocate .* from device",
            r"CUDA out of memory",
            r"GPU \d+ has \d+ of \d+ MiB free",
        ),
        "the GPU's memory is used up; one TensorFlow process takes nearly all of it",
        "see who has it with `nvidia-smi`, and end what is not needed; start with `TF_FORCE_GPU_ALLOW_GROWTH=true`, "
        "and take a smaller batch or "
        "model; with Tensorwright, `tensorflow_users_memory_growth: true`",
        "https://www.tensorflow.org/guide/gpu",
    ),
    Row(
        "gpu-permission",
        GPU,
        (
            r"could not open (?:the )?device file /dev/nvidia\S*",
            r"Failed to initialize NVML: Insufficient Permissions",
            r"/dev/nvidia\w*'?: Permission denied",
        ),
        "this user may not use the GPU's device files",
        "`ls -l /dev/nvidia*`, and add the user to the files' group with `usermod -aG`",
        CUDA_GUIDE,
    ),
    Row(
        "cudnn-version",
        GPU,
        (r"Loaded runtime CuDNN library: \S+ but source was compiled with",),
        "another cuDNN is found before the one that this build needs",
        "`unset LD_LIBRARY_PATH`, and `python -m pip install --upgrade 'tensorflow[and-cuda]'` or nvidia-cudnn-cu12 "
        "in the version that it "
        "names; with Tensorwright, `tensorflow_cuda_from: wheels` brings the right one",
        "compatibility.md#cuda-and-drivers",
        quote=r"Loaded runtime CuDNN library: \S+ but source was compiled with: [\d.]*\d",
    ),
    Row(
        "secure-boot",
        GPU,
        (
            r"Key was rejected by service",
            r"Required key not available",
            r"Loading of (?:unsigned module|module with unavailable key) is rejected",
        ),
        "Secure Boot forbids a kernel module that no enrolled key has signed",
        "enrol the key that dkms signs with (`mokutil --import /var/lib/dkms/mok.pub`, then reboot), or turn Secure "
        "Boot off",
        "https://wiki.debian.org/SecureBoot",
    ),
    Row(
        "kernel-headers",
        GPU,
        (
            r"kernel headers for this kernel do not seem to be installed",
            r"Your kernel headers for kernel \S+ cannot be found",
            r"/lib/modules/\S+/build: No such file or directory",
        ),
        "the headers of the running kernel are missing, without which the driver's module cannot be built",
        "`apt-get install linux-headers-$(uname -r)`; if there is no such package any more, update the kernel and "
        "reboot",
        CUDA_GUIDE,
    ),
    Row(
        "gpu-lost",
        GPU,
        (r"GPU is lost", r"fallen off the bus", r"Unable to determine the device handle for"),
        "a GPU has stopped answering: power, heat, its slot, or the GPU itself",
        "`dmesg | grep -i xid` shows the reason's number; power the host off and on",
        "https://docs.nvidia.com/deploy/xid-errors/",
    ),
    Row(
        "module-not-built",
        GPU,
        (
            r"One or more modules failed to install during autoinstall",
            r"Bad return status for module build on kernel: (?P<kernel>\S+)",
            r"DKMS make\.log for (?P<module>[\w.-]+) for kernel (?P<kernel>\S+)",
            r"nvidia.*: (?:Building|build) .*fail",
            r"Unable to build the NVIDIA kernel module",
            r"(?s)Failed to (?:build|install) (?:the )?(?:nvidia|kernel)\S*(?: kernel)? module",
            r"error: .*(?:nv-|nvidia).*\.[ch]\b",
            r"/var/lib/dkms/nvidia\S*\.[ch]:\d+:\d+: error: ",
            r"ERROR: An error occurred while performing the step: \"Building kernel modules\"",
        ),
        "the driver's kernel module failed to build for the kernel {kernel}: mostly that kernel is newer than the "
        "driver, or its headers or "
        "compiler are missing",
        "read the first error in `/var/lib/dkms/nvidia/VERSION/build/make.log`; `apt-get install "
        "linux-headers-$(uname -r)`, then a newer "
        "driver or an older kernel; with Tensorwright, `playbooks/nvidia.yml` with `tensorflow_driver_branch: auto`",
        CUDA_GUIDE,
        behind=("kernel-headers", "secure-boot", "disk-full", "kernel-compiler"),
        quote=r"(?<=Consult )\S+make\.log|/var/lib/dkms/\S+?:\d+:\d+: error: [^\n]+",
        programs=("dkms", "make", "kernel", "dpkg", "apt", "shell", "pip"),
    ),
    Row(
        "kernel-compiler",
        GPU,
        (
            (
                r"unrecognized command[ -]line option '?[^\n]*(?:-mharden-sls|-fmin-function-alignment|"
                r"-ftrivial-auto-var-init)"
            ),
            r"The kernel was built with (?P<built>\S*gcc[^\n,]*?),? (?:but|and) the current compiler",
            r"[Cc]ompiler version check failed",
            r"(?P<compiler>(?:x86_64-linux-gnu-)?gcc-\d+): (?:command )?not found",
            r"unable to find (?:a|the) (?:suitable )?(?:compiler|`cc')",
            r"You do not appear to have (?:the )?(?:cc|gcc) (?:installed)?",
        ),
        "the kernel was built with another compiler than the one that is there, or there is none, so the driver's "
        "module cannot be built",
        "`apt-get install gcc make linux-headers-$(uname -r)` in the version that `cat /proc/version` names, then "
        "`dkms autoinstall`",
        CUDA_GUIDE,
    ),
    Row(
        "nouveau-has-the-gpu",
        GPU,
        (
            r"NVRM: (?:No NVIDIA (?:GPU|devices) probed|The NVIDIA probe routine was not called)(?s:.*?)nouveau",
            r"[Nn]ouveau kernel driver (?:appears to be|is) (?:currently )?in use",
            r"nouveau, rivafb, nvidiafb or rivatv",
            r"NVRM: The NVIDIA probe routine was not called",
        ),
        "the kernel's own driver nouveau has taken the GPU, so NVIDIA's gets none",
        "write `blacklist nouveau` and `options nouveau modeset=0` into `/etc/modprobe.d/blacklist-nouveau.conf`, "
        "`update-initramfs -u`, and "
        "reboot; with Tensorwright, `playbooks/nvidia.yml`",
        CUDA_GUIDE,
    ),
    Row(
        "driver-not-for-gpu",
        GPU,
        (
            (
                r"NVRM: The NVIDIA (?P<gpu>[^\n]*?) installed in this system is\s+(?:NVRM:\s+)?supported through the "
                r"NVID"
                r"IA (?P<branch>\S+) [Ll]egacy"
            ),
            r"is not supported by (?:the )?(?:open|proprietary|NVIDIA)[^\n]*(?:driver|kernel modules)",
            r"requires use of the NVIDIA open kernel modules",
            r"NVRM: The NVIDIA GPU \S+ \(PCI ID: (?P<pci>\S+)\)",
            r"not supported by the (?P<driver>[\d.]+) NVIDIA driver",
            r"legacy nvidia driver",
            r"GPU is not supported by this driver",
        ),
        "this driver does not serve this GPU: an old GPU needs a legacy branch, a new one a newer driver, the newest "
        "ones the open kernel "
        "modules ({branch})",
        "`ubuntu-drivers devices` or https://www.nvidia.com/drivers names the driver for the GPU; from the Blackwell "
        "GPUs on, "
        "`apt-get install nvidia-open`; for an old one, its legacy branch; with Tensorwright, "
        "`tensorflow_driver_branch: auto`",
        "compatibility.md#gpus",
        behind=("nouveau-has-the-gpu",),
    ),
    Row(
        "gpu-start-failed",
        GPU,
        (
            r"RmInitAdapter failed",
            r"rm_init_adapter failed",
            r"NVRM: GPU \S+: (?:Failed|RmInit)",
            r"This PCI I/O region assigned to your NVIDIA device is invalid",
            r"NVRM: BAR\d is \d+M @ 0x0",
            r"can't assign mem",
            r"NVRM: The system BIOS may have misconfigured your GPU",
        ),
        "the driver found the GPU and could not start it: memory that the firmware gave it, power, its slot, the "
        "virtual machine's "
        "passthrough, or the GPU itself",
        "look with `dmesg | grep -iE 'nvrm|pci'`; turn on Above 4G Decoding in the firmware (BIOS), boot with "
        "`pci=realloc`, check power and slot; "
        "then another driver, with Tensorwright `tensorflow_driver_branch`",
        XID,
        behind=("driver-not-for-gpu", "gpu-lost", "gpu-power", "driver-fault"),
    ),
    Row(
        "module-missing",
        GPU,
        (
            r"modprobe: FATAL: Module (?P<module>nvidia[\w-]*) not found(?: in directory (?P<place>\S+?)\.?$)?",
            r"modinfo: ERROR: Module (?P<module>nvidia[\w-]*) not found",
            r"could not insert '(?P<module>nvidia[\w-]*)': No such device",
        ),
        "the running kernel has no module {module} of the NVIDIA driver, or the host has no GPU for it: mostly the "
        "kernel was updated and "
        "the module not built for it",
        "`apt-get install linux-headers-$(uname -r)`, then `dkms autoinstall` and `modprobe nvidia`; `dkms status` "
        "shows for which kernels "
        "it is built; with Tensorwright, `playbooks/nvidia.yml`",
        CUDA_GUIDE,
        behind=("kernel-headers", "module-not-built", "secure-boot"),
    ),
    Row(
        "module-of-other-kernel",
        GPU,
        (
            (
                r"could not insert '?(?P<module>nvidia[\w-]*)'?: (?:Invalid (?:argument|module format)|"
                r"Exec format error|"
                r"Unknown symbol)"
            ),
            r"(?P<module>nvidia[\w-]*): (?:version magic|disagrees about version of symbol|Unknown symbol)",
            r"insmod: ERROR: could not insert module \S*(?P<module>nvidia\S*?)\.ko: (?:Invalid|Unknown)",
        ),
        "the module {module} was built for another kernel than the one that runs, or does not fit the driver's other "
        "modules",
        "`dkms autoinstall` for the running kernel (`uname -r`), or `apt-get install --reinstall "
        "nvidia-dkms-BRANCH`, then reboot; with "
        "Tensorwright, `playbooks/nvidia.yml`",
        CUDA_GUIDE,
        behind=("secure-boot",),
    ),
    Row(
        "driver-in-use",
        GPU,
        (
            r"Module (?P<module>nvidia[\w-]*) is in use",
            r"You appear to be running an X server",
            r"An NVIDIA kernel module '(?P<module>[\w-]+)' appears to (?:be )?already (?:be )?loaded",
        ),
        "the driver's module is in use, so it cannot be exchanged while the host runs",
        "end what uses the GPU (`fuser -v /dev/nvidia*`; `systemctl isolate multi-user.target` ends the desktop), or "
        "reboot the host",
        CUDA_GUIDE,
    ),
    Row(
        "driver-twice",
        GPU,
        (
            r"An alternate method of installing the NVIDIA driver was detected",
            r"There appears to already be a driver installed on your system",
            r"[Dd]river (?:packages?|install\S*) .*(?:conflict|already installed).*nvidia",
        ),
        "a driver is installed already in another way: NVIDIA's installer (.run) and the distribution's packages do "
        "not go together",
        "remove one of the two: `nvidia-uninstall` for the installer's, `apt-get purge 'nvidia-*'` for packages; "
        "with Tensorwright, "
        "`playbooks/nvidia_remove.yml`, then `playbooks/nvidia.yml`",
        CUDA_GUIDE,
    ),
    Row(
        "nvidia-smi-missing",
        GPU,
        (
            r"executable file `nvidia-smi` not found",
            r"nvidia-smi: (?:command )?not found",
            r"Command 'nvidia-smi' not found",
            r"exec: \"nvidia-smi\": executable file not found",
        ),
        "there is no nvidia-smi: no NVIDIA driver is installed here, or the container was started without the GPU's "
        "tools",
        "install the driver (`apt-get install nvidia-driver nvidia-smi`, on Ubuntu `ubuntu-drivers install`); in a "
        "container, "
        "`docker run --gpus all` with `NVIDIA_DRIVER_CAPABILITIES=compute,utility`; with Tensorwright, "
        "`playbooks/nvidia.yml`",
        CUDA_GUIDE,
    ),
    Row(
        "cuda-headers-missing",
        GPU,
        (
            r"cuda(?:_runtime|\.h|_runtime_api)\S*: No such file or directory",
            r"nvcc: (?:command )?not found",
            r"(?:CUDA_HOME|CUDA_PATH) (?:environment variable is not set|is not set)",
            r"Could NOT find CUDA(?:Toolkit)?",
            r"No CUDA toolset found",
            r"Failed to find (?:nvcc|CUDA)",
        ),
        "CUDA's compiler and headers (the toolkit) are not found; wheels of TensorFlow need them only to build "
        "something else",
        "`apt-get install cuda-toolkit-12-4` (the version that the build wants), and set "
        "`CUDA_HOME=/usr/local/cuda`; with Tensorwright, "
        "`tensorflow_cuda_from: apt`",
        CUDA_GUIDE,
    ),
    Row(
        "nvcc-compiler",
        GPU,
        (
            r"unsupported GNU version! gcc versions later than (?P<version>\d+) are not supported",
            r"#error -- unsupported (?:GNU|clang) version",
        ),
        "the host's compiler is newer than this CUDA supports (gcc up to {version})",
        "`apt-get install gcc-12 g++-12` and build with `CC=gcc-12 CXX=g++-12` and "
        "`NVCC_PREPEND_FLAGS=-ccbin=g++-12`, or use a newer CUDA",
        CUDA_GUIDE,
    ),
    Row(
        "nvcc-architecture",
        GPU,
        (r"(?:Unsupported gpu architecture|Value) '(?P<arch>(?:compute|sm)_\w+)'(?: is not defined)?",),
        "this CUDA does not know the GPU's architecture {arch}: it is older than the GPU, or so new that it dropped it",
        "use a CUDA that has it (`nvcc --list-gpu-arch` lists), and name the right capabilities when building; with "
        "Tensorwright, "
        "`tensorflow_version`",
        "compatibility.md#gpus",
    ),
    Row(
        "gpu-idle",
        GPU,
        (r"(?P<there>\d+) GPUs? on the bus, and the session uses (?P<used>\d+)",),
        "the host has {there} GPU, and TensorFlow computes on the CPU or on fewer (it uses {used})",
        "look with `nvidia-smi -L` whether the driver sees them; `unset CUDA_VISIBLE_DEVICES`; install a build with "
        "CUDA and its libraries: `python -m pip "
        "install 'tensorflow[and-cuda]'`; with Tensorwright, `tensorflow_device: gpu`",
        "https://www.tensorflow.org/guide/gpu",
        behind=(
            "cuda-library-missing",
            "cudnn-missing",
            "driver-library-missing",
            "driver-not-running",
            "nvml-mismatch",
            "driver-old",
            "no-cuda-device",
            "gpu-unknown-error",
            "fabric-manager",
            "nouveau-has-the-gpu",
            "gpu-too-old",
            "gpu-too-new",
            "gpu-permission",
            "cuda-compat",
        ),
    ),
)
