"""The FCN-score: is a made picture real enough for a network to recognise what it shows?

A segmentation network trained on real pictures reads the made ones; its labels are compared with
those the pictures were made from.

Source: Isola, Zhu, Zhou, Efros, "Image-to-image translation with conditional adversarial
networks", CVPR 2017, arXiv:1611.07004, section 3.1; the three numbers are those of Long,
Shelhamer, Darrell, arXiv:1411.4038, section 5. Departs: the network is ours
(:mod:`retouch.metrics.segmenter`), so scores compare only with scores of the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retouch.errors import InputError, SizeMismatch
from retouch.metrics.palettes import VOID


@dataclass(frozen=True, slots=True)
class Scores:
    """How well labels were recovered; all in [0, 1], NaN when there was nothing to recover.

    Args:
        per_pixel: share of pixels that got their class.
        per_class: that share for each class, averaged over the classes that occur in the truth.
        class_iou: intersection over union of each class, averaged over the classes that occur in
            the truth or were predicted.
    """

    per_pixel: float
    per_class: float
    class_iou: float


def fcn_score(network: nn.Module, images: Tensor, labels: Tensor, *, batch: int = 8) -> Scores:
    """Score made pictures by what a segmentation network sees in them.

    Args:
        network: (B, 3, H, W) in [0, 1] → (B, K, H, W) scores; used in eval mode and given back in
            the mode it was in.
        images: (B, 3, H, W) in [0, 1].
        labels: (B, H, W) integers, what each pixel should be; :data:`VOID` is left out.
        batch: pictures at once.

    Returns:
        The scores over all pixels of all pictures together, as in the papers.

    Raises:
        SizeMismatch: Images and labels do not fit each other.
        InputError: A label is no class of the network.
    """
    return scores_of(confusion_of_pictures(network, images, labels, batch=batch).sum(dim=0))


def confusion_of_pictures(network: nn.Module, images: Tensor, labels: Tensor, *, batch: int = 8) -> Tensor:
    """Count, for each picture, which class was taken for which.

    Args:
        network: as in :func:`fcn_score`.
        images: (B, 3, H, W) in [0, 1].
        labels: (B, H, W) integers; :data:`VOID` is left out.
        batch: pictures at once.

    Returns:
        (B, K, K) int64, rows the truth, columns what the network saw.

    Raises:
        SizeMismatch: Images and labels do not fit each other.
        InputError: A label is no class of the network.
    """
    if images.ndim != 4 or labels.shape != (images.shape[0], *images.shape[2:]):
        raise SizeMismatch(
            f"images are {tuple(images.shape)} and labels {tuple(labels.shape)}; "
            "they must be (B, 3, H, W) and (B, H, W)"
        )
    counted = []
    with _evaluating(network), torch.inference_mode():
        for start in range(0, len(images), batch):
            scores = network(images[start : start + batch])
            pairs = zip(scores.argmax(dim=1), labels[start : start + batch], strict=True)
            counted += [confusion_matrix(seen, truth, scores.shape[1]) for seen, truth in pairs]
    if not counted:
        raise InputError("the FCN-score got no pictures; give at least one")
    return torch.stack(counted)


def confusion_matrix(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Count which class was taken for which.

    Args:
        predicted: integers 0 … K − 1, any shape.
        labels: integers of the same shape, the truth; :data:`VOID` is left out.
        classes: K.

    Returns:
        (K, K) int64: row i, column j is how many pixels of class i were taken for class j.

    Raises:
        SizeMismatch: The shapes differ.
        InputError: A label is no class.

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    if predicted.shape != labels.shape:
        raise SizeMismatch(
            f"predicted labels are {tuple(predicted.shape)}, true ones {tuple(labels.shape)}; resize one"
        )
    labels = labels.to(predicted.device)
    counts = labels != VOID
    truth, seen = labels[counts].long(), predicted[counts].long()
    for what, values in (("label", truth), ("prediction", seen)):
        wrong = (values < 0) | (values >= classes)
        if bool(wrong.any()):
            raise InputError(
                f"{what} {int(values[wrong][0])} is none of the {classes} classes; "
                f"labels run from 0 to {classes - 1}, and {VOID} is void"
            )
    return torch.bincount(truth * classes + seen, minlength=classes**2).reshape(classes, classes)


def scores_of(confusion: Tensor) -> Scores:
    """Reduce a confusion matrix to the paper's three numbers.

    Args:
        confusion: (K, K) counts, rows the truth.

    Returns:
        The scores.

    >>> scores_of(torch.tensor([[3, 1], [0, 4]]))
    Scores(per_pixel=0.875, per_class=0.875, class_iou=0.775)
    """
    counts = confusion.double()
    right = counts.diagonal()
    true, seen = counts.sum(dim=1), counts.sum(dim=0)
    return Scores(
        per_pixel=float(right.sum() / counts.sum()),
        per_class=float((right / true).nanmean()),
        class_iou=float((right / (true + seen - right)).nanmean()),
    )


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
