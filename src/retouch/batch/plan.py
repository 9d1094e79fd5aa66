"""What a batch will do, found out and checked before any of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from retouch import __version__
from retouch.batch import places
from retouch.batch.cells import first_of, has_region
from retouch.batch.item import Given, Item
from retouch.batch.ledger import Seen
from retouch.batch.names import (
    check_pattern,
    filled,
    is_pattern,
    output_name,
    place_of,
    refusal,
    shown_name,
)
from retouch.batch.shard import Shard
from retouch.batch.source import Found, Source
from retouch.batch.work import CHANGES, DRAWN, FORM, Work
from retouch.catalog import FILES, SEVERAL, Edit, edit_named
from retouch.errors import InputError, RetouchError
from retouch.image.plain import Plain, encoded, sha256_of

ALL = Shard()
"""The only shard of a batch that is not split."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch that can begin.

    Args:
        work: what is done to each picture.
        source: where the pictures come from.
        patterns: option → the pattern, or the patterns, of the files that belong to a picture.
        suffix: of all results; empty keeps those of the pictures.
        shard: the part that is done here.
        ledger: the folder of the records.
    """

    work: Work
    source: Source
    patterns: Given
    suffix: str
    shard: Shard
    ledger: Path

    @property
    def edit(self) -> Edit:
        """What is done."""
        return self.source.edit

    @property
    def told(self) -> dict[str, Plain]:
        """What the run is told, for a person who reads the ledger."""
        work = self.work
        files = {
            name: [places.name_of(one) for one in ((given,) if isinstance(given, str) else given)]
            for name, given in {**work.files, **self.patterns}.items()
        }
        return {
            "edit": work.edit,
            "options": dict(work.options),
            "files": files,
            "saving": {name: value for name, value in work.saving.items() if value is not None},
            "settings": work.settings,
            "retouch": __version__,
        }

    def __iter__(self) -> Iterator[Item]:
        """The items of this shard, made while the source is read; two iterations give the same."""
        seen, bare = Seen(), Seen()
        among_results = places.inside(self.work.out)
        beside = _has_companions(self.edit)
        for number, found in enumerate(self.source):
            name = self._name(found)
            stem = (name.rpartition(".")[0] or name) if beside else name
            # Results that share the names of their companions must meet in one shard to be told apart.
            if not self.shard.holds(stem):
                continue
            wrong = found.wrong or refusal(name, moving=self.edit.moving)
            given = {} if wrong else self._given(found)
            wrong = wrong or _misplaced(given, among_results)
            if not wrong and seen.again(name):
                wrong = f"another picture is called {name} as well; give each a name of its own"
            if not wrong and beside and bare.again(stem):
                wrong = f"another picture is called {stem} as well, and so is its latent file; rename one"
            if wrong:
                # Not under its own name, which may be that of a picture which is done.
                called = f"{shown_name(name)} ({number + 1})"
                yield Item(number, called, refused=wrong)
                continue
            yield Item(number, name, given, found.options)

    def _name(self, found: Found) -> str:
        if not found.name:
            return output_name(found.place, self.suffix)
        from retouch.image.write import MOVING, SUFFIXES

        suffix = PurePosixPath(found.name).suffix.lower()
        known = suffix in SUFFIXES or (self.edit.moving and suffix in MOVING)
        return found.name if known else f"{found.name}{self.suffix or '.png'}"

    def _given(self, found: Found) -> Given:
        given: dict[str, str | tuple[str, ...]] = {}
        place = place_of(found.place)
        for name, pattern in self.patterns.items():
            if name == "mask" and any(drawn in found.options for drawn in DRAWN):
                continue
            if isinstance(pattern, tuple):
                given[name] = tuple(filled(one, place) for one in pattern)
            else:
                given[name] = filled(pattern, place)
        # The picture itself is opened first, so that it is not its mask that is missed when it is damaged.
        return {**found.given, **{name: one for name, one in given.items() if name not in found.given}}


@dataclass(frozen=True, slots=True)
class Saving:
    """How results are written; see :meth:`retouch.image.Picture.save`.

    Args:
        quality: of the encoder.
        lossless: whether every sample is kept.
        bit_depth: bits per sample.
        background: RGB under transparent pixels.
    """

    quality: int | None = None
    lossless: bool | None = None
    bit_depth: int | None = None
    background: tuple[float, float, float] | None = None


def plan(
    edit: str,
    source: str | Path,
    out: str | Path,
    *,
    options: Mapping[str, object] | None = None,
    files: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    shard: Shard = ALL,
    suffix: str = "",
    saving: Saving | None = None,
    overwrite: bool = False,
    ledger: str | Path | None = None,
) -> Plan:
    """Find out whether a batch can begin, and what it will do.

    Args:
        edit: the name of an edit of the catalog.
        source: a manifest (.csv, .tsv, .jsonl, .txt), a folder, a pattern such as ``photos/**/*.jpg``, or one
            picture; a path, or an address that fsspec knows.
        out: the folder of results, likewise.
        options: what the edit is told of every picture; ``box`` or ``polygon``, and ``invert_mask``, ``grow``
            and ``feather``, make its region.
        files: option → the file that all pictures share, or a pattern that says which belongs to each:
            ``masks/{stem}.png``.
        shard: the part that is done here.
        suffix: of all results, such as ``.png``; empty keeps those of the pictures.
        saving: how results are written.
        overwrite: replace files that no earlier run wrote.
        ledger: the folder of the records; the folder of results when None.

    Returns:
        The plan; nothing is written yet.

    Raises:
        UnknownName: There is no such edit, option, choice, column or placeholder.
        InputError: An option is of the wrong kind or missing, there is no picture, or the folder holds the
            photos themselves or a file that all pictures share.
        UnreadablePicture: The source, or a file that all pictures share, cannot be read.
        UnwritablePicture: The suffix names no format.
        MissingDependency: An address needs a package that is not installed.
    """
    from retouch.image.write import check_quality, format_for

    found = edit_named(edit)
    saving = saving or Saving()
    check_quality(saving.quality)
    suffix = f".{suffix.lstrip('.')}" if suffix else ""
    if suffix:
        format_for(Path(f"x{suffix}"), moving=found.moving)
    folder = places.absolute(str(out))
    places.check(folder)
    shared, patterns = _files(found, files or {})
    pictures = Source.of(found, first_of(found, {*shared, *patterns}), str(source), folder)
    told = _options(found, options or {})
    _check_complete(found, pictures, {*shared, *patterns, *told})
    _check_places(pictures, str(source), shared, folder)
    work = Work(
        edit=found.name,
        out=folder,
        options=told,
        files=shared,
        saving={name: getattr(saving, name) for name in Saving.__slots__},
        overwrite=overwrite,
    )
    work = replace(work, settings=_settings(found, work))
    return Plan(work, pictures, patterns, suffix, shard, _ledger_folder(ledger, folder))


def _ledger_folder(ledger: str | Path | None, out: str) -> Path:
    where = places.path_of(str(ledger)) if ledger is not None else places.path_of(out)
    if where is None:
        raise InputError(
            f"the results go to {out:.120}, and the record of a batch grows line by line, which no store "
            "allows; name a folder of this machine with --ledger"
        )
    return where.absolute()


def _files(
    edit: Edit, files: Mapping[str, str | Path | Sequence[str | Path]]
) -> tuple[dict[str, str | tuple[str, ...]], dict[str, str | tuple[str, ...]]]:
    """Tell files that all pictures share from patterns, and make sure that the former are there."""
    shared: dict[str, str | tuple[str, ...]] = {}
    patterns: dict[str, str | tuple[str, ...]] = {}
    for name, value in files.items():
        option = edit.option(name)
        if option.kind not in FILES:
            raise InputError(f"{option.name} of {edit.name} takes no file; give it among the options")
        several = option.kind in SEVERAL
        words = [str(value)] if isinstance(value, str | Path) else [str(one) for one in value]
        if not several and len(words) != 1:
            raise InputError(f"{option.name} of {edit.name} takes one file, got {len(words)}; give one")
        for word in words:
            check_pattern(word)
            places.check(word)
        addresses = tuple(places.absolute(word) for word in words)
        chosen = patterns if any(map(is_pattern, words)) else shared
        if chosen is shared:
            for address in addresses:
                places.check_there(address)
        chosen[option.name] = addresses if several else addresses[0]
    return shared, patterns


def _options(edit: Edit, options: Mapping[str, object]) -> dict[str, Plain]:
    told: dict[str, Plain] = {}
    for name, value in options.items():
        if has_region(edit) and name in (*DRAWN, *CHANGES):
            told[name] = encoded(value)
            continue
        option = edit.option(name)
        if option.kind in FILES and value not in option.choices:
            raise InputError(f"{option.name} of {edit.name} is a file; give it among the files")
        told[option.name] = encoded(edit.checked(option, value))
    drawn = [name for name in DRAWN if told.get(name) is not None]
    if len(drawn) > 1:
        raise InputError(f"{' and '.join(drawn)} are both given; a region is one of them")
    return told


def _check_complete(edit: Edit, source: Source, told: set[str]) -> None:
    given = {*told, *source.names, source.first}
    shapes = {"mask", *DRAWN} & {*told, *source.names}
    for option in edit.options():
        shaped = option.name == "mask" and has_region(edit) and shapes
        if option.required and option.name not in given and not shaped:
            raise InputError(
                f"{edit.name} needs {option.name}; give {option.flag} a file, a pattern such as "
                f"'{option.name}s/{{stem}}.png', or the manifest a column {option.name!r}"
            )
    if not shapes and (lonely := [name for name in CHANGES if name in told]):
        raise InputError(f"{lonely[0]} has no region to change; give a mask, a box or a polygon")


def _check_places(source: Source, given: str, shared: Given, out: str) -> None:
    """Refuse a source without a picture, and one that lies among the results, or what all share does."""
    first = next(iter(source), None)
    if first is None:
        what = {"manifest": "lists no picture", "pattern": "fits no picture"}.get(
            source.kind, "has no picture"
        )
        raise InputError(f"{given:.200} {what}; check how it is written")
    # In a list each row is refused by itself; elsewhere one that lies there means that all do.
    files = shared if source.kind == "manifest" else {**shared, **first.given}
    if wrong := _misplaced(files, places.inside(out)):
        raise InputError(wrong)


def _misplaced(given: Given, among_results: Callable[[str], bool]) -> str:
    """Say that a file lies where results go: one of them could replace it; empty when none does."""
    for files in given.values():
        for address in (files,) if isinstance(files, str) else files:
            if among_results(address):
                return (
                    f"{address:.200} lies in the folder of results, where a result could replace it; give "
                    "the results a folder of their own"
                )
    return ""


def _has_companions(edit: Edit) -> bool:
    # The catalog names those that are always written; other edits with a generator may write latents, too.
    return bool(edit.companions) or edit.task == "invert"


def _settings(edit: Edit, work: Work) -> str:
    """Hash all that makes results what they are, but for the pictures themselves."""

    @cache
    def contents(address: str) -> str:
        return places.sha256_at(address)

    shared = {
        name: [contents(one) for one in ((files,) if isinstance(files, str) else files)]
        for name, files in work.files.items()
    }
    networks = {
        option.name: _network(work.options.get(option.name, option.default))
        for option in edit.options()
        if option.kind == "weights"
    }
    said = [FORM, edit.name, dict(work.options), shared, networks, dict(work.saving)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _network(name: object) -> str:
    """What a file of weights holds; the word itself where it means no file, such as a method's."""
    from retouch.weights.find import find

    try:
        return sha256_of(find(str(name)))
    except RetouchError:
        return str(name)
