"""A Spec becomes the Python that will run, its tags and its template values."""
