"""Targets of the platforms that a spec is verified and locked for; none need be on this machine."""

from __future__ import annotations

from vpy.errors import UserError
from vpy.model import Tag, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vpy.config import Config
    from vpy.model import Spec


def verified(spec: Spec, config: Config, path: str) -> tuple[Target, ...]:
    """Return a target for each tag that the spec verifies, or for the default ones.

    No Python of theirs need be on this machine. A UserError names the spec's `path`.
    """
    from vpy.target import platforms

    defaults = [Tag(*fields) for fields in config.verify_tags]
    try:
        return tuple(_target_of(tag, config) for tag in platforms.tags_to_verify(spec, defaults))
    except UserError as error:
        raise UserError(f"{path}: {error.message}", hint=error.hint) from error


def _target_of(tag: Tag, config: Config) -> Target:
    """Return the target that a tag stands for."""
    from vpy.target import platforms, template

    systems = platforms.Systems(config.verify_glibc, config.verify_macos)
    values = template.values_for(tag)
    return Target(platforms.interpreter_for(tag, systems), tag, tuple(sorted(values.items())))
