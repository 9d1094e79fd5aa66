"""The report: every number with its interval, how many pictures it is over, and its protocol."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.metrics.writing import tsv

Better = Literal["higher", "lower"]

RESAMPLES = 2000
LEVEL = 0.95

_ARROWS: dict[Better, str] = {"higher": "↑", "lower": "↓"}
_COLUMNS = ("metric", "better", "value", "low", "high", "n", "protocol")


@dataclass(frozen=True, slots=True)
class Row:
    """One number of a report.

    Args:
        metric: its name: ``"psnr"``.
        value: the number; infinite for the PSNR of identical pictures.
        better: whether a higher or a lower one is better.
        n: over how many pictures.
        protocol: everything one must know to compare it with another.
        low: lower end of its 95 % interval, None for a number that has none.
        high: upper end.
    """

    metric: str
    value: float
    better: Better
    n: int
    protocol: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured.

    Args:
        rows: the numbers over all pictures.
        names: the pictures, in order.
        per_picture: metric → its value for each of ``names``.
    """

    rows: tuple[Row, ...]
    names: tuple[str, ...] = ()
    per_picture: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> Row:
        """The row of a metric.

        Raises:
            KeyError: It was not measured.
        """
        for row in self.rows:
            if row.metric == metric:
                return row
        raise KeyError(metric)

    def text(self) -> str:
        """A table for a person; lines end without spaces."""
        head = ("metric", "", "value", "95 % interval", "n", "protocol")
        cells = [head, *(_cells(row) for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        numeric = (2, 3, 4)
        lines = (
            "  ".join(
                cell.rjust(width) if column in numeric else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        )
        return "\n".join(lines)

    def tsv(self) -> str:
        """The rows as tab-separated values under a header; an interval that does not exist is empty."""
        rows = [[getattr(row, column) for column in _COLUMNS] for row in self.rows]
        return tsv(_COLUMNS, rows)

    def per_picture_tsv(self) -> str:
        """One line for each picture, one column for each metric that has a value for single pictures."""
        columns = list(self.per_picture.values())
        rows = [[name, *(column[i] for column in columns)] for i, name in enumerate(self.names)]
        return tsv(("name", *self.per_picture), rows)

    def json(self) -> str:
        """Everything, as strict JSON; a number that is not finite is null."""
        pictures = [
            {"name": name, **{metric: _finite(values[i]) for metric, values in self.per_picture.items()}}
            for i, name in enumerate(self.names)
        ]
        rows = [{key: _finite(value) for key, value in asdict(row).items()} for row in self.rows]
        return json.dumps({"rows": rows, "pictures": pictures}, allow_nan=False, ensure_ascii=False, indent=1)

    def for_card(self) -> tuple[dict[str, float | int | str], ...]:
        """The finite numbers, as a weights file's card lists them."""
        return tuple(
            {"name": row.metric, "value": row.value, "protocol": row.protocol, "n": row.n}
            for row in self.rows
            if math.isfinite(row.value)
        )


def interval_of_mean(
    values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % interval of a mean, by the bootstrap over pictures.

    Args:
        values: one for each picture.
        seed: chooses the resamples.
        resamples: how many.

    Returns:
        Lower and upper end.

    Raises:
        InputError: There are no values.
    """
    numbers = torch.tensor(values, dtype=torch.float64)
    finite = numbers.isfinite()
    others = numbers[~finite].sum()  # ∞, or NaN when they disagree

    def mean(counts: Tensor) -> Tensor:
        means = counts @ torch.where(finite, numbers, 0) / len(numbers)
        return torch.where(counts @ (~finite).double() > 0, others, means)

    return bootstrap_interval(len(values), mean, seed=seed, resamples=resamples)


def bootstrap_interval(
    count: int, statistic: Callable[[Tensor], Tensor], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic over pictures.

    Args:
        count: number of pictures N.
        statistic: (R, N) float64, how often each resample drew each picture → (R,).
        seed: chooses the resamples.
        resamples: how many.

    Returns:
        Lower and upper end: order statistics, so they are attained.

    Raises:
        InputError: There are no pictures or no resamples.

    Source:
        Efron, Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    if count < 1 or resamples < 1:
        raise InputError(
            f"an interval over {count} pictures and {resamples} resamples; both must be at least 1"
        )
    generator = torch.Generator().manual_seed(seed)
    at_once = max(1, min(resamples, 4_000_000 // count))
    found = []
    for start in range(0, resamples, at_once):
        draws = (min(at_once, resamples - start), count)
        drawn = torch.randint(0, count, draws, generator=generator)
        counts = torch.zeros(draws, dtype=torch.float64)
        found.append(statistic(counts.scatter_add_(1, drawn, torch.ones_like(counts))))
    ordered = torch.cat(found).sort().values
    last = resamples - 1
    low = round((1 - LEVEL) / 2 * last)
    return float(ordered[low]), float(ordered[last - low])


def _cells(row: Row) -> tuple[str, ...]:
    has = row.low is not None and row.high is not None
    interval = f"{_shown(row.low)} … {_shown(row.high)}" if has else "–"
    return row.metric, _ARROWS[row.better], _shown(row.value), interval, str(row.n), row.protocol


def _shown(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
