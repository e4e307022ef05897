# SPDX-License-Identifier: GPL-3.0-or-later

"""CUDA in the shells that activate an environment: what is added to the scripts that the installers write."""

import os
import re
from typing import NamedTuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import files

# How a script's `deactivate` begins; what gives the variables back there; what is added to the script's end: the directory of
# ptxas on PATH, which `deactivate` itself gives back, and, for a CUDA of the system's, the variables that the guides set.
Shell = NamedTuple("Shell", [("deactivate", str), ("restore", str), ("path", str), ("variables", str)])

NOTE = "\n# This environment's CUDA. Its Python finds it without; this is for other programs.\n"
SHELLS = {
    "activate": Shell(
        r"^deactivate \(\) \{\n",
        """\
    if [ -n "${_TENSORWRIGHT_CUDA:-}" ] ; then
        CUDA_HOME="$_OLD_TENSORWRIGHT_CUDA_HOME"
        LD_LIBRARY_PATH="$_OLD_TENSORWRIGHT_LD_LIBRARY_PATH"
        [ -n "$CUDA_HOME" ] || unset CUDA_HOME
        [ -n "$LD_LIBRARY_PATH" ] || unset LD_LIBRARY_PATH
        unset _TENSORWRIGHT_CUDA _OLD_TENSORWRIGHT_CUDA_HOME _OLD_TENSORWRIGHT_LD_LIBRARY_PATH
    fi
""",
        """\
PATH="$VIRTUAL_ENV/bin:@BIN@:$_OLD_VIRTUAL_PATH"
export PATH
""",
        """\
_OLD_TENSORWRIGHT_CUDA_HOME="${CUDA_HOME:-}"
_OLD_TENSORWRIGHT_LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}"
_TENSORWRIGHT_CUDA=1
CUDA_HOME="@HOME@"
LD_LIBRARY_PATH="@LIBRARIES@${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export CUDA_HOME LD_LIBRARY_PATH
""",
    ),
    "activate.csh": Shell(
        r"^alias deactivate '",
        "test $?_TENSORWRIGHT_CUDA != 0 && unsetenv CUDA_HOME && unsetenv LD_LIBRARY_PATH && unset _TENSORWRIGHT_CUDA; "
        'test $?_OLD_TENSORWRIGHT_CUDA_HOME != 0 && setenv CUDA_HOME "$_OLD_TENSORWRIGHT_CUDA_HOME:q" '
        "&& unset _OLD_TENSORWRIGHT_CUDA_HOME; "
        "test $?_OLD_TENSORWRIGHT_LD_LIBRARY_PATH != 0 && "
        'setenv LD_LIBRARY_PATH "$_OLD_TENSORWRIGHT_LD_LIBRARY_PATH:q" && unset _OLD_TENSORWRIGHT_LD_LIBRARY_PATH; ',
        """\
setenv PATH "$VIRTUAL_ENV:q/bin:@BIN@:$_OLD_VIRTUAL_PATH:q"
rehash
""",
        """\
set _TENSORWRIGHT_CUDA=1
if ( $?CUDA_HOME ) then
    set _OLD_TENSORWRIGHT_CUDA_HOME="$CUDA_HOME:q"
endif
setenv CUDA_HOME "@HOME@"
if ( $?LD_LIBRARY_PATH ) then
    set _OLD_TENSORWRIGHT_LD_LIBRARY_PATH="$LD_LIBRARY_PATH:q"
    setenv LD_LIBRARY_PATH "@LIBRARIES@:$LD_LIBRARY_PATH:q"
else
    setenv LD_LIBRARY_PATH "@LIBRARIES@"
endif
""",
    ),
    "activate.fish": Shell(
        r"^function deactivate\b.*\n",
        """\
    if set -q _TENSORWRIGHT_CUDA
        set -e _TENSORWRIGHT_CUDA
        set -e CUDA_HOME
        set -e LD_LIBRARY_PATH
        if set -q _OLD_TENSORWRIGHT_CUDA_HOME
            set -gx CUDA_HOME "$_OLD_TENSORWRIGHT_CUDA_HOME"
            set -e _OLD_TENSORWRIGHT_CUDA_HOME
        end
        if set -q _OLD_TENSORWRIGHT_LD_LIBRARY_PATH
            set -gx LD_LIBRARY_PATH "$_OLD_TENSORWRIGHT_LD_LIBRARY_PATH"
            set -e _OLD_TENSORWRIGHT_LD_LIBRARY_PATH
        end
    end
""",
        """\
set -gx PATH $PATH[1] "@BIN@" $PATH[2..-1]
""",
        """\
set -g _TENSORWRIGHT_CUDA 1
if set -q CUDA_HOME
    set -g _OLD_TENSORWRIGHT_CUDA_HOME "$CUDA_HOME"
end
set -gx CUDA_HOME "@HOME@"
if set -q LD_LIBRARY_PATH
    set -g _OLD_TENSORWRIGHT_LD_LIBRARY_PATH "$LD_LIBRARY_PATH"
    set -gx LD_LIBRARY_PATH "@LIBRARIES@:$LD_LIBRARY_PATH"
else
    set -gx LD_LIBRARY_PATH "@LIBRARIES@"
end
""",
    ),
}


def extend(directory: str, tools: str, home: str = "") -> None:
    """Add CUDA to the activation scripts in a directory: its tools to PATH, and the variables of a CUDA at `home` in the system."""
    values = (("@BIN@", tools), ("@HOME@", home), ("@LIBRARIES@", home + "/lib64:" + home + "/extras/CUPTI/lib64"))
    for script_name, shell in SHELLS.items():
        script = os.path.join(directory, script_name)
        text = files.text(script)
        begin = re.search(shell.deactivate, text, re.MULTILINE)
        if begin is None:
            continue
        if home:
            text = text[: begin.end()] + shell.restore + text[begin.end() :]
        added = NOTE + shell.path + (shell.variables if home else "")
        for name, value in values:
            added = added.replace(name, value)
        files.replace(script, text.rstrip("\n") + "\n" + added)
