# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles are due on a host."""
