# SPDX-License-Identifier: GPL-3.0-or-later
"""How a release is made: installers, the builder without rights, and the takeover of what it made."""
