# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker: engine, settings, images, services."""
