"""Stand-ins for standard modules whose import a start would feel."""
