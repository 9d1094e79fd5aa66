"""What a batch does to each item: open, edit, write, and say what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retouch.batch import places
from retouch.batch.item import Given, Item, Row, Stamp
from retouch.catalog import Option, edit_named
from retouch.errors import Cancelled, InputError, OutputExists, RetouchError
from retouch.image.plain import Plain, decoded

if TYPE_CHECKING:
    from retouch.image import Picture

WINDOW = 4
"""Pictures for each worker in flight or waiting for their turn: what a killed driver repeats at most."""

FORM = 1
"""Of keys and rows; a change of it makes every picture anew."""

CHANGES = ("invert_mask", "grow", "feather")
"""What is done to the region of a mask, beside the edit's own options."""

DRAWN = ("box", "polygon")
"""Regions that need no file."""


@dataclass(frozen=True)
class Work:
    """What is done to every item; called with one, it does it.

    It goes to other processes as plain data (:meth:`plain`, :meth:`of`, or pickled), and opens what all items
    share once in each.

    Args:
        edit: the name of an edit of the catalog.
        out: the address of the folder of results.
        options: what the edit is told of every item, as plain data; with ``box`` or ``polygon``, and
            ``invert_mask``, ``grow`` and ``feather``, for its region.
        files: the addresses of pictures and masks that all items share.
        saving: ``quality``, ``lossless``, ``bit_depth`` and ``background`` of
            :meth:`retouch.image.Picture.save`.
        overwrite: replace files that no earlier run wrote.
        settings: a hash of all that makes a result what it is, of the shared files and weights too.
    """

    edit: str
    out: str
    options: Mapping[str, Plain] = field(default_factory=dict)
    files: Given = field(default_factory=dict)
    saving: Mapping[str, Plain] = field(default_factory=dict)
    overwrite: bool = False
    settings: str = ""

    def __reduce__(self) -> tuple[Callable[..., Work], tuple[dict[str, Any]]]:
        return Work.of, (self.plain(),)

    def plain(self) -> dict[str, Any]:
        """Everything as JSON holds it; :meth:`of` makes the work again."""
        return {name: _bare(getattr(self, name)) for name in self.__dataclass_fields__}

    @staticmethod
    def of(plain: Mapping[str, Any]) -> Work:
        """Make the work of what :meth:`plain` gave.

        Args:
            plain: perhaps after a way through JSON, which knows no tuples.
        """
        files = {name: tuple(one) if isinstance(one, list) else one for name, one in plain["files"].items()}
        return Work(**{**plain, "files": files})

    def __call__(self, item: Item) -> Row:
        """Do an item.

        Args:
            item: of the plan.

        Returns:
            Its row. Whatever is wrong with the picture, its options or its output is said there.

        Raises:
            Cancelled: The edit was stopped.
        """
        started = time.perf_counter()
        seen: dict[str, Stamp] = {}
        key, edited = "", 0.0
        try:
            if item.refused:
                raise InputError(item.refused)
            own = {name: self._opened(name, files, seen) for name, files in item.given.items()}
            key = self.key(item, {address: stamp[2] for address, stamp in seen.items()})
            begun = time.perf_counter()
            made = self._edited(item, own)
            edited = time.perf_counter() - begun
            size, sha256, companions = self._written(item, made)
            said: dict[str, Any] = {"size": size, "sha256": sha256, "companions": companions}
            state = "done"
        except Cancelled:
            raise
        except Exception as error:
            state = "failed"
            said = dict(zip(("error", "message", "before"), (*explained(error), item.ours), strict=True))
            key = key or self._key_anyway(item, seen)
        return Row(
            name=item.name,
            state=state,  # type: ignore[arg-type]
            key=key,
            **said,
            seconds=time.perf_counter() - started,
            edit_seconds=edited,
            inputs=seen,
            worker=os.getpid(),
        )

    def prepare(self) -> None:
        """Import the edit and open what all items share, so that the first item is like the others.

        Raises:
            RetouchError: A shared file cannot be used.
        """
        _ = self._verb, self._options, self._shared

    def lost(self, item: Item) -> Row:
        """Say of an item that each process that began it has died.

        Args:
            item: of the plan.

        Returns:
            Its row.
        """
        seen: dict[str, Stamp] = {}
        return Row(
            item.name,
            "failed",
            self._key_anyway(item, seen),
            error="WorkerDied",
            message="two processes died of it; they may have run out of memory: try fewer --workers",
            before=item.ours,
            inputs=seen,
        )

    def key(self, item: Item, contents: Mapping[str, str]) -> str:
        """Hash everything that makes an item's result what it is.

        Args:
            item: of the plan.
            contents: the SHA-256 of what lies at each of its addresses.
        """
        given = {
            name: [contents[address] for address in _several(files)] for name, files in item.given.items()
        }
        ending = Path(item.name).suffix.lower()
        return _hashed([self.settings, ending, given, dict(item.options)])

    def _key_anyway(self, item: Item, seen: dict[str, Stamp]) -> str:
        """The key of what failed, so that a repair shows; what cannot be read counts as nothing."""
        if item.refused:
            return ""
        contents = {}
        for files in item.given.values():
            for address in _several(files):
                if address not in seen and (stamp := _stamp(address)) is not None:
                    seen[address] = stamp
                contents[address] = seen[address][2] if address in seen else ""
        return self.key(item, contents)

    def edited(self, item: Item) -> tuple[Picture, dict[str, Stamp]]:
        """Do an item without writing it, as a sample of what it takes.

        Args:
            item: of the plan.

        Raises:
            RetouchError: It cannot be done.
        """
        if item.refused:
            raise InputError(item.refused)
        seen: dict[str, Stamp] = {}
        own = {name: self._opened(name, files, seen) for name, files in item.given.items()}
        return self._edited(item, own), seen

    def files_of(self, item: Item, made: Picture) -> dict[str, bytes]:
        """Make the bytes of everything that is written for an item.

        Args:
            item: of the plan.
            made: its picture.

        Returns:
            Name relative to the folder of results → bytes; the picture last.

        Raises:
            RetouchError: The format cannot hold the picture.
        """
        from retouch.image.write import files_of

        saving: dict[str, Any] = dict(self.saving)
        if saving.get("background") is not None:
            saving["background"] = tuple(saving["background"])
        files = files_of(made, Path(item.name), **saving, companions=True)
        return {path.as_posix(): data for path, data in files.items()}

    @cached_property
    def _verb(self) -> Callable[..., Picture]:
        return edit_named(self.edit).load()

    @cached_property
    def _options(self) -> dict[str, Option]:
        return {option.name: option for option in edit_named(self.edit).options()}

    @cached_property
    def _shared(self) -> dict[str, object]:
        return {name: self._opened(name, files, {}) for name, files in self.files.items()}

    def _opened(self, name: str, files: str | tuple[str, ...], seen: dict[str, Stamp]) -> object:
        """Open an option's files, and note what they hold."""
        option = self._options[name]
        if isinstance(files, tuple):
            return tuple(_opened(option, address, seen) for address in files)
        return _opened(option, files, seen)

    def _edited(self, item: Item, own: Mapping[str, object]) -> Picture:
        told = {name: decoded(value) for name, value in {**self.options, **item.options}.items()}
        shape = _shape(item, self, own, told)
        values = {**self._shared, **{name: value for name, value in told.items() if name not in DRAWN}, **own}
        changes = {name: values.pop(name) for name in CHANGES if name in values}
        if shape is not None:
            values["mask"] = _region(shape, changes)
        placed = []
        for option in self._options.values():
            if option.required and values.get(option.name) is None:
                raise InputError(f"{self.edit} needs {option.name} and this row gives none; add it")
            if option.placed:
                placed.append(values.pop(option.name))
        return self._verb(*placed, **values)

    def _written(self, item: Item, made: Picture) -> tuple[int, str, dict[str, tuple[int, str]]]:
        """Write what is not there yet, and say what lies there then."""
        files = self.files_of(item, made)
        facts = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
        targets = {name: places.joined(self.out, name) for name in files}
        self._check_inputs(item, targets.values())
        there = {name: places.sha256_at(target) for name, target in targets.items()}
        if {name: sha256 for name, (_, sha256) in facts.items()} != there:
            foreign = [
                name
                for name, sha256 in there.items()
                if sha256 not in ("", item.ours.get(name), facts[name][1])
            ]
            if foreign and not self.overwrite:
                raise OutputExists(
                    f"{foreign[0]} is there already and is not as a batch wrote it; pass --overwrite, or "
                    "choose another folder for results"
                )
            tag = hashlib.sha256(item.name.encode()).hexdigest()[:16]
            data = {targets[name]: content for name, content in files.items()}
            places.put(data, overwrite=any(there.values()), tag=tag)
        size, sha256 = facts.pop(item.name)
        return size, sha256, facts

    def _check_inputs(self, item: Item, targets: Any) -> None:
        """Refuse to replace what a result is made of: another run would edit the result."""
        given = (*item.given.values(), *self.files.values())
        sources = {os.path.realpath(one) for files in given for one in _several(files)}
        for target in targets:
            if os.path.realpath(target) in sources:
                raise OutputExists(
                    f"{item.name} would replace what it is made of; choose another folder for results"
                )


def explained(error: Exception) -> tuple[str, str]:
    """Put an error into two words of a row.

    Args:
        error: anything.

    Returns:
        Its class, and a sentence.
    """
    if isinstance(error, RetouchError):
        return type(error).__name__, str(error)
    if isinstance(error, MemoryError):
        return "MemoryError", "there is not enough memory; try fewer --workers or a smaller picture"
    message = f"{type(error).__name__}: {error}"[:500]
    return "InternalError", f"{message} (a bug in retouch: please report it)"


def _opened(option: Option, address: str, seen: dict[str, Stamp]) -> object:
    from retouch.image import Picture
    from retouch.image.mask_values import drawing_in
    from retouch.image.picture import MAX_BYTES, MAX_PIXELS
    from retouch.image.read import read

    size, mark = places.marked(address) or (0, "")
    data = places.read(address, MAX_BYTES)
    # What was written between the two looks may be either; the next run will read it again.
    mark = mark if size == len(data) else ""
    seen[address] = (len(data), mark, hashlib.sha256(data).hexdigest())
    path = places.path_of(address)
    if option.kind == "picture" and option.choices:
        # The verb tells a path from a word, and takes nothing else.
        if path is None:
            raise InputError(
                f"{address:.200} is not on this machine, and {option.name} takes local files only"
            )
        return str(path)
    if option.kind in ("latent", "latents"):
        return data if path is None else path
    drawing = drawing_in(data) if option.kind in ("mask", "masks") else None
    if drawing is not None:
        return drawing
    return Picture(*read(data, frame=None, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES, name=address))


def _stamp(address: str) -> Stamp | None:
    """The stamp of a file that could not be used; None where there is nothing to be read."""
    try:
        size, mark = places.marked(address) or (0, "")
        sha256 = places.sha256_at(address)
    except RetouchError:
        return None
    return (size, mark, sha256) if sha256 else None


def _shape(item: Item, work: Work, own: Mapping[str, object], told: Mapping[str, object]) -> object:
    """The region's shape: the item's own, else what all share."""
    if "mask" in own:
        return own["mask"]
    drawn = [name for name in DRAWN if item.options.get(name) is not None]
    if not drawn and "mask" in work.files:
        return work._shared["mask"]
    drawn = drawn or [name for name in DRAWN if told.get(name) is not None]
    return told[drawn[0]] if drawn else None


def _region(shape: Any, changes: Mapping[str, Any]) -> object:
    from retouch.image import Region

    grow, feather = changes.get("grow", 0.0), changes.get("feather", 0.0)
    return Region(shape, invert=bool(changes.get("invert_mask")), grow=grow, feather=feather)


def _several(files: str | tuple[str, ...]) -> tuple[str, ...]:
    return (files,) if isinstance(files, str) else files


def _bare(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _hashed(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
