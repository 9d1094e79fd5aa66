"""Tables of figures, for the terminal and for a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from retouch.metrics.writing import aligned, markdown_cell, markdown_line, number
from retouch.tasks.inpaint.recipe.figures import TOTAL, Better, Difference, Figure

TRUE = "(true pictures)"
"""The row of the pictures themselves, where their own figure is what a method should reach."""

_ARROWS: dict[Better, str] = {"higher": "↑", "lower": "↓", "nearest": "→"}


def text(figures: Sequence[Figure], notes: Sequence[str]) -> str:
    """The totals for a person, a table for each kind of holes; the best of each column has a star.

    Args:
        figures: of all kinds.
        notes: what was left out.
    """
    parts = []
    for holes in dict.fromkeys(figure.holes for figure in figures):
        table = aligned(_rows(_of(figures, holes, TOTAL), spread=False))
        parts.append(f"{holes} holes\n{table}")
    gone = _gone(figure for figure in figures if figure.area == TOTAL)
    return "\n\n".join([*parts, *filter(None, ["\n".join([*notes, *gone])])])


def markdown(figures: Sequence[Figure], differences: Sequence[Difference], notes: Sequence[str]) -> str:
    """Everything for a document: a table for each kind of holes, differences, and the protocols.

    Args:
        figures: of all kinds.
        differences: between methods.
        notes: what was left out.
    """
    parts = [
        "# Filled holes",
        "",
        "Mean ± standard deviation over pictures; the best of each column is bold.",
    ]
    for holes in dict.fromkeys(figure.holes for figure in figures):
        parts += ["", f"## {markdown_cell(holes)}", ""]
        for area in dict.fromkeys(figure.area for figure in figures if figure.holes == holes):
            head, *rows = _rows(_of(figures, holes, area), spread=True)
            if area == TOTAL:
                parts += [markdown_line(["area", *head]), markdown_line(["---"] * (len(head) + 1))]
            parts += [markdown_line([area, *row]) for row in rows]
    if differences:
        parts += ["", "## Differences on the same pictures", "", "Mean, and its 95 % interval over pictures."]
        parts += ["", *_of_differences(differences)]
    parts += ["", "## Protocol", ""]
    protocols = dict.fromkeys((figure.metric, figure.protocol) for figure in figures)
    parts += [f"- `{metric}`: {markdown_cell(protocol)}" for metric, protocol in protocols]
    circumstances = dict.fromkeys((figure.holes, figure.circumstances) for figure in figures)
    parts += [f"- {markdown_cell(holes)}: {markdown_cell(text)}" for holes, text in circumstances]
    if left := [*notes, *_gone(figures)]:
        parts += ["", "## Left out", "", *(f"- {markdown_cell(line)}" for line in left)]
    return "\n".join(parts) + "\n"


def _of(figures: Sequence[Figure], holes: str, area: str) -> list[Figure]:
    return [figure for figure in figures if (figure.holes, figure.area) == (holes, area)]


def _rows(figures: Sequence[Figure], *, spread: bool) -> list[tuple[str, ...]]:
    """The cells of one table, its head first."""
    here = {(figure.method, figure.metric): figure for figure in figures}
    better = {figure.metric: figure.better for figure in figures}
    best = {name: _best([figure for figure in figures if figure.metric == name]) for name in better}
    rows = [("method", "n", *(f"{name} {_ARROWS[which]}" for name, which in better.items()))]
    for method in dict.fromkeys(figure.method for figure in figures):
        count = max(figure.n for figure in figures if figure.method == method)
        found = [here.get((method, name)) for name in better]
        cells = [_shown(one, spread, best=one is not None and one is best[one.metric]) for one in found]
        rows.append((markdown_cell(method) if spread else method, str(count), *cells))
    ideals = {figure.metric: figure.ideal for figure in figures if figure.ideal is not None}
    if ideals:
        rows.append((TRUE, "", *(number(ideals[name]) if name in ideals else "" for name in better)))
    return rows


def _of_differences(differences: Sequence[Difference]) -> list[str]:
    metrics = list(dict.fromkeys(one.metric for one in differences))
    found = {(one.holes, one.method, one.other, one.metric): one for one in differences}
    lines = [
        markdown_line(["holes", "method", "less", *metrics]),
        markdown_line(["---"] * (3 + len(metrics))),
    ]
    for holes, method, other in dict.fromkeys((one.holes, one.method, one.other) for one in differences):
        cells = [markdown_cell(holes), markdown_cell(method), markdown_cell(other)]
        for metric in metrics:
            one = found.get((holes, method, other, metric))
            cells.append("–" if one is None else f"{one.value:+.4f} ({one.low:+.4f} … {one.high:+.4f})")
        lines.append(markdown_line(cells))
    return lines


def _gone(figures: Iterable[Figure]) -> list[str]:
    """A line for each reason, with all that it is about."""
    reasons: dict[tuple[str, str, str], dict[str, None]] = {}
    for one in figures:
        if one.missing:
            reasons.setdefault((one.holes, one.area, one.missing), {})[one.metric] = None
    return [f"{holes}, {area}: no {', '.join(names)}: {why}" for (holes, area, why), names in reasons.items()]


def _best(figures: Sequence[Figure]) -> Figure | None:
    """The best of a column; None when there is nothing to choose from."""
    known = [figure for figure in figures if figure.value is not None]
    if len(known) < 2:
        return None
    return min(known, key=_badness)


def _badness(figure: Figure) -> float:
    value = figure.value or 0.0
    if figure.better == "nearest":
        return abs(value - (figure.ideal or 0.0))
    return value if figure.better == "lower" else -value


def _shown(figure: Figure | None, spread: bool, *, best: bool) -> str:
    if figure is None or figure.value is None:
        return "–"
    text = number(figure.value)
    if best:
        text = f"**{text}**" if spread else f"{text}*"
    if spread and figure.deviation is not None:
        text += f" ± {number(figure.deviation)}"
    return text
