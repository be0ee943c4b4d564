"""Zip archives, read strictly: names, extra fields, the central directory."""
