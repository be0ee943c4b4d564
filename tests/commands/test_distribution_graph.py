"""Who requires what, by METADATA on disk: chains, a tree and a drawing."""

from __future__ import annotations

import itertools
import re
import time
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING

import pytest

from tests.environment.test_build import BASE
from vpy.commands.support import distribution_graph, explain_graph, graph_svg
from vpy.commands.support.distribution_graph import Distribution, Edge, Graph
from vpy.errors import ToolError
from vpy.system.lean.dataclasses import replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LINUX = replace(BASE, markers=(("sys_platform", "linux"), ("python_version", "3.11")))
SVG = "{http://www.w3.org/2000/svg}"
REQUESTS = {
    "requests": ["urllib3<3,>=1.26", "idna (<4)", "PySocks>1; extra == 'socks'", "no such requirement ["],
    "urllib3": ["nothing; sys_platform == 'win32'", "colorama; python_version < '3'"],
    "idna": [],
    "pysocks": [],
    "tool": ["requests"],
}


def graph_of(
    place: Path, requires: Mapping[str, list[str]], *asked: str, packages: tuple[Edge, ...] = ()
) -> Graph:
    for name, entries in requires.items():
        info = place / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        rows = "".join(f"Requires-Dist: {entry}\n" for entry in entries)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{rows}")
    known = distribution_graph.installed(str(place))
    assert set(known) == {name.lower() for name in requires}
    return distribution_graph.graph("s.py", asked, packages, known, LINUX)


def chains(graph: Graph, name: str) -> list[str]:
    return explain_graph.why_text(graph, explain_graph.why(graph, name, "install")).splitlines()


def test_chains_the_shortest_first(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, REQUESTS, "tool", "requests[socks] < 3", "absent; sys_platform == 'win32'")
    assert chains(graph, "urllib3") == [
        "s.py -> requests[socks]<3 (1.0) -> urllib3<3,>=1.26 (1.0)",
        "s.py -> tool (1.0) -> requests (1.0) -> urllib3<3,>=1.26 (1.0)",
    ]
    assert chains(graph, "Idna")[0] == "s.py -> requests[socks]<3 (1.0) -> idna<4 (1.0)"
    assert chains(graph, "tool") == ["s.py -> tool (1.0)"]


def test_a_chain_needs_the_extra(tmp_path: Path) -> None:
    """That `tool` asks for requests brings no PySocks."""
    graph = graph_of(tmp_path, REQUESTS, "tool", "requests[socks]<3")
    assert chains(graph, "pysocks") == ["s.py -> requests[socks]<3 (1.0) -> PySocks>1 (1.0)"]


def test_an_extra_that_brings_another(tmp_path: Path) -> None:
    own = {"a": ["a[x]; extra == 'all'", "b; extra == 'x'"], "b": []}
    graph = graph_of(tmp_path, own, "a[ALL]")
    assert chains(graph, "b") == ["s.py -> a[ALL] (1.0) -> b (1.0)"]


def test_who_is_not_there(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, REQUESTS, "tool")
    for name, near in (("urlib3", "urllib3"), ("zzz", None)):
        answer = explain_graph.why(graph, name, "install")
        assert (answer.version, answer.near, answer.chains) == (None, near, ())
    assert chains(graph, "pysocks") == [
        "PySocks 1.0: nothing that is known requires it".replace("PyS", "pys")
    ]


def test_packages_of_a_text_spec(tmp_path: Path) -> None:
    asked = Edge("idna", "infra/python/wheels/idna-py3 version:1.0")
    graph = graph_of(tmp_path, {"idna": []}, packages=(asked,))
    assert chains(graph, "idna") == ["s.py -> infra/python/wheels/idna-py3 version:1.0 (1.0)"]


def test_what_is_not_stored(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, {"requests": []}, "requests")
    other = Distribution(project="idna", name="idna", version="3", path=None)
    graph = replace(graph, known={**graph.known, "idna": other}, edges={**graph.edges, "idna": ()})
    with pytest.raises(ToolError) as caught:
        explain_graph.why(graph, "idna", "vpython-tool install s.py")
    assert caught.value.message == "who requires `idna` 3 is not known: wheels are not stored: `idna`"
    assert caught.value.hint == "`vpython-tool install s.py` stores them"
    assert explain_graph.account(graph)["distributions"][-1]["stored"] is False
    assert 'class="missing"' in graph_svg.draw(graph)


def test_no_more_chains_than_asked_for(tmp_path: Path) -> None:
    """Ten layers of eight have 8 ** 10 chains; a cycle has no end."""
    layers = [[f"n{layer}-{number}" for number in range(8)] for layer in range(10)]
    requires = {name: list(below) for above, below in itertools.pairwise(layers) for name in above}
    requires |= {name: ["end"] for name in layers[-1]} | {"end": ["n0-0"]}
    graph = graph_of(tmp_path, requires, *layers[0])
    begin = time.monotonic()
    assert len(chains(graph, "end")) == explain_graph.MOST_CHAINS + 1
    assert chains(graph, "end")[-1] == "and more"
    assert len(distribution_graph.branches(graph, explain_graph.described)) < 80 * 8 + 10
    assert time.monotonic() - begin < 5


def test_a_tree_repeats_nothing(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, REQUESTS | {"alone": ["tool"]}, "requests[socks]", "tool")
    assert distribution_graph.branches(graph, explain_graph.described) == [
        "requests 1.0",
        "  urllib3 1.0  [urllib3<3,>=1.26]",
        "  idna 1.0  [idna<4]",
        "  pysocks 1.0  [PySocks>1]",
        "tool 1.0",
        "  requests 1.0  (see above)",
        "alone 1.0",
        "  tool 1.0  (see above)",
    ]


def boxes(text: str) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of each box by its name."""
    found = {}
    for group in ElementTree.fromstring(text).iter(f"{SVG}g"):
        (rect,), (label,) = group.findall(f"{SVG}rect"), group.findall(f"{SVG}text")
        left, top, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        found[(label.text or "").strip()] = (left, top, left + width, top + height)
    return found


def test_a_drawing_in_layers(tmp_path: Path) -> None:
    requires = {
        "a": ["b", "c", "d"], "b": ["c"], "c": ["d<2", "a"], "d": [], "lonely": [],
        **{f"leaf{number}": [] for number in range(20)},
        "wide": [f"leaf{number}" for number in range(20)] + ["d"],
    }  # fmt: skip
    graph = graph_of(tmp_path, requires, "a", "wide")
    graph = replace(graph, root="<&>\x01\udcff.py")
    text = graph_svg.draw(graph)
    assert text == graph_svg.draw(replace(graph, known=dict(reversed(list(graph.known.items())))))
    found = boxes(text)
    assert set(found) == {r"<&>\x01\udcff.py", *requires}
    for name, edges in graph.edges.items():
        for edge in edges:
            if (name, edge.project) != ("c", "a"):  # closes a cycle
                assert found[name][2] < found[edge.project][0]
    for one, other in itertools.combinations(found.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    titles = re.findall(r"<title>(.*?)</title></path>", text)
    assert len(titles) == sum(map(len, graph.edges.values())) + 2
    assert "c -&gt; d&lt;2" in titles
    assert text.count('class="back"') == 1
    width, height = (float(size) for size in re.findall(r'viewBox="0 0 (\d+) (\d+)"', text)[0])
    assert all(
        min(left, top) > 0 and right < width and bottom < height
        for left, top, right, bottom in found.values()
    )


def test_a_drawing_of_nothing(tmp_path: Path) -> None:
    assert set(boxes(graph_svg.draw(graph_of(tmp_path, {})))) == {"s.py"}
