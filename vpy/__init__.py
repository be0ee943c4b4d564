"""Everything that makes an environment; imported only when no ready one exists."""
