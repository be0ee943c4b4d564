"""Wheels: names, contents, selection for a target, installation into the store, links into environments."""
