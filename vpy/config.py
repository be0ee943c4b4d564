"""Settings of the domain: `config.toml` as a value; `_baked` is its form in the built file."""

from __future__ import annotations

import os

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@value
class Config:
    """One organisation's settings. Limits are bytes (shebang) and characters (path) by `sys.platform`."""

    version: str
    contact: str
    service: str
    default_source: str
    refresh_after: str
    wheel_prefix: str
    store: str
    store_trust: str
    suffix: str
    legacy_suffix: str
    toml_name: str
    barrier: str
    bundle_package: str
    distribution: str
    releases: str
    system_pythons: tuple[str, ...]
    verify_tags: tuple[tuple[str, str, str], ...]
    verify_glibc: tuple[int, int]
    verify_macos: tuple[int, int]
    prune_older_than_days: float
    prune_most_per_run: int
    prune_interval_hours: float
    shebang_limits: Mapping[str, int]
    path_limits: Mapping[str, int]


def from_tables(tables: Mapping[str, Any], version: str) -> Config:
    """Build the value from parsed TOML; KeyError names a setting that is missing."""
    return Config(
        version=version,
        contact=tables.get("contact", ""),
        service=tables["cipd"]["service"],
        default_source=tables["source"]["default"],
        refresh_after=tables["source"].get("refresh_after", ""),
        wheel_prefix=tables["source"]["wheel_prefix"],
        store=tables.get("store", {}).get("address", ""),
        store_trust=tables.get("store", {}).get("trust", "files"),
        suffix=tables["spec"]["suffix"],
        legacy_suffix=tables["spec"]["legacy_suffix"],
        toml_name=tables["spec"]["toml"],
        barrier=tables["spec"]["barrier"],
        bundle_package=tables["bundle"]["package"],
        distribution=tables["package"]["distribution"],
        releases=tables["self"]["releases"],
        system_pythons=tuple(tables["bundle"]["system"]),
        verify_tags=tuple((row["python"], row["abi"], row["platform"]) for row in tables["verify"]["tags"]),
        verify_glibc=tuple(tables["verify"]["glibc"]),
        verify_macos=tuple(tables["verify"]["macos"]),
        prune_older_than_days=tables["prune"]["older_than_days"],
        prune_most_per_run=tables["prune"]["most_per_run"],
        prune_interval_hours=tables["prune"]["interval_hours"],
        shebang_limits=tables["limits"]["shebang"],
        path_limits=tables["limits"]["path"],
    )


def load() -> Config:
    """Return the settings of this build; from a source tree, those of its `config.toml`."""
    try:
        from vpy._baked import TABLES, VERSION
    except ImportError:
        return _from_source_tree()
    return from_tables(TABLES, VERSION)


def _from_source_tree() -> Config:
    import tomllib

    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(os.path.join(top, "config.toml"), "rb") as file:
        tables = tomllib.load(file)
    with open(os.path.join(top, "pyproject.toml"), "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    return from_tables(tables, version)
