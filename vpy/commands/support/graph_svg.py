"""Drawing of a graph of distributions as SVG: layers from left to right, a requirement never goes back.

Layers are by the longest chain, their order by the mean of the neighbours (Sugiyama, Tagawa and Toda 1981). A
requirement that passes layers has a lane in each of them, so that it goes under no box; those of one project
share their lanes, which lead to it alone.
"""

from __future__ import annotations

import html
import itertools

from bootstrap import shown
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpy.commands.support.distribution_graph import Graph

    Node = tuple[str, ...]  # (project,), or (project, layer) of the lane that leads to it
    Layers = list[list[Node]]
    Links = dict[Node, list[Node]]

ROOT = ""
SWEEPS = 12
LETTER, HEIGHT, PADDING = 7.3, 24.0, 10.0
ROW, LANE, GAP, MARGIN = 34.0, 12.0, 64.0, 16.0
# Legible on white and on black: boxes have a ground of their own, lines are halfway.
STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1d2a4d}.v{fill:#52608a}"
    "rect{fill:#f4f6fb;stroke:#6b7fae}.root rect{fill:#dbe4fb}.missing rect{stroke-dasharray:4 3}"
    "path{fill:none;stroke:#7488a8;stroke-width:1.2}.back{stroke-dasharray:4 3}"
)


@value
class _Column:
    """Layer on the page: its left edge and the width of its boxes."""

    left: float
    width: float


def draw(graph: Graph) -> str:
    """Return the graph as an SVG; the same for the same graph."""
    every = _edges(graph)
    edges = _forward(every)
    layer = _layers_of(edges)
    layers, below = _with_lanes(edges, layer)
    above: Links = {}
    for node, links in below.items():
        for link in links:
            above.setdefault(link, []).append(node)
    _order(layers, above, below)
    heights = _heights(layers, above, below)
    columns = list(_columns(graph, layers))
    width = columns[-1].left + columns[-1].width + MARGIN
    height = max(heights.values()) + HEIGHT / 2 + MARGIN
    body = [
        *_lines(graph, every, layer, columns, heights),
        *(
            _box(graph, node[0], columns[number], heights[node])
            for number, nodes in enumerate(layers)
            for node in nodes
            if len(node) == 1
        ),
    ]
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    title = _text(f"Distributions of {graph.root}")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{title}</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *body, "</svg>\n"])


def _text(text: str) -> str:
    """Return a text as XML can have it: names of files may hold controls, or no text at all."""
    return html.escape(shown.line(text)).encode("utf-8", "backslashreplace").decode("utf-8")


def _edges(graph: Graph) -> dict[str, dict[str, str]]:
    """Return the texts of requirements by asker and project; what nobody asks for is the spec's."""
    edges = {ROOT: graph.tops, **{name: graph.edges[name] for name in sorted(graph.known)}}
    found: dict[str, dict[str, list[str]]] = {name: {} for name in edges}
    for name, rows in edges.items():
        for edge in sorted(rows, key=lambda edge: edge.project):
            if edge.project in graph.known and edge.project != name:
                found[name].setdefault(edge.project, []).append(edge.text)
    return {name: {one: ", ".join(texts) for one, texts in row.items()} for name, row in found.items()}


def _forward(edges: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the edges without those that close a cycle; one that nothing leads to is put below the spec."""
    kept: dict[str, dict[str, str]] = {}
    open_nodes: set[str] = set()

    def visit(name: str) -> None:
        open_nodes.add(name)
        kept[name] = {}
        for other, text in edges[name].items():
            if other in open_nodes:
                continue
            kept[name][other] = text
            if other not in kept:
                visit(other)
        open_nodes.discard(name)

    visit(ROOT)
    for name in edges:
        if name not in kept:
            kept[ROOT][name] = ""
            visit(name)
    return kept


def _layers_of(edges: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """Return how long the longest chain to each distribution is."""
    layer = {ROOT: 0}
    # One pass settles at least one more distribution: there are no cycles.
    for _ in edges:
        before = dict(layer)
        for name, others in edges.items():
            for other in others if name in layer else ():
                layer[other] = max(layer.get(other, 0), layer[name] + 1)
        if layer == before:
            break
    return layer


def _with_lanes(edges: Mapping[str, Mapping[str, str]], layer: Mapping[str, int]) -> tuple[Layers, Links]:
    """Return the nodes of each layer, the lanes through it included, and what each leads to."""
    layers: list[dict[Node, None]] = [{} for _ in range(max(layer.values()) + 1)]
    below: dict[Node, dict[Node, None]] = {}
    for name in sorted(layer):
        layers[layer[name]][(name,)] = None
    for name, others in edges.items():
        for other in others:
            way = _way(name, other, layer)
            for node, link in itertools.pairwise(way):
                below.setdefault(node, {})[link] = None
            for number, node in enumerate(way[1:-1], layer[name] + 1):
                layers[number][node] = None
    return [list(nodes) for nodes in layers], {node: list(links) for node, links in below.items()}


def _way(name: str, other: str, layer: Mapping[str, int]) -> list[Node]:
    lanes: list[Node] = [(other, str(number)) for number in range(layer[name] + 1, layer[other])]
    return [(name,), *lanes, (other,)]


def _order(layers: Layers, above: Links, below: Links) -> None:
    """Order each layer by the mean of its neighbours, to and fro."""
    for sweep in range(SWEEPS):
        place = {node: float(number) for nodes in layers for number, node in enumerate(nodes)}
        links = below if sweep % 2 else above
        for nodes in reversed(layers) if sweep % 2 else layers:
            nodes.sort(key=lambda node: (_mean(node, links, place), node))
            place.update((node, float(number)) for number, node in enumerate(nodes))


def _mean(node: Node, links: Links, place: Mapping[Node, float]) -> float:
    others = links.get(node)
    return sum(place[other] for other in others) / len(others) if others else place[node]


def _heights(layers: Layers, above: Links, below: Links) -> dict[Node, float]:
    """Return the middle of each node: near its neighbours, none upon another."""
    height: dict[Node, float] = {}
    for nodes in layers:
        height.update(zip(nodes, _spread(nodes, [0.0] * len(nodes))))
    for sweep in range(SWEEPS):
        links = below if sweep % 2 else above
        for nodes in reversed(layers) if sweep % 2 else layers:
            wanted = [_mean(node, links, height) for node in nodes]
            height.update(zip(nodes, _spread(nodes, wanted)))
    top = min(height.values()) - HEIGHT / 2 - MARGIN
    return {node: each - top for node, each in height.items()}


def _spread(nodes: Sequence[Node], wanted: Sequence[float]) -> list[float]:
    """Return heights in order, as near to those wanted as the distances allow (least squares)."""
    offsets = [0.0]
    for node, other in itertools.pairwise(nodes):
        offsets.append(offsets[-1] + (ROW if len(node) == len(other) == 1 else LANE + HEIGHT / 2))
        if len(node) > 1 and len(other) > 1:
            offsets[-1] = offsets[-2] + LANE
    blocks: list[tuple[float, int]] = []  # mean and size of what moves together
    for offset, each in zip(offsets, wanted):
        mean, size = each - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, more = blocks.pop()
            mean, size = (mean * size + before * more) / (size + more), size + more
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets)]


def _columns(graph: Graph, layers: Layers) -> Iterator[_Column]:
    left = MARGIN
    for nodes in layers:
        longest = max(len(" ".join(_label(graph, node[0]))) for node in nodes if len(node) == 1)
        width = longest * LETTER + 2 * PADDING
        yield _Column(left, width)
        left += width + GAP


def _label(graph: Graph, name: str) -> tuple[str, str]:
    """Return the name and the version of a box."""
    return (graph.root, "") if name == ROOT else (graph.known[name].name, graph.known[name].version)


def _lines(
    graph: Graph,
    edges: Mapping[str, Mapping[str, str]],
    layer: Mapping[str, int],
    columns: Sequence[_Column],
    heights: Mapping[Node, float],
) -> Iterator[str]:
    for name, others in edges.items():
        for other, text in others.items():
            if not text and name == ROOT:  # nobody asks for it
                continue
            title = _text(f"{_label(graph, name)[0]} -> {text}")
            if layer[name] < layer[other]:
                path = _curves(_way(name, other, layer), columns[layer[name] :], heights)
                yield f'<path d="{path}"><title>{title}</title></path>'
            else:  # it closes a cycle
                first, last = columns[layer[name]], columns[layer[other]]
                path = _curve(first.left, heights[(name,)], last.left + last.width, heights[(other,)])
                yield f'<path class="back" d="{path}"><title>{title}</title></path>'


def _curves(way: Sequence[Node], columns: Sequence[_Column], heights: Mapping[Node, float]) -> str:
    """Return a line through its lanes, from the right of the first box to the left of the last."""
    at, height, parts = columns[0].left + columns[0].width, heights[way[0]], []
    for column, node in zip(columns[1:], way[1:]):
        parts.append(_curve(at, height, column.left, heights[node]))
        at, height = column.left + column.width, heights[node]
        if len(node) > 1:
            parts.append(f"H{at:.1f}")
    return "".join(parts)


def _curve(left: float, top: float, right: float, bottom: float) -> str:
    middle = (left + right) / 2
    return f"M{left:.1f} {top:.1f}C{middle:.1f} {top:.1f} {middle:.1f} {bottom:.1f} {right:.1f} {bottom:.1f}"


def _box(graph: Graph, name: str, column: _Column, height: float) -> str:
    label, version = map(_text, _label(graph, name))
    kind = "root" if name == ROOT else "missing" if graph.known[name].path is None else "box"
    return (
        f'<g class="{kind}"><rect x="{column.left:.1f}" y="{height - HEIGHT / 2:.1f}" '
        f'width="{column.width:.1f}" height="{HEIGHT:.0f}" rx="5"/>'
        f'<text x="{column.left + PADDING:.1f}" y="{height + 4:.1f}">{label} '
        f'<tspan class="v">{version}</tspan></text></g>'
    )
