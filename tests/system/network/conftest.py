"""Package services on loopback, which these tests speak to."""

from tests.packages.conftest import authority, bench, secure, service

__all__ = ["authority", "bench", "secure", "service"]
