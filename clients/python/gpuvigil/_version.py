# SPDX-License-Identifier: Apache-2.0
"""The version, in one place: pyproject.toml and a test read it here."""
VERSION = "0.1.0"
