"""Packages and their sources: CIPD, a directory, an index; each source is a `PackageLoader`."""
