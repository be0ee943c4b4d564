"""vpython's own file: as a wheel, and replaced by a release."""
