"""Doors: the code that a start loads before anything of `vpy`, from the standard library alone."""

BUILD = "source"  # `build_zipapp.py` puts the identity of the build here
