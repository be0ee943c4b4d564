"""Package files become installed trees, once per wheel."""
