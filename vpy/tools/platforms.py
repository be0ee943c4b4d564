"""The platforms that a spec is to work on, as targets of which no Python need be here."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import Tag, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.config import Config
    from vpy.model import Spec


def targets(spec: Spec, config: Config, path: str) -> tuple[Target, ...]:
    """A target for each tag that the spec verifies, or for the default ones; UserError names `path`."""
    from vpy.target import verified

    defaults = [Tag(*fields) for fields in config.verify_tags]
    try:
        return tuple(target_of(tag, config) for tag in verified.tags_to_verify(spec, defaults))
    except UserError as error:
        raise UserError(f"{path}: {error.message}", hint=error.hint) from error


def target_of(tag: Tag, config: Config) -> Target:
    """The target that a tag stands for."""
    from vpy.target import template, verified

    systems = verified.Systems(config.verify_glibc, config.verify_macos)
    values = template.values_for(tag)
    return Target(verified.interpreter_for(tag, systems), tag, tuple(sorted(values.items())))


def names(columns: Sequence[Target]) -> list[tuple[str, str]]:
    """How each target is called: its platform and its Python, or its tag where two would be called alike."""
    short = [(dict(one.template).get("platform") or one.tag.platform, one.tag.python) for one in columns]
    return [
        name if short.count(name) == 1 else (one.tag.platform, one.tag.python)
        for name, one in zip(short, columns)
    ]
