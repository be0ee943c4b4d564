#!/usr/bin/env vpython3
"""A spec in a directory above: `.vpython3`, shared by all scripts below it."""

import markupsafe

print("common spec:", markupsafe.escape("<b>tags & text</b>"))
