"""Index source: requirements become wheels of a package index."""
