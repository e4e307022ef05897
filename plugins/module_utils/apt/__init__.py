# SPDX-License-Identifier: GPL-3.0-or-later
"""apt and dpkg: sources, keys, packages."""
