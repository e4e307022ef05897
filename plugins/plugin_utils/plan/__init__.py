# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: request, host facts and tables, resolved."""
