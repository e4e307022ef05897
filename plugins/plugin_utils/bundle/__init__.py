# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles: all that hosts without a network need, in one folder."""
