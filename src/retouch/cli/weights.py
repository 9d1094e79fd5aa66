"""``retouch weights``: which weights there are, what is in a file, converting and fetching."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.cli.watch import Watch
from retouch.errors import InputError, OutputExists, UnknownName, UnknownWeights

if TYPE_CHECKING:
    from torch import Tensor

    from retouch.weights import Card, Layout
    from retouch.weights.load import Identified

weights = App(name="weights", help="List, show, convert and fetch weights files.", help_format="plaintext")
"""The group of commands."""

Part = Annotated[
    str | None,
    Parameter(metavar="NAME", help="Which network, when the file holds several: G_A, for example."),
]


@weights.command(name="list")
def list_weights(*, printing: Printing = DEFAULT) -> Result:
    """List the weights that came with retouch, that were fetched, and that can be fetched."""
    del printing
    from retouch.weights.bundled import bundled
    from retouch.weights.fetch import fetched, home
    from retouch.weights.registry import PUBLISHED

    here = fetched()
    shipped = bundled()
    facts: list[dict[str, object]] = [
        {"name": name, "state": "bundled", "task": path.parent.parent.name, "path": str(path)}
        for name, path in shipped.items()
    ]
    facts += [
        {
            "name": item.name,
            "state": "fetched" if item.name in here else "can be fetched",
            "task": item.task,
            "path": str(here[item.name]) if item.name in here else None,
            "licence": item.licence,
            "paper": item.paper,
            "sha256": item.sha256,
            "bytes": item.size,
        }
        for item in PUBLISHED
    ]
    lines = [f"{fact['name']:<36} {fact['task']:<10} {fact['state']}" for fact in facts]
    lines.append(f"fetched weights are kept in {one_line(str(home()))}")
    return Result({"weights": facts, "folder": str(home())}, "\n".join(lines))


@weights.command
def show(
    file: Annotated[str, Parameter(help="A weights file, or the name of bundled or fetched weights.")],
    /,
    *,
    part: Part = None,
    printing: Printing = DEFAULT,
) -> Result:
    """Say what a weights file holds, without running anything in it."""
    del printing
    from retouch.weights.fetch import sha256_of
    from retouch.weights.find import find
    from retouch.weights.load import identify
    from retouch.weights.read import read

    path = find(file)
    contents = read(path, part=part)
    card, layout = contents.card, ""
    if card is None:
        try:
            known = identify(path, part=part)
            card, layout = known.card, known.layout.name if known.layout else ""
        except UnknownWeights:
            layout = "unknown: the tensors fit no network that retouch knows"
    tensors = contents.tensors
    facts = {
        "file": str(path.absolute()),
        "format": contents.format,
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "parameters": sum(math.prod(tensor.shape) for tensor in tensors.values()),
        "layout": layout or "retouch",
        "card": None if card is None else dataclasses.asdict(card),
        "options": contents.options,
        "foreign": list(contents.foreign),
        "tensors": {name: [_type(tensor), *tensor.shape] for name, tensor in tensors.items()},
    }
    return Result(facts, "\n".join(_described(path, facts, card, tensors)))


@weights.command
def convert(
    file: Annotated[str, Parameter(help="A weights file, or the name of bundled or fetched weights.")],
    /,
    *,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], group=OUTPUT_GROUP, help="The file to write.")
    ],
    to: Annotated[
        str,
        Parameter(
            metavar="FORMAT",
            help="retouch, junyanz (pytorch-CycleGAN-and-pix2pix), cut, lama, imdn, basicsr, kair, esrgan, "
            "pytorch-examples, nvlabs or rosinality.",
        ),
    ] = "retouch",
    name: Annotated[
        str | None,
        Parameter(metavar="NAME", help="What to call the weights; the file's own name if not given."),
    ] = None,
    part: Part = None,
    overwrite: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP,
            negative="",
            show_default=False,
            help="Replace the output file when it is there.",
        ),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Write weights as a self-describing file of retouch, or in the format of another project."""
    del printing
    from retouch import catalog
    from retouch.weights.load import build, identify
    from retouch.weights.save import save, save_torch

    _check_output(output, overwrite=overwrite)
    layouts = catalog.layouts()
    formats = ["retouch", *dict.fromkeys(item.writes for item in layouts if item.writes and item.write)]
    if to not in formats:
        raise UnknownName("format", to, formats)
    found = identify(file, layouts=layouts, part=part)
    if found.network is not None:
        raise InputError(
            f"{one_line(file)} is for a network that another library computes, which no other format could "
            "hold; use the file as it is"
        )
    # What cannot be built is not worth writing.
    build(found, catalog.architectures())
    if to == "retouch":
        card = _converted_card(found, name)
        save(output, found.tensors, card)
    else:
        card = found.card
        tensors, layout = _foreign(found, to, layouts)
        save_torch(output, tensors, wrapper=layout.wrapper, beside=layout.beside)
    facts = {"output": str(output.absolute()), "format": to, "card": dataclasses.asdict(card)}
    return Result(facts, f"{one_line(str(output))} ({card.task} {card.architecture}, format {to})")


@weights.command
def fetch(
    name: Annotated[str, Parameter(help="One of the names that `retouch weights list` shows.")],
    /,
    *,
    accept_licence: Annotated[
        bool, Parameter(negative="", show_default=False, help="You have read the licence and agree to it.")
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Bring published weights onto this machine; an interrupted download goes on where it stopped."""
    from retouch.weights.fetch import fetch as fetch_file
    from retouch.weights.registry import PUBLISHED

    item = next((item for item in PUBLISHED if item.name == name), None)
    if item is None:
        raise UnknownName("published weights", name, [item.name for item in PUBLISHED])
    with Watch("fetch", bar=not printing.quiet) as watch:
        got = fetch_file(item, accept_licence=accept_licence, progress=watch)
    trust = "its published checksum" if got.vouched else "the checksum noted at the first download"
    facts = {
        "name": item.name,
        "path": str(got.path),
        "sha256": got.sha256,
        "checked_against": "registry" if got.vouched else "first download",
        "downloaded_bytes": got.downloaded,
        "licence": item.licence,
    }
    return Result(facts, f"{one_line(str(got.path))} (agrees with {trust}; licence: {item.licence})")


def _check_output(output: Path, *, overwrite: bool) -> None:
    if output.is_dir() or not output.parent.is_dir():
        raise InputError(f"{output} cannot be written: name a file in a folder that is there")
    if output.exists() and not overwrite:
        raise OutputExists(f"{output} is there already; choose another output, or add --overwrite")


def _converted_card(found: Identified, name: str | None) -> Card:
    from retouch.weights.fetch import sha256_of

    card = found.card
    if found.layout is not None:
        card = dataclasses.replace(card, source_name=found.path.name, source_sha256=sha256_of(found.path))
    return card if name is None else dataclasses.replace(card, name=name)


def _foreign(found: Identified, to: str, layouts: tuple[Layout, ...]) -> tuple[dict[str, Tensor], Layout]:
    """Write with the first layout of a format that reads its own writing back as the same network."""
    for layout in layouts:
        if layout.writes != to or layout.write is None or layout.task != found.card.task:
            continue
        try:
            tensors = layout.write(found.tensors, found.card)
        except UnknownWeights:
            continue
        again = layout.recognise(tensors, {})
        if again is not None and again.architecture == found.card.architecture:
            return tensors, layout
    raise InputError(
        f"a {found.card.task} network of the kind {found.card.architecture} has no form in the format {to}; "
        "leave --to out for a file of retouch"
    )


def _said(options: Mapping[str, str]) -> list[str]:
    """Say what a pickled network says of itself: its class, the source in the file, its keywords."""
    if "module.source_sha256" not in options:
        return []
    built = [
        f"{key.removeprefix('init.')}={value}" for key, value in options.items() if key.startswith("init.")
    ]
    lines = [
        f"class         {one_line(options.get('module.class', '?'))}, with its source in the file (not run)",
        f"source sha256 {options['module.source_sha256']}",
    ]
    return [*lines, f"built with    {one_line(', '.join(built))[:500]}"] if built else lines


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _described(
    path: Path, facts: Mapping[str, object], card: Card | None, tensors: Mapping[str, Tensor]
) -> list[str]:
    lines = [
        f"file          {one_line(str(path))}",
        f"format        {facts['format']}, {facts['bytes']:,} bytes",
        f"sha256        {facts['sha256']}",
        f"layout        {facts['layout']}",
        f"parameters    {facts['parameters']:,} in {len(tensors)} tensors",
    ]
    if card is not None:
        lines += [
            f"{field.name:<13} {one_line(str(getattr(card, field.name)))}"
            for field in dataclasses.fields(card)
            if getattr(card, field.name) not in ("", None, (), {})
        ]
    lines += _said(facts["options"])  # type: ignore[arg-type]
    if facts["foreign"]:
        named = ", ".join(str(name) for name in facts["foreign"][:8])  # type: ignore[index]
        lines.append(f"foreign       {one_line(named)} (named in the file; not imported, nothing was run)")
    shown = list(tensors.items())[:12]
    lines += [f"  {one_line(name)[:70]:<50} {_type(tensor)} {list(tensor.shape)}" for name, tensor in shown]
    if len(tensors) > len(shown):
        lines.append(f"  … and {len(tensors) - len(shown)} more")
    return lines
