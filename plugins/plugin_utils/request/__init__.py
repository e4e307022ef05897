# SPDX-License-Identifier: GPL-3.0-or-later
"""The request: what the host variables ask for."""
