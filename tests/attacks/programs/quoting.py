# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of environments that are sentences of a shell, of Tcl, of JSON: what is made of them runs in every user's login shell.

Each of the paths is a try: either root's module refuses it, or no shell that reads the file runs a word of it.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time

from tests.attacks.programs import duel, product

COMMAND = f"id -u >> {product.LOOT}"
WORDS = (
    *(
        "$({0})",
        "`{0}`",
        '";{0};"',
        "';{0};'",
        '"$({0})"',
        "';{0} #",
        "\n{0}\n",
        '"\n{0}\n"',
        "*) {0};; esac #",
        "*) ;; *) {0};;",
    ),
    *(
        "\\$({0})",
        "\\\\$({0})",
        "$'\\n'{0}",
        "${{x:=$({0})}}",
        "$((a[$({0})]))",
        "${{IFS}}`{0}`",
        "\\`{0}\\`",
        "{{[exec sh -c {{{0}}}]}}",
    ),
    *(
        "[exec sh -c {{{0}}}]",
        "x}}\nexec sh -c {{{0}}}\n",
        "\r{0}\r",
        "a|{0}|",
        "a&{0}&",
        "a>{0}",
        "!{0}",
        "~$({0})",
        "%{0}",
        "\u2028{0}\u2028",
    ),
)
FORMS = (
    "/opt/{0}",
    "/opt/{0}/tensorflow",
    "/opt/a{0}b",
    "/{0}",
    "/opt/tensorflow{0}",
    "/srv/x y/{0}",
    "/opt/'{0}",
    '/opt/"{0}',
    "/opt/\\{0}",
)
SHELLS = ("sh", "bash")
FILES = ("/etc/profile.d/tensorwright-users.sh",)


def paths() -> list[str]:
    """Return the paths, without a slash in the command for those that would become other directories."""
    commands = (COMMAND, f"cd ..;{COMMAND}", COMMAND.replace(" ", "\t"))
    return [form.format(word.format(command)) for form, word, command in itertools.product(FORMS, WORDS, commands)]


def main() -> None:
    """Let root make the files of each path, and users' shells read them."""
    product.provide()
    result, start = duel.Result(), time.monotonic()
    limit = int(sys.argv[1])
    for path in paths()[:limit]:
        result.rounds += 1
        answer = product.users(environments=[product.plan(path)], profile=True, kernels=True)
        result.tries += 1
        if answer.get("failed"):
            result.failures.append(str(answer["msg"])[:100])
        for file in FILES:
            if not os.path.exists(file):
                result.failures.append(f"{file} was not made for {path!r}")
            else:
                for shell in SHELLS:
                    command = [shell, "-c", f'. "{file}"; : "$PATH"']
                    quiet = subprocess.DEVNULL
                    subprocess.run(command, check=False, user="alice", cwd="/", stdin=quiet, stdout=quiet, stderr=quiet)
        with open(product.LOOT) as loot:
            if loot.read():
                result.won.append(f"a login shell ran a word of {path!r}")
                product.write(product.LOOT, "", 0o666)
                break
    product.users(state="absent", former={"files": dict.fromkeys(FILES, "x")})
    result.seconds = round(time.monotonic() - start, 1)
    result.tell()


if __name__ == "__main__":
    main()
