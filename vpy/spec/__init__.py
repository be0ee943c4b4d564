"""Specs: found, read, and selected from; parsing is pure."""
