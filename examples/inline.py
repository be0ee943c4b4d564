#!/usr/bin/env vpython3
"""A spec inside the script: the lines between the guards, without their common prefix."""

# [VPYTHON:BEGIN]
# # vpython-source: index
# python_version: "3"
# wheel: <
#   name: "infra/python/wheels/six-py2_py3"
#   version: "version:1.16.0"
# >
# [VPYTHON:END]

import six

print("inline spec: six", six.__version__)
