"""Fixtures of the tests of kits, pushes and stores."""

from tests.e2e.lockfiles.conftest import direct, site

__all__ = ["direct", "site"]
