"""The page about a run: curves, pictures over time, warnings, weights, and everything needed to repeat it.

It is one file that loads nothing, made from what lies in the run's folder; whatever is missing there
is left out.
"""

from __future__ import annotations

import base64
import html
import importlib
import re
import secrets
import string
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import yaml

from retouch.errors import RetouchError, WeightsError
from retouch.image import Picture
from retouch.training import tables
from retouch.training.charts import Curve, chart, short
from retouch.training.logs import ABOUT_THE_RUN, VALIDATION, read_figures
from retouch.weights.card import KEY, Card

PAGE = "report.html"
MOST_FRAMES = 12
"""Moments of the run at which a sample picture is shown, the first and the last among them."""

MOST_BYTES = 12_000_000
"""Of all sample pictures on the page together."""

SAME_MEASURE = f"{VALIDATION}train_"
"""Figures measured on training examples in the way of a validation, so that the two can be compared."""

_PROSE = ("recipe", "data", "command", "options", "environment")

Figures = Mapping[str, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class Folder:
    """What a run's folder holds, as far as it can be read.

    Args:
        run: the folder.
        record: what ``run.yaml`` says.
        figures: the curves.
        cards: file name → card of the weights.
        warnings: ``(images, message)``; images are empty when the line does not say them.
    """

    run: Path
    record: Mapping[str, object]
    figures: Figures
    cards: Mapping[str, Card]
    warnings: Sequence[tuple[str, str]]

    @property
    def best(self) -> int | None:
        """The images after which the best weights were saved."""
        seen = [card.images_seen for name, card in self.cards.items() if name.startswith("best")]
        return seen[0] if seen else None


def write_report(run: Path) -> Path:
    """Write a run's page; the file appears complete or not at all.

    Args:
        run: the run's folder.

    Returns:
        The page, ``report.html`` in that folder.
    """
    folder = _opened(run)
    template = string.Template((resources.files("retouch.training") / PAGE).read_text(encoding="utf-8"))
    sections = {
        "Pictures": _films(run / "samples"),
        "Curves": _curves(folder),
        "Figures": _table_of_figures(folder),
        "Weights": _weights(folder),
        "How it was run": _record(folder.record),
    }
    text = template.substitute(
        title=html.escape(f"{run.absolute().name}: training report"),
        heading=html.escape(run.absolute().name),
        lead=_lead(folder),
        tiles=_tiles(folder),
        warnings=_warnings(folder.warnings),
        sections="\n".join(f"<h2>{title}</h2>\n{body}" for title, body in sections.items() if body),
        version=html.escape(importlib.import_module("retouch").__version__),
        written=time.strftime("%Y-%m-%d %H:%M"),
    )
    page = run / PAGE
    draft = run / f".{PAGE}-{secrets.token_hex(4)}"
    try:
        draft.write_text(text, encoding="utf-8", errors="replace")
        draft.replace(page)
    finally:
        draft.unlink(missing_ok=True)
    return page


def _opened(run: Path) -> Folder:
    record: object = None
    try:
        record = yaml.safe_load((run / "run.yaml").read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        record = {}
    except (OSError, yaml.YAMLError, RecursionError) as error:
        record = {"run.yaml": f"cannot be read: {error}"}
    if not isinstance(record, Mapping):
        record = {"run.yaml": f"holds no mapping but {str(record)[:200]}"}
    return Folder(run, record, read_figures(run / "log.csv"), _cards(run), _noted(run / "warnings.txt"))


def _cards(run: Path) -> dict[str, Card]:
    """Read the cards of the run's weights, and not the tensors: the page is written often."""
    from safetensors import SafetensorError, safe_open

    found = {}
    for path in sorted(run.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as opened:
                found[path.name] = Card.from_json((opened.metadata() or {})[KEY])
        except (SafetensorError, WeightsError, OSError, KeyError, ValueError):
            continue
    return found


def _noted(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = [re.fullmatch(r"(?:(\d+)\t)?(.*)", line) for line in lines if line.strip()]
    return list({match[2]: (match[1] or "", match[2]) for match in found if match}.values())


def _lead(folder: Folder) -> str:
    record, parts = folder.record, []
    if record.get("recipe"):
        where = f" on <b>{html.escape(str(record['data']))}</b>" if record.get("data") else ""
        parts.append(f"<b>{html.escape(str(record['recipe']))}</b>{where}")
    images = max((points[-1][0] for points in folder.figures.values()), default=0)
    if images:
        took = f" in {_duration(folder.figures['seconds'][-1][1])}" if "seconds" in folder.figures else ""
        parts.append(f"{images:,} images seen{took}")
    return ", ".join(parts) + "." if parts else "There is nothing in the log yet."


def _tiles(folder: Folder) -> str:
    tiles = []
    for metric in _metrics(folder.figures)[:4]:
        points = folder.figures[VALIDATION + metric]
        at = folder.best if folder.best in dict(points) else points[-1][0]
        note = "with the best weights" if at == folder.best else "at the last validation"
        learned = dict(folder.figures.get(SAME_MEASURE + metric, ())).get(at)
        if learned is not None:
            note += f"; {short(learned)} on training pictures"
        tiles.append((f"Validation {_titled(metric)}", short(dict(points)[at]), note))
    for name in ("images_per_second", "waiting"):
        if name in folder.figures:
            middle = float(np.median([value for _, value in folder.figures[name]]))
            shown = f"{100 * middle:.2g} %" if name == "waiting" else short(middle)
            tiles.append(
                ("Waiting for data" if name == "waiting" else "Speed", shown, _unit(name, folder.record))
            )
    if not tiles:
        return ""
    cells = "".join(
        f"<div><dl><dt>{html.escape(name)}</dt><dd>{html.escape(value)}"
        f"<small>{html.escape(note)}</small></dd></dl></div>"
        for name, value, note in tiles
    )
    return f'<div class="tiles">{cells}</div>'


def _unit(name: str, record: Mapping[str, object]) -> str:
    if name == "waiting":
        return "of the time, median"
    environment = record.get("environment")
    device = (
        environment.get("gpu") or environment.get("processor") if isinstance(environment, Mapping) else ""
    )
    return f"images/s, median{f', {device}' if device else ''}"


def _warnings(warnings: Sequence[tuple[str, str]]) -> str:
    if not warnings:
        return ""
    items = "".join(
        f"<li>{html.escape(message)}{f' <span>(after {int(images):,} images)</span>' if images else ''}</li>"
        for images, message in warnings
    )
    return f'<aside class="warnings"><h2>Look at this first</h2><ul>{items}</ul></aside>'


def _films(samples: Path) -> str:
    """Show each kind of sample picture as it changed over the run."""
    kinds: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(samples.glob("*")) if samples.is_dir() else ():
        if match := re.fullmatch(r"(\d{1,15})-(.+)\.(?:jpe?g|png)", path.name):
            kinds.setdefault(match[2], []).append((int(match[1]), path))
    names = sorted(kinds, key=lambda kind: (not kind.startswith("validation"), kind))[:6]
    chosen = {kind: _spread(sorted(kinds[kind])) for kind in names}
    limit = MOST_BYTES // max(1, sum(map(len, chosen.values())))
    films = []
    for kind, frames in chosen.items():
        shown = [(at, source) for at, path in frames if (source := _inlined(path, limit))]
        if not shown:
            continue
        height, width = _size(frames[-1][1])
        pictures = "".join(
            f'<img src="{source}" data-at="{at:,} images" alt="{tables.words(kind)} after {at:,} images"'
            f"{'' if number == len(shown) - 1 else ' hidden'}>"
            for number, (at, source) in enumerate(shown)
        )
        slider = (
            f'<input type="range" min="0" max="{len(shown) - 1}" value="{len(shown) - 1}" '
            f'autocomplete="off" aria-label="{tables.words(kind)}: moment of the run">'
            if len(shown) > 1
            else ""
        )
        films.append(
            f'<div class="film" style="--w: {width}; --h: {height}"><h3>{tables.words(kind)}</h3>'
            f'<div class="frames">{pictures}</div>'
            f'<div class="time">{slider}<output>{shown[-1][0]:,} images</output></div></div>'
        )
    return "".join(films)


def _spread(frames: Sequence[tuple[int, Path]]) -> list[tuple[int, Path]]:
    if len(frames) <= MOST_FRAMES:
        return list(frames)
    places = np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int)
    return [frames[place] for place in places]


def _inlined(path: Path, limit: int) -> str:
    """Put a picture into a data URI of no more than so many characters; empty when it cannot be read."""
    try:
        data = path.read_bytes()
        if len(data) * 4 // 3 > limit:
            data = _made_smaller(Picture.open(data).tensor(), limit * 3 // 4)
    except (OSError, RetouchError):
        return ""
    kind = "jpeg" if data.startswith(b"\xff\xd8\xff") else "png" if data.startswith(b"\x89PNG") else ""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if kind else ""


def _size(path: Path) -> tuple[int, int]:
    try:
        return Picture.open(path).size
    except (OSError, RetouchError):
        return 1, 1


def _made_smaller(pixels: torch.Tensor, limit: int) -> bytes:
    """Encode a picture (1, 3, H, W) as a JPEG of no more than so many bytes; nothing if that cannot be."""
    from retouch.image.write import encoded

    while min(pixels.shape[2:]) >= 8:
        data = encoded(Picture.of(pixels), "JPEG", quality=75, bit_depth=8)
        if len(data) <= limit:
            return data
        factor = max(0.5, min(0.9, (limit / len(data)) ** 0.5))
        size = (int(pixels.shape[2] * factor), int(pixels.shape[3] * factor))
        pixels = torch.nn.functional.interpolate(pixels, size, mode="area")
    return b""


def _metrics(figures: Figures) -> list[str]:
    """Name what was measured on the validation pictures."""
    return [
        name.removeprefix(VALIDATION)
        for name in figures
        if name.startswith(VALIDATION) and not name.startswith(SAME_MEASURE)
    ]


def _curves(folder: Folder) -> str:
    figures, charts = folder.figures, []
    for metric in _metrics(figures):
        curves = [Curve("validation", "validation", figures[VALIDATION + metric])]
        if SAME_MEASURE + metric in figures:
            curves.insert(0, Curve("training", "training", figures[SAME_MEASURE + metric]))
        charts.append(chart(_titled(metric), curves, mark=folder.best))
    for name, points in figures.items():
        if name.startswith(VALIDATION) or name in ABOUT_THE_RUN:
            continue
        charts.append(
            chart(f"Loss: {tables.spoken(name)}", [Curve("training", "training", points)], mark=folder.best)
        )
    if "images_per_second" in figures:
        charts.append(
            chart("Images per second", [Curve("the run", "training", figures["images_per_second"])])
        )
    if max((share for _, share in figures.get("waiting", ())), default=0.0) > 0.02:
        percent = [(at, 100 * share) for at, share in figures["waiting"]]
        charts.append(chart("Waiting for data, % of the time", [Curve("the run", "training", percent)]))
    if not charts:
        return ""
    note = "Over the images seen. Point at a curve to read it."
    if folder.best is not None:
        note += f" The dashed line is where the best weights were saved, after {folder.best:,} images."
    return f'<p class="note">{note}</p><div class="charts">{"".join(charts)}</div>'


def _table_of_figures(folder: Folder) -> str:
    rows = []
    for metric in _metrics(folder.figures):
        points = folder.figures[VALIDATION + metric]
        learned = folder.figures.get(SAME_MEASURE + metric)
        at_best = dict(points).get(folder.best) if folder.best is not None else None
        rows.append(
            [
                _titled(metric),
                short(at_best, even=True) if at_best is not None else "–",
                short(points[-1][1], even=True),
                short(learned[-1][1], even=True) if learned else "–",
                _difference(points[-1][1], learned[-1][1]) if learned else "–",
            ]
        )
    if not rows:
        return ""
    protocols = {
        f"{metric.get('protocol', '')}, {metric.get('n', '?')} pictures"
        for card in folder.cards.values()
        for metric in card.metrics
        if metric.get("protocol")
    }
    head = ["metric", "best weights", "validation, last", "training, last", "gap"]
    note = f'<p class="note">Protocol: {html.escape("; ".join(sorted(protocols)))}.</p>' if protocols else ""
    return f'<div class="wrap">{tables.table(head, rows)}</div>{note}'


def _difference(one: float, other: float) -> str:
    return f"{'+' if one >= other else '−'}{short(abs(one - other), even=True)}"


def _titled(metric: str) -> str:
    """Write a metric's name as papers do: short ones are abbreviations."""
    return metric.upper() if len(metric) <= 4 else tables.spoken(metric)


def _weights(folder: Folder) -> str:
    rows, settings = [], []
    for name, card in folder.cards.items():
        size = (folder.run / name).stat().st_size / 1e6
        rows.append([name, card.architecture, f"{card.images_seen or 0:,}", f"{size:.1f} MB"])
        if card.settings:
            settings.append(tables.facts(card.settings, f"Applying {name}"))
    if not rows:
        return ""
    head = ["file", "architecture", "images seen", "size"]
    return f'<div class="wrap">{tables.table(head, rows)}</div><div class="columns">{"".join(settings)}</div>'


def _record(record: Mapping[str, object]) -> str:
    command = str(record.get("command") or "")
    # A line must not break between an option's hyphens and its name.
    whole = re.sub(r"(?<= )(--?[\w.-]+)", r'<span class="word">\1</span>', html.escape(command))
    parts = [f'<pre tabindex="0"><code>{whole}</code></pre>'] if command else []
    sections = []
    for name, value in record.items():
        if name not in _PROSE and isinstance(value, Mapping):
            sections.append(tables.facts(value, str(name)))
    rest = {key: item for key, item in record.items() if key not in _PROSE and not isinstance(item, Mapping)}
    if rest := {key: item for key, item in rest.items() if item is not None}:
        sections.append(tables.facts(rest, "Notes"))
    for name in ("environment", "options"):
        value = record.get(name)
        if isinstance(value, Mapping):
            sections.append(tables.facts(value, name))
    if sections:
        parts.append(f'<div class="columns">{"".join(sections)}</div>')
    return "".join(parts)


def _duration(seconds: float) -> str:
    minutes, hours = round(seconds / 60), int(seconds // 3600)
    if hours:
        return f"{hours} h {minutes - 60 * hours} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
