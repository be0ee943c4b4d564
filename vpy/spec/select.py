"""Selection of a text spec's wheels for a Python, and the check of the spec's values."""

from __future__ import annotations

from bootstrap.shown import printable
from vpy.errors import UserError
from vpy.model import Wheel
from vpy.spec.text import quoted
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpy.model import Spec, Tag
    from vpy.spec.textproto import Field

# PEP 440, appendix B, canonical form; a local part may be anything, as `sys.version` has `3.11.2+`.
_VERSION = (
    r"(?:[1-9][0-9]*!)?((?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*)"
    r"(?:(?:a|b|rc)(?:0|[1-9][0-9]*))?(?:\.post(?:0|[1-9][0-9]*))?(?:\.dev(?:0|[1-9][0-9]*))?"
    r"(?:\+[^\n]*)?"
)
_MAX_VERSION = 64  # characters; `int` refuses very long numbers
_TEMPLATE = r"\$\{[^${}]*\}"
_COMPONENT = r"[a-z0-9_.\-]+"


@value
class Mistake:
    """Mistake in one value of a text spec; `textproto.locate` finds the position of `field`."""

    field: Field
    fact: str


def parse_version(text: str) -> tuple[int, ...]:
    """Parse a `python_version`: `3.8.18` -> (3, 8, 18), "" -> (); raise UserError for what is none."""
    if not text:
        return ()
    import re

    match = re.fullmatch(_VERSION, text) if len(text) <= _MAX_VERSION else None
    numbers = tuple(int(number) for number in match[1].split(".")) if match else (0,)
    if numbers[0] == 0:
        hint = "write it as in `3.11`: the first numbers that must fit"
        raise UserError(f"not a version of Python: {quoted(text)}", hint=hint)
    return numbers


def fits(prefix: str, version: tuple[int, int, int]) -> bool:
    """Return whether `version` begins with the numbers of `prefix`: `3.11` takes any 3.11.x, "" takes all."""
    wanted = parse_version(prefix)[:3]
    return version[: len(wanted)] == wanted


def select(spec: Spec, tags: Sequence[Tag], path: str = "") -> tuple[Wheel, ...]:
    """Return the wheels of a spec for a Python with these tags: sorted, each once, without match rules.

    A wheel with `match_tag`s needs one of them to match one of the tags; one that a
    `not_match_tag` matches is dropped. Raises UserError, which names `path`, where two versions of
    one name are left.
    """
    versions: dict[str, dict[str, None]] = {}
    for wheel in spec.wheels:
        if is_selected(wheel, tags):
            versions.setdefault(wheel.name, {})[wheel.version] = None

    before = f"{printable(path)}: " if path else ""
    clashes = [
        f"{before}wheel {quoted(name, 200)} has more than one version here: "
        + ", ".join(quoted(version, 200) for version in found)
        for name, found in sorted(versions.items())
        if len(found) > 1
    ]
    if clashes:
        raise UserError(
            clashes, hint="leave one version, or give each its own `match_tag` or `not_match_tag`"
        )
    return tuple(Wheel(name=name, version=next(iter(found))) for name, found in sorted(versions.items()))


def is_selected(wheel: Wheel, tags: Sequence[Tag]) -> bool:
    """Return whether the match rules of a wheel let it be one for a Python with these tags."""
    if any(_matches(rule, tag) for rule in wheel.not_match_tags for tag in tags):
        return False
    return not wheel.match_tags or any(_matches(rule, tag) for rule in wheel.match_tags for tag in tags)


def _matches(rule: Tag, tag: Tag) -> bool:
    """Return whether the fields that `rule` has are those of `tag`; a rule without any matches nothing."""
    if not (rule.python or rule.abi or rule.platform):
        return False
    return (
        rule.python in ("", tag.python) and rule.abi in ("", tag.abi) and rule.platform in ("", tag.platform)
    )


def check(spec: Spec) -> tuple[Mistake, ...]:
    """Return everything that is wrong with a parsed text spec, in the order of its values."""
    return tuple(_mistakes(spec))


def _mistakes(spec: Spec) -> Iterator[Mistake]:
    try:
        parse_version(spec.python_version)
    except UserError as error:
        yield Mistake(field=("python_version", 0), fact=error.message)

    for number, wheel in enumerate(spec.wheels):
        field: Field = ("wheel", number)
        if not wheel.name:
            yield Mistake(field=field, fact="a wheel without `name`")
        elif fact := _name_fact(wheel.name):
            yield Mistake(field=(*field, "name", 0), fact=fact)
        if not wheel.version:
            yield Mistake(field=field, fact=f"wheel {quoted(wheel.name)} without `version`")
        elif fact := _version_fact(wheel.version):
            yield Mistake(field=(*field, "version", 0), fact=fact)
        yield from _tag_mistakes((*field, "match_tag"), wheel.match_tags)
        yield from _tag_mistakes((*field, "not_match_tag"), wheel.not_match_tags)

    yield from _tag_mistakes(("verify_pep425_tag",), spec.verify_tags)


def _tag_mistakes(field: Field, tags: Sequence[Tag]) -> Iterator[Mistake]:
    for number, tag in enumerate(tags):
        for name, text in (("python", tag.python), ("abi", tag.abi), ("platform", tag.platform)):
            if text and (not text.isprintable() or " " in text):
                yield Mistake(
                    field=(*field, number, name, 0), fact=f"`{name}` cannot be part of a tag: {quoted(text)}"
                )


def _name_fact(name: str) -> str:
    """Return why `name` cannot be a package (CIPD's grammar, with templates); "" where it can."""
    import re

    bare = re.sub(_TEMPLATE, "x", name)
    if name.startswith("-"):
        return f"a package name cannot begin with `-`: {quoted(name)}"
    for component in bare.split("/"):
        if not re.fullmatch(_COMPONENT, component) or not component.strip("."):
            return f"not a package name: {quoted(name)}"
    return ""


def _version_fact(version: str) -> str:
    """Return why `version` can be no instance id, tag or ref by any grammar; "" where it may be one."""
    if version.startswith("-") and not _may_be_instance_id(version):
        return f"a version cannot begin with `-`: {quoted(version)}"
    if not version.isprintable() or version != version.strip():
        return f"not a version: {quoted(version)}"
    return ""


def _may_be_instance_id(version: str) -> bool:
    """Return whether it is spelt as a SHA-256 id: base64url, of which one in 64 begins with `-`."""
    return len(version) == 44 and version.isascii() and version.replace("-", "").replace("_", "").isalnum()
