# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the unit tests' environments serve here as well."""

from tests.unit.conftest import index, no_settings, site

__all__ = ["index", "no_settings", "site"]
