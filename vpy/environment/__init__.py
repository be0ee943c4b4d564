"""Installed trees become an environment; who uses it; when it goes."""
