# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: what CUDA and its libraries report while a program runs; most are claimed by an error's name or number."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CONTAINER_TROUBLES,
    CUDA_COMPATIBILITY,
    CUDA_ERRORS,
    CUDA_GUIDE,
    FABRIC_MANAGER,
    GENERAL,
    GPU,
    GPU_GUIDE,
    NOTICE,
    XID,
    Row,
)

ROWS = (
    Row(
        "gpu-unknown-error",
        GPU,
        (r"failed call to cuInit: (?:UNKNOWN ERROR|CUresult)\(?-1",),
        "the NVIDIA driver answers with an error that it does not explain; mostly its module nvidia-uvm is not "
        "loaded, or the driver was "
        "updated or the host slept since it was loaded",
        "`modprobe nvidia-uvm`, look with `nvidia-smi` and `dmesg | grep -iE 'nvrm|xid'`, and reboot the host "
        "(`systemctl reboot`); "
        "if it stays, install the driver anew, with Tensorwright by `playbooks/nvidia.yml`",
        CUDA_GUIDE,
        behind=("gpu-permission", "gpu-taken-from-container", "driver-library-missing", "nvml-mismatch"),
    ),
    Row(
        "cuda-call-wrong",
        GPU,
        (),
        "a program called CUDA or one of its libraries with something that it does not accept: a fault of the "
        "program, or builds of "
        "TensorFlow, CUDA and cuDNN that do not fit together",
        "update TensorFlow and what uses it together (`python -m pip install --upgrade 'tensorflow[and-cuda]'`), "
        "`unset LD_LIBRARY_PATH`, "
        "and run with `CUDA_LAUNCH_BLOCKING=1` to see which call it is; with Tensorwright, `tensorflow_cuda_from: "
        "wheels`",
        CUDA_ERRORS,
    ),
    Row(
        "gpu-program-fault",
        GPU,
        (r"CUDA_EXCEPTION_\d+", r"device-side assert triggered"),
        "a program on the GPU did what it must not, such as reading memory that is not its own; the fault is in the "
        "program or a library, "
        "seldom in the GPU",
        "run with `CUDA_LAUNCH_BLOCKING=1` to see which operation it is, look at `dmesg | grep -i xid`, update "
        "TensorFlow, cuDNN and the "
        "driver; if it happens with any program, test the GPU's memory; with Tensorwright, `tensorflow_version: "
        "latest`",
        CUDA_ERRORS,
    ),
    Row(
        "gpu-memory-damaged",
        GPU,
        (r"Pending (?:page retirement|row remap)", r"Row [Rr]emapping failure"),
        "the GPU's memory has errors (ECC) that cannot be corrected, or the GPU's own store is damaged",
        "look with `nvidia-smi -q -d ECC,ROW_REMAPPER`, then reset the GPU (`nvidia-smi --gpu-reset`) or reboot the "
        "host; if it comes back, "
        "replace the GPU",
        XID,
    ),
    Row(
        "gpu-link",
        GPU,
        (r"NVLink.*(?:fatal error|link is down)",),
        "the link between GPUs (NVLink) or to another device has failed",
        "look with `nvidia-smi nvlink --status` and `dmesg | grep -i xid`; reset the GPUs or reboot the host; if it "
        "comes back, have "
        "bridge, cables and slots looked at",
        XID,
    ),
    Row(
        "gpu-busy",
        GPU,
        (r"all CUDA-capable devices are busy or unavailable",),
        "the GPU is there, but taken: another process has it for itself, or its compute mode lets nobody or only one "
        "in",
        "see who has it with `nvidia-smi`, and the mode with `nvidia-smi -q -d COMPUTE`; `nvidia-smi -c DEFAULT` "
        "lets several in",
        CUDA_GUIDE,
    ),
    Row(
        "gpu-number-wrong",
        GPU,
        (r"'visible_device_list' listed an invalid", r"Invalid device ordinal", r"No GPU (?:devices|with index)"),
        "a GPU is asked for by a number that this host does not have",
        "`nvidia-smi -L` lists them from 0; set `CUDA_VISIBLE_DEVICES=0`, or unset it",
        GPU_GUIDE,
    ),
    Row(
        "vgpu-licence",
        GPU,
        (
            r"unlicensed state",
            r"Unlicensed \(Unrestricted\)",
            r"license server .*(?:not reachable|unavailable)",
        ),
        "the virtual GPU has no licence, or its licence server cannot be reached",
        "look with `nvidia-smi -q | grep -i licen`, then `systemctl restart nvidia-gridd` after its settings in "
        "`/etc/nvidia/gridd.conf` are right",
        "https://docs.nvidia.com/vgpu/latest/grid-licensing-user-guide/",
    ),
    Row(
        "gpu-peers",
        GPU,
        (),
        "GPUs of this host cannot reach each other's memory",
        "look with `nvidia-smi topo -m`; set `NCCL_P2P_DISABLE=1`, or use one GPU with `CUDA_VISIBLE_DEVICES=0`; an "
        "IOMMU or virtual "
        "machine may be in the way",
        CUDA_ERRORS,
    ),
    Row(
        "libcuda-stub",
        GPU,
        (
            r"You are using the stub library",
            r"libcuda.*stubs?/",
        ),
        "the stub of libcuda is found instead of the driver's own library: it is for building only",
        "take directories named stubs out of LD_LIBRARY_PATH (`unset LD_LIBRARY_PATH`), then `ldconfig`",
        CUDA_GUIDE,
    ),
    Row(
        "driver-part-missing",
        GPU,
        (
            r"libnvidia-(?:ptxjitcompiler|nvvm|fatbinaryloader|compiler)\S*: cannot open shared",
            r"PTX JIT compiler library not found",
        ),
        "a part of the NVIDIA driver is missing that compiles for the GPU (libnvidia-ptxjitcompiler)",
        "install the whole driver: `apt-get install --reinstall libnvidia-compute-BRANCH`; in a container, set "
        "`NVIDIA_DRIVER_CAPABILITIES=compute,utility`; with Tensorwright, `playbooks/nvidia.yml`",
        CUDA_GUIDE,
    ),
    Row(
        "gpu-system-call",
        GPU,
        (),
        "the operating system refused what the NVIDIA driver asked for: device files, interrupts or memory",
        "look with `ls -l /dev/nvidia*` and `dmesg | grep -i nvrm`; `modprobe nvidia-uvm`, and reboot the host after "
        "an update of kernel or "
        "driver",
        CUDA_GUIDE,
        behind=("wsl-driver",),
    ),
    Row(
        "gpu-resources",
        GPU,
        (r"CUDA error: too many resources requested", r"shared memory .*exceeds? .*(?:limit|maximum)"),
        "a program asks for more threads, registers or shared memory than this GPU has",
        "make the batch or the model smaller, or update TensorFlow (`python -m pip install --upgrade tensorflow`), "
        "which has code that fits "
        "more GPUs",
        CUDA_ERRORS,
    ),
    Row(
        "gpu-time-limit",
        GPU,
        (r"the launch timed out and was terminated",),
        "a program ran on the GPU for longer than is allowed; a GPU that drives a screen ends what takes some seconds",
        "use a GPU without a screen (`CUDA_VISIBLE_DEVICES=1`), stop the desktop with `systemctl isolate "
        "multi-user.target`, or make "
        "each step smaller",
        CUDA_ERRORS,
    ),
    Row(
        "cuda-unsupported",
        GPU,
        (),
        "what the program asks for is not supported by this GPU, driver or CUDA",
        "look with `nvidia-smi` at driver and CUDA; a newer driver and `python -m pip install --upgrade "
        "'tensorflow[and-cuda]'` may have it",
        CUDA_ERRORS,
    ),
    Row(
        "fabric-manager",
        GPU,
        (
            r"system not yet initialized",
            r"nvidia-fabricmanager.*(?:fail|error)",
            r"request to query NVSwitch.*fail",
            r"Fabric\s*(?:Manager|\s+State\s*:).*(?:not running|mismatch|In Progress|fail)",
            (
                r"[Ff]abric ?[Mm]anager[^\n]*(?:don't match|do(?:es)? not match|mismatch|[Ff]ail|FAIL|[Ee]rror|"
                r"not (?:running|started|ready|active))"
            ),
            r"(?:[Ff]ailed to start|Job for|Unit) nvidia-fabricmanager",
            r"nv-fabricmanager\S*: [^\n]*(?:fail|error|not)",
            r"querying NVSwitch[^\n]*fail",
            r"NV_WARN_NOTHING_TO_DO",
        ),
        "the GPUs of this host are joined by NVSwitch, and their fabric manager does not run or is of another "
        "version than the driver",
        "`apt-get install nvidia-fabricmanager-BRANCH` in the driver's very version, then `systemctl enable --now "
        "nvidia-fabricmanager` "
        "and look with `systemctl status nvidia-fabricmanager`; with Tensorwright, `playbooks/nvidia.yml` does so",
        FABRIC_MANAGER,
    ),
    Row(
        "cuda-compat",
        GPU,
        (r"forward compatibility was attempted on non supported",),
        "CUDA's compatibility package (cuda-compat) is used on a GPU or with a driver that it does not support; "
        "often an image brings it "
        "and the host's driver is too old or too new for it",
        "install a newer driver on the host, and reboot; or take cuda-compat out (`apt-get purge 'cuda-compat-*'`, "
        "its directory out of "
        "LD_LIBRARY_PATH); with Tensorwright, `tensorflow_driver_branch: auto`",
        CUDA_COMPATIBILITY,
    ),
    Row(
        "mps-server",
        GPU,
        (r"MPS client failed to connect",),
        "CUDA's multi-process service (MPS) does not run, is full, or ended this process",
        "start it with `nvidia-cuda-mps-control -d` as the user who owns it, or do without: `unset "
        "CUDA_MPS_PIPE_DIRECTORY`, and "
        "`nvidia-smi -c DEFAULT`",
        "https://docs.nvidia.com/deploy/mps/",
    ),
    Row(
        "profiler-denied",
        GPU,
        (
            r"CUPTI_ERROR_INSUFFICIENT_PRIVILEGES",
            r"ERR_NVGPUCTRPERM",
            r"CUPTI could not be loaded or symbol could not be found",
        ),
        "the profiler may not read the GPU's counters, or CUDA's profiling library (CUPTI) is not found",
        "let users profile with `options nvidia NVreg_RestrictProfilingToAdminUsers=0` in "
        "`/etc/modprobe.d/nvidia.conf` and reboot, or "
        "start a container with `--cap-add=SYS_ADMIN`; CUPTI lies in `/usr/local/cuda/extras/CUPTI/lib64`",
        "https://developer.nvidia.com/ERR_NVGPUCTRPERM",
    ),
    Row(
        "cudnn-start",
        GPU,
        (
            r"Could not create cudnn handle",
            r"Failed to get convolution algorithm\. This is probably because cuDNN failed to initialize",
            r"Failed to initialize (?:cuDNN|cudnn)",
            r"DNN library (?:initialization failed|is not found)",
            r"No (?:DNN|BLAS) (?:in stream executor|support for stream)",
            r"cuDNN.* launch failure",
            r"Attempt(?:ing|ed) to (?:perform|use) (?:DNN|convolution) \w+ using StreamExecutor without DNN support",
        ),
        "cuDNN could not start on the GPU: mostly the GPU's memory is used up, by this or another process; else the "
        "driver is too old for "
        "it, or another cuDNN is found first",
        "see who has the memory with `nvidia-smi`, and start with `TF_FORCE_GPU_ALLOW_GROWTH=true`; `unset "
        "LD_LIBRARY_PATH`; then a newer "
        "driver; with Tensorwright, `tensorflow_cuda_from: wheels` and `tensorflow_driver_branch: auto`",
        GPU_GUIDE,
        behind=("cudnn-version", "cudnn-missing", "driver-old", "cudnn-parts", "cudnn-driver-old"),
    ),
    Row(
        "cudnn-driver-old",
        GPU,
        (r"Possibly insufficient driver version: (?P<version>[\d.]+)",),
        "cuDNN could not start on the GPU, and the driver {version} may be too old for it; else the GPU's memory is "
        "used up",
        "install a newer driver (`apt-get install --only-upgrade nvidia-driver`) and reboot; if it is new enough, "
        "start with "
        "`TF_FORCE_GPU_ALLOW_GROWTH=true` and see with `nvidia-smi` who has the memory; with Tensorwright, "
        "`playbooks/nvidia.yml` with "
        "`tensorflow_driver_branch: auto`",
        CUDA_COMPATIBILITY,
    ),
    Row(
        "cudnn-execution",
        GPU,
        (r"No algorithm worked!", r"cuDNN (?:error|failed).*EXECUTION_FAILED"),
        "a library of CUDA's (cuDNN, cuBLAS) failed while it computed on the GPU: its memory is nearly used up, or "
        "libraries, driver and "
        "GPU do not fit together",
        "start with `TF_FORCE_GPU_ALLOW_GROWTH=true` or a smaller batch, see `nvidia-smi` for who has the memory and "
        "`dmesg | grep -i xid` "
        "for faults; `unset LD_LIBRARY_PATH`; with Tensorwright, `tensorflow_cuda_from: wheels`",
        GPU_GUIDE,
        behind=("gpu-memory", "cudnn-version"),
    ),
    Row(
        "cudnn-parts",
        GPU,
        (
            r"Could not load library libcudnn\w+\.so[.\d]*",
            r"Unable to load any of \{?libcudnn_\w+",
            r"Invalid handle\. Cannot load symbol cudnn\w+",
            r"CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED",
        ),
        "cuDNN was found, but one of its parts was not, or is of another version: two installations of cuDNN are mixed",
        "`unset LD_LIBRARY_PATH`, and install cuDNN anew: `python -m pip install --force-reinstall "
        "'tensorflow[and-cuda]'`, or "
        "`apt-get install --reinstall libcudnn9-cuda-12`; with Tensorwright, `tensorflow_cuda_from: wheels`",
        "compatibility.md#cuda-and-drivers",
        quote=r"libcudnn\w*\.so[.\d]*\d",
    ),
    Row(
        "cublas-start",
        GPU,
        (
            r"failed to create cublas handle",
            r"Blas (?:GEMM|xGEMM\w*|SGEMM|GEMV) launch failed",
            r"Attempting to perform BLAS operation using StreamExecutor without BLAS support",
            r"cuSolverDN call failed",
            r"[Ff]ailed to (?:create|initialize) cu(?:solver|sparse|fft|rand)\w*",
        ),
        "a CUDA library (cuBLAS, cuSOLVER, cuFFT) could not start on the GPU: mostly the GPU's memory is used up, by "
        "this or another "
        "process; else the build has no code for the GPU",
        "see who has the memory with `nvidia-smi`, and start with `TF_FORCE_GPU_ALLOW_GROWTH=true`; a GPU newer than "
        "the build needs a "
        "newer one: `python -m pip install --upgrade 'tensorflow[and-cuda]'`; with Tensorwright, "
        "`tensorflow_version: latest`",
        GPU_GUIDE,
        behind=("gpu-memory", "cudnn-version", "gpu-too-new"),
    ),
    Row(
        "nccl-cuda",
        GPU,
        (r"unhandled cuda error", r"NCCL WARN Cuda failure"),
        "NCCL, by which GPUs speak with each other, met an error of CUDA's: driver too old for it, GPU memory used "
        "up, or a GPU in a bad state",
        "run with `NCCL_DEBUG=INFO`, whose lines name the error; see `nvidia-smi`; try `NCCL_P2P_DISABLE=1`; a newer "
        "driver helps where "
        "it says insufficient",
        "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
        behind=("driver-old", "gpu-memory", "gpu-busy", "fabric-manager"),
        rank=GENERAL,
    ),
    Row(
        "nccl-system",
        GPU,
        (
            r"unhandled system error",
            r"NCCL WARN .*(?:shm|socket|Connect|Bootstrap|no socket interface|net\b).*",
            r"remote process exited or there was a network error",
        ),
        "NCCL, by which GPUs speak with each other, got no shared memory or no connection to another process or host",
        "give containers `--shm-size=1g --ulimit memlock=-1`; name the network with `NCCL_SOCKET_IFNAME=eth0`; "
        "`NCCL_DEBUG=INFO` shows "
        "what failed",
        "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
    ),
    Row(
        "nccl-usage",
        GPU,
        (r"Duplicate GPU detected",),
        "NCCL was asked for something that cannot be, such as one GPU for two processes",
        "give each process a GPU of its own with `CUDA_VISIBLE_DEVICES=0`; `NCCL_DEBUG=INFO` shows what it is",
        "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
    ),
    Row(
        "gpu-power",
        GPU,
        (r"not all (?:required )?(?:of )?(?:its )?external power", r"power cables? (?:is|are) not"),
        "a power cable of the GPU is not connected, or gives too little",
        "power the host off and connect all of the GPU's power cables; then look with `nvidia-smi -q -d POWER`",
        XID,
    ),
    Row(
        "gpu-taken-from-container",
        GPU,
        (r"Failed to initialize NVML: Unknown Error",),
        "a container has lost its GPU: after `systemctl daemon-reload`, systemd takes devices away that it does not "
        "know; or this user may "
        "not open the device files",
        "start the container anew; for good, use the cgroupfs driver (`native.cgroupdriver=cgroupfs` in "
        "`/etc/docker/daemon.json`) or CDI, "
        "or give the devices with `--device /dev/nvidia0 --device /dev/nvidiactl --device /dev/nvidia-uvm`; with "
        "Tensorwright, `nvidia_docker_cgroup_driver`",
        CONTAINER_TROUBLES,
        level=NOTICE,
    ),
    Row(
        "driver-fault",
        GPU,
        (
            r"GSP (?:RM )?(?:heartbeat|task).*(?:timeout|fail)",
            r"_kgspBootGspRm.*fail",
            r"Timeout .*waiting for RPC response from GPU",
        ),
        "the firmware of the GPU (GSP) or the driver failed",
        "reboot the host, and update the driver; if it comes back, turn the firmware off with `options nvidia "
        "NVreg_EnableGpuFirmware=0` in `/etc/modprobe.d/nvidia.conf`, or have the GPU looked at; with Tensorwright, "
        "another "
        "`tensorflow_driver_branch`",
        XID,
    ),
    Row(
        "cuda-not-initialized",
        GPU,
        (r"Cannot re-initialize CUDA in forked subprocess", r"failed call to cuInit: CUDA_ERROR_NOT_INITIALIZED"),
        "CUDA could not be started in this process: the NVIDIA driver or a GPU is in a bad state, or the process was "
        "forked after CUDA had been used",
        "look with `nvidia-smi` and `dmesg | grep -iE 'nvrm|xid'`, `modprobe nvidia-uvm`, and reboot the host; in "
        "programs with several processes, start them with "
        "the method spawn before the GPU is used; with Tensorwright, `playbooks/nvidia.yml`",
        CUDA_ERRORS,
    ),
)
