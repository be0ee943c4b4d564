"""Resolution at an index, in pip's process: pages and metadata fetched ahead, wheels fetched side by side.

pip's configuration and its session say where an index is and how it is reached; resolvelib, urllib3 and
packaging are the ones that pip brings. What this does not cover raises `UncoveredError`: pip's own resolver
answers then.
"""
