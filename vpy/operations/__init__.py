"""Data flow of a start, and what its stages share; only this room and commands know the others."""
