"""CIPD source: the package service, its names, its package and ensure files."""

from vpy.packages.cipd.names import instance_id

__all__ = ["instance_id"]
