"""Record a short session of a terminal, and draw it as `docs/cast.svg`, which moves by CSS alone.

    python3 -m builder.cast --record    runs the commands, with the index that pip is configured for
    python3 -m builder.cast             draws the recording that is there, always the same picture

`builder/cast.json` has the recording: what appeared on the terminal, and at which second.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from builder.vendor import TOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Event = tuple[float, str]  # seconds since the session began, and the text that came

RECORDING = TOP / "builder" / "cast.json"
PICTURE = TOP / "docs" / "cast.svg"
COLUMNS, ROWS = 76, 24
SCRIPT = """\
#!/usr/bin/env vpython3
# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging"]
# ///
import sys
from packaging.version import Version
print(max(map(Version, sys.argv[1:])))
"""
COMMANDS = (
    "cat newest.py",
    "./newest.py 1.9 1.10 1.10rc1",
    "./newest.py 2.0 2.0.1",
    "vpython-tool add newest.py humanize",
    "vpython-tool lock newest.py",
)
PROMPT = "$ "
HOME = "/home/me"  # what a picture has for the directory of the recording
TYPED = 3  # letters at a time
A_KEY, PAUSE, END = 0.05, 0.9, 4.0  # seconds: for a letter, between commands, at the end
WIDTH, HEIGHT, MARGIN = 8.4, 18, 16  # of a character, of a row, around all
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STYLE = """\
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; fill: #e6edf3;
  white-space: pre }
.typed { fill: #7ee787 }
.passing { visibility: hidden }
"""
STILL = "@media (prefers-reduced-motion: reduce) { text { animation: none !important } }\n</style>"


def record(built: Path) -> list[Event]:
    """Run the commands on a terminal, in a home of their own; return what appeared there."""
    events: list[Event] = []
    with tempfile.TemporaryDirectory() as place:
        home = Path(place).resolve()
        environ = _prepare(home, built)
        now = 0.0
        for command in COMMANDS:
            events.append((now, PROMPT))
            now += PAUSE
            for at in range(0, len(command), TYPED):
                events.append((now, command[at : at + TYPED]))
                now += A_KEY * TYPED
            events.append((now, "\r\n"))
            began = now
            for seconds, text in _run(command, home, environ):
                now = began + seconds
                events.append((now, text.replace(str(home), HOME)))
        events.append((now, PROMPT))
    return [(round(seconds, 2), text) for seconds, text in events]


def _prepare(home: Path, built: Path) -> dict[str, str]:
    """Write the script and the commands on PATH; return the variables."""
    script = home / "newest.py"
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    commands = home / ".local" / "bin"
    commands.mkdir(parents=True)
    for name in ("vpython3", "vpython-tool"):
        (commands / name).symlink_to(built)
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("VPYTHON_", "XDG_", "CI"))
    }
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "HOME": str(home), "PATH": path, "TERM": "xterm", "COLUMNS": str(COLUMNS)}


def _run(command: str, cwd: Path, environ: Mapping[str, str]) -> Iterator[Event]:
    """Yield what a command writes to its terminal, with the seconds since its start."""
    import pty
    import termios

    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    began = time.monotonic()
    child = subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=cwd, env=dict(environ), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    while True:
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux: nobody has the other side any more
            break
        if not data:
            break
        yield time.monotonic() - began, data.decode(errors="replace")
    os.close(terminal)
    if child.wait():
        raise SystemExit(f"cast: `{command}` ended with {child.returncode}")
    yield time.monotonic() - began, ""


class _Screen:
    """Rows of a terminal; of what moves the cursor only ends of lines and carriage returns count."""

    def __init__(self) -> None:
        self.rows = [""]
        self._column = 0

    def write(self, text: str) -> None:
        for character in CONTROL.sub("", text):
            if character == "\n":
                self.rows.append("")
                self._column = 0
            elif character == "\r":
                self._column = 0
            else:
                row = self.rows[-1].ljust(self._column)
                self.rows[-1] = row[: self._column] + character + row[self._column + 1 :]
                self._column += 1


def spans(events: Sequence[Event]) -> list[tuple[int, str, float, float | None]]:
    """Return each text that a row had: row, text, from when, and until when, None for one that stays."""
    screen = _Screen()
    shown: dict[int, tuple[str, float]] = {}
    done: list[tuple[int, str, float, float | None]] = []
    for seconds, text in events:
        screen.write(text)
        for number, row in enumerate(screen.rows):
            before, since = shown.get(number, ("", 0.0))
            if row.rstrip() == before:
                continue
            if before and seconds > since:
                done.append((number, before, since, seconds))
            shown[number] = (row.rstrip(), seconds)
    done += [(number, text, since, None) for number, (text, since) in shown.items() if text]
    return sorted(done, key=lambda each: (each[2], each[0]))


def draw(events: Sequence[Event]) -> str:
    """Return the session as an SVG that plays for ever; a viewer that plays nothing shows its last screen."""
    parts = spans(events)
    length = events[-1][0] + END
    rows = max(row for row, *_ in parts) + 1
    width, height = round(COLUMNS * WIDTH + 2 * MARGIN), rows * HEIGHT + 2 * MARGIN
    rules, texts = [], []
    for number, (row, text, since, until) in enumerate(parts):
        first, last = 100 * since / length, 100 * (length if until is None else until) / length
        end = f"{last:.2f}%,to{{visibility:hidden}}" if until is not None else ""
        begin = "from{visibility:hidden}" if since else ""
        rules.append(f"@keyframes k{number}{{{begin}{first:.2f}%{{visibility:visible}}{end}}}")
        kind = " ".join([*(["typed"] if text.startswith(PROMPT) else []), *(["passing"] if until else [])])
        texts.append(
            f'<text class="{kind}" x="{MARGIN}" y="{MARGIN + row * HEIGHT + 13}" '
            f'style="animation:k{number} {length:.2f}s step-end infinite">{escape(text)}</text>'
        )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            "<title>A script is shown, started twice, given a requirement, and locked</title>",
            STYLE + "\n".join(rules),
            STILL,
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" '
            'fill="#0d1117" stroke="#6e7681"/>',
            *texts,
            "</svg>\n",
        )
    )


def main() -> int:
    """Record where that is asked for, and draw."""
    if sys.argv[1:] == ["--record"]:
        events = record(TOP / "dist" / "vpython.pyz")
        lines = ",\n".join(f"  {json.dumps(event)}" for event in events)
        RECORDING.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    elif sys.argv[1:]:
        print("usage: python3 -m builder.cast [--record]", file=sys.stderr)
        return 2
    PICTURE.write_text(draw(recording()), encoding="utf-8")
    return 0


def recording() -> list[Event]:
    """Return the recording that is there."""
    return [(seconds, text) for seconds, text in json.loads(RECORDING.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    sys.exit(main())
