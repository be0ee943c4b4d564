#!/usr/bin/env vpython3
"""A spec beside the script: `report.py.vpython3`."""

import attr


@attr.s(auto_attribs=True)
class Point:
    x: int
    y: int


print("partner spec:", Point(3, 4))
