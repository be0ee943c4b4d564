"""Us and uv at the real index: the scripts, and the jobs that start them."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contestants import inline
from timing import BenchError, Job, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yard import Yard

# `boto3` has a bound: without one uv goes back through 2,000 versions of it, to please `celery`.
MANY = (
    "numpy", "pandas", "scipy", "boto3>=1.40", "google-api-python-client", "mypy", "fastapi",
    "requests", "rich", "flask", "django", "sqlalchemy", "matplotlib", "scikit-learn", "pillow",
    "pyyaml", "cryptography", "aiohttp", "pydantic", "click", "jinja2", "pytest", "black", "lxml",
    "httpx", "uvicorn", "celery", "redis", "beautifulsoup4", "networkx",
)  # fmt: skip
FEW = ("requests<3", "rich")
# Small projects that none of the many needs, another for each round.
MORE = (
    "tabulate", "termcolor", "xmltodict", "docopt", "humanize", "sortedcontainers", "inflection",
    "pyfiglet", "toml", "retrying", "colorlog", "natsort", "boltons", "toolz", "munch", "parse",
    "schema", "unidecode", "funcy", "blessings", "pyperclip", "shortuuid", "texttable", "ordered-set",
)  # fmt: skip
ATTEMPTS = 4
OPTIONS = ("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CACHE_DIR", "PIP_NO_CACHE_DIR")


class Ours:
    """vpython at the user's index, its root in `home`."""

    def __init__(self, yard: Yard, home: Path) -> None:
        self.root = home / "root"
        self._file = str(yard.vpython)
        self._trash = yard.trash
        self.environ = outer(yard) | {"VPYTHON_VIRTUALENV_ROOT": str(self.root)}
        home.mkdir(parents=True, exist_ok=True)

    def start(self, script: Path, *words: str) -> Job:
        return Job(words=(self._file, str(script), *words), environ=self.environ)

    def explain(self, script: Path) -> Job:
        return Job(words=(self._file, "-vpython-tool", "explain", str(script)), environ=self.environ)

    def python(self, script: Path) -> str:
        """Return the Python that a script's environment is made of; the environment is made."""
        environment = told(self.start(script, "print"))[0].strip()
        with open(os.path.join(environment, "why.json"), encoding="utf-8") as file:
            return str(json.load(file)["ingredients"]["python"][0])

    def forget_all(self) -> None:
        self._trash.put(self.root)

    def forget_resolutions(self) -> None:
        self._trash.put_rooms(self.root, ("environments-", "records-", "resolutions-"))


class Rival:
    """uv at the same index, its cache in `home`."""

    def __init__(self, yard: Yard, home: Path, python: str) -> None:
        self.cache = home / "uv-cache"
        self._uv = yard.uv
        self.python = python
        self._trash = yard.trash
        own = {"UV_CACHE_DIR": str(self.cache), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
        self.environ = outer(yard) | own
        if "PIP_INDEX_URL" in self.environ:
            self.environ["UV_DEFAULT_INDEX"] = self.environ["PIP_INDEX_URL"]
        home.mkdir(parents=True, exist_ok=True)

    def start(self, script: Path) -> Job:
        words = (self._uv, "run", "--quiet", "--python", self.python, "--script", str(script))
        return Job(words=words, environ=self.environ)

    def compile(self, requirements: Path) -> Job:
        words = (self._uv, "pip", "compile", "--quiet", "--python", self.python, str(requirements))
        return Job(words=words, environ=self.environ)

    def forget_all(self) -> None:
        self._trash.put(self.cache)


class More:
    """Scripts of the many and one more: another one in each round, the same for both sides."""

    def __init__(self, script: Path) -> None:
        self.script = script
        self._names = iter(MORE)

    def begin_another(self) -> None:
        self.script.write_text(inline((*MANY, next(self._names))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both, and the scripts that they start."""

    ours: Ours
    uv: Rival
    many: Path
    few: Path


def outer(yard: Yard) -> dict[str, str]:
    """Return the user's variables, less what makes pip's answer another than that of the index."""
    kept = {name: text for name, text in yard.outer.items() if name not in OPTIONS}
    return kept | {"PATH": f"{yard.place / 'bin'}:{kept.get('PATH', os.defpath)}"}


def first_sides(yard: Yard, home: Path) -> Sides:
    """Return both sides; the Python is the one that vpython takes for the script."""
    ours = Ours(yard, home / "vpython")
    many, few = home / "many.py", home / "few.py"
    many.write_text(inline(MANY))
    few.write_text(inline(FEW))
    return Sides(ours=ours, uv=Rival(yard, home / "uv", ours.python(few)), many=many, few=few)


def stored_sides(yard: Yard, home: Path, uv: Rival) -> Sides:
    """Return both sides with the wheels of the many stored."""
    ours = Ours(yard, home / "vpython")
    sides = Sides(
        ours=ours, uv=Rival(yard, home / "uv", uv.python), many=home / "many.py", few=home / "few.py"
    )
    sides.many.write_text(inline(MANY))
    told(ours.start(sides.many))
    told(sides.uv.start(sides.many))
    return sides


def interrupted(job: Job, seconds: float, before: Callable[[], object]) -> None:
    """Start a job in a process group of its own and let Ctrl-C come to it; earlier where it ended by then."""
    for attempt in range(ATTEMPTS):
        before()
        child = os.posix_spawn(
            job.words[0],
            job.words,
            job.environ,
            setpgroup=0,
            # A shell lets what runs in the background ignore it, and so would the child.
            setsigdef=[signal.SIGINT],
            file_actions=[(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)],
        )
        time.sleep(seconds / 2**attempt)
        os.killpg(child, signal.SIGINT)
        if os.waitpid(child, 0)[1]:
            return
    raise BenchError(f"`{' '.join(job.words)}` did not end at Ctrl-C")
