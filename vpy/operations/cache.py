"""Cache of answers in the root, by the hash of their question."""

from __future__ import annotations

from bootstrap.shown import has_password
from vpy.model import ProjectSource, ResolutionSettings, Spec, Tag, Wheel
from vpy.system import files, sealed
from vpy.system.lean import hashlib, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vpy.model import EmbeddedLock, SpecSource
    from vpy.system.layout import Layout


def digest_of(question: object) -> str:
    """Return 64 hex digits for a question, which is any JSON value."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def get(path: str) -> Any:
    """Return the answer cached at `path`, or None."""
    try:
        return sealed.read(path)
    except (OSError, ValueError):
        return None


def put(path: str, answer: object) -> None:
    """Store an answer at `path`; a root that cannot be written is no error.

    An answer with a password in a URL is not stored: what depends on it is asked again.
    """
    data = sealed.dump(answer)
    if has_password(data.decode("latin-1")):
        return
    try:
        files.write_bytes(path, data)
    except OSError:
        pass


def drop(path: str) -> None:
    """Remove the answer cached at `path`, if there is one."""
    try:
        files.unlink(path)
    except OSError:
        pass


def spec_question(source: SpecSource, default: SpecSource | None) -> object:
    """Return everything that the parsed spec depends on; its path too, since warnings name it."""
    first = [source.format, source.path, source.first_line, source.column, source.text, source.included]
    return ["spec", first, None if default is None else [default.format, default.text]]


def dump_spec(spec: Spec) -> dict[str, object]:
    """Return a spec as JSON has it; without its notices, which are shown when it is parsed."""
    return {
        "python_version": spec.python_version,
        "wheels": [
            [wheel.name, wheel.version, _rows(wheel.match_tags), _rows(wheel.not_match_tags)]
            for wheel in spec.wheels
        ],
        "verify_tags": _rows(spec.verify_tags),
        "requires_python": spec.requires_python,
        "dependencies": list(spec.dependencies),
        "warnings": list(spec.warnings),
        "source": [spec.source, spec.path],
        "dev": list(spec.dev_dependencies),
        "no_build": list(spec.no_build),
        "resolution": spec.resolution.rows(),
        "refresh_after": spec.refresh_after,
        "required_version": spec.required_version,
        "verify_platforms": list(spec.verify_platforms),
        "forbidden": list(spec.forbidden),
        "lock": _lock_rows(spec.lock),
        "store": spec.store,
    }


def _lock_rows(lock: EmbeddedLock | None) -> list[object] | None:
    if lock is None:
        return None
    return [list(lock.packages), list(lock.requirements), list(lock.settings), lock.requires_python]


def load_spec(data: Mapping[str, Any]) -> Spec:
    """Return the spec that `dump_spec` wrote; raise KeyError, TypeError or ValueError for other data."""
    return Spec(
        python_version=data["python_version"],
        wheels=tuple(
            Wheel(name, version, _tags(match), _tags(without))
            for name, version, match, without in data["wheels"]
        ),
        verify_tags=_tags(data["verify_tags"]),
        requires_python=data["requires_python"],
        dependencies=tuple(data["dependencies"]),
        warnings=tuple(data["warnings"]),
        source=data["source"][0],
        path=data["source"][1],
        dev_dependencies=tuple(data["dev"]),
        no_build=tuple(data["no_build"]),
        resolution=_resolution(data["resolution"]),
        refresh_after=data["refresh_after"],
        required_version=data["required_version"],
        verify_platforms=tuple(data["verify_platforms"]),
        forbidden=tuple(data["forbidden"]),
        lock=_lock(data["lock"]),
        store=data["store"],
    )


def _lock(row: Sequence[Any] | None) -> EmbeddedLock | None:
    """Return what `_lock_rows` wrote."""
    if row is None:
        return None
    from vpy.model import EmbeddedLock

    packages, requirements, settings, requires_python = row
    return EmbeddedLock(tuple(packages), tuple(requirements), tuple(settings), requires_python)


def _resolution(rows: Mapping[str, Any]) -> ResolutionSettings:
    """Return the settings that `ResolutionSettings.rows` wrote."""
    return ResolutionSettings(
        indexes=tuple(rows.get("indexes", ())),
        sources=tuple(ProjectSource(*row) for row in rows.get("sources", ())),
        exclude_newer="".join(rows.get("exclude_newer", ())),
        constraints=tuple(rows.get("constraints", ())),
        overrides=tuple(rows.get("overrides", ())),
        build_constraints=tuple(rows.get("build_constraints", ())),
    )


def get_spec(layout: Layout, question: object) -> Spec | None:
    """Return the spec that these bytes were parsed as before, or None."""
    data = get(layout.resolution(digest_of(question)))
    try:
        return None if data is None else load_spec(data)
    except (KeyError, TypeError, ValueError):
        return None


def _rows(tags: tuple[Tag, ...]) -> list[list[str]]:
    return [[tag.python, tag.abi, tag.platform] for tag in tags]


def _tags(rows: list[list[str]]) -> tuple[Tag, ...]:
    return tuple(Tag(*row) for row in rows)
