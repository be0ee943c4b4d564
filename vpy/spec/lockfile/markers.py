"""Conditions of a lockfile: PEP 508 markers in one normal form, so that they can be joined and made short.

A condition is a sum of terms; a term is a range of Python versions and comparisons that all hold. What a
marker says of `python_version` is said of `python_full_version`, whose ranges join without a rest.
"""

from __future__ import annotations

from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Any

    from packaging.markers import Marker

    Version = tuple[int, ...]
    # From the first version on, and up to the second one, which is left out.
    Span = tuple[Version, Version]
    # Variable, operator, value; the other way round where the marker has the value first.
    Comparison = tuple[str, str, str]

NEVER: Version = (10**6,)
EVERY: tuple[Span, ...] = (((0,), NEVER),)
# Terms after which a condition is not kept in this form.
MOST_TERMS = 100
_INVERSE = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
}
# Operators of comparisons whose sides change places.
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
# Systems that two variables name; the one that more markers use stands for both.
_SYSTEMS = {"Windows": "win32", "Linux": "linux", "Darwin": "darwin"}
_PYTHON = ("python_version", "python_full_version")


class TooManyTermsError(Exception):
    """Condition that would take more terms than anybody would read, or that has no opposite."""


@value
class Term:
    """Spans of Python versions, sorted and apart, and comparisons.

    It holds where one of the spans and all of the comparisons do.
    """

    pythons: tuple[Span, ...] = EVERY
    comparisons: frozenset[Comparison] = frozenset()


@value
class Condition:
    """Sum of terms: it holds where one of them does."""

    terms: tuple[Term, ...] = ()

    def or_(self, other: Condition) -> Condition:
        """Return the condition that holds where this one or another does."""
        return _simplified((*self.terms, *other.terms))

    def and_(self, other: Condition) -> Condition:
        """Return the condition that holds where this one and another do."""
        products = (_product(one, two) for one in self.terms for two in other.terms)
        return _simplified(term for term in products if term is not None)

    def not_(self) -> Condition:
        """Return the condition that holds where this one does not."""
        found = ALWAYS
        for term in self.terms:
            opposite = between(_complement(term.pythons))
            for name, operator, text in term.comparisons:
                if operator not in _INVERSE:
                    raise TooManyTermsError
                opposite = opposite.or_(comparison(name, _INVERSE[operator], text))
            found = found.and_(opposite)
        return found

    def within(self, pythons: Sequence[Span]) -> Condition:
        """Return the condition as it is to be read where only these Pythons count.

        A bound that says what they say anyway goes.
        """
        if not pythons:
            return self
        first, last = pythons[0][0], pythons[-1][1]
        terms = []
        for term in self.terms:
            spans = _intersection(term.pythons, tuple(pythons))
            if spans:
                widened = [[*span] for span in spans]
                if widened[0][0] == first:
                    widened[0][0] = EVERY[0][0]
                if widened[-1][1] == last:
                    widened[-1][1] = NEVER
                is_whole = spans == tuple(pythons)
                terms.append(Term(EVERY if is_whole else tuple((a, b) for a, b in widened), term.comparisons))
        return _simplified(terms)

    def __str__(self) -> str:
        """Return the marker (PEP 508); "" where it always holds, one that never does for no term."""
        if any(term == Term() for term in self.terms):
            return ""
        if not self.terms:
            return "python_version < '0'"
        texts = sorted(text for term in self.terms for text in _texts(term))
        if len(texts) == 1:
            return texts[0]
        return " or ".join(f"({text})" if " and " in text else text for text in texts)


ALWAYS = Condition((Term(),))
NOWHERE = Condition()


def parse(text: str, extra: str = "", groups: Collection[str] = ()) -> Condition:
    """Return the condition of a marker where this extra is asked for; "" always holds.

    `groups` are the dependency groups of a lockfile (PEP 751) that are meant; none of its own extras is. All
    of these names are normalized.
    """
    from packaging.markers import Marker

    return of_marker(Marker(text) if text else None, extra, groups)


def of_marker(marker: Marker | None, extra: str = "", groups: Collection[str] = ()) -> Condition:
    """Return the condition of a marker that is parsed already; None always holds."""
    # packaging has no public form of a marker's parts.
    return ALWAYS if marker is None else _parsed(marker._markers, extra, groups)  # noqa: SLF001


def spans_of(specifiers: str) -> tuple[Span, ...]:
    """Return the spans of the Pythons that a specifier set allows."""
    from packaging.specifiers import SpecifierSet

    found = EVERY
    for each in SpecifierSet(specifiers):
        spans = _spans(each.operator, each.version)
        found = _intersection(found, spans) if spans is not None else found
    return found


def comparison(variable: str, operator: str, text: str) -> Condition:
    """Return the condition that one comparison makes."""
    return Condition((Term(comparisons=frozenset({(variable, operator, text)})),))


def between(spans: Iterable[Span]) -> Condition:
    """Return the condition of these Pythons."""
    merged = _union(spans)
    return Condition((Term(merged),)) if merged else NOWHERE


def _parsed(parts: Any, extra: str, groups: Collection[str]) -> Condition:
    """Return the condition of packaging's nested lists of comparisons, "and" and "or"."""
    if isinstance(parts, tuple):
        left, operator, right = parts
        return _atom(left, operator, right, extra, groups)
    found, product = NOWHERE, ALWAYS
    for part in parts:
        if part == "or":
            found, product = found.or_(product), ALWAYS
        elif part != "and":
            product = product.and_(_parsed(part, extra, groups))
    return found.or_(product)


def _atom(left: Any, operator: Any, right: Any, extra: str, groups: Collection[str]) -> Condition:
    op = operator.value
    names = [type(side).__name__ == "Variable" for side in (left, right)]
    if left.value == "extra" or right.value == "extra":
        from packaging.utils import canonicalize_name

        asked = canonicalize_name(right.value if names[0] else left.value)
        return ALWAYS if (asked == extra) == (op == "==") else NOWHERE
    if names[1] and right.value in ("extras", "dependency_groups"):
        is_meant = right.value == "dependency_groups" and left.value in groups
        return ALWAYS if is_meant == (op == "in") else NOWHERE
    if not names[0] and op in _MIRRORED:
        left, right, op, names = right, left, _MIRRORED[op], names[::-1]
    if names[0] and left.value in _PYTHON:
        spans = _spans(op, right.value, is_minor=left.value == "python_version")
        if spans is not None:
            return between(spans)
    if names[0] and left.value == "platform_system" and op in ("==", "!=") and right.value in _SYSTEMS:
        return comparison("sys_platform", op, _SYSTEMS[right.value])
    if not names[0]:
        return comparison(_quoted(left.value), op, right.value)
    return comparison(left.value, op, right.value)


def _spans(operator: str, text: str, *, is_minor: bool = False) -> tuple[Span, ...] | None:
    """Return the spans of Python versions that a comparison allows; None for one that is no range."""
    is_prefix = text.endswith(".*")
    try:
        numbers = tuple(int(part) for part in text.removesuffix(".*").split("."))
    except ValueError:
        return None
    start: Version = EVERY[0][0]
    if is_prefix:
        version, after = numbers, _next(numbers)
    elif is_minor:
        # `python_version` has two numbers: 3.7 stands for all of its patch versions, and none is 3.7.1.
        after = _next((*numbers, 0)[:2])
        version = after if any(numbers[2:]) else numbers
    else:
        version, after = numbers, _next((*numbers, 0, 0)[: max(3, len(numbers))])
    version, after = _trimmed(version), _trimmed(after)
    if operator in ("==", "==="):
        return ((version, after),)
    if operator == "!=":
        return ((start, version), (after, NEVER))
    if operator == "~=" and "." in text:
        return ((version, _next(numbers[:-1])),)
    bounds = {
        "<": ((start, version),),
        ">=": ((version, NEVER),),
        "<=": ((start, after),),
        ">": ((after, NEVER),),
    }
    return bounds.get(operator)


def _trimmed(version: Version) -> Version:
    """Return a version without its last zeros: 3.10.0 and 3.10 are the same bound."""
    while len(version) > 1 and version[-1] == 0:
        version = version[:-1]
    return version


def _next(version: Version) -> Version:
    return (*version[:-1], version[-1] + 1)


def _union(spans: Iterable[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for low, high in sorted(span for span in spans if span[0] < span[1]):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def _complement(spans: Sequence[Span]) -> tuple[Span, ...]:
    bounds = [EVERY[0][0], *(bound for span in spans for bound in span), NEVER]
    return _union(zip(bounds[::2], bounds[1::2], strict=True))


def _intersection(one: Sequence[Span], two: Sequence[Span]) -> tuple[Span, ...]:
    return _union((max(a, c), min(b, d)) for a, b in one for c, d in two if max(a, c) < min(b, d))


def _product(one: Term, two: Term) -> Term | None:
    """Return the term of both; None where they exclude each other."""
    pythons = _intersection(one.pythons, two.pythons)
    comparisons = one.comparisons | two.comparisons
    if not pythons:
        return None
    equal = {name: text for name, operator, text in comparisons if operator == "=="}
    left = set()
    for name, operator, text in comparisons:
        if (name, _INVERSE.get(operator, ""), text) in comparisons:
            return None
        if name in equal and operator in ("==", "!="):
            if (equal[name] == text) != (operator == "=="):
                return None
            if operator == "!=":
                continue
        left.add((name, operator, text))
    return Term(pythons, frozenset(left))


def _simplified(terms: Iterable[Term]) -> Condition:
    """Return a condition of as few and as short terms as a few rules come to."""
    found = list(dict.fromkeys(terms))
    if len(found) > MOST_TERMS:
        raise TooManyTermsError
    is_changed = True
    while is_changed:
        found, is_joined = _joined(found)
        found, is_cut = _cut(found)
        is_changed = is_joined or is_cut
    return Condition(tuple(sorted(found, key=_order)))


def _order(term: Term) -> tuple[Any, ...]:
    return sorted(term.comparisons), term.pythons


def _joined(terms: list[Term]) -> tuple[list[Term], bool]:
    """Join terms of the same comparisons, and leave out those that another one holds for anyway."""
    by_comparisons: dict[frozenset[Comparison], tuple[Span, ...]] = {}
    for term in terms:
        known = by_comparisons.get(term.comparisons, ())
        by_comparisons[term.comparisons] = _union((*known, *term.pythons))
    joined = [Term(pythons, comparisons) for comparisons, pythons in by_comparisons.items()]
    left = [
        term for term in joined if not any(other is not term and _covers(other, term) for other in joined)
    ]
    return left, len(left) < len(terms)


def _covers(one: Term, two: Term) -> bool:
    """Return whether a term holds wherever another does."""
    is_implied = all(_implies(two.comparisons, each) for each in one.comparisons)
    return is_implied and _intersection(one.pythons, two.pythons) == two.pythons


def _implies(comparisons: frozenset[Comparison], each: Comparison) -> bool:
    """Return whether a comparison holds where these do."""
    name, operator, text = each
    return each in comparisons or (
        operator == "!=" and any(row[:2] == (name, "==") and row[2] != text for row in comparisons)
    )


def _cut(terms: list[Term]) -> tuple[list[Term], bool]:
    """Take out of a term a comparison without which the sum stays the same: another holds otherwise."""
    for at, term in enumerate(terms):
        for each in sorted(term.comparisons):
            name, operator, text = each
            if operator not in _INVERSE:
                continue
            rest = term.comparisons - {each}
            opposite = Term(term.pythons, rest | {(name, _INVERSE[operator], text)})
            if any(_covers(other, opposite) for other in terms if other is not term):
                return [*terms[:at], Term(term.pythons, rest), *terms[at + 1 :]], True
        for other in terms:
            # Where the rest of a sum holds on the Pythons that it lacks, a term may as well hold there too.
            if other is not term and other.comparisons <= term.comparisons:
                pythons = _union((*term.pythons, *other.pythons))
                if pythons != term.pythons and len(pythons) < len(term.pythons) + (pythons == EVERY):
                    return [*terms[:at], Term(pythons, term.comparisons), *terms[at + 1 :]], True
    return terms, False


def _texts(term: Term) -> Iterator[str]:
    """Yield the products of a term, one for each span."""
    rest = [_text(each) for each in sorted(term.comparisons)]
    for span in term.pythons:
        yield " and ".join([*_python_texts(span), *rest])


def _text(each: Comparison) -> str:
    name, operator, text = each
    is_literal = name.startswith(("'", '"'))
    return f"{name} {operator} {text if is_literal else _quoted(text)}"


def _quoted(text: str) -> str:
    quote = '"' if "'" in text else "'"
    return f"{quote}{text}{quote}"


def _python_texts(span: Span) -> list[str]:
    low, high = span
    if (low, high) == EVERY[0]:
        return []
    if len(low) == 2 and high == _next(low):
        return [f"python_full_version == '{_dotted(low)}.*'"]
    found = []
    if low > EVERY[0][0]:
        found.append(f"python_full_version >= '{_dotted(low)}'")
    if high < NEVER:
        found.append(f"python_full_version < '{_dotted(high)}'")
    return found


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
