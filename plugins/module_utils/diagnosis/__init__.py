# SPDX-License-Identifier: GPL-3.0-or-later
"""Known failures: a catalog, and what finds them in output."""
