"""HTTP, its retries and its certificates: the one way to a network."""
