# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins that make a test host look like another machine: Ubuntu's name, a PCI bus with GPUs, and a driver that is loaded.

The GPUs and the driver are looked for below STAND_IN by variables that only the tests set; the rest of the host is real.
"""

from __future__ import annotations

from collections.abc import Sequence

STAND_IN = "/var/lib/stand-in"
CODENAMES = {"16.04": "xenial", "22.04": "jammy", "24.04": "noble"}
GPUS = {
    "V100": ("1db5", "Tesla V100-SXM2-32GB", 32768, "7.0"),
    "A100": ("20b2", "NVIDIA A100-SXM4-80GB", 81920, "8.0"),
    "H100": ("2330", "NVIDIA H100 80GB HBM3", 81559, "9.0"),
    "H200": ("2335", "NVIDIA H200", 143771, "9.0"),
}
NVSWITCH = "22a3"
# Does at boot what the kernel does: the driver that is installed is the one that runs.
BOOT_UNIT = f"""[Unit]
Description=Stand-in of the kernel, which loads the installed driver
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for file in /usr/lib/x86_64-linux-gnu/libcuda.so.*.*; do [ -e "$$file" ] || exit 0; \\
  echo "NVRM version: NVIDIA UNIX x86_64 Kernel Module  $${{file#*libcuda.so.}}  stand-in" >{STAND_IN}/driver/version; done'
[Install]
WantedBy=sysinit.target
"""


def ubuntu(release: str) -> str:
    """Return the script that gives a Debian host Ubuntu's os-release."""
    lines = (f'NAME="Ubuntu"\\nVERSION_ID="{release}"\\nVERSION_CODENAME={CODENAMES[release]}\\nID=ubuntu\\n',)
    return f"rm -f /etc/os-release; printf '{''.join(lines)}' >/etc/os-release\n"


def bus(gpus: Sequence[str], nvswitches: int) -> str:
    """Return the script that lays out a PCI bus, and what nvidia-smi says of its GPUs once a driver's package brings it."""
    devices = [(GPUS[name][0], "0x030200") for name in gpus] + [(NVSWITCH, "0x068000")] * nvswitches
    # A machine with a GPU has kmod, whose directory this is; a container has not.
    script = f"mkdir -p /etc/modprobe.d {STAND_IN}/pci {STAND_IN}/nvidia-smi {STAND_IN}/driver\n"
    for number, (device, kind) in enumerate(devices, start=1):
        place = f"{STAND_IN}/pci/0000:{number:02x}:00.0"
        script += f"mkdir -p {place}; echo 0x10de >{place}/vendor; echo 0x{device} >{place}/device; echo {kind} >{place}/class\n"
    for number, name in enumerate(gpus, start=1):
        _, product, memory, capability = GPUS[name]
        row = f"00000000:{number:02X}:00.0, {product}, {memory}, {capability}"
        script += f"echo '{row}' >>{STAND_IN}/nvidia-smi/gpus\n"
    script += f"cat >/etc/systemd/system/stand-in-driver.service <<'END'\n{BOOT_UNIT}END\n"
    return script + "systemctl --quiet enable stand-in-driver.service\n"


def archives(address: str, key: str) -> str:
    """Return the script that gives a host the stand-in of Ubuntu's archive and of Debian's security updates."""
    keyring = "/usr/share/keyrings/stand-in.asc"
    script = f"printf '%s' '{key}' >{keyring}\n"
    for name in ("ubuntu", "security"):
        line = f"deb [signed-by={keyring}] http://{address}/{name} /"
        script += f"echo '{line}' >/etc/apt/sources.list.d/{name}.list\n"
    return script


def driver(version: str) -> str:
    """Return the script that does what a driver's package and the reboot after it do."""
    # A machine with a GPU has udev, whose directory this is; a container has not.
    files = f"mkdir -p /etc/udev/rules.d; touch /usr/lib/x86_64-linux-gnu/libcuda.so.{version}\n"
    return files + load_driver(version)


def device_files(count: int) -> str:
    """Return the script that makes the files of GPUs; no device is behind them."""
    nodes = [*((f"nvidia{number}", number) for number in range(count)), ("nvidiactl", 255)]
    made = [f"[ -e /dev/{name} ] || mknod --mode=666 /dev/{name} c 195 {minor}\n" for name, minor in nodes]
    return "mkdir -p /dev/char\n" + "".join(made)


def load_driver(version: str) -> str:
    """Return the script that does what a reboot would do: the installed kernel module is the one that runs."""
    line = f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  stand-in"
    return f"mkdir -p {STAND_IN}/driver; echo '{line}' >{STAND_IN}/driver/version\n"
