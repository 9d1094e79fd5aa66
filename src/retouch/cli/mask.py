"""``retouch mask``: a mask from a photo, a drawn shape or a rough mask, as a clean file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from retouch.cli import words
from retouch.cli.destination import check_destination
from retouch.cli.options import CHANGES, SHAPES, region
from retouch.cli.printing import DEFAULT, OUTPUT_GROUP, Printing, Result, one_line
from retouch.errors import InputError

if TYPE_CHECKING:
    from retouch.image import Mask, Picture

SOURCE_GROUP = Group("What to select (one of these)", sort_key=1)
CHANGE_GROUP = Group("What to do with it, in this order", sort_key=2)

TOLERANCE = 10.0

_hyphen = Parameter(allow_leading_hyphen=True, n_tokens=1, negative="", show_default=False)
_figure = Parameter.combine(_hyphen, Parameter(metavar="N", converter=words.converter(words.number)))


@Parameter(name="*", group=SOURCE_GROUP)
@dataclass(frozen=True, slots=True)
class Source:
    """What a mask is made from.

    Args:
        transparent: What was rubbed out: pixels less than half opaque.
        colour: All pixels of about this colour: R,G,B, each 0 to 1.
        wand: What has about the colour of the pixel X,Y and hangs together with it.
        difference: Where this other version of the photo differs.
        mask: Picture file, bright (or opaque) where to select, or a drawing (.json) of the studio.
        polygon: Corners "x,y x,y …" in pixels; give it again for a hole or another part.
        box: Rectangle x0,y0,x1,y1 in pixels, without the last column and row.
        tolerance: Largest distance of colours: 2.3 is just noticeable, 100 from black to white.
    """

    transparent: Annotated[bool, Parameter(negative="", show_default=False)] = False
    colour: Annotated[
        tuple[float, float, float] | None,
        Parameter.combine(_hyphen, Parameter(metavar="R,G,B", converter=words.converter(words.colour))),
    ] = None
    wand: Annotated[
        tuple[int, int] | None,
        Parameter.combine(_hyphen, Parameter(metavar="X,Y", converter=words.converter(words.point))),
    ] = None
    difference: Annotated[Path | None, Parameter(show_default=False)] = None
    mask: Annotated[Path | None, Parameter(show_default=False)] = None
    polygon: Annotated[
        tuple[str, ...],
        Parameter(metavar="CORNERS", negative="", allow_leading_hyphen=True, show_default=False),
    ] = ()
    box: Annotated[str | None, Parameter.combine(_hyphen, Parameter(metavar="X0,Y0,X1,Y1"))] = None
    tolerance: Annotated[
        float, Parameter(metavar="N", n_tokens=1, converter=words.converter(words.number))
    ] = TOLERANCE

    def select(self, photo: Picture) -> Mask:
        """Make the mask.

        Args:
            photo: what it is for.

        Raises:
            InputError: Not one thing to select is given, or a tolerance for what needs none.
        """
        from retouch.image import Mask

        given = [
            f"--{name}"
            for name in ("transparent", "colour", "wand", "difference", *SHAPES)
            if getattr(self, name) not in (None, False, ())
        ]
        if len(given) != 1:
            raise InputError(
                f"{' and '.join(given) or 'nothing'} is given; say what to select with one of --transparent, "
                "--colour, --wand, --difference, --mask, --polygon or --box"
            )
        if self.tolerance != TOLERANCE and given[0] not in ("--colour", "--wand", "--difference"):
            raise InputError(f"{given[0]} compares no colours; leave out --tolerance")
        if self.transparent:
            return Mask.alpha(photo)
        if self.colour is not None:
            return Mask.colour(photo, self.colour, self.tolerance)
        if self.wand is not None:
            return Mask.wand(photo, self.wand, self.tolerance)
        if self.difference is not None:
            return Mask.difference(photo, self.difference, self.tolerance)
        nothing = {"invert_mask": False, "grow": 0.0, "feather": 0.0}
        shape = region({**{name: getattr(self, name) for name in SHAPES}, **nothing}, required=True)
        return Mask.of(shape, photo.size)  # type: ignore[arg-type]


NOTHING = Source()
"""What is selected when nothing is given; refused when it is used."""


def mask(
    photo: Annotated[Path, Parameter(help="The photo that the mask is for.")],
    /,
    *,
    source: Source = NOTHING,
    invert_mask: Annotated[
        bool, Parameter(group=CHANGE_GROUP, negative="", show_default=False, help=CHANGES["invert_mask"])
    ] = False,
    grow: Annotated[float, _figure, Parameter(group=CHANGE_GROUP, help=CHANGES["grow"])] = 0.0,
    feather: Annotated[float, _figure, Parameter(group=CHANGE_GROUP, help=CHANGES["feather"])] = 0.0,
    output: Annotated[
        Path,
        Parameter(name=["--output", "-o"], group=OUTPUT_GROUP, help="The mask file to write, as PNG best."),
    ],
    overwrite: Annotated[
        bool,
        Parameter(
            group=OUTPUT_GROUP,
            negative="",
            show_default=False,
            help="Replace the output file when it is there already.",
        ),
    ] = False,
    printing: Printing = DEFAULT,
) -> Result:
    """Make a mask file, white where to edit."""
    from retouch.image import Picture

    del printing
    started = time.perf_counter()
    check_destination(output, overwrite=overwrite)
    made = source.select(Picture.of(photo))
    hygiene = made.hygiene
    made = (made.invert() if invert_mask else made).grow(grow).feather(feather)
    made.save(output, overwrite=overwrite)
    bounds = made.bounds()
    facts = {
        "output": str(output.absolute()),
        "width": made.width,
        "height": made.height,
        "seconds": round(time.perf_counter() - started, 4),
        "coverage": round(made.coverage, 6),
        "bounds": None if bounds is None else [bounds.x0, bounds.y0, bounds.x1, bounds.y1],
        "note": hygiene,
    }
    text = f"{one_line(str(output))} ({made.width}×{made.height} pixels, {made.coverage:.1%} selected)"
    return Result(facts, text if hygiene is None else f"{text}\nnote: {hygiene}")
