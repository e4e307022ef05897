# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role package_cache makes of an inventory whose hosts have addresses, names, or variables that fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.runs import ROOT, environment

INVENTORY = """
cache ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}" package_cache_url=http://cache.example.org:8180
by_address ansible_host=203.0.113.9
by_name
by_another ansible_host=gpu01.example.org
failing ansible_host="{{ nobody }}"
"""
PLAY = f"""
- hosts: cache
  gather_facts: false
  vars_files: [{ROOT}/roles/package_cache/defaults/main.yml, {ROOT}/roles/package_cache/vars/main.yml]
  vars:
    package_cache_url: http://cache.example.org:8180
  tasks:
    - ansible.builtin.set_fact:
        interfaces: [eth0]
        eth0: {{ipv4: {{address: 192.0.2.7, netmask: 255.255.255.0}}}}
        default_ipv4: {{address: 192.0.2.7}}
        cacheable: true
    - ansible.builtin.copy:
        content: "{{{{ [__package_cache_listen, __package_cache_network.clients] | to_json }}}}"
        dest: "{{{{ playbook_dir }}}}/told.json"
        mode: "0600"
"""


def test_hosts_without_an_address_in_the_inventory_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(INVENTORY)
    (tmp_path / "play.yml").write_text(PLAY)
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", str(tmp_path / "hosts"), str(tmp_path / "play.yml")]
    variables = {**environment(), "ANSIBLE_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    listen, clients = json.loads((tmp_path / "told.json").read_text())
    assert listen == ["192.0.2.7:8180"]
    assert clients == ["127.0.0.0/8", "::1/128", "192.0.2.0/24", "192.0.2.7", "203.0.113.9"]
