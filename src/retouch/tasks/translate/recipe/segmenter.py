"""A segmentation network, which reads made pictures for the FCN-score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch import data as pictures_of
from retouch import metrics
from retouch.data import Drawn
from retouch.metrics.palettes import CAMVID, FACADES, VOID
from retouch.tasks.translate.recipe.examples import VALIDATION
from retouch.tasks.translate.recipe.judging import Results, applied, panel
from retouch.tasks.translate.recipe.parts import Pictures
from retouch.training import (
    Batch,
    Data,
    Evaluation,
    Memory,
    Networks,
    Optimiser,
    Recipe,
    Turn,
    epochs,
)
from retouch.weights import Card

PALETTES = {"camvid": CAMVID, "facades": FACADES}


@dataclass(frozen=True)
class Segmentation(Recipe):
    """Learn to name the class of every pixel, from photos and their label maps.

    Args:
        palette: the colours of the label maps: camvid or facades.
        width: channels of the network's first stage.
        dropout: the share of the coarsest features that is dropped while training.
        pictures: how pictures come to the network; BtoA when the label map is the first of a pair.
        adam: the optimiser.
        epochs: how often every picture is learned from, unless engine.images says how many in all.

    Source: Long et al. 2015, arXiv:1411.4038; its use as a score: Isola et al. 2017, arXiv:1611.07004,
        section 4.1.
    Departs: a thinner network, trained from nothing, by Adam (see retouch.metrics.segmenter).
    """

    name: ClassVar[str] = "segmentation"
    summary: ClassVar[str] = "Name the class of every pixel; the judge of the FCN-score."
    task: ClassVar[str] = "translate"
    judge: ClassVar[tuple[str, Literal["lowest", "highest"]]] = ("class_iou", "highest")

    palette: Literal["camvid", "facades"] = "camvid"
    width: int = 32
    dropout: float = 0.5
    pictures: Pictures = field(default_factory=lambda: Pictures(jitter=0.2))
    adam: Optimiser = field(
        default_factory=lambda: Optimiser(rate=1e-3, beta1=0.9, decay=1e-4, schedule="cosine", hold=0.0)
    )
    epochs: float = 60.0

    def data(self, source: str) -> Data:
        """Open photos and label maps."""
        size, direction = self.pictures.size, self.pictures.direction
        train = pictures_of.pairs(
            source,
            "train",
            augment=True,
            size=size,
            load_size=self.pictures.loaded,
            flip=self.pictures.flip,
            jitter=self.pictures.jitter,
            direction=direction,
            nearest="target",
        )
        held = pictures_of.pairs(
            source, "val", augment=False, size=size, direction=direction, nearest="target"
        )
        return Drawn(train, held)

    def networks(self) -> dict[str, nn.Module]:
        """Make the network."""
        classes = PALETTES[self.palette].classes
        return {"segmenter": metrics.Segmenter(classes, width=self.width, dropout=self.dropout)}

    def turns(self) -> tuple[tuple[Turn, Optimiser], ...]:
        """There is one."""
        return ((Turn("segmenter", ("segmenter",)), self.adam),)

    def length(self, examples: int) -> int:
        """As many images as the epochs have."""
        return epochs(self.epochs, examples)

    def prepare(self, batch: Batch) -> Batch:
        """Read the classes from the colours."""
        return {
            "input": batch["input"],
            "labels": metrics.labels_from_colours(batch["target"], PALETTES[self.palette]),
        }

    def losses(
        self, turn: str, networks: Networks, batch: Batch, shared: Batch, memory: Memory
    ) -> dict[str, Tensor]:
        """Cross-entropy over the pixels that have a class."""
        del turn, shared, memory
        scores = networks["segmenter"](batch["input"]).float()
        return {"cross_entropy": F.cross_entropy(scores, batch["labels"], ignore_index=VOID)}

    def products(self) -> tuple[str, ...]:
        """The FCN-score uses the network."""
        return ("segmenter",)

    def validate(self, networks: Networks, data: Data, device: torch.device) -> Evaluation:
        """Measure accuracy and overlap on photos it has not seen."""
        network = networks["segmenter"]
        palette = PALETTES[self.palette]
        confusion = torch.zeros(palette.classes, palette.classes, dtype=torch.int64)
        shown: list[tuple[Tensor, Tensor, Tensor]] = []
        count = 0
        for batch in islice(self._batches(data, device), VALIDATION):
            with applied(network, "eval"):
                guess = network(batch["input"]).argmax(dim=1)
            confusion += metrics.confusion_matrix(guess.cpu(), batch["labels"].cpu(), palette.classes)
            count += len(guess)
            if len(shown) < 4:
                labels = metrics.colours_from_labels(batch["labels"].cpu(), palette)
                painted = metrics.colours_from_labels(guess.cpu(), palette)
                shown.append((batch["input"].cpu().contiguous(), painted, labels))
        scores = metrics.scores_of(confusion)
        inputs, outputs, targets = (torch.cat(column) for column in zip(*shown, strict=True))
        return Evaluation(
            {
                "per_pixel": scores.per_pixel,
                "per_class": scores.per_class,
                "class_iou": scores.class_iou,
            },
            {"validation": panel(Results(inputs, outputs, targets))},
            protocol=f"{palette.name}, {self.pictures.size} px, void left out",
            count=count,
        )

    def _batches(self, data: Data, device: torch.device) -> Iterator[Batch]:
        for batch in data.ordered(1):
            yield self.prepare({name: value.to(device) for name, value in batch.items()})

    def card(self, product: str) -> Card:
        """Describe the network."""
        del product
        return Card(
            name=f"segmenter-{self.palette}",
            task=metrics.SEGMENTER.task,
            architecture=metrics.SEGMENTER.name,
            sizes={"classes": PALETTES[self.palette].classes, "width": self.width, "dropout": self.dropout},
            value_range=(0.0, 1.0),
            settings={"palette": self.palette, "trained_size": self.pictures.size},
            paper="arXiv:1411.4038",
        )
