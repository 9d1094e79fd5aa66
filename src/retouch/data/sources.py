"""Open a source of training pictures: a folder, a table, or a synthetic set."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from retouch.data import layouts, synthetic
from retouch.data.examples import Apart, Together
from retouch.data.framing import Framing, Resize
from retouch.data.listing import HELD_OUT, Listing, Split, fingerprint
from retouch.data.origin import WHOLE, Part, Size
from retouch.errors import DataError, InputError, UnknownName

logger = logging.getLogger(__name__)

Direction = Literal["AtoB", "BtoA"]
"""Which side of a pair is the input."""

Nearest = Literal["none", "input", "target", "both"]
"""Which pictures of a pair are maps of labels, whose colours must not be mixed when resizing."""

Channels = Literal[1, 3]
"""Gray or RGB."""

LoadSize = int | Size | Literal["paper"] | None
"""What is cropped from; ``"paper"`` is 286/256 of the size."""

CACHE_BYTES = 2 << 30
"""Decoded data that is kept by default."""


def pairs(
    source: str | Path,
    split: Split,
    *,
    augment: bool,
    size: int | Size | None = 256,
    load_size: LoadSize = "paper",
    resize: Resize = "stretch",
    flip: bool = True,
    rotate: bool = False,
    jitter: float = 0.0,
    direction: Direction = "AtoB",
    input_channels: Channels | None = None,
    target_channels: Channels | None = None,
    nearest: Nearest = "none",
    cache_bytes: int = CACHE_BYTES,
) -> Together:
    """Open pairs of pictures.

    Args:
        source: a folder in one of :data:`retouch.data.layouts.LAYOUTS`, a table, two folders with
            a comma between them, or ``"synthetic:facades"``.
        split: ``train``, ``val``, ``test`` or ``all``. Without validation pictures a tenth of the
            training pictures is held out by name.
        augment: crop, flip, turn and jitter, the same way for both pictures of a pair.
        size: side of the square examples, their height and width, or None for each picture's own.
        load_size: what is cropped from: its shorter side, its height and width, ``"paper"`` for
            286/256 of ``size``, or None for no crop.
        resize: how a picture gets there, see :data:`retouch.data.framing.Resize`.
        flip: mirror half of the examples.
        rotate: turn examples by quarter turns (half turns when they are not square).
        jitter: the most by which brightness, contrast and saturation change, 0 … 1; labels keep
            theirs.
        direction: ``BtoA`` swaps input and target.
        input_channels: 1 or 3; None is 3.
        target_channels: 1 or 3; None is 3.
        nearest: which pictures are label maps; the paper's own data are resized like photos.
        cache_bytes: decoded data that is kept in memory.

    Returns:
        Examples with ``input`` and ``target``, float32 (C, H, W) in [0, 1].

    Raises:
        DataError: there are no pairs in a layout that is read, or no such split.
        InputError: an option has a value that cannot be used.
        UnknownName: a choice is none of those there are.
    """
    _check("direction", direction, ("AtoB", "BtoA"))
    _check("nearest", nearest, ("none", "input", "target", "both"))
    framing = Framing.of(
        size, load_size, resize=resize, augment=augment, flip=flip, rotate=rotate, jitter=jitter
    )
    listing = _paired(source)
    found, lone = listing.pairs(split)
    if not found:
        raise DataError(
            f"no picture of one side matches one of the other in {source} ({listing.layout}); "
            f"alone are {', '.join(lone[:5])}. Give both the same name, or train on unpaired data"
        )
    if lone:
        logger.warning("%s: %d pictures have no partner and are left out: %s", source, len(lone), lone[:5])
    _check_halves(listing, [a for a, _ in found.values()])
    names = tuple(found)
    items = [(b, a) if direction == "BtoA" else (a, b) for a, b in found.values()]
    sides = [(name, part) for name, pair in found.items() for part in pair]
    return Together(
        ("input", "target"),
        names,
        items,
        framing=framing,
        channels=(_channels(input_channels), _channels(target_channels)),
        nearest=(nearest in ("input", "both"), nearest in ("target", "both")),
        cache_bytes=cache_bytes,
        facts=_facts(listing, split, len(items), sides) | {"direction": direction, "unmatched": len(lone)},
    )


def unpaired(
    source: str | Path,
    split: Split,
    *,
    augment: bool,
    size: int | Size | None = 256,
    load_size: LoadSize = "paper",
    resize: Resize = "stretch",
    flip: bool = True,
    rotate: bool = False,
    jitter: float = 0.0,
    direction: Direction = "AtoB",
    a_channels: Channels | None = None,
    b_channels: Channels | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Apart:
    """Open two sets of pictures that do not match one another.

    Args:
        source: as for :func:`pairs`, or ``"synthetic:seasons"``; pairs are taken apart.
        split: ``train``, ``val``, ``test`` or ``all``.
        augment: crop, flip, turn and jitter, each picture on its own, and draw the one of B at
            random; otherwise picture ``i`` of A goes with picture ``i`` of B.
        size: as for :func:`pairs`.
        load_size: as for :func:`pairs`.
        resize: as for :func:`pairs`.
        flip: as for :func:`pairs`.
        rotate: as for :func:`pairs`.
        jitter: as for :func:`pairs`.
        direction: ``BtoA`` swaps the two sets.
        a_channels: 1 or 3; None is 3.
        b_channels: 1 or 3; None is 3.
        cache_bytes: decoded data that is kept in memory.

    Returns:
        Examples with ``a`` and ``b``, float32 (C, H, W) in [0, 1]; as many as the larger set has
        pictures.

    Raises:
        DataError: there are no two sets in a layout that is read, or no such split.
        InputError: an option has a value that cannot be used.
        UnknownName: a choice is none of those there are.
    """
    _check("direction", direction, ("AtoB", "BtoA"))
    framing = Framing.of(
        size, load_size, resize=resize, augment=augment, flip=flip, rotate=rotate, jitter=jitter
    )
    drawn = synthetic.listing(source)
    listing = drawn or layouts.unpaired(source)
    sides = listing.sides(split)
    if not sides.a or not sides.b:
        raise DataError(
            f"{source} has {len(sides.a)} {split} pictures of A and {len(sides.b)} of B; each needs one"
        )
    a, b = (sides.b, sides.a) if direction == "BtoA" else (sides.a, sides.b)
    facts = _facts(listing, split, max(len(a), len(b)), [*sides.a.items(), *sides.b.items()])
    return Apart(
        a,
        b,
        framing=framing,
        channels=(_channels(a_channels), _channels(b_channels)),
        cache_bytes=cache_bytes,
        facts=facts | {"direction": direction, "a": len(a), "b": len(b)},
    )


def singles(
    source: str | Path,
    split: Split,
    *,
    augment: bool,
    size: int | Size | None = 256,
    load_size: LoadSize = "paper",
    resize: Resize = "stretch",
    flip: bool = True,
    rotate: bool = False,
    jitter: float = 0.0,
    channels: Channels | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Together:
    """Open pictures one by one.

    Args:
        source: a folder with pictures at any depth, in or without ``train``, ``val``, ``test``;
            a table, of which the inputs are taken; or a synthetic set, of which the photos are.
        split: ``train``, ``val``, ``test`` or ``all``.
        augment: crop, flip, turn and jitter.
        size: as for :func:`pairs`.
        load_size: as for :func:`pairs`.
        resize: as for :func:`pairs`.
        flip: as for :func:`pairs`.
        rotate: as for :func:`pairs`.
        jitter: as for :func:`pairs`.
        channels: 1 or 3; None is 3.
        cache_bytes: decoded data that is kept in memory.

    Returns:
        Examples with ``image``, float32 (C, H, W) in [0, 1].

    Raises:
        DataError: there are no pictures, or no such split.
        InputError: an option has a value that cannot be used.
        UnknownName: a choice is none of those there are.
    """
    framing = Framing.of(
        size, load_size, resize=resize, augment=augment, flip=flip, rotate=rotate, jitter=jitter
    )
    drawn = synthetic.listing(source)
    listing = drawn or layouts.single(source)
    sides = listing.sides(split)
    chosen = sides.b if drawn else sides.a
    return Together(
        ("image",),
        tuple(chosen),
        [(part,) for part in chosen.values()],
        framing=framing,
        channels=(_channels(channels),),
        nearest=(False,),
        cache_bytes=cache_bytes,
        facts=_facts(listing, split, len(chosen), chosen.items()),
    )


def splits(source: str | Path) -> tuple[Split, ...]:
    """Say which splits of a source can be opened, besides ``all``.

    Args:
        source: as for :func:`pairs`, :func:`unpaired` or :func:`singles`.

    Returns:
        Some of ``train``, ``val``, ``test``; ``val`` also when it is held out of ``train``.

    Raises:
        DataError: there are no pictures.
    """
    drawn = synthetic.listing(source)
    if drawn:
        return drawn.available
    for find in (layouts.paired, layouts.unpaired):
        try:
            return find(source).available
        except DataError:
            continue
    return layouts.single(source).available


def _paired(source: str | Path) -> Listing:
    drawn = synthetic.listing(source)
    if drawn and not drawn.matches:
        raise DataError(f"{source} has no pairs; train an unpaired recipe on it, or use synthetic:facades")
    return drawn or layouts.paired(source)


def _check_halves(listing: Listing, lefts: Sequence[Part]) -> None:
    """Refuse single pictures that would be cut in two, judged by the first and the last."""
    if listing.layout != layouts.SIDE_BY_SIDE:
        return
    for part in (lefts[0], lefts[-1]):
        height, width = part.origin.parts((WHOLE,), None)[WHOLE].shape[1:]
        if width > height:
            return
    raise DataError(
        f"{listing.source} would be read as pairs side by side, but its pictures are not wider than high "
        f"({lefts[0].origin.label} is {height}×{width}). Put inputs and targets into folders A/ and B/, "
        "or train an unpaired recipe on two folders"
    )


def _facts(
    listing: Listing, split: Split, count: int, pictures: Iterable[tuple[str, Part]]
) -> dict[str, object]:
    held_out = listing.holds_out and split in ("train", "val")
    return {
        "source": listing.source,
        "layout": listing.layout,
        "split": split,
        "count": count,
        "held_out": f"1 in {HELD_OUT} training pictures validates, chosen by name" if held_out else "",
        "sha256": fingerprint(pictures),
    }


def _channels(asked: int | None) -> int:
    if asked not in (None, 1, 3):
        raise InputError(f"channels is {asked} but must be 1 (gray) or 3 (RGB)")
    return asked or 3


def _check(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownName(option, value, known)
