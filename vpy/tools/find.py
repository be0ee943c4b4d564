"""`-vpython-tool find [--json] [--all] NAME`: which versions of a package there are, and for what.

NAME is a project's (`numpy`), or a package's whole name or prefix. Asks the package service, the directory
or the index that -vpython-source names. Prints versions by platforms, the newest first, and the `wheel`
entry of the newest to paste. A name that is not there is an error with the names that come near.
"""

from __future__ import annotations

import json
import re

from vpy import sources
from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.context import Context
    from vpy.model import Target
    from vpy.tools.offers import Offer
    from vpython import Request

USAGE = "find [--json] [--all] NAME"
OPTIONS = ("json", "all")
SHOWN = 10
ALL = 1_000_000


def run(request: Request, context: Context) -> int:
    """Print what there is."""
    from vpy import cli
    from vpy.model import Spec
    from vpy.tools import offers, page, platforms

    options, name = parse(request.options.tool_words)
    source = sources.check(request.options.get("source") or context.config.default_source)
    cli.open_root(context)
    columns = platforms.targets(Spec(), context.config, "config.toml")
    most = ALL if "all" in options else SHOWN
    if source.startswith("index"):
        found = offers.in_index(name, most, source, columns, context)
    else:
        found = offers.in_catalogue(name, most, sources.catalogue_of(source, context), context)
    if not found:
        raise UserError(f"there is no version of `{name}`")
    if "json" in options:
        page.show(json.dumps([account(one) for one in found], indent=1))
    else:
        one = len({offers.project(each.name) for each in found}) == 1
        page.show(table(found, most) + (f"\n\n{entry(newest(found), columns)}" if one else ""))
    return 0


def parse(words: Sequence[str]) -> tuple[set[str], str]:
    """The options, without their dashes, and the name; UserError for what is none of them."""
    options = {word.lstrip("-") for word in words if word.startswith("-")}
    names = [word for word in words if not word.startswith("-")]
    strange = next((word for word in words if word not in names and word.lstrip("-") not in OPTIONS), None)
    if strange:
        raise UserError(f"unknown option `{strange}` of find", hint=USAGE)
    if len(names) != 1 or not names[0].strip("/"):
        raise UserError("find needs one name", hint=USAGE)
    return options, names[0]


def account(offer: Offer) -> dict[str, object]:
    """The offer as JSON has it; no Pythons: for any."""
    return {
        "name": offer.name,
        "version": offer.version,
        "refs": list(offer.refs),
        "platforms": {platform: list(pythons) for platform, pythons in offer.places.items()},
    }


def table(found: Sequence[Offer], most: int) -> str:
    """For each package its versions by platforms."""
    from vpy.tools import page

    blocks = []
    for name in dict.fromkeys(one.name for one in found):
        own = [one for one in found if one.name == name]
        columns = sorted({platform for one in own for platform in one.places})
        rows = [("", *columns)]
        for one in own[:most]:
            cells = (_pythons(one.places.get(platform)) for platform in columns)
            refs = f" ({', '.join(one.refs)})" if one.refs else ""
            rows.append((f"{one.version}{refs}", *cells))
        blocks.append("\n".join([name, *(f"  {line}".rstrip() for line in page.columns(rows))]))
    return "\n\n".join(blocks)


def _pythons(tags: Sequence[str] | None) -> str:
    """`cp38…cp311 cp313` of a list; `-` where there is nothing, `ok` where any Python will do."""
    if tags is None:
        return "-"
    numbers = sorted(int(tag[3:]) for tag in tags if re.fullmatch(r"cp3\d+", tag))
    others = [tag for tag in tags if not re.fullmatch(r"cp3\d+", tag)]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = [f"cp3{run[0]}" if len(run) == 1 else f"cp3{run[0]}…cp3{run[-1]}" for run in runs]
    return " ".join([*others, *shown]) or "ok"


def newest(found: Sequence[Offer]) -> Offer:
    """The newest offer that is no pre-release, of the package that serves most platforms."""
    from vpy.tools.offers import EVERY

    first = {one.name: one for one in reversed([one for one in found if not _is_early(one.version)] or found)}
    return max(first.values(), key=lambda one: (EVERY in one.places, len(one.places)))


def _is_early(version: str) -> bool:
    return re.search(r"\d(a|b|rc|\.dev)\d", version) is not None


def entry(offer: Offer, columns: Sequence[Target]) -> str:
    """The entry of a text spec, with a rule for the platforms where there are not all of them."""
    from vpy.tools.offers import EVERY

    lines = ["wheel: <", f'  name: "{offer.name}"', f'  version: "{offer.version}"']
    have = [one for one in columns if dict(one.template).get("platform") in offer.places]
    if EVERY not in offer.places and have and len(have) < len(columns):
        lines += [f'  match_tag: < platform: "{_own_tag(one)}" >' for one in have]
    return "\n".join([*lines, ">"])


def _own_tag(target: Target) -> str:
    """A platform tag that each Python of the platform reports: on Linux the plain one."""
    if "linux" in target.tag.platform:
        return f"linux_{dict(target.interpreter.markers)['platform_machine']}"
    return target.tag.platform
