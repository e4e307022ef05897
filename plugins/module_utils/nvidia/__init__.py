# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA hardware, drivers and CUDA libraries as a host shows them."""
