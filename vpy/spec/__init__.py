"""Bytes on disk become a Spec; parsing is pure."""
