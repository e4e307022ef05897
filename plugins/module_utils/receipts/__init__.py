# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts: what roles put on a host, and how the host differs from it."""
