"""Tables of figures, for the terminal and for a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
        rows = _rows(_of(figures, holes, TOTAL), spread=False)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            ).rstrip()
            for row in rows
        ]
        parts.append("\n".join([f"{holes} holes", *lines]))
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
        parts += ["", f"## {_cell(holes)}", ""]
        for area in dict.fromkeys(figure.area for figure in figures if figure.holes == holes):
            head, *rows = _rows(_of(figures, holes, area), spread=True)
            if area == TOTAL:
                parts += [_line(["area", *head]), _line(["---"] * (len(head) + 1))]
            parts += [_line([area, *row]) for row in rows]
    if differences:
        parts += ["", "## Differences on the same pictures", "", "Mean, and its 95 % interval over pictures."]
        parts += ["", *_of_differences(differences)]
    parts += ["", "## Protocol", ""]
    protocols = dict.fromkeys((figure.metric, figure.protocol) for figure in figures)
    parts += [f"- `{metric}`: {_cell(protocol)}" for metric, protocol in protocols]
    circumstances = dict.fromkeys((figure.holes, figure.circumstances) for figure in figures)
    parts += [f"- {_cell(holes)}: {_cell(text)}" for holes, text in circumstances]
    if left := [*notes, *_gone(figures)]:
        parts += ["", "## Left out", "", *(f"- {_cell(line)}" for line in left)]
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
        rows.append((_cell(method) if spread else method, str(count), *cells))
    ideals = {figure.metric: figure.ideal for figure in figures if figure.ideal is not None}
    if ideals:
        rows.append((TRUE, "", *(_number(ideals[name]) if name in ideals else "" for name in better)))
    return rows


def _of_differences(differences: Sequence[Difference]) -> list[str]:
    metrics = list(dict.fromkeys(one.metric for one in differences))
    found = {(one.holes, one.method, one.other, one.metric): one for one in differences}
    lines = [_line(["holes", "method", "less", *metrics]), _line(["---"] * (3 + len(metrics)))]
    for holes, method, other in dict.fromkeys((one.holes, one.method, one.other) for one in differences):
        cells = [_cell(holes), _cell(method), _cell(other)]
        for metric in metrics:
            one = found.get((holes, method, other, metric))
            cells.append("–" if one is None else f"{one.value:+.4f} ({one.low:+.4f} … {one.high:+.4f})")
        lines.append(_line(cells))
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
    text = _number(figure.value)
    if best:
        text = f"**{text}**" if spread else f"{text}*"
    if spread and figure.deviation is not None:
        text += f" ± {_number(figure.deviation)}"
    return text


def _number(value: float) -> str:
    digits = 2 if abs(value) >= 10 else 3 if abs(value) >= 1 else 4
    return f"{value:.{digits}f}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
