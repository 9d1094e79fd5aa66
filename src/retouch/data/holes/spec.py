"""Read what a user writes about holes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from typing import Any

from retouch.data.holes.kind import Holes, Kind, parameters
from retouch.data.holes.marks import Scratches, Strokes, Text
from retouch.data.holes.mixtures import AtMost, Evenly, at_most, mixed
from retouch.data.holes.polygons import Polygon
from retouch.data.holes.presets import PRESETS, Preset
from retouch.data.holes.rectangles import Boxes, Grid, Outpaint, Square
from retouch.data.holes.shapes import Shapes
from retouch.errors import InputError, UnknownName

KINDS: Mapping[str, type[Kind]] = {
    kind.name: kind for kind in (Boxes, Square, Polygon, Strokes, Text, Scratches, Outpaint, Grid, Shapes)
}
"""Name → a kind with parameters."""

NAMES = (*PRESETS, *KINDS, "mix", "evenly")
"""What a term of a spec can begin with."""

DEEPEST = 20
"""Parentheses that may stand in one another."""

Arguments = dict[str, str]


def parse(spec: str, *, largest: float | None = None) -> Holes:
    """Make holes of what a user wrote.

    A spec is one or more terms with commas between them; each hole is of one of them. A term is a
    name, which can be followed by parameters in parentheses and by a colon and a weight::

        large                           the holes LaMa was trained with; also small
        thin,medium,thick               those it was measured with, each as often as the others
        polygon:2,thick:1               two polygons for each thick one
        square(area=0.1..0.35)          a range is low..high, or one number
        thick(largest=0.5)              drawn again while more than half of the picture is missing
        shapes:DIR                      regions of label maps; also shapes(DIR,area=0.01..0.2)
        mix(thin:2,thick,largest=0.4)   a mixture as one term
        evenly(thin,thick,area=0.05..0.45,buckets=4)   areas spread evenly over the range

    The kinds are ``box``, ``square``, ``polygon``, ``strokes``, ``text``, ``scratches``,
    ``outpaint``, ``grid`` and ``shapes``; their classes list their parameters. A text with
    commas, colons or parentheses in it can be put in quotes.

    Args:
        spec: one or more terms.
        largest: the same as ``largest=`` around everything; None or 1 allows any area.

    Returns:
        Holes; their ``spec`` is read as the same holes again.

    Raises:
        UnknownName: there is no such kind, parameter or choice.
        InputError: something cannot be read, or a number is out of its range.
        DataError: a folder of label maps cannot be read, or has none.
    """
    holes = mixed([_term(term) for term in split(spec)])
    return holes if largest is None else at_most(holes, largest)


def split(spec: str) -> list[str]:
    """Cut a spec at the commas that stand between terms.

    Args:
        spec: as for :func:`parse`.

    Returns:
        The terms, without the spaces around them.

    Raises:
        InputError: there is none, one is empty, or a parenthesis or quote is not closed.
    """
    terms, depth, quote, begin = [], 0, "", 0
    for place, sign in enumerate(spec):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth < 0:
                break
            if depth > DEEPEST:
                raise InputError(
                    f"holes {spec:.60} … are nested more than {DEEPEST} deep; write them as one mixture"
                )
        elif sign == "," and not depth:
            terms.append(spec[begin:place].strip())
            begin = place + 1
    if depth or quote:
        raise InputError(
            f"holes {spec!r} have a {'quote' if quote else 'parenthesis'} without its partner; add it"
        )
    terms.append(spec[begin:].strip())
    if not all(terms):
        raise InputError(
            f"holes {spec!r} have {'no name' if terms == [''] else 'an empty part between commas'}; "
            'write names with commas between them, such as "thin,thick"'
        )
    return terms


def _term(term: str) -> tuple[Holes, float]:
    """Read a term and its weight."""
    name, inner, rest = _parts(term)
    if name not in NAMES:
        raise UnknownName("holes", name, NAMES)
    if name == Shapes.name and not inner and rest:
        # What follows the colon is a folder, whatever it looks like.
        head, _, tail = rest.rpartition(":")
        inner, rest = (head, tail) if head and _is_number(tail) else (rest, "")
    weight = 1.0
    if rest:
        if not _is_number(rest):
            raise InputError(
                f"holes {term!r} have the weight {rest!r}; write a number after the colon: {name}:2"
            )
        weight = float(rest)
    return _made(term, name, split(inner) if inner else []), weight


def _parts(term: str) -> tuple[str, str, str]:
    """Cut ``name(inner):rest`` into its three parts, of which the last two can be missing."""
    opening, colon = term.find("("), term.find(":")
    if opening < 0 or 0 <= colon < opening:
        name, _, rest = term.partition(":")
        return name.strip(), "", rest.strip()
    closing = term.rfind(")")
    rest = term[closing + 1 :].strip()
    if rest and not rest.startswith(":"):
        raise InputError(
            f"holes {term!r} go on with {rest!r} after the parenthesis; put a comma or a colon there"
        )
    return term[:opening].strip(), term[opening + 1 : closing].strip(), rest[1:].strip()


def _made(term: str, name: str, inner: list[str]) -> Holes:
    """Make the holes of a name and what stands in its parentheses."""
    terms, arguments = _sorted(term, inner)
    if name == "evenly":
        _known(term, arguments, ("area", "buckets"))
        options: dict[str, Any] = {}
        if "area" in arguments:
            options["area"] = _range(term, "area", arguments["area"], float)
        if "buckets" in arguments:
            options["buckets"] = _number(term, "buckets", arguments["buckets"], int)
        return Evenly(mixed([_term(one) for one in terms]), **options)
    largest = arguments.pop("largest", None)
    if name == "mix":
        _known(term, arguments, ("largest",))
        holes = mixed([_term(one) for one in terms])
    else:
        if name == Shapes.name and len(terms) == 1 and "folder" not in arguments:
            arguments["folder"] = _unquoted(terms.pop())
        if terms:
            raise InputError(f"holes {term!r} have {terms[0]!r} where a parameter was expected: name=value")
        holes = _kind(term, name, arguments)
    return holes if largest is None else AtMost(holes, _number(term, "largest", largest, float))


def _kind(term: str, name: str, arguments: Arguments) -> Holes:
    if name in PRESETS:
        _known(term, arguments, ("largest",))
        return Preset(name)
    kind = KINDS[name]
    items = {item.name: item for item in parameters(kind)}
    _known(term, arguments, (*items, "largest"))
    return kind(**{key: _value(term, items[key], value) for key, value in arguments.items()})


def _value(term: str, item: Field[Any], text: str) -> object:
    """Read a parameter as its default is written."""
    if isinstance(item.default, str):
        return _unquoted(text)
    if isinstance(item.default, tuple):
        return _range(term, item.name, text, type(item.default[0]))
    return _number(term, item.name, text, float if isinstance(item.default, float) else int)


def _range(term: str, name: str, text: str, kind: type[int] | type[float]) -> tuple[float, float]:
    low, dots, high = text.partition("..")
    first = _number(term, name, low, kind)
    return first, _number(term, name, high, kind) if dots else first


def _number(term: str, name: str, text: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise InputError(
            f"holes {term!r}: {name} is {text!r} but must be {wanted}, or low..high for a range"
        ) from None


def _sorted(term: str, inner: list[str]) -> tuple[list[str], Arguments]:
    """Tell what stands in parentheses apart: terms, and parameters."""
    terms: list[str] = []
    arguments: Arguments = {}
    for item in inner:
        name, equals, value = item.partition("=")
        if not equals or not name.strip().isidentifier():
            terms.append(item)
        elif name.strip() in arguments:
            raise InputError(f"holes {term!r} have {name.strip()} twice; write it once")
        else:
            arguments[name.strip()] = value.strip()
    return terms, arguments


def _known(term: str, arguments: Arguments, names: tuple[str, ...]) -> None:
    for name in arguments:
        if name not in names:
            raise UnknownName(f"parameter of the holes {term!r}", name, names)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
