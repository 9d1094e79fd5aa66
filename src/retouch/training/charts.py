"""Curves as inline SVG: no script is needed to read them, and the page's colours apply."""

from __future__ import annotations

import html
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]
Series = NDArray[np.float64]

HEIGHT = 240
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 12, 30
MOST_POINTS = 320
"""A curve is drawn with no more points than a screen shows."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Args:
        label: what it is called in the legend.
        role: its colour: training or validation.
        points: ``(images, value)``, ascending.
    """

    label: str
    role: Literal["training", "validation"]
    points: Points


@dataclass(frozen=True)
class Scale:
    """From values to places along an axis.

    Args:
        low: the least value shown.
        high: the largest value shown.
        start: where the least value lies.
        end: where the largest lies.
        logarithmic: the axis shows powers.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Place a value; one outside the axis lies outside, too."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low / 10))
        return self.start + (value - low) / ((high - low) or 1.0) * (self.end - self.start)


def chart(title: str, curves: Sequence[Curve], *, width: int = 480, mark: float | None = None) -> str:
    """Draw curves of the same quantity.

    Args:
        title: what is shown.
        curves: at least one, each with at least one point.
        width: in CSS pixels, when the screen is wide enough.
        mark: where to draw a vertical line: the images after which the best weights were saved.

    Returns:
        A ``figure`` element; its caption is the legend with the values at the curves' ends.
    """
    shown = [(curve, _thinned(np.array(curve.points, np.float64).reshape(-1, 2))) for curve in curves]
    every = np.concatenate([points for _, points in shown])
    x = Scale(min(0.0, every[:, 0].min()), max(every[:, 0].max(), 1.0), LEFT, width - RIGHT)
    y = _vertical([points[:, 1] for _, points in shown])
    parts = [_grid(x, y, width)]
    if len(shown) == 2 and {curve.role for curve in curves} == {"training", "validation"}:
        parts.append(_gap(_smooth(shown[0][1]), _smooth(shown[1][1]), x, y))
    if mark is not None and x.low < mark <= x.high:
        parts.append(
            f'<line class="best" x1="{x.at(mark):.1f}" x2="{x.at(mark):.1f}" y1="{TOP}" '
            f'y2="{HEIGHT - BOTTOM}"><title>best weights, {mark:,.0f} images</title></line>'
        )
    for curve, points in shown:
        parts.append(_line(curve, points, x, y))
    told = html.escape(title)
    legend = "".join(_legend(curve, _smooth(points)) for curve, points in shown)
    data = html.escape(json.dumps(_readings(shown, x)), quote=True)
    return (
        f'<figure class="chart"><figcaption><b>{told}</b>{legend}</figcaption>'
        f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{told} over the images seen" '
        f'data-curves="{data}"><clipPath id="{_id(title)}"><rect x="{LEFT}" y="{TOP - 4}" '
        f'width="{width - LEFT - RIGHT + 6}" height="{HEIGHT - TOP - BOTTOM + 8}"/></clipPath>{parts[0]}'
        f'<g clip-path="url(#{_id(title)})">{"".join(parts[1:])}</g>'
        f'<line class="cursor" y1="{TOP}" y2="{HEIGHT - BOTTOM}" visibility="hidden"/></svg></figure>'
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Choose round values between two ends.

    Args:
        low: the lower end.
        high: the upper end.
        count: about how many are wanted.

    Returns:
        Multiples of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step))) + 1
    return [round(number * step, digits) for number in range(first, last + 1)]


def short(value: float, *, even: bool = False) -> str:
    """Write a figure with three digits that count.

    Args:
        value: finite.
        even: write trailing zeros, as a column of figures needs them.

    >>> short(0.071234), short(12345.6), short(0.3, even=True)
    ('0.0712', '12.3k', '0.300')
    """
    size = abs(value)
    if size >= 999_500:
        return f"{value / 1e6:.3g}M"
    if size >= 9_999.5:
        return f"{value / 1e3:.3g}k"
    if size >= 999.5:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".") if even else f"{value:.3g}"


def _vertical(values: Sequence[Series]) -> Scale:
    """Choose the vertical axis so that a few spikes do not press everything else flat."""
    low = min(_edge(series, 1) for series in values)
    high = max(_edge(series, 99) for series in values)
    lowest = min(float(series.min()) for series in values)
    if lowest > 0 and high / max(low, 1e-12) > 50:
        return Scale(low * 0.8, high * 1.25, HEIGHT - BOTTOM, TOP, logarithmic=True)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    floor = low - margin
    if lowest >= 0 and floor < 0.35 * high:
        floor = 0.0
    return Scale(floor, high + margin, HEIGHT - BOTTOM, TOP)


def _edge(series: Series, percent: float) -> float:
    return float(np.percentile(series, percent if len(series) > 60 else (0 if percent < 50 else 100)))


def _grid(x: Scale, y: Scale, width: int) -> str:
    if y.logarithmic:
        powers = range(math.floor(math.log10(y.low)), math.ceil(math.log10(y.high)) + 1)
        rows = [10.0**power for power in powers if y.low <= 10.0**power <= y.high]
    else:
        rows = ticks(y.low, y.high)
    lines = "".join(
        f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{y.at(value):.1f}" y2="{y.at(value):.1f}"/>'
        f'<text x="{LEFT - 8}" y="{y.at(value) + 4:.1f}" text-anchor="end">{_tick(value)}</text>'
        for value in rows
    )
    columns = ticks(x.low, x.high, max(3, width // 110))
    labels = "".join(
        f'<text x="{x.at(value):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{_tick(value)}</text>'
        for value in columns
        if x.at(value) < width - RIGHT - 8
    )
    return f'<g class="grid">{lines}{labels}</g>'


def _tick(value: float) -> str:
    return "0" if value == 0 else short(value).replace("-", "−")


def _line(curve: Curve, points: Series, x: Scale, y: Scale) -> str:
    drawn = _smooth(points)
    faint = f'<polyline class="raw {curve.role}" points="{_places(points, x, y)}"/>'
    line = f'<polyline class="{curve.role}" points="{_places(drawn, x, y)}"/>'
    # Few points are evaluations: each is worth seeing.
    dots = "".join(
        f'<circle class="{curve.role}" cx="{x.at(at):.1f}" cy="{y.at(value):.1f}" r="2.6"/>'
        for at, value in (points if len(points) <= 40 else points[-1:] if drawn is points else drawn[-1:])
    )
    return (faint if drawn is not points else "") + line + dots


def _gap(one: Series, other: Series, x: Scale, y: Scale) -> str:
    """Shade what lies between training and validation, where there are both."""
    start, end = max(one[0, 0], other[0, 0]), min(one[-1, 0], other[-1, 0])
    if end <= start:
        return ""
    places = np.unique(np.concatenate([one[:, 0], other[:, 0]]))
    places = places[(places >= start) & (places <= end)]
    upper, lower = (np.stack([places, np.interp(places, *item.T)], axis=1) for item in (one, other))
    return f'<polygon class="gap" points="{_places(np.concatenate([upper, lower[::-1]]), x, y)}"/>'


def _places(points: Series, x: Scale, y: Scale) -> str:
    return " ".join(f"{x.at(at):.1f},{y.at(value):.1f}" for at, value in points)


def _thinned(points: Series) -> Series:
    """Average neighbours until no more points are left than can be seen."""
    if len(points) <= MOST_POINTS:
        return points
    return np.stack([part.mean(axis=0) for part in np.array_split(points, MOST_POINTS)])


def _smooth(points: Series) -> Series:
    """Average over a fortieth of the curve; short curves are themselves."""
    if len(points) <= 40:
        return points
    window = max(3, len(points) // 40) | 1
    padded = np.pad(points[:, 1], window // 2, mode="edge")
    values = np.convolve(padded, np.full(window, 1 / window), "valid")
    return np.stack([points[:, 0], values], axis=1)


def _legend(curve: Curve, drawn: Series) -> str:
    last = short(float(drawn[-1, 1]))
    return (
        f'<span class="key {curve.role}">{html.escape(curve.label)} '
        f'<output data-last="{last}">{last}</output></span>'
    )


def _readings(shown: Sequence[tuple[Curve, Series]], x: Scale) -> list[list[list[object]]]:
    """Give the script the place and the words of every point."""
    return [
        [[round(x.at(at), 1), f"{at:,.0f}", short(value)] for at, value in _smooth(points).tolist()]
        for _, points in shown
    ]


def _id(title: str) -> str:
    return f"clip-{zlib.crc32(title.encode()):08x}"
