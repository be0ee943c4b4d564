"""Environments: built once from a venv template, started by a record, verified."""
