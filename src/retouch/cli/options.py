"""From the catalog's options to command-line parameters, and from parsed words to values."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from retouch.catalog import Kind, Option
from retouch.cli import words
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.image import Region

MASK_GROUP = Group("Where to edit", sort_key=1)
OPTION_GROUP = Group("Options", sort_key=2)

SHAPES = {
    "mask": "Picture file, bright (or opaque) where to edit, or a drawing (.json) of the studio.",
    "polygon": 'Corners "x,y x,y …" in pixels; give it again for a hole or another part (even-odd rule).',
    "box": "Rectangle x0,y0,x1,y1 in pixels, without the last column and row.",
}
CHANGES = {
    "invert_mask": "Edit everything but the region.",
    "grow": "Widen the region by so many pixels; a negative number narrows it.",
    "feather": "Soften the region's rim over so many pixels.",
}


_TYPES: dict[Kind, Any] = {
    "picture": Path,
    "mask": Path,
    "latent": Path,
    "pictures": tuple[Path, ...],
    "masks": tuple[Path, ...],
    "latents": tuple[Path, ...],
    "point": tuple[int, int],
    "choice": str,
    "number": float,
    "integer": int,
    "flag": bool,
    "weights": str,
    "text": str,
}
_READERS: dict[Kind, Callable[[str], object]] = {
    "point": words.point,
    "number": words.number,
    "integer": words.integer,
}
_AGAIN = "Give it again for each further file."
_METAVARS: dict[Kind, str] = {"point": "X,Y", "number": "NUMBER", "integer": "N"}


def parameters(option: Option) -> list[inspect.Parameter]:
    """Say how an option is written on the command line.

    Args:
        option: as the catalog read it from the verb.

    Returns:
        One parameter, or several for the mask, which can be a file or be drawn.
    """
    if option.placed:
        return [_placed(option)]
    if option.kind == "mask" and option.name == "mask":
        return _region(required=option.required)
    annotation, shown = _control(option)
    return [_named(option.name, Annotated[annotation, shown], _default(option))]


def region(values: dict[str, Any], *, required: bool) -> Region | None:
    """Take the mask's parameters out of the parsed values and make a region of them.

    Args:
        values: parameter name → value; loses what is used here.
        required: the edit cannot do without a region.

    Returns:
        The region, or None when none is given and none is needed.

    Raises:
        InputError: No shape, two kinds of shape, or a change to a shape that is not there.
    """
    from retouch.image import Box, Polygon, Region

    shapes = {name: values.pop(name) for name in SHAPES}
    changes = {name: values.pop(name) for name in CHANGES}
    given = [f"--{name}" for name, value in shapes.items() if value not in (None, ())]
    if len(given) > 1:
        raise InputError(
            f"{' and '.join(given)} are both given; a region is one of --mask, --polygon or --box"
        )
    if not given:
        lonely = [_flag(name) for name, value in changes.items() if value]
        if lonely:
            raise InputError(f"{lonely[0]} has no region to change; add --mask, --polygon or --box")
        if required:
            raise InputError("no region is given; say where to edit with --mask, --polygon or --box")
        return None
    shape: Path | Polygon | Box
    if shapes["polygon"]:
        rings = [ring for text in shapes["polygon"] for ring in Polygon.parse(text).rings]
        shape = Polygon(rings[0], holes=rings[1:])
    elif shapes["box"] is not None:
        shape = Box.parse(shapes["box"])
    else:
        shape = shapes["mask"]
    return Region(shape, invert=changes["invert_mask"], grow=changes["grow"], feather=changes["feather"])


def _placed(option: Option) -> inspect.Parameter:
    shown = Parameter(name=option.name.upper(), help=option.help)
    return inspect.Parameter(
        option.name, inspect.Parameter.POSITIONAL_ONLY, annotation=Annotated[Path, shown]
    )


def _region(*, required: bool) -> list[inspect.Parameter]:
    need = "one of --mask, --polygon, --box" if required else "at most one of --mask, --polygon, --box"
    shared = Parameter(group=MASK_GROUP, negative="", show_default=False)
    # A hyphen may begin a value here: -5,10 is a place, not a misspelt option.
    drawn = Parameter.combine(shared, Parameter(allow_leading_hyphen=True))
    figure = Parameter.combine(
        drawn, Parameter(metavar="N", n_tokens=1, converter=words.converter(words.number))
    )

    def named(
        name: str, annotation: Any, kind: Parameter, spelt: Parameter, default: object
    ) -> inspect.Parameter:
        return _named(name, Annotated[annotation, Parameter.combine(kind, spelt)], default)

    mask = Annotated[Path | None, Parameter.combine(shared, Parameter(help=f"{SHAPES['mask']} ({need})"))]
    return [
        # Also by its place: `retouch inpaint PHOTO MASK -o OUT`.
        inspect.Parameter("mask", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=mask, default=None),
        named("polygon", tuple[str, ...], drawn, Parameter(help=SHAPES["polygon"], metavar="CORNERS"), ()),
        named("box", str | None, drawn, Parameter(help=SHAPES["box"], metavar="X0,Y0,X1,Y1"), None),
        named("invert_mask", bool, shared, Parameter(help=CHANGES["invert_mask"]), False),
        named("grow", float, figure, Parameter(help=CHANGES["grow"]), 0.0),
        named("feather", float, figure, Parameter(help=CHANGES["feather"]), 0.0),
    ]


def _control(option: Option) -> tuple[Any, Parameter]:
    """Choose the parser's type of an option, and how its value is read."""
    common = Parameter(
        name=option.flag,
        help=f"{option.help} {_AGAIN}" if option.kind in ("pictures", "masks", "latents") else option.help,
        group=OPTION_GROUP,
        negative=f"--no-{option.flag[2:]}" if option.default is True else "",
        show_default=_as_typed if option.default not in (None, False, "", ()) else False,
    )
    annotation: Any = _TYPES[option.kind]
    if option.kind == "choice":
        annotation = Literal[option.choices]
    if option.kind == "number" and option.choices:
        # The parser checks defaults by their types wherever something has imported pydantic.
        annotation = float | Literal[option.choices]
    if option.kind == "picture" and option.choices:
        # What words may stand for is taken as it is typed; the verb tells them from a path.
        annotation = str
        common = Parameter.combine(common, Parameter(metavar="|".join([*option.choices, "PATH"])))
    if option.default is None and not option.required:
        annotation = annotation | None
    if option.kind not in _READERS:
        return annotation, common
    read = words.number_or(option.choices) if option.choices else _READERS[option.kind]
    metavar = "|".join([*option.choices, _METAVARS[option.kind]])
    spelt = Parameter(n_tokens=1, converter=words.converter(read), metavar=metavar, allow_leading_hyphen=True)
    return annotation, Parameter.combine(common, spelt)


def _as_typed(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _default(option: Option) -> object:
    return inspect.Parameter.empty if option.required else option.default


def _named(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
