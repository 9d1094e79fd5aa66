"""What ``retouch studio`` and ``retouch serve`` are both told: where they listen, what visitors may do."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from retouch.errors import InputError, MissingDependency

WHERE = Group("Where it is", sort_key=1)
LIMITS = Group("How much visitors may do", sort_key=2)

MOST = 10_000.0
"""Megabytes of a file at most; more than is kept in all would fit nowhere."""

_DEVICE = re.compile(r"cpu|mps|cuda(:[0-9]{1,3})?")

Host = Annotated[
    str, Parameter(group=WHERE, help="Address to bind; one that other machines reach needs a token.")
]
Port = Annotated[
    int,
    Parameter(
        group=WHERE,
        validator=Number(gte=0, lte=65_535),
        help="Port to bind, or the next free one; 0 for any.",
    ),
]
OtherNames = Annotated[
    tuple[str, ...],
    Parameter(
        group=WHERE,
        negative="",
        show_default=False,
        help="Another name of the server, as behind a reverse proxy. Give it again for each.",
    ),
]
Folder = Annotated[
    Path | None,
    Parameter(group=WHERE, help="Keep files in a new folder in this one; a temporary one without."),
]
Devices = Annotated[
    tuple[str, ...],
    Parameter(group=WHERE, negative="", help="Where to compute. Give it again for each further device."),
]
WeightsFolders = Annotated[
    tuple[Path, ...],
    Parameter(
        group=LIMITS,
        negative="",
        show_default=False,
        help="Folder from which weights files may be named. Give it again for each further folder.",
    ),
]
MaxUpload = Annotated[
    float,
    Parameter(group=LIMITS, validator=Number(gte=0.001, lte=MOST), help="Megabytes that a file may have."),
]
MaxPixels = Annotated[
    int | None,
    Parameter(group=LIMITS, validator=Number(gte=1), help="Pixels that a picture may have."),
]


def check_installed(what: str, modules: Sequence[str], extra: str) -> None:
    """Refuse to start without what is needed.

    Args:
        what: is started, for a person.
        modules: that it needs.
        extra: of retouch that has them.

    Raises:
        MissingDependency: One is not installed.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f"{what} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f'installed; run: pip install "retouch[{extra}]"'
        )


def check_told(token: str | None, devices: tuple[str, ...], folders: tuple[Path, ...]) -> None:
    """Refuse what cannot be.

    Args:
        token: that visitors must know; None for one that is made where it is needed.
        devices: where to compute.
        folders: from which weights may be named.

    Raises:
        InputError: The token can be guessed, or there is no such device or folder.
    """
    if token is not None and (
        len(token) < 8 or not token.isascii() or not token.isprintable() or " " in token
    ):
        raise InputError(
            "--token must be at least 8 letters, digits and signs without blanks, so that nobody guesses it; "
            "leave it out to have one made"
        )
    if not devices:
        raise InputError("no device is given; give --device cpu")
    for name in devices:
        if _DEVICE.fullmatch(name) is None:
            raise InputError(
                f"--device {name[:80]!r} is none; give cpu, cuda, cuda:1 (or another number) or mps; "
                "`retouch doctor` lists the devices of this machine"
            )
    for place in folders:
        if not place.is_dir():
            raise InputError(f"--allow-weights {place!s:.200} is no folder; give one that is there")
