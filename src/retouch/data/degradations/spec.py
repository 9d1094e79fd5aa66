"""Read what a user writes about degradations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from retouch.data.degradations.degradation import Chain, Degradation, Sometimes
from retouch.data.degradations.kinds import (
    JPEG,
    Area,
    Bicubic,
    Blur,
    ChannelNoise,
    EightBits,
    Lanczos,
    MappedNoise,
    Noise,
    Poisson,
)
from retouch.errors import InputError, UnknownName

KINDS: Mapping[str, Callable[..., Degradation]] = {
    kind.name: kind
    for kind in (Bicubic, Area, Lanczos, Noise, ChannelNoise, MappedNoise, Poisson, Blur, JPEG, EightBits)
}
"""Name → degradation."""

_TERM = re.compile(r"([\w-]+)\s*(?:\(([^()]*)\))?\s*(?::\s*([^():]+))?")


def parse(spec: str) -> Chain:
    """Make a chain of degradations of what a user wrote.

    A spec is one or more terms with commas between them; they happen one after the other::

        bicubic(4)                       the published inputs of ×4 super-resolution
        noise(25)                        white noise of 25 levels of 255
        noise(5..50)                     of another strength in every picture
        bicubic(4),noise(0..25)          small and noisy
        blur(0..1),noise(5..30),jpeg(40..95):0.5   every second picture is also compressed

    The names are ``bicubic``, ``area``, ``lanczos`` (with a factor), ``noise``, ``channel-noise``,
    ``mapped-noise``, ``poisson`` (with a strength in levels of 255), ``blur`` (pixels), ``jpeg`` (quality)
    and ``8-bit``; a number behind a colon is the part of the pictures to which it happens.

    Args:
        spec: one or more terms.

    Returns:
        The chain; its ``spec`` is read as the same chain again.

    Raises:
        UnknownName: there is no such degradation.
        InputError: something cannot be read, or a number is out of its range.
    """
    terms = [term.strip() for term in re.split(r",(?![^()]*\))", spec)]
    return Chain(tuple(_term(term, spec) for term in terms))


def _term(term: str, spec: str) -> Degradation:
    found = _TERM.fullmatch(term)
    if found is None:
        raise InputError(
            f"degradations {spec!r} have {term!r}, which cannot be read; write name(number), or "
            'name(low..high), with commas between them, such as "bicubic(4),noise(0..25)"'
        )
    name, inner, part = found.groups()
    if name not in KINDS:
        raise UnknownName("degradation", name, KINDS)
    made = _made(name, (inner or "").strip(), term)
    if part is None:
        return made
    probability = _number(part, term)
    if not 0 <= probability <= 1:
        raise InputError(f"degradation {term!r} happens to {part} of the pictures; give a part from 0 to 1")
    if made.scale > 1:
        raise InputError(f"degradation {term!r} would make some pictures smaller; leave the colon out")
    return Sometimes(made, probability)


def _made(name: str, inner: str, term: str) -> Degradation:
    kind = KINDS[name]
    if not inner:
        return kind()
    if kind is EightBits:
        raise InputError(f"degradation {term!r} takes no number; write {name}")
    low, dots, high = inner.partition("..")
    first = _number(low, term)
    if name in (Bicubic.name, Area.name, Lanczos.name):
        if dots or first != int(first):
            raise InputError(f"degradation {term!r} takes a whole factor; write {name}(4)")
        return kind(int(first))
    return kind((first, _number(high, term) if dots else first))


def _number(text: str, term: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not abs(found) < float("inf"):
        raise InputError(f"degradation {term!r} has {text.strip()!r} where a number was expected") from None
    return found
