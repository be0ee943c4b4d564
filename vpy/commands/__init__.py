"""One module for each `-vpython-tool`."""
