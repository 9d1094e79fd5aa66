"""The page that shows a sweep: one file beside its pictures, no network."""

from __future__ import annotations

import base64
import html
import io
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from retouch import __version__
from retouch.image.write import put
from retouch.sweep.facts import brief, figure
from retouch.sweep.grid import thumbnail
from retouch.sweep.ledger import MOVING
from retouch.sweep.tables import rows

if TYPE_CHECKING:
    from retouch.sweep.axes import Axis
    from retouch.sweep.ledger import Outcome
    from retouch.sweep.plan import Cell
    from retouch.sweep.run import Swept

PAGE = "index.html"

_THUMB = 120
_IN_A_ROW = 6


def write_page(swept: Swept) -> Path:
    """Write the page.

    Args:
        swept: the finished sweep, its pictures and grids written.

    Returns:
        The file, ``index.html``.
    """
    template = string.Template((resources.files("retouch.sweep") / "page.html").read_text(encoding="utf-8"))
    plan = swept.plan
    axes = " × ".join(axis.name for axis in plan.axes)
    heads = {
        (axis.name, number): _head(axis, number) for axis in plan.axes for number in range(len(axis.values))
    }
    outcomes = {outcome.key: outcome for outcome in swept.outcomes}
    sections = [
        _section(swept, number, outer, cells, outcomes, heads)
        for number, (outer, cells) in enumerate(plan.grids)
    ]
    page = template.substitute(
        version=html.escape(__version__),
        title=html.escape(f"{plan.edit.name}: {axes}"),
        summary=html.escape(plan.edit.summary),
        count=_count(swept),
        fixed="".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in plan.fixed.items()
        ),
        sections="\n".join(sections),
        table=_table(swept),
    )
    put(swept.folder / PAGE, page.encode("utf-8", "backslashreplace"), overwrite=True)
    return swept.folder / PAGE


def _count(swept: Swept) -> str:
    failed = len(swept.failed)
    seconds = sum(outcome.seconds for outcome in swept.outcomes)
    return f"{len(swept.outcomes)} cells, {failed} failed, {seconds:.1f} s of work in all"


def _section(
    swept: Swept,
    number: int,
    outer: Sequence[tuple[Axis, int]],
    cells: Sequence[Cell],
    outcomes: dict[str, Outcome],
    heads: dict[tuple[str, int], str],
) -> str:
    """One grid as a table of pictures."""
    axes = swept.plan.axes
    across, down = axes[-1], axes[-2] if len(axes) > 1 else None
    shots = [_shot(cell, outcomes[cell.key], swept) for cell in cells]
    title = "".join(f"<span>{html.escape(axis.name)} {heads[axis.name, at]}</span> " for axis, at in outer)
    grid = quote(swept.grids[number].name)
    lines = [f"<h2>{title}</h2>" if title else "", f'<p><a href="{grid}">This grid as one picture</a></p>']
    lines.append('<div class="scroll"><table class="grid">')
    if down is None:
        for start in range(0, len(shots), _IN_A_ROW):
            some = range(start, min(start + _IN_A_ROW, len(shots)))
            lines.append("<tr>" + "".join(f"<th>{heads[across.name, at]}</th>" for at in some) + "</tr>")
            lines.append("<tr>" + "".join(f"<td>{shots[at]}</td>" for at in some) + "</tr>")
    else:
        wide = len(across.values)
        corner = f"{html.escape(down.name)} ↓ {html.escape(across.name)} →"
        named = "".join(f'<th scope="col">{heads[across.name, at]}</th>' for at in range(wide))
        lines.append(f'<tr><th class="corner">{corner}</th>{named}</tr>')
        for row in range(len(down.values)):
            some_shots = "".join(f"<td>{shot}</td>" for shot in shots[row * wide : (row + 1) * wide])
            lines.append(f'<tr><th scope="row">{heads[down.name, row]}</th>{some_shots}</tr>')
    lines.append("</table></div>")
    return "\n".join(lines)


def _head(axis: Axis, number: int) -> str:
    label = html.escape(axis.labels[number])
    image = thumbnail(axis.pictures[number], _THUMB)
    if image is None:
        return label
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    source = base64.b64encode(data.getvalue()).decode("ascii")
    return f'<img class="input" src="data:image/jpeg;base64,{source}" alt=""> {label}'


def _shot(cell: Cell, outcome: Outcome, swept: Swept) -> str:
    """A cell's picture with what is worth saying of it, or why there is none."""
    if outcome.error:
        return f'<p class="error"><b>{html.escape(outcome.error)}</b><br>{html.escape(outcome.message)}</p>'
    source = quote(outcome.file)
    moving = next((name for name in outcome.companions if name.endswith(MOVING)), None)
    # The size is the still's; of what moves the page finds it out.
    size = f' width="{outcome.width}" height="{outcome.height}"' if moving is None else ""
    shown = quote(moving or outcome.file)
    stem = Path(outcome.file).stem
    beside = "".join(
        f' <a href="{quote(name)}">{html.escape(Path(name).name[len(stem) + 1 :])}</a>'
        for name in sorted(outcome.companions)
    )
    return (
        f'<a href="{source}"><img src="{shown}" alt="{html.escape(cell.title)}" loading="lazy"{size}></a>'
        f"<p>{html.escape(brief(outcome, swept.outcomes))}{beside}</p>"
    )


def _table(swept: Swept) -> str:
    """Everything that was measured."""
    table = rows(swept)
    names = [name for name in table[0] if name not in ("file", "error") or any(row[name] for row in table)]
    lines = ["<tr>" + "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names) + "</tr>"]
    for row in table:
        items = []
        for name in names:
            words = html.escape(figure(row[name]))
            if name == "file" and row[name]:
                words = f'<a href="{quote(str(row[name]))}">{html.escape(Path(str(row[name])).name)}</a>'
            kind = ' class="figure"' if isinstance(row[name], int | float) else ""
            items.append(f"<td{kind}>{words}</td>")
        lines.append("<tr>" + "".join(items) + "</tr>")
    return "\n".join(lines)
