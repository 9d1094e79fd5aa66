"""What training chooses by itself, by the pictures and the machine, and the reason for each choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from retouch import data as pictures_of

LARGEST = 256
"""Side of the pictures, in pixels, that is not exceeded unless asked for."""

LOOKED_AT = 64
"""Pictures whose size is looked at."""

FEW = 500
"""Training pictures below which DiffAugment's constant changes are taken in place of ADA's adaptive ones."""


OPEN: Mapping[str, object] = {"engine.batch": 0, "engine.average": 0.0}
"""Options that are left out by another value than null, nothing or auto."""

Choice = tuple[Any, str]
"""A value, and why."""


@dataclass(frozen=True)
class Seen:
    """What is known of the pictures.

    Args:
        count: of training pictures.
        side: the median of their shorter sides, in pixels.
    """

    count: int
    side: int


def looked_at(source: str) -> Seen:
    """Look at the training pictures.

    Args:
        source: a folder, a table, or ``synthetic:…``.

    Returns:
        What there is.

    Raises:
        DataError: There are none.
    """
    pictures = pictures_of.singles(source, "train", augment=False, size=None)
    count = len(pictures)
    step = max(1, count // LOOKED_AT)
    sides = [
        min(pictures.example(index, 0)["image"].shape[1:]) for index in range(0, count, step)[:LOOKED_AT]
    ]
    return Seen(count, int(median(sides))) if sides else Seen(0, 64)


def chosen(
    values: Mapping[str, Any], seen: Seen, theirs: Mapping[str, Any], *, gpu: bool
) -> tuple[dict[str, object], dict[str, str]]:
    """Choose the options of a StyleGAN2 that are left open.

    Args:
        values: every option under its dotted name.
        seen: the pictures.
        theirs: sizes of the network it starts from; empty when it starts from nothing.
        gpu: whether there is one.

    Returns:
        Option → value, and option → value and reason in words, of those that were open.
    """
    found: dict[str, object] = {}
    reasons: dict[str, str] = {}

    def settled(name: str, choice: Choice) -> Any:
        if values[name] not in (None, "", "auto", OPEN.get(name)):
            return values[name]
        found[name] = choice[0]
        reasons[name] = f"{choice[0]}: {choice[1]}"
        return choice[0]

    size = settled("size", (theirs["side"], "as in start") if theirs else size_for(seen))
    channels = channels_for(size, gpu=gpu)
    if theirs:
        first = str(theirs["channels"]).split(",")
        channels = ",".join(first + channels[0].split(",")[len(first) :]), "those of start, and on from there"
    settled("network.channels", channels)
    mapping = (512, "as StyleGAN2") if gpu else (256, "half of StyleGAN2's, for a CPU")
    shallow = (2, "as StyleGAN2-ADA but for its largest sets: it learns faster than 8")
    unlimited = (0.0, "no clamp: float16 alone needs one")
    for name, usual in (("latent", mapping), ("style", mapping), ("layers", shallow), ("limit", unlimited)):
        settled(f"network.{name}", (theirs[name], "as in start") if name in theirs else usual)
    batch = settled("engine.batch", batch_for(size, gpu=gpu))
    if values["averaged"]:
        settled("engine.average", average_for(batch))
    settled("augment.kind", augment_for(seen.count))
    settled("r1", r1_for(size, batch))
    settled("path", path_for(size, seen.count))
    return found, reasons


def size_for(seen: Seen) -> Choice:
    """Choose the side of the pictures that are made."""
    side = 8
    while side * 2 <= min(seen.side, LARGEST):
        side *= 2
    return side, (
        f"the largest power of two within the median side of {seen.side} pixels, at most {LARGEST} by itself"
    )


def channels_for(size: int, *, gpu: bool) -> Choice:
    """Choose the channels of the maps at 4 pixels, 8, …."""
    total, most = (16_384, 512) if gpu else (2_048, 256)
    maps = [min(total // (4 << number), most) for number in range(size.bit_length() - 2)]
    where = "a GPU: those of StyleGAN2-ADA" if gpu else "a CPU: an eighth of StyleGAN2-ADA's, at most 256"
    return ",".join(str(max(number, 8)) for number in maps), f"for {where}"


def batch_for(size: int, *, gpu: bool) -> Choice:
    """Choose the pictures of a step."""
    if gpu:
        return max(min(4096 // size, 32), 4), "4096 / size, from 4 to 32, as StyleGAN2-ADA on one GPU"
    return max(min(1024 // size, 16), 4), "1024 / size, from 4 to 16: on a CPU small steps learn more an hour"


def r1_for(size: int, batch: int) -> Choice:
    """Choose the weight of R1."""
    return round(2e-4 * size * size / batch, 6), "0.0002 · size² / batch; try a quarter and four times of it"


def path_for(size: int, count: int) -> Choice:
    """Choose the weight of the path length."""
    if size < 128:
        return 0.0, f"off: pictures of {size} pixels are smooth enough, and it costs a fifth of the time"
    if count < 1000:
        return 0.0, f"off: with {count} pictures the discriminator is at its limit, and styles need freedom"
    return 2.0, "as in StyleGAN2; it evens out how pictures change with their style, which inversion likes"


def average_for(batch: int) -> Choice:
    """Choose the half-life of the average of the weights."""
    return batch * 10_000 / 32, "10,000 images at a batch of 32, in proportion"


def augment_for(count: int) -> Choice:
    """Choose how pictures are changed before they are judged."""
    if count < FEW:
        return (
            "diffaugment",
            f"there are {count} pictures, fewer than {FEW}: too few to wait for ADA to notice",
        )
    return "ada", f"there are {count:,} pictures: changes come only as the discriminator begins to know them"
