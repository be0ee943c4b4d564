"""Program that compares resolutions in one walk with those of resolvelib, in random universes of projects.

Arguments are where pip lies, the top of the project and the number of universes. Prints, as JSON, how many
were answered in one walk, and the seeds for which resolvelib answers otherwise.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from types import SimpleNamespace
from typing import Any

NAMES = "abcdefg"
VERSIONS = ("3.0", "3.0rc1", "2.0", "1.0")  # newest first


class Universe:
    """Catalogue of random projects: up to four versions, some of them pre-releases or yanked."""

    def __init__(self, seed: int) -> None:
        from vpy.wheels.index_client import metadata, pages

        randomly = random.Random(seed)
        self.rules = SimpleNamespace(constraints={}, overridden=list)
        self.target = SimpleNamespace(markers={"extra": ""}, allows=lambda _: True)
        self._pages: dict[str, Any] = {}
        self._metadata: dict[str, Any] = {}
        for name in NAMES:
            releases = []
            chosen = randomly.sample(range(len(VERSIONS)), randomly.randint(1, len(VERSIONS)))
            for text in (VERSIONS[at] for at in sorted(chosen)):
                row = [f"{name}-{text}", name + text, "", None, 0, randomly.random() < 0.1]
                releases.append(pages.Release(text, [row]))
                needs = [
                    requirement(randomly, other)
                    for other in randomly.sample(NAMES, randomly.choice((0, 0, 1, 1, 2)))
                    if other != name
                ]
                if randomly.random() < 0.3:
                    needs.append(f'{requirement(randomly, randomly.choice(NAMES))}; extra == "x"')
                lines = "".join(f"Requires-Dist: {each}\n" for each in needs)
                self._metadata[name + text] = metadata.parse(f"Name: {name}\n{lines}\n".encode())
            self._pages[name] = pages.Page(releases)
        self.wanted = [requirement(randomly, name) for name in randomly.sample(NAMES, 2)]
        self.preferred = {name: [randomly.choice(("1.0", "2.0"))] for name in randomly.sample(NAMES, 2)}

    def ask(self, project: str, *, ahead: bool = True) -> None:
        """Do nothing: all is here."""

    def look_further(self, project: str, version: Any, count: int) -> None:
        """Do nothing."""

    def page(self, project: str) -> Any:
        return self._pages[project]

    def metadata(self, file: Any) -> Any:
        return self._metadata[file.url]


def requirement(randomly: random.Random, name: str) -> str:
    extra = "[x]" if randomly.random() < 0.2 else ""
    return f"{name}{extra}{randomly.choice(('', '', '', '<3', '>=2', '==2.0', '>=3.0rc1', '!=3.0', '<2'))}"


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    sys.path.append(sys.argv[2])
    from vpy.wheels.index_client.candidates import Wanted
    from vpy.wheels.index_client.resolution import Provider

    resolvelib = importlib.import_module("pip._vendor.resolvelib")
    parse = importlib.import_module("pip._vendor.packaging.requirements").Requirement
    version = importlib.import_module("pip._vendor.packaging.version").Version
    answered, different = 0, []
    for seed in range(int(sys.argv[3])):
        universe: Any = Universe(seed)
        wanted = [Wanted(parse(text)) for text in universe.wanted]
        preferred = {name: list(map(version, texts)) for name, texts in universe.preferred.items()}
        provider = Provider(universe, wanted, dependencies=True, preferred=preferred)
        straight = provider.straight()
        if straight is None:
            continue
        answered += 1
        resolver = resolvelib.Resolver(provider, resolvelib.BaseReporter())
        try:
            found = chosen(resolver.resolve(wanted).mapping.values())
        except resolvelib.ResolutionError:
            found = None
        if found != chosen(straight):
            different.append(seed)
    print(json.dumps([answered, different]))


def chosen(candidates: Any) -> list[tuple[str, list[str], str]]:
    return sorted((each.name, sorted(each.extras), str(each.version)) for each in candidates)


if __name__ == "__main__":
    main()
