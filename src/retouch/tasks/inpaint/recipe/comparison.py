"""The outcome of an evaluation: its figures, and every form in which they are written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product

from retouch.metrics import interval_of_mean
from retouch.metrics.writing import tsv
from retouch.tasks.inpaint.recipe import tables
from retouch.tasks.inpaint.recipe.figures import TOTAL, Difference, Figure, Sample

COMPARED = ("hole_psnr", "hole_ssim", "hole_l1", "lpips")
"""What the document says of pairs of methods."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several methods made of the same holes.

    Args:
        figures: the numbers, by kind of holes, area, method and metric.
        samples: the values of single pictures.
        notes: what was left out, and why.
        trained: the methods that are compared with every other one.
    """

    figures: tuple[Figure, ...]
    samples: tuple[Sample, ...] = ()
    notes: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """What was compared, in order."""
        return tuple(dict.fromkeys(figure.method for figure in self.figures))

    @property
    def holes(self) -> tuple[str, ...]:
        """The kinds of holes, in order."""
        return tuple(dict.fromkeys(figure.holes for figure in self.figures))

    @property
    def metrics(self) -> tuple[str, ...]:
        """What was measured, in order."""
        return tuple(dict.fromkeys(figure.metric for figure in self.figures))

    def figure(self, method: str, holes: str, metric: str, area: str = TOTAL) -> Figure:
        """Find a figure.

        Args:
            method: what filled the holes.
            holes: their kind.
            metric: its name.
            area: their size.

        Raises:
            KeyError: There is none.
        """
        for one in self.figures:
            if (one.method, one.holes, one.metric, one.area) == (method, holes, metric, area):
                return one
        raise KeyError((method, holes, metric, area))

    def differences(
        self, methods: Sequence[str], metrics: Sequence[str], *, seed: int = 0
    ) -> list[Difference]:
        """Compare methods picture by picture: what is common to all of them cancels out.

        Args:
            methods: each is compared with everything else.
            metrics: those that are compared.
            seed: chooses the resamples of the intervals.

        Returns:
            By kind of holes, method, the other, and metric; pairs that share fewer than two pictures are
            left out.
        """
        values: dict[tuple[str, str, str], dict[str, float]] = {}
        for one in self.samples:
            for metric, value in one.values.items():
                values.setdefault((one.holes, one.method, metric), {})[one.name] = value
        found = []
        for holes, method, other, metric in product(self.holes, methods, self.methods, metrics):
            ours, theirs = values.get((holes, method, metric), {}), values.get((holes, other, metric), {})
            apart = [value - theirs[name] for name, value in ours.items() if name in theirs]
            if method == other or len(apart) < 2:
                continue
            low, high = interval_of_mean(apart, seed=seed, resamples=1000)
            mean = sum(apart) / len(apart)
            found.append(Difference(method, other, holes, metric, mean, low, high, len(apart)))
        return found

    def for_card(self, method: str) -> tuple[dict[str, float | int | str], ...]:
        """Give the totals of one method as a weights file's card lists them.

        Args:
            method: what filled the holes.

        Returns:
            The figures that have a value, each with its protocol.
        """
        return tuple(
            {
                "name": f"{one.metric} ({one.holes})",
                "value": one.value,
                "protocol": f"{one.protocol}; {one.circumstances}",
                "n": one.n,
            }
            for one in self.figures
            if (one.method, one.area) == (method, TOTAL) and one.value is not None
        )

    def text(self) -> str:
        """The totals for a person: a table for each kind of holes; the best of each column has a star."""
        return tables.text(self.figures, self.notes)

    def markdown(self) -> str:
        """Everything for a document: a table for each kind of holes, differences, and the protocols."""
        metrics = [name for name in COMPARED if name in self.metrics]
        return tables.markdown(self.figures, self.differences(self.trained, metrics), self.notes)

    def tsv(self) -> str:
        """A line for each figure, with its protocol."""
        columns = [field.name for field in fields(Figure)]
        return tsv(columns, [[getattr(figure, name) for name in columns] for figure in self.figures])

    def wide_tsv(self) -> str:
        """A line for each kind, size and method, two columns for each metric: the shape of LaMa's tables."""
        columns = ["holes", "area", "method", "n"]
        columns += [f"{metric}_{part}" for metric in self.metrics for part in ("mean", "std")]
        found: dict[tuple[str, str, str], dict[str, Figure]] = {}
        for figure in self.figures:
            found.setdefault((figure.holes, figure.area, figure.method), {})[figure.metric] = figure
        rows: list[list[object]] = []
        for (holes, area, method), row in found.items():
            cells: list[object] = [holes, area, method, max(figure.n for figure in row.values())]
            for metric in self.metrics:
                one = row.get(metric)
                cells += [one.value, one.deviation] if one else [None, None]
            rows.append(cells)
        return tsv(columns, rows)

    def samples_tsv(self) -> str:
        """A line for each picture, kind and method."""
        metrics = list(dict.fromkeys(metric for sample in self.samples for metric in sample.values))
        rows = [
            [one.name, one.holes, f"{one.area:.6f}", one.method, *(one.values.get(name) for name in metrics)]
            for one in self.samples
        ]
        return tsv(["name", "holes", "area", "method", *metrics], rows)

    def json(self) -> str:
        """Everything, as strict JSON."""
        everything = {
            "figures": [asdict(figure) for figure in self.figures],
            "notes": list(self.notes),
            "pictures": [asdict(sample) for sample in self.samples],
        }
        return json.dumps(everything, allow_nan=False, ensure_ascii=False, indent=1)
