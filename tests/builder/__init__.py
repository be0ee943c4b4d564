"""The build, and the file it makes."""
