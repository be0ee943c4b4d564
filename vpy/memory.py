"""Answers kept in the root by the hash of their question: a hit spares what finding out costs."""

from __future__ import annotations

from vpy.model import Spec, Tag, Wheel
from vpy.system import digest, files, jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vpy.model import SpecSource
    from vpy.system.layout import Layout


def digest_of(question: object) -> str:
    """64 hex digits for any JSON value."""
    return digest.sha256(jsontext.dumps(question, sort_keys=True).encode()).hexdigest()


def recall(path: str) -> Any:
    """What is kept at `path`, or None."""
    try:
        return jsontext.loads(files.read_bytes(path))
    except (OSError, ValueError):
        return None


def keep(path: str, answer: object) -> None:
    """Keep an answer where the root allows it; a root that does not is no reason to stop."""
    try:
        files.write_bytes(path, jsontext.dumps(answer).encode())
    except OSError:
        pass


def spec_question(source: SpecSource, default: SpecSource | None) -> object:
    """All that the reading of a spec hangs on; its place too, since warnings name it."""
    first = [source.format, source.path, source.first_line, source.column, source.text]
    return ["spec", first, None if default is None else [default.format, default.text]]


def dump_spec(spec: Spec) -> dict[str, object]:
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
    }


def load_spec(told: Mapping[str, Any]) -> Spec:
    return Spec(
        python_version=told["python_version"],
        wheels=tuple(
            Wheel(name, version, _tags(match), _tags(without))
            for name, version, match, without in told["wheels"]
        ),
        verify_tags=_tags(told["verify_tags"]),
        requires_python=told["requires_python"],
        dependencies=tuple(told["dependencies"]),
        warnings=tuple(told["warnings"]),
    )


def remembered_spec(layout: Layout, question: object) -> Spec | None:
    """The spec that these bytes were once read as."""
    told = recall(layout.resolution(digest_of(question)))
    try:
        return None if told is None else load_spec(told)
    except (KeyError, TypeError, ValueError):
        return None


def _rows(tags: tuple[Tag, ...]) -> list[list[str]]:
    return [[tag.python, tag.abi, tag.platform] for tag in tags]


def _tags(rows: list[list[str]]) -> tuple[Tag, ...]:
    return tuple(Tag(*row) for row in rows)
