"""A Spec and a Target become pinned package files."""
