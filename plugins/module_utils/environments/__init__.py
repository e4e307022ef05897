# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments on disk: releases, installers, runtimes, the session test."""
