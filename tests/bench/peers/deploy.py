"""The steps of plain.yml for pyinfra, as its own documentation writes them."""

from pathlib import Path
from urllib.parse import urlsplit

from pyinfra import host
from pyinfra.facts.server import Arch, LinuxName
from pyinfra.operations import apt, files, pip, server

TEMPLATES = Path(__file__).parent / "templates"

path, index_url = host.data.guide_path, host.data.guide_index_url

if host.get_fact(LinuxName) not in ("Debian", "Ubuntu") or host.get_fact(Arch) != "x86_64":
    raise SystemExit(f"{host.name}: the guides do not know this system.")

apt.packages(
    name="Install the distribution's packages",
    packages=["ca-certificates", "python3", "python3-venv", "python3-pip"],
    update=True,
    cache_time=604800,
    no_recommends=True,
)

certificates = [
    files.put(
        name=f"Copy the site's certificate {Path(certificate).name}",
        src=certificate,
        dest=f"/usr/local/share/ca-certificates/guide-{Path(certificate).name}",
        mode="644",
    )
    for certificate in host.data.guide_certificates
]

for template, target in (("apt.conf.j2", "/etc/apt/apt.conf.d/90guide"), ("profile.sh.j2", "/etc/profile.d/guide.sh")):
    files.template(name=f"Tell {target} about the site", src=str(TEMPLATES / template), dest=target, mode="644")

server.shell(
    name="Update the certificate store",
    commands=["update-ca-certificates"],
    _if=[certificate.did_change for certificate in certificates],
)

files.directory(name="Make the directory of environments", path=str(Path(path).parent), mode="755")

pip.venv(name="Make a virtual environment", path=path, python="python3")

tensorflow = pip.packages(
    name="Install TensorFlow into it",
    packages=["pip", f"tensorflow-cpu=={host.data.guide_version}"],
    virtualenv=path,
    extra_install_args=f"--index-url {index_url} --trusted-host {urlsplit(index_url).hostname}",
)

files.template(
    name="Lead pip in the environment to the index",
    src=str(TEMPLATES / "pip.conf.j2"),
    dest=f"{path}/pip.conf",
    mode="644",
    guide_index_url=index_url,
)

files.link(name="Lead users to the environment", path="/usr/local/bin/activate-guide", target=f"{path}/bin/activate")

server.shell(
    name="Run a session",
    commands=[f'{path}/bin/python -c "{host.data.guide_session}"'],
    _if=tensorflow.did_change,
)
