# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads, and the package cache in front of them."""
