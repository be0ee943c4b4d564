"""Keys of `[tool.vpython]`."""

from __future__ import annotations

from vpy.model import EmbeddedLock
from vpy.spec import tool_uv
from vpy.spec.requirements import requirement_fact, specifier_fact
from vpy.spec.times import parse_duration
from vpy.system.lean.dataclasses import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.model import Forbidden, Spec
    from vpy.spec.toml_table import Table

KEYS = (
    "source", "index", "exclude-newer", "refresh-after", "dev-dependencies", "verify-platforms",
    "allow-startup-code", "allow-native-code", "required-version", "lock",
    "store",
)  # fmt: skip
_ALLOWED: tuple[tuple[str, Forbidden], ...] = (
    ("allow-startup-code", "startup-code"),
    ("allow-native-code", "native-code"),
)
LEAST_AGE = 60  # seconds


def read(own: Table, spec: Spec, path: str, source: str) -> Spec:
    """Return a spec with what `[tool.vpython]` says, which wins over what `[tool.uv]` has said.

    `source` is that of the file's own key, "" for none.
    """
    resolution = spec.resolution
    if cutoff := tool_uv.exclude_newer(own):  # else that of `[tool.uv]`
        resolution = replace(resolution, exclude_newer=cutoff)
    source = source or own.text("source")
    if "index" in own.values:
        if source:
            own.add("index", "`index` and `source` both say where packages come from")
        source = f"index:{tool_uv.address(own, 'index', path)}"
    if source:
        resolution = replace(resolution, indexes=())
    required = own.text("required-version")
    if fact := specifier_fact(required, "required-version"):
        own.add("required-version", fact)
    return replace(
        spec,
        source=source or spec.source,
        dev_dependencies=own.checked("dev-dependencies", requirement_fact),
        resolution=resolution,
        refresh_after=_refresh_after(own),
        required_version=required,
        verify_platforms=own.texts("verify-platforms"),
        forbidden=tuple(name for key, name in _ALLOWED if not own.flag(key, default=True)),
        lock=_lock(own.table("lock")) if "lock" in own.values else None,
        store=_store(own),
    )


def _store(own: Table) -> str:
    text = own.text("store")
    if text and not text.startswith("oci://"):
        own.refuse("store", "an address as `oci://HOST/NAME`")
    return text


def _lock(table: Table) -> EmbeddedLock:
    """Return what `vpython-tool lock --embed` wrote."""
    return EmbeddedLock(
        packages=table.texts("packages"),
        requirements=table.texts("requirements"),
        settings=table.texts("settings"),
        requires_python=table.text("requires-python"),
    )


def age_fact(text: str) -> str:
    """Return what is wrong with an age after which an index is asked again; "" where it is right."""
    seconds = parse_duration(text)
    return "" if seconds and seconds >= LEAST_AGE else "not an age of a minute or more, as `7d` or `12h`"


def _refresh_after(own: Table) -> int:
    text = own.text("refresh-after")
    if text and (fact := age_fact(text)):
        own.refuse("refresh-after", fact.removeprefix("not "))
        return 0
    return parse_duration(text) or 0
