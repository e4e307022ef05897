# SPDX-License-Identifier: GPL-3.0-or-later
"""The error codes of the libraries and programs that TensorFlow meets, by name and by number, one file a domain."""
