"""Prune: remove from the root what has not been used for a while, and what only that needed."""
