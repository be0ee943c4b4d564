"""One module for each outside resource, the only importer of it."""
