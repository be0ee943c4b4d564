"""Builder of the one file: its archives, its vendored wheels, its package, its manifest."""
