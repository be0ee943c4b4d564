"""Lockfiles: exact distributions with hashes, kept beside a spec and followed instead of resolving."""
