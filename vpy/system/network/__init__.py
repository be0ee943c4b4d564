"""HTTP, its retries, its certificates and its progress: the one way to a network."""
