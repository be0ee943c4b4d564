"""Fixtures of `tests/prune`: a repository for all tests, a root for each."""

from tests.prune.conftest import cache, repository

__all__ = ["cache", "repository"]
