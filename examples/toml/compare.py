#!/usr/bin/env vpython3
"""A `vpython.toml` above the script: dependencies as in pyproject.toml, resolved with their own."""

from packaging.version import Version

print("vpython.toml:", Version("1.10") > Version("1.9"))
