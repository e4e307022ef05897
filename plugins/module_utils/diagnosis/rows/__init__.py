# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of known troubles, one file a domain."""
