"""``retouch studio``: the page and the API, until Ctrl-C."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from retouch.cli.printing import DEFAULT, Printing, Result, show
from retouch.errors import InputError, MissingDependency

if TYPE_CHECKING:
    from retouch.studio.settings import Settings

_WHERE = Group("Where it is", sort_key=1)
_LIMITS = Group("How much visitors may do", sort_key=2)
_EXTRA = ("fastapi", "uvicorn")
_MOST = 10_000.0  # megabytes; more than the studio keeps in all would fit nowhere
_DEVICE = re.compile(r"cpu|mps|cuda(:[0-9]{1,3})?")


def studio(
    *,
    host: Annotated[
        str, Parameter(group=_WHERE, help="Address to bind; one that other machines reach needs a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        Parameter(
            group=_WHERE,
            validator=Number(gte=0, lte=65_535),
            help="Port to bind, or the next free one; 0 for any.",
        ),
    ] = 8700,
    token: Annotated[
        str | None,
        Parameter(group=_WHERE, help="What visitors must know; made and printed where one is needed."),
    ] = None,
    allow_host: Annotated[
        tuple[str, ...],
        Parameter(
            group=_WHERE,
            negative="",
            show_default=False,
            help="Another name of the studio, as behind a reverse proxy. Give it again for each.",
        ),
    ] = (),
    browser: Annotated[
        bool, Parameter(group=_WHERE, negative="--no-browser", help="Open the page in the browser.")
    ] = True,
    folder: Annotated[
        Path | None,
        Parameter(group=_WHERE, help="Keep files in a new folder in this one; a temporary one without."),
    ] = None,
    device: Annotated[
        tuple[str, ...],
        Parameter(group=_WHERE, negative="", help="Where to compute. Give it again for each further device."),
    ] = ("cpu",),
    allow_weights: Annotated[
        tuple[Path, ...],
        Parameter(
            group=_LIMITS,
            negative="",
            show_default=False,
            help="Folder from which weights files may be named. Give it again for each further folder.",
        ),
    ] = (),
    max_upload: Annotated[
        float,
        Parameter(
            group=_LIMITS, validator=Number(gte=0.001, lte=_MOST), help="Megabytes that a file may have."
        ),
    ] = 200.0,
    max_pixels: Annotated[
        int | None,
        Parameter(group=_LIMITS, validator=Number(gte=1), help="Pixels that a picture may have."),
    ] = None,
    printing: Printing = DEFAULT,
) -> None:
    """Open a page in the browser on which every edit can be done, with an HTTP API."""
    _check_installed()
    _check(token, device, allow_weights)
    from retouch.studio.serve import serve, show_in_browser
    from retouch.studio.settings import MEGABYTE, Settings

    def opened(settings: Settings) -> None:
        facts = {"address": settings.address, "host": settings.host, "port": settings.port}
        told = Result({**facts, "token": settings.token}, f"retouch studio: {settings.address}")
        # Whoever asks for quiet must still get to know where the studio is.
        show(told, Printing(json=printing.json))
        if browser:
            show_in_browser(settings)

    serve(
        Settings(
            host=host,
            port=port,
            token=token,
            names=allow_host,
            folder=folder,
            devices=tuple(dict.fromkeys(device)),
            weights=tuple(place.resolve() for place in allow_weights),
            upload_bytes=round(max_upload * MEGABYTE),
            pixels=max_pixels,
        ),
        opened=opened,
    )


def _check_installed() -> None:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f"the studio needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            'installed; run: pip install "retouch[studio]"'
        )


def _check(token: str | None, devices: tuple[str, ...], folders: tuple[Path, ...]) -> None:
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
