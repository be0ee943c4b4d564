"""Accounts as pages for people: a word at the left, what belongs to it in columns beside it."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Shorten = Callable[[str], str]

LEFT = 13
WIDEST = 60
SHOWN_DIGITS = 12
KINDS = {
    "option": "named by -vpython-spec",
    "partner": "beside what is run",
    "inline": "a [VPYTHON:BEGIN] block",
    "script": "a PEP 723 block",
    "common": "the common file",
    "default": "named by VPYTHON_DEFAULT_SPEC",
}


def show(text: str) -> None:
    """Print the text on stdout, whatever its encoding has no letters for escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.buffer.write(f"{text}\n".encode(encoding, "backslashreplace"))


def explanation(told: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """The account of `explain`."""
    short = shortener(environ)
    sections = [
        ("spec", _spec(told["spec"], short)),
        ("warnings", told["spec"]["warnings"]),
        ("searched", [short(path) for path in told["searched"]]),
        ("python", _python(told["python"], short)),
        *target_sections(told),
        ("source", [_source(source) for source in told["sources"]]),
        ("packages", _packages(told["packages"])),
        ("notes", told["notes"]),
        ("wheels", _wheels(told["wheels"])),
        ("environment", _environment(told, short)),
        ("before", _before(told, short)),
    ]
    return render(sections)


def render(sections: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Each section's word in front of its first line; sections without lines are left out."""
    lines = []
    for word, rows in sections:
        whole = [line for row in rows for line in row.split("\n")]
        lines += [f"{word if not number else '':<{LEFT}}{line}".rstrip() for number, line in enumerate(whole)]
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with each column as wide as its longest item, up to a limit that only few pass."""
    widths = [
        min(max(len(row[number]) for row in rows), WIDEST) for number in range(max(map(len, rows), default=0))
    ]
    return ["  ".join(f"{item:<{width}}" for item, width in zip(row, widths)).rstrip() for row in rows]


def shortener(environ: Mapping[str, str]) -> Shorten:
    """Paths under the user's home begin with `~`."""
    home = environ.get("HOME", "").rstrip("/")

    def shorten(path: str) -> str:
        inside = home.startswith("/") and path.startswith(f"{home}/")
        shown = f"~{path[len(home) :]}" if inside else path
        return shown if "\n" not in shown else repr(shown)

    return shorten


def target_sections(told: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The tag and the template values, of a Python that is there or of one that is assumed."""
    assumed = " (assumed: no Python said so)" if told["assumed"] else ""
    values = columns([(name, text) for name, text in sorted(told["template"].items())])
    return [("tag", [f"{told['tag']}{assumed}"] if told["tag"] else []), ("template", values)]


def _spec(spec: Mapping[str, Any], short: Shorten) -> list[str]:
    if spec["kind"] == "empty":
        return ["none: a bare environment"]
    line = f":{spec['line']}" if spec["line"] > 1 else ""
    wants = [
        f"python_version {spec['python_version']}" if spec["python_version"] else "",
        f"requires-python {spec['requires_python']}" if spec["requires_python"] else "",
        _count(len(spec["wheels"]), "wheel"),
        _count(len(spec["dependencies"]), "dependency", "dependencies"),
        _count(len(spec["verify_tags"]), "verify tag"),
    ]
    return [
        f"{short(spec['path'])}{line}  ({KINDS[spec['kind']]})",
        ", ".join(filter(None, wants)) or "wants nothing",
    ]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}" if number else ""


def _python(python: Mapping[str, Any], short: Shorten) -> list[str]:
    if python["executable"] is None:
        return [f"none: {python['reason']}", *([f"({python['hint']})"] if python["hint"] else [])]
    shown = [f"{python['version']}  {short(python['executable'])}"]
    if python["found_as"] != python["executable"]:
        return [*shown, f"found as {short(python['found_as'])}  ({python['found_in']})"]
    return [f"{shown[0]}  ({python['found_in']})"]


def _source(source: Mapping[str, Any]) -> str:
    return f"{source['source']}  ({source['named_by']}{', offline' if source['offline'] else ''})"


def _packages(packages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The name as written, the version, the instance; below it what the name came to, and why not."""
    from vpy.tools import parcels

    lines = []
    common = common_reason(packages)
    named = columns([(row["name"], row["version"], _outcome(row)) for row in packages])
    for row, line in zip(packages, named):
        more = [f"= {row['expanded']}"] if row["expanded"] and "${" in row["name"] else []
        if row["state"] != "resolved" and row["reason"] not in (common, parcels.OTHERS):
            more += row["reason"].split("\n")
        more += [row["note"]] if row["note"] else []
        lines.append("\n  ".join([line, *more]))
    return lines


def common_reason(packages: Sequence[Mapping[str, Any]]) -> str:
    """The reason that all unresolved packages share, where there are several; it is told once."""
    reasons = [row["reason"] for row in packages if row["state"] == "unresolved"]
    return reasons[0] if len(reasons) > 1 and len(set(reasons)) == 1 else ""


def _outcome(row: Mapping[str, Any]) -> str:
    if row["state"] != "resolved":
        return str(row["state"])
    return f"{row['instance_id'][:SHOWN_DIGITS]}…" + (f"  ({row['reason']})" if row["reason"] else "")


def _wheels(wheels: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = columns(
        [
            (f"{row['sha256'][:SHOWN_DIGITS]}…", "stored" if row["stored"] else "not stored", row["filename"])
            for row in wheels
        ]
    )
    return [
        "".join([line, *(f"\n  runs at every start: {each}" for each in row["startup"] or ())])
        for row, line in zip(wheels, lines)
    ]


def _environment(told: Mapping[str, Any], short: Shorten) -> list[str]:
    environment = told["environment"]
    if environment["path"] is not None:
        return [f"{environment['state']}  {short(environment['path'])}"]
    unresolved = any(row["state"] == "unresolved" for row in told["packages"])
    if unresolved and not common_reason(told["packages"]):
        return ["unresolved, as packages are"]
    return [f"unresolved: {environment['reason']}".replace("\n", "\n  ")]


def _before(told: Mapping[str, Any], short: Shorten) -> list[str]:
    """The last used of the other environments of this spec, what is new since, how many more there are."""
    before = told["before"]
    if not before:
        return []
    known = told["environment"]["path"] is not None
    changes = before[0]["changes"] + ([] if known else ["the rest cannot be compared yet"])
    lines = [short(before[0]["path"]), *(f"  {change}" for change in changes)]
    if len(before) > 1:
        lines.append(f"and {_count(len(before) - 1, 'older one')}")
    return lines
