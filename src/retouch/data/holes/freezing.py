"""Choose holes for the pictures of a folder, once and for all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retouch.data.framing import Framing
from retouch.data.holes.frozen import Item, Manifest, digest, file_sha256
from retouch.data.holes.kind import Holes
from retouch.data.holes.mixtures import LARGEST, at_most
from retouch.data.holes.raster import Size
from retouch.data.holes.spec import parse
from retouch.data.layouts import scan
from retouch.data.origin import WHOLE
from retouch.data.seeds import generator, mixed
from retouch.errors import DataError, InputError
from retouch.progress import Progress, ProgressCallback


def freeze(
    folder: str | Path,
    kinds: Sequence[str],
    *,
    size: int | Size | None = 256,
    seed: int = 0,
    variants: int = 1,
    largest: float = LARGEST,
    progress: ProgressCallback | None = None,
) -> Manifest:
    """Choose holes for every picture of a folder.

    The holes of a picture depend on its name, the kind, the variant and the seed: pictures can be
    added later without changing the holes of the others. Folders of label maps in a spec are looked for
    from the working folder, now and whenever the set is used.

    Args:
        folder: with pictures at any depth.
        kinds: specs, see :func:`retouch.data.holes.parse`; each picture gets holes of each of them.
        size: side of the square that is cut from the middle of each picture, its height and width, or
            None for each picture's own size.
        seed: decides all holes.
        variants: holes of each kind in each picture.
        largest: part of a picture that may be missing, see :class:`AtMost`; 1 allows any.
        progress: called after every picture.

    Returns:
        The set: for each picture in the order of names, each kind, each variant.

    Raises:
        DataError: the folder cannot be read or has no pictures, or one of them is broken.
        InputError: a number is out of its range, a spec cannot be read, or a picture has one pixel.
        UnknownName: there is no such kind of hole.
        Cancelled: the progress callback stopped the work.
    """
    folder = Path(folder)
    if variants < 1:
        raise InputError(f"variants is {variants} but must be at least 1")
    if not kinds:
        raise InputError('no holes are named; give some, such as ["thin", "medium", "thick"]')
    if len(set(kinds)) < len(kinds):
        raise InputError(f"holes {', '.join(kinds)} name a kind twice; raise variants instead")
    drawn = {kind: at_most(parse(kind), largest) for kind in kinds}
    framing = None if size is None else Framing.of(size, None)
    pictures = scan(folder).pictures if folder.is_dir() else {}
    if not pictures:
        raise DataError(f"{folder} has no pictures; give a folder with some")
    items: list[Item] = []
    for done, file in enumerate(pictures.values(), start=1):
        planes = file.parts((WHOLE,), None)[WHOLE]
        own = int(planes.shape[1]), int(planes.shape[2])
        used = own if framing is None or framing.size is None else framing.size
        name, sha256 = file.path.relative_to(folder).as_posix(), file_sha256(file.path)
        for kind, holes in drawn.items():
            items += [
                _frozen(file.path, name, sha256, used, kind, holes, seed, variant)
                for variant in range(variants)
            ]
        if progress is not None:
            progress(Progress("drawing holes", done, len(pictures)))
    facts = {"holes": list(kinds), "size": size, "seed": seed, "variants": variants, "largest": largest}
    return Manifest(folder, items, facts)


def _frozen(
    path: Path, name: str, sha256: str, size: Size, kind: str, holes: Holes, seed: int, variant: int
) -> Item:
    # A name that is not UTF-8 has its own bytes.
    known = f"{kind}\n{name}".encode(errors="surrogateescape")
    own = int.from_bytes(hashlib.sha256(known).digest()[:8])
    # 53 bits, which every reader of JSON keeps.
    drawn = mixed(seed, variant, own) >> 11
    try:
        hole = holes.draw(size, generator(drawn))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    area = float(np.count_nonzero(hole) / hole.size)
    return Item(path, name, sha256, size, kind, holes.spec, drawn, variant, area, digest(hole))
