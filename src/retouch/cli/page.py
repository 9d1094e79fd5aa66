"""The page of before/after pictures that ``retouch demo`` writes: one file, no network."""

from __future__ import annotations

import html
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from retouch import __version__


@dataclass(frozen=True, slots=True)
class Finished:
    """A case of the demo that has run.

    Args:
        title: a few words.
        caption: what to look at.
        command: the command that ran.
        credit: who made the photos.
        before: file beside the page.
        after: file beside the page.
        others: further input files beside the page, such as a source photo.
        size: of the result, ``(H, W)`` in pixels.
        tiled: show both pictures repeated 2×2.
        facts: what the command reported: seconds, residual.
    """

    title: str
    caption: str
    command: str
    credit: str
    before: str
    after: str
    others: tuple[str, ...]
    size: tuple[int, int]
    tiled: bool
    facts: Mapping[str, object]


def write_page(path: Path, finished: Sequence[Finished], *, seconds: float) -> None:
    """Write the page.

    Args:
        path: the file; the pictures are expected beside it.
        finished: what to show, in order.
        seconds: what all of it took.
    """
    template = string.Template((resources.files("retouch.cli") / "page.html").read_text(encoding="utf-8"))
    contents = "\n".join(
        f'<li><a href="#case-{number}">{html.escape(item.title)}</a></li>'
        for number, item in enumerate(finished, 1)
    )
    page = template.substitute(
        version=html.escape(__version__),
        count=len(finished),
        seconds=f"{seconds:.1f}",
        contents=contents,
        cases="\n".join(_case(number, item) for number, item in enumerate(finished, 1)),
    )
    path.write_text(page, encoding="utf-8")


def _case(number: int, item: Finished) -> str:
    title = html.escape(item.title)
    others = "".join(
        f'<figure><img src="{quote(name)}" alt="Input {html.escape(name)}" loading="lazy">'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name in item.others
    )
    height, width = item.size
    return f"""<article id="case-{number}">
<h2>{title}</h2>
<p>{html.escape(item.caption)}</p>
<div class="compare" style="--w: {width}; --h: {height}">
{_shot(item.before, f"Before: {item.title}", "before", tiled=item.tiled)}
{_shot(item.after, f"After: {item.title}", "after", tiled=item.tiled)}
<span class="tag before" aria-hidden="true">before</span>
<span class="tag after" aria-hidden="true">after</span>
<input type="range" min="0" max="100" value="15" aria-label="{title}: percent of the picture shown as before">
</div>
<div class="inputs">{others}</div>
<pre tabindex="0"><code>{_command(item.command)}</code></pre>
<p class="facts">{html.escape(_facts(item))}</p>
<p class="credit">{html.escape(item.credit)}</p>
</article>"""


def _shot(file: str, words: str, side: str, *, tiled: bool) -> str:
    words = html.escape(words)
    if tiled:
        picture = f"background-image: url({quote(file)})"
        return f'<div class="shot {side}" role="img" aria-label="{words}" style="{picture}"></div>'
    return f'<img class="shot {side}" src="{quote(file)}" alt="{words}">'


def _command(command: str) -> str:
    """Escape a command, and keep a line from breaking between an option's hyphen and its name."""
    return re.sub(r"(?<= )(-[\w-]+)", r'<span class="word">\1</span>', html.escape(command))


def _facts(item: Finished) -> str:
    height, width = item.size
    notes = [f"{width}×{height} pixels", f"{item.facts['seconds']:.2f} s"]
    residual = item.facts.get("residual")
    if isinstance(residual, float):
        notes.append(f"residual {residual:.1e}")
    return " · ".join(notes)
