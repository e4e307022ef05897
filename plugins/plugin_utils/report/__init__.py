# SPDX-License-Identifier: GPL-3.0-or-later
"""The closing table, the report, and the board."""
