# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role's own variables add to a plan or forbid in it."""
