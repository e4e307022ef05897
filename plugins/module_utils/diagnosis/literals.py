# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text has to have for a pattern to be found in it, so that most patterns need not be tried. Pure."""


def required(source: str) -> str:
    """Return the longest run of characters that every match of a pattern has; empty where none can be told."""
    runs, run, position = [], "", 0
    while position < len(source):
        char = source[position]
        if char == "\\" and position + 1 < len(source) and not source[position + 1].isalnum():
            char, width = source[position + 1], 2
        elif char == "|":
            return ""
        elif char in "([{":
            runs.append(run)
            run, position = "", _closing(source, position) + 1
            continue
        elif char in "?*":
            run = run[:-1]
            runs.append(run)
            run, position = "", position + 1
            continue
        elif char in ".^$+\\)":
            runs.append(run)
            run, position = "", position + (2 if char == "\\" else 1)
            continue
        else:
            width = 1
        run, position = run + char, position + width
        if source[position : position + 1] == "{":  # a count of the last character
            run = run[:-1]
    runs.append(run)
    return max(runs, key=len)


def _closing(source: str, start: int) -> int:
    """Return where the group, class or count ends that begins at `start`."""
    if source[start] == "{":
        return source.find("}", start) if "}" in source[start:] else len(source)
    if source[start] == "[":
        end = source.find("]", start + (3 if source[start + 1 : start + 2] == "^" else 2))
        while end > 0 and source[end - 1] == "\\" and source[end - 2] != "\\":
            end = source.find("]", end + 1)
        return end if end > 0 else len(source)
    depth, position = 0, start
    while position < len(source):
        char = source[position]
        if char == "\\":
            position += 1
        elif char == "[":
            position = _closing(source, position)
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return position
        position += 1
    return len(source)
