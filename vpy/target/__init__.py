"""Target of a spec: the base Python, its tags and its template values."""
