# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of known troubles: what a failed step's output means, and what to do about it.

docs/troubleshooting.md is rendered from these rows. A row claims an output when one of its signatures is found in a record that is
grave enough, unless one of a row that it stands `behind` is found as well: the more telling row wins. Rows without signatures are
claimed by the grammar (grammar.py) or by an error code (codes/).
"""

from typing import Dict, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import DOWNLOADS, HOST, PARTS, Row
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.rows import (
    apt,
    conda,
    cuda,
    docker,
    gpu,
    host,
    network,
    packages,
    python,
    system,
    tensorflow,
    tools,
)

__all__ = ("BY_ID", "DOWNLOADS", "HOST", "PARTS", "ROWS", "Row")

ROWS: Tuple[Row, ...] = (
    host.ROWS
    + system.ROWS
    + network.ROWS
    + packages.ROWS
    + python.ROWS
    + tensorflow.ROWS
    + gpu.ROWS
    + cuda.ROWS
    + apt.ROWS
    + docker.ROWS
    + conda.ROWS
    + tools.ROWS
)
BY_ID: Dict[str, Row] = {row.id: row for row in ROWS}
