# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are sent as text to other Pythons (2.7 and later); each imports the standard library only."""
