# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be read from an error's own grammar, where no list of phrases would end: packages, modules, paths and versions."""

import re
from typing import Callable, Dict, Iterator, List, Match, Optional, Pattern, Set, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import names
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.catalog import BY_ID
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.claims import Claim
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.records import Split
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import PLAIN

Answer = Optional[Tuple[str, Dict[str, str]]]
FRAME = re.compile(r"File \"([^\"\n]+)\", line \d+")
INSTALLED = re.compile(r"/(?:site|dist)-packages/([\w.]+?)(?:/|\.py$|\.cpython|$)")
LIBRARY = re.compile(r"/lib(?:64)?/python(\d\.\d+)/(?!site-packages|dist-packages)|<frozen ")
PROGRAM = "the program"
MOST = 20


def distribution(module: str) -> str:
    """Return the name of the distribution that brings a module."""
    parts = module.split(".")
    return (
        names.DISTRIBUTIONS.get(".".join(parts[:2])) or names.DISTRIBUTIONS.get(parts[0]) or parts[0].replace("_", "-")
    )


def frames(found: Split, position: int) -> List[str]:
    """Return the files of the traceback before a place of the text, the innermost last."""
    record = found.at(position)
    return FRAME.findall(found.text, record.start, position)


def importer(paths: List[str], module: str) -> str:
    """Return the distribution whose file uses a module, or that it is the program itself."""
    for path in reversed(paths):
        owner = INSTALLED.search(path)
        if owner and owner.group(1) != module.split(".")[0]:
            return distribution(owner.group(1))
        if not owner and not LIBRARY.search(path):
            return PROGRAM
    return PROGRAM


def shadow(module: str, paths: List[str]) -> str:
    """Return the file of somebody's own, outside of any installation, that has a module's name; or nothing."""
    top = module.split(".")[0]
    for path in paths:
        own = not INSTALLED.search(path) and not LIBRARY.search(path)
        if own and re.search(r"(?:^|/){0}(?:\.py[co]?|/__init__\.py)$".format(re.escape(top)), path):
            return re.sub(r"/__init__\.py$", "", path)
    return ""


# --- names that are not there -------------------------------------------------------------------------------------------


def _partial(found: Split, match: Match[str]) -> Answer:
    module, path = match.group("module"), match.groupdict().get("path") or ""
    paths = frames(found, match.start())
    own = shadow(module, [path] + paths if path else paths)
    if own:
        return "shadowed-by-a-file", {"module": module, "path": own}
    return "circular-import", {"module": module, "package": distribution(module)}


def _same_name(_found: Split, match: Match[str]) -> Answer:
    return "shadowed-by-a-file", {"module": match.group("module"), "path": match.group("path")}


def _no_package(found: Split, match: Match[str]) -> Answer:
    module = match.group("module")
    top = module.split(".")[0]
    own = shadow(top, frames(found, match.start()))
    return "shadowed-by-a-file", {"module": top, "path": own or "{0}.py".format(top)}


def _lost(module: str, name: str, path: str) -> Answer:
    """Answer for Python's own library: what it has lost, or does not have yet."""
    version = LIBRARY.search(path)
    python = version.group(1) or "" if version else ""
    whole = "{0}.{1}".format(module, name)
    if whole in names.REMOVED:
        return "python-lost", {"name": whole, "version": names.REMOVED[whole] or "that", "python": python}
    if module.split(".")[0] in names.STANDARD and not shadow(module, [path]):
        return "python-too-old", dict(
            {"wanted": "one that has {0}".format(whole)}, **({"python": python} if python else {})
        )
    return None


def _no_name(found: Split, match: Match[str]) -> Answer:
    """Answer "cannot import name X from Y (path)" and "module Y has no attribute X"."""
    groups = match.groupdict()
    module, name, path = groups["module"], groups["name"], groups.get("path") or ""
    paths = frames(found, match.start())
    own = shadow(module, [path] + paths if path else paths)
    if own:
        return "shadowed-by-a-file", {"module": module, "path": own}
    top, package = module.split(".")[0], distribution(module)
    answer = _lost(module, name, path) if top in names.STANDARD else None
    if answer:
        return answer
    if path == "unknown location":
        return "tensorflow-hollow", {"module": module, "name": name, "package": package}
    if top == "tensorflow":
        answer = _of_tensorflow(module, name, paths)
        if answer:
            return answer
    by = importer(paths, module)
    if by == package or (by == PROGRAM and path and INSTALLED.search(path) and _inside(paths, top)):
        return "submodule-not-found", {"package": package, "module": whole(module, name)}
    return "packages-do-not-fit", dict(
        {"package": package, "name": whole(module, name), "by": by}, **({"path": path} if path else {})
    )


def whole(module: str, name: str) -> str:
    """Return a module's name and what is looked for in it."""
    return "{0}.{1}".format(module, name)


def _inside(paths: List[str], top: str) -> bool:
    owner = INSTALLED.search(paths[-1]) if paths else None
    return bool(owner and owner.group(1) == top)


def _of_tensorflow(module: str, name: str, paths: List[str]) -> Answer:
    """Answer for what TensorFlow does not have at its top."""
    inner = module.split(".", 1)[1] if "." in module else ""
    if name in names.TENSORFLOW and not inner:
        return "tensorflow-hollow", {"module": module, "name": name, "package": "tensorflow"}
    by = importer(paths, module)
    old = name in names.TENSORFLOW1 or re.match(r"(?:compat\.v1|_api\.v2\.)?.*\.(?:v1|contrib|train)$", inner)
    if by == PROGRAM and (old or (inner.endswith("train") and name.endswith("Optimizer"))):
        return "tf1-code", {"name": "tf.{0}".format(name)}
    if by == PROGRAM and not module.startswith("tensorflow.python") and not inner.startswith(("python", "keras")):
        return "tf2-code", {
            "name": "tf.{0}".format(".".join(filter(None, (re.sub(r"^_api\.v\d\.?", "", inner), name))))
        }
    return None


def _no_module(found: Split, match: Match[str]) -> Answer:
    """Answer "No module named X"."""
    module = match.group("module")
    top = module.split(".")[0]
    paths = frames(found, match.start())
    if top in names.PYTHON2:
        return "python2-code", {"name": module}
    if top in names.PARTS:
        return "python-part-missing", {"module": module, "package": names.PARTS[top]}
    if top in names.REMOVED:
        return "python-lost", {"name": top, "version": names.REMOVED[top]}
    own = shadow(top, paths)
    if own and "." in module:
        return "shadowed-by-a-file", {"module": top, "path": own}
    if top in names.STANDARD:
        return "python-too-old", {"wanted": "one that has {0}".format(module)}
    names_ = {"module": module, "package": distribution(module)}
    if "." in module and ".".join(module.split(".")[:2]) not in names.DISTRIBUTIONS:
        return "submodule-not-found", names_
    return "module-not-found", names_


# --- versions that do not fit -------------------------------------------------------------------------------------------


def numbers(version: str) -> Tuple[int, ...]:
    """Return a version's numbers, to compare it by."""
    found = tuple(int(one) for one in re.findall(r"\d+", version.split("+")[0])[:4])
    return found + (0,) * (4 - len(found))


def too_old(version: str, wanted: str) -> bool:
    """Tell whether a version is below what is wanted, rather than above."""
    for sign, number in re.findall(r"(===?|~=|!=|<=?|>=?)\s*v?(\d[\w.*]*)", wanted):
        if sign in (">=", ">", "~=", "==", "===") and numbers(version) < numbers(number.replace(".*", "")):
            return True
        if sign == ">" and numbers(version) == numbers(number):
            return True
    return False


def _requirement(_found: Split, match: Match[str]) -> Answer:
    groups = {name: value.strip() for name, value in match.groupdict().items() if value}
    package, version = groups.get("package", ""), groups.get("version", "").rstrip(".,")
    wanted = re.sub(r"\s+", "", groups.get("wanted", "")).rstrip(".,")
    if wanted[:1].isdigit():
        wanted = ">={0}".format(wanted)
    by = groups.get("by") or PROGRAM
    if not version:
        return "package-not-there", {"package": package, "wanted": wanted, "by": by}
    row = "package-too-old" if too_old(version, wanted) else "package-too-new"
    return row, {"package": package, "version": version, "wanted": wanted, "by": by}


def _numpy_interface(found: Split, match: Match[str]) -> Answer:
    built, runtime = match.group("built"), match.group("runtime")
    row = "numpy-old" if int(runtime, 16) < int(built, 16) else "numpy-new"
    by = importer(frames(found, match.start()), "numpy")
    said = {"built": "it was built for interface {0}".format(built), "runtime": "interface {0}".format(runtime)}
    return row, dict(said, **({"package": by} if by != PROGRAM else {}))


def _numpy_size(found: Split, match: Match[str]) -> Answer:
    built, runtime = int(match.group("built")), int(match.group("runtime"))
    by = importer(frames(found, match.start()), "numpy")
    said = {
        "built": "it was built for structures of {0} bytes".format(built),
        "runtime": "one with {0}".format(runtime),
    }
    return ("numpy-old" if runtime < built else "numpy-new"), dict(said, **({"package": by} if by != PROGRAM else {}))


def _protobuf(_found: Split, match: Match[str]) -> Answer:
    gencode, runtime = match.group("gencode"), match.group("runtime")
    row = "protobuf-gencode-new" if numbers(runtime) < numbers(gencode) else "protobuf-gencode-old"
    return row, {"gencode": gencode, "runtime": runtime}


def _cudnn(_found: Split, match: Match[str]) -> Answer:
    there, built = match.group("there"), match.group("built")
    return "cudnn-version", {"side": "older" if numbers(there) < numbers(built) else "newer"}


# --- programs of another Python -----------------------------------------------------------------------------------------


def _syntax(found: Split, match: Match[str]) -> Answer:
    """Answer a SyntaxError in a package, by the line that Python stumbled over."""
    record = found.at(match.start())
    before = found.text[record.start : match.start()].split("\n")
    code = "\n".join(line for line in before if not FRAME.search(line) and line.strip(" ^~"))[-300:]
    if "print" in match.group(0) or re.search(r"(?m)^\s*(?:print [^(=]|exec [\"']|except \w+, \w+:|raise \w+, )", code):
        return "python2-code", {"name": "its syntax"}
    later = (
        r":=|\bf[\"']|\bmatch .+:$|\basync\b|\bawait\b|^\s*def .*(?:->|: \w+|\*, |/)|"
        r"^\s*\w+ ?: ?\w[\w\[\], .]*(?:=|$)|annotations|type \w+ ="
    )
    if re.search(later, code, re.MULTILINE):
        return "python-too-old", {"wanted": "a newer one, for its syntax"}
    return None


def _advised(_found: Split, match: Match[str]) -> Answer:
    """Answer an ImportError that names the package in words of its own."""
    groups = {name: value for name, value in match.groupdict().items() if value}
    module = groups.get("module") or groups["package"].split("[")[0]
    return "module-not-found", {"module": module, "package": groups.get("package") or distribution(module)}


def _call(found: Split, match: Match[str]) -> Answer:
    """Answer a call with an argument that is not known, where one package calls another."""
    owners = [INSTALLED.search(path) for path in frames(found, match.start())]
    last = owners[-1] if owners else None
    if last is None:
        return None
    by = distribution(last.group(1))
    return "call-does-not-fit", {"by": by, "name": match.group("name"), "argument": match.group("argument")}


def _newer_python(_found: Split, _match: Match[str]) -> Answer:
    return "python-too-old", {"wanted": "a newer one, for its type hints"}


MODULE = r"'?(?P<module>[A-Za-z_][\w.]*)'?"
SPEC = r"(?P<wanted>(?:[<>=!~]=?=?\s?\d[\w.*]*(?:,\s?)?)*)"
VERSION = r"(?P<version>\d[\w.+]*)"
RULES: Tuple[Tuple[str, Pattern[str], Callable[[Split, Match[str]], Answer]], ...] = tuple(
    (word, re.compile(pattern, re.MULTILINE), answer)
    for word, pattern, answer in (
        (
            "since it has the same name",
            (
                r"^[^\n]*'(?P<path>/?[^'\n]+\.py)' since it has the same name as the (?:standard library|"
                r"third-party) module named '(?P<module>[\w.]+)'"
            ),
            _same_name,
        ),
        (
            "partially initialized",
            r"cannot import name '?(?P<name>\w+)'? from partially initialized module "
            + MODULE
            + r"[^\n]*?\((?:most likely[^)]*\) \()?(?P<path>/[^)\n]+)\)",
            _partial,
        ),
        (
            "partially initialized",
            r"partially initialized module " + MODULE + r"(?:' has no attribute)?[^\n]*",
            _partial,
        ),
        ("is not a package", r"No module named '?(?P<module>[\w.]+)'?; '?\w+'? is not a package", _no_package),
        (
            "cannot import name",
            r"cannot import name '?(?P<name>\w+)'? from " + MODULE + r"(?: \((?P<path>[^)\n]+)\))?",
            _no_name,
        ),
        (
            "cannot import name",
            (
                r"from (?P<module>[\w.]+) import (?P<name>\w+)[^\n]*\n(?:\s*[\^~]+\n)?\s*ImportError: cannot import name "
                r"'?(?P=name)'?\s*$"
            ),
            _no_name,
        ),
        ("has no attribute", r"[Mm]odule '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'", _no_name),
        ("No module named", r"No module named '?\"?(?P<module>[A-Za-z_][\w.]*)'?\"?(?!\.?\w)(?!; )", _no_module),
        (
            "but you",
            r"(?<![\w.-])(?P<by>[\w.-]+)(?:\[[^\]]*\])? \d\S* requires (?P<package>[\w.-]+)(?:\[[^\]]*\])?"
            + SPEC
            + r"(?:;[^\n]*?)?, but you(?:'ll)? have [\w.-]+ "
            + VERSION,
            _requirement,
        ),
        (
            "has requirement",
            r"(?<![\w.-])(?P<by>[\w.-]+) \d\S* has requirement (?P<package>[\w.-]+)(?:\[[^\]]*\])?"
            + SPEC
            + r"[^\n]*?, but you(?:'ll)? have [\w.-]+ "
            + VERSION,
            _requirement,
        ),
        (
            "which is not installed",
            r"(?<![\w.-])(?P<by>[\w.-]+)(?: \d\S*)? requires (?P<package>[\w.-]+)(?:\[[^\]]*\])?"
            + SPEC
            + r"[^\n]*?, which is not installed",
            _requirement,
        ),
        (
            "Requirement.parse",
            r"\((?P<package>[\w.-]+) (?P<version>\d\S*) \([^)]*\), Requirement\.parse\('[\w.-]+(?:\[[^\]]*\])?"
            + SPEC
            + r"[^']*'\)(?:, \{'(?P<by>[^']+)'\})?",
            _requirement,
        ),
        (
            "distribution was not found",
            r"The '(?P<package>[\w.-]+?)" + SPEC + r"' distribution was not found and is required by (?P<by>[\w.-]+)",
            _requirement,
        ),
        (
            "is required",
            r"(?<![\w.-])(?P<package>[A-Za-z][\w-]*)" + SPEC + r" is required[^\n]{0,60}? but found [\w-]+==" + VERSION,
            _requirement,
        ),
        (
            "This version of",
            r"This version of (?P<by>[A-Z][\w .-]+?) requires (?P<package>[A-Z][\w -]+?) version (?P<wanted>[<>=]* ?["
            r"\d.]+)[^\n]*?(?:version|found) " + VERSION,
            _requirement,
        ),
        (
            "this version of",
            (
                r"(?<![\w.-])(?P<package>[A-Za-z]\w*)(?: is)? version (?P<version>\d[\d.]*),? but this version of (?P<by>\w+) requir"
                r"es (?:\w+ )?(?:version )?(?P<wanted>[<>=]* ?[\d.]+)"
            ),
            _requirement,
        ),
        (
            "currently installed",
            (
                r"(?<![\w.-])(?P<by>\w+) requires version '(?P<wanted>[\d.]+)' or newer of '(?P<package>[\w.-]+)' \(version '(?P<ver"
                r"sion>[\d.]+)' currently installed\)"
            ),
            _requirement,
        ),
        (
            "requires",
            r"(?<![\w.-])(?P<by>[A-Za-z][\w.-]*) requires (?P<package>[A-Za-z][\w-]*) ?(?:version )?(?P<wanted>[<>=~]=? ?\d[\w.]"
            r"*(?:, ?[<>=!~]+ ?\d[\w.]*)*)[,;.]? (?:but |found|got|you have|have|current|and )[^\n]{0,40}?" + VERSION,
            _requirement,
        ),
        (
            "this version of numpy is",
            (
                r"compiled against (?:ABI|API) version (?P<built>(?:0x)?\w+) but this version of numpy is (?P<runtime>(?:"
                r"0x)?[0-9a-fA-F]+)"
            ),
            _numpy_interface,
        ),
        (
            "size changed",
            r"numpy\.\w+ size changed[^\n]*\n?[^\n]*Expected (?P<built>\d+)[^\n]*? got (?P<runtime>\d+)",
            _numpy_size,
        ),
        (
            "gencode",
            r"gencode (?:version )?(?P<gencode>\d[\d.]*),? runtime (?:version )?(?P<runtime>\d[\d.]*)",
            _protobuf,
        ),
        (
            "source was compiled with",
            r"Loaded runtime CuDNN library: (?P<there>[\d.]+) but source was compiled with: (?P<built>[\d.]+)",
            _cudnn,
        ),
        (
            "pip install",
            r"(?:Import|ModuleNotFound)Error: [^\n]*?\bpip3? install (?:--?\w+ )*(?P<package>[A-Za-z][\w.-]*(?:\[[\w,-]+\])?)",
            _advised,
        ),
        (
            "Could not import",
            r"(?:Import|ModuleNotFound)Error: Could not import (?P<module>[A-Za-z_][\w.]*?)\.? ",
            _advised,
        ),
        (
            "unexpected keyword argument",
            (
                r"TypeError: (?:[\w.<>]+\.)?(?P<name>\w+)\(\) got an unexpected keyword argum"
                r"ent '(?P<argument>\w+)'"
            ),
            _call,
        ),
        ("SyntaxError", r"SyntaxError: [^\n]*", _syntax),
        (
            "is not subscriptable",
            r"TypeError: '(?:type|ABCMeta|builtin_function_or_method|_GenericAlias)' object is not subscriptable",
            _newer_python,
        ),
        (
            "unsupported operand",
            (
                r"TypeError: unsupported operand type\(s\) for \|: '(?:type|_GenericAlias|ABCMeta)' and '(?:NoneType|"
                r"type)'"
            ),
            _newer_python,
        ),
    )
    if answer is not None
)


def claims(found: Split) -> Iterator[Claim]:
    """Yield what the grammar of an output's errors says."""
    seen: Set[Tuple[int, int]] = set()
    for word, pattern, answer in RULES:
        if word not in found.text:
            continue
        for number, match in enumerate(pattern.finditer(found.text)):
            record = found.at(match.end() - 1)
            if number >= MOST or record.level < PLAIN or any(start <= match.start() < end for start, end in seen):
                continue
            said = answer(found, match)
            if said is None:
                continue
            seen.add((match.start(), match.end()))
            row = BY_ID[said[0]]
            yield Claim(
                row, match.start(), match.end(), said[1], "", row.rank, record.level, record.program, record.chain
            )
