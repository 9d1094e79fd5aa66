"""Measure trained weights on pictures, applied exactly as the verb applies them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from retouch import data as pictures_of
from retouch import metrics as measures
from retouch import weights
from retouch.data.examples import Apart, Together
from retouch.data.listing import Split
from retouch.data.sources import Direction
from retouch.errors import DataError, InputError, UnknownName
from retouch.features.lpips import BACKBONE_FILES, HEAD_FILES
from retouch.image import Picture
from retouch.metrics import PAIR_METRICS, SEGMENTER, SET_METRICS, Metric, Report, SetMetric
from retouch.metrics.inception import INCEPTION_FILE
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.translate.edit import Precision, Translator
from retouch.tasks.translate.method.lines import drawn
from retouch.tasks.translate.recipe.segmenter import PALETTES
from retouch.tasks.translate.recipe.sketch import Sketch
from retouch.weights import Card
from retouch.weights.fetch import home
from retouch.weights.load import identify

Layout = Literal["auto", "pairs", "unpaired", "singles"]
"""How the pictures belong together."""

NAMES = (*PAIR_METRICS, *SET_METRICS, "lpips", "fid", "kid", "fcn")
"""What can be measured."""

OF_PAIRS, OF_SETS = ("psnr", "ssim", "l1", "swd"), ("swd",)
"""What is measured when nothing is asked for."""

USUAL_SIZE = 256
"""Pixels, for weights that do not say at which size they were trained; upstream's own."""


def evaluate(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    split: Split = "val",
    metrics: Sequence[str] = (),
    segmenter: str | os.PathLike[str] | None = None,
    palette: str | None = None,
    layout: Layout = "auto",
    size: int | None = None,
    direction: Direction | None = None,
    limit: int = 0,
    seed: int = 0,
    published: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    progress: ProgressCallback | None = None,
) -> Report:
    """Measure how close the results of trained weights are to real pictures.

    The weights are applied as :func:`retouch.translate` applies them, and the results are rounded
    to 8 bits. A sketch model gets the lines of every picture, a colourising one its lightness. The
    judge of the FCN-score can be measured too: how well it reads real photos.

    Args:
        model: a weights file, also an upstream one, or the name of bundled or fetched weights.
        data: a folder of pictures, a table, or ``synthetic:…``.
        split: train, val, test or all.
        metrics: some of psnr, ssim, ms_ssim, l1, swd, lpips, fid, kid and fcn. Left out: psnr, ssim,
            l1 and swd for pairs, swd for sets that do not match, and fcn when there is a segmenter.
        segmenter: for fcn, the weights that read the made pictures; the inputs must be label maps.
        palette: the colours of the label maps: camvid or facades; the segmenter's own if left out.
        layout: pairs, unpaired or singles; auto finds out.
        size: side of the square to which pictures are brought before; 0: they keep their own size;
            left out: the size of the training, or 256.
        direction: AtoB, or BtoA to swap input and target; left out: as the weights were trained.
        limit: the most pictures; 0: all.
        seed: of the intervals and of what swd and kid draw.
        published: the folder with the published networks of lpips, fid and kid; the folder for
            fetched weights if left out.
        device: where the network is applied: "cpu", "cuda", "mps".
        precision: of the network: "float32" or "bfloat16".
        progress: called after every picture.

    Returns:
        A row for each number, with its protocol, count and 95 % interval.

    Raises:
        InputError: A metric does not fit the data or lacks its network, or a number is out of range.
        UnknownName: There is no such metric, palette, layout or split, or no weights of that name.
        DataError: There are no pictures, or they are not laid out in a way that is read.
        WeightsError: Weights cannot be read, or are not on this machine.
        Cancelled: The progress callback stopped the work.
    """
    strange = [name for name in metrics if name not in NAMES]
    if strange:
        raise UnknownName("metric", strange[0], NAMES)
    for name, value in (("size", size or 0), ("limit", limit)):
        if value < 0:
            raise InputError(f"{name} is {value}; pass a number of pixels or pictures, or 0")
    card = identify(model).card
    wanted = Pictures(
        str(data), split, layout, _size(card, size), direction or _direction(card), limit or None
    )
    if card.task == SEGMENTER.task:
        return _of_segmenter(model, wanted, metrics, palette, seed, progress)
    translator = Translator.load(model, device=device, precision=precision)
    matched, examples = wanted.opened(card)
    names = tuple(dict.fromkeys(metrics)) or (OF_PAIRS if matched else OF_SETS) + (
        ("fcn",) if segmenter else ()
    )
    judge = Judge.of(segmenter, palette) if segmenter else None
    chosen = _metrics(names, wanted, judge, Path(published) if published else home(), seed, matched=matched)
    made = _translated(translator, examples, wanted, _reader(card, examples), progress)
    if matched:
        report = measures.evaluate_pairs(made, chosen, seed=seed)
    else:
        sets = [metric for metric in chosen if not isinstance(metric, str | measures.PairMetric)]
        results = ((name, output) for name, output, _ in made)
        report = measures.evaluate_sets(results, _others(examples, wanted), sets)
    return _told(report, names, f"8-bit results, {wanted.described}")


@dataclass(frozen=True)
class Pictures:
    """Which pictures are measured, and how they come to the network.

    Args:
        source: a folder, a table, or ``synthetic:…``.
        split: which part of it.
        layout: how they belong together.
        size: side of the square they are brought to; None: their own size.
        direction: which side of a pair is the input.
        limit: the most pictures; None: all.
    """

    source: str
    split: Split
    layout: Layout
    size: int | None
    direction: Direction
    limit: int | None

    @property
    def described(self) -> str:
        """What a protocol says about them."""
        size = f"{self.size}×{self.size} px" if self.size else "own sizes"
        return f"{size}, {self.direction}, {self.split}"

    def opened(self, card: Card) -> tuple[bool, Together | Apart]:
        """Open them as a network needs them.

        Args:
            card: the network's.

        Returns:
            Whether every result has a target of its own; and the pictures.
        """
        if self.layout not in ("auto", "pairs", "unpaired", "singles"):
            raise UnknownName("layout", self.layout, ("auto", "pairs", "unpaired", "singles"))
        if _makes_its_input(card):
            return True, pictures_of.singles(self.source, self.split, augment=False, size=self.size)
        if self.layout == "singles":
            raise InputError(
                f"{card.name} needs targets to be compared with; give layout auto, pairs or unpaired"
            )
        if self.layout == "unpaired":
            return False, self.unpaired()
        if self.layout == "pairs":
            return True, self.pairs()
        try:
            pairs = self.pairs()
        except DataError as error:
            try:
                return False, self.unpaired()
            except DataError:
                raise error from None
        # A few names that two sets happen to share do not make them pairs.
        alone = pairs.describe().get("unmatched", 0)
        return (True, pairs) if isinstance(alone, int) and alone <= len(pairs) else (False, self.unpaired())

    def pairs(self, *, labels: Literal["none", "input", "target"] = "none") -> Together:
        """Open them as pairs.

        Args:
            labels: which side is a map of labels, whose colours must not be mixed.
        """
        return pictures_of.pairs(
            self.source,
            self.split,
            augment=False,
            size=self.size,
            direction=self.direction,
            nearest=labels,
        )

    def unpaired(self) -> Apart:
        """Open them as two sets."""
        return pictures_of.unpaired(
            self.source, self.split, augment=False, size=self.size, direction=self.direction
        )


@dataclass(frozen=True)
class Judge:
    """The network of the FCN-score and the colours that it knows classes by.

    Args:
        loaded: its weights.
        palette: a key of ``PALETTES``.
    """

    loaded: weights.Loaded
    palette: str

    @classmethod
    def of(cls, file: str | os.PathLike[str], palette: str | None) -> Judge:
        """Load it.

        Args:
            file: weights.
            palette: as in :func:`evaluate`.
        """
        loaded = weights.load(file)
        card = loaded.card
        if card.task != SEGMENTER.task or card.architecture != SEGMENTER.name:
            raise InputError(
                f"{card.name} is a {card.architecture} for {card.task} and cannot read label maps; give a "
                "network that was trained with: retouch train segmentation"
            )
        name = palette or str(card.settings.get("palette", ""))
        if name not in PALETTES:
            raise UnknownName("palette", name, PALETTES)
        if card.sizes.get("classes") != PALETTES[name].classes:
            raise InputError(
                f"{card.name} knows {card.sizes.get('classes')} classes and the palette {name} has "
                f"{PALETTES[name].classes}; give the palette that it was trained with"
            )
        return cls(loaded, name)

    def metric(self, maps: Together, side: str, seed: int) -> SetMetric:
        """Make the metric.

        Args:
            maps: the examples that hold the label maps.
            side: the role they have there.
            seed: of its intervals.
        """
        palette = PALETTES[self.palette]
        place = {name: index for index, name in enumerate(maps.names)}

        def labels_of(name: str) -> Tensor:
            colours = maps.example(place[name], 0)[side]
            return measures.labels_from_colours(colours[None], palette)[0]

        protocol = f"read by {self.loaded.card.name}, {palette.name}, void left out"
        return measures.SegmentationMetric(self.loaded.network, labels_of, protocol, seed=seed)


def _of_segmenter(
    model: str | os.PathLike[str],
    wanted: Pictures,
    metrics: Sequence[str],
    palette: str | None,
    seed: int,
    progress: ProgressCallback | None,
) -> Report:
    """Measure how well the judge itself reads real photos: the upper bound of the FCN-score."""
    if other := [name for name in metrics if name != "fcn"]:
        raise InputError(
            f"{other[0]} compares pictures, and {model} makes none; leave metrics out, or ask for fcn"
        )
    judge = Judge.of(model, palette)
    examples = wanted.pairs(labels="target")

    def photos() -> Iterator[tuple[str, Tensor, Tensor]]:
        total = _count(examples, wanted)
        for index in range(total):
            photo = examples.example(index, 0)["input"]
            yield examples.names[index], photo, photo
            _tell(progress, index + 1, total)

    report = measures.evaluate_pairs(photos(), [judge.metric(examples, "target", seed)], seed=seed)
    return _told(report, ("fcn",), f"real photos, {wanted.described}")


def _metrics(
    names: Sequence[str], wanted: Pictures, judge: Judge | None, folder: Path, seed: int, *, matched: bool
) -> list[Metric]:
    """Make the metrics that were asked for; fid and kid are one."""
    if not matched and (lone := [name for name in names if name not in ("swd", "fid", "kid")]):
        raise InputError(
            f"{lone[0]} compares a result with its own target, and {wanted.source} has two sets that do not "
            "match; ask for swd, fid or kid, or give pairs"
        )
    made: dict[str, Metric] = {}
    for name in names:
        if name in PAIR_METRICS:
            made[name] = name
        elif name == "swd":
            made[name] = measures.SlicedMetric(seed=seed, normalise="reference")
        elif name == "lpips":
            files = folder / BACKBONE_FILES["alex"].name, folder / HEAD_FILES["alex"].name
            made[name] = measures.lpips_metric(measures.Lpips.from_file(*files))
        elif name in ("fid", "kid"):
            if "features" not in made:
                network = measures.InceptionV3.from_file(folder / INCEPTION_FILE.name)
                made["features"] = measures.FeatureMetric(network, network.protocol, seed=seed)
        elif judge is None:
            raise InputError(
                "fcn needs a network that reads the made pictures; give segmenter=FILE, which "
                "`retouch train segmentation` makes"
            )
        else:
            made[name] = judge.metric(wanted.pairs(labels="input"), "input", seed)
    return list(made.values())


def _translated(
    translator: Translator,
    examples: Together | Apart,
    wanted: Pictures,
    read: Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]],
    progress: ProgressCallback | None,
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Apply the network picture by picture: name, result and target."""
    total = _count(examples, wanted)
    for index in range(total):
        shown, target = read(examples.example(index, 0))
        made = translator(Picture.of(shown)).tensor().clamp(0.0, 1.0)
        yield examples.names[index], torch.round(made * 255) / 255, target
        _tell(progress, index + 1, total)


def _reader(card: Card, examples: Together | Apart) -> Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]]:
    """Say what of an example the network is shown, and with what its result is compared."""
    if card.recipe == Sketch.name:
        return lambda example: (drawn(example["image"][None]), example["image"])
    if _makes_its_input(card):
        return lambda example: (example["image"], example["image"])
    shown, target = ("input", "target") if isinstance(examples, Together) else ("a", "b")
    return lambda example: (example[shown], example[target])


def _others(examples: Together | Apart, wanted: Pictures) -> Iterator[tuple[str, Tensor]]:
    """Give the pictures of the other set, each once."""
    for index in range(_count(examples, wanted, "b")):
        yield f"b{index}", examples.example(index, 0)["b"]


def _count(examples: Together | Apart, wanted: Pictures, side: str = "a") -> int:
    """How many pictures of a side are measured; two sets may differ in size."""
    there = examples.describe().get(side, len(examples)) if isinstance(examples, Apart) else len(examples)
    count = there if isinstance(there, int) else len(examples)
    return min(count, wanted.limit or count)


def _makes_its_input(card: Card) -> bool:
    """Whether what the network is shown is made of the picture that it should give."""
    return card.recipe == Sketch.name or card.settings.get("colour") == "lab"


def _size(card: Card, size: int | None) -> int | None:
    if size is not None:
        return size or None
    trained = card.settings.get("trained_size")
    return trained if isinstance(trained, int) and trained > 0 else USUAL_SIZE


def _direction(card: Card) -> Direction:
    return "BtoA" if card.settings.get("direction") == "BtoA" else "AtoB"


def _told(report: Report, names: Sequence[str], circumstances: str) -> Report:
    """Leave out what came along, and say under which circumstances the rest was measured."""
    unasked = {"fid", "kid"} - set(names)
    rows = [
        replace(row, protocol=f"{row.protocol}; {circumstances}")
        for row in report.rows
        if row.metric not in unasked
    ]
    return replace(report, rows=tuple(rows))


def _tell(progress: ProgressCallback | None, done: int, total: int) -> None:
    if progress is not None:
        progress(Progress("evaluating", done, total))
