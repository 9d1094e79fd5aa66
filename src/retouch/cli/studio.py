"""``retouch studio``: the page and the API, until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from retouch.cli.printing import DEFAULT, Printing, Result, show
from retouch.cli.serving import (
    WHERE,
    Devices,
    Folder,
    Host,
    MaxPixels,
    MaxUpload,
    OtherNames,
    Port,
    WeightsFolders,
    check_installed,
    check_told,
)

if TYPE_CHECKING:
    from retouch.studio.settings import Settings


def studio(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8700,
    token: Annotated[
        str | None,
        Parameter(group=WHERE, help="What visitors must know; made and printed where one is needed."),
    ] = None,
    allow_host: OtherNames = (),
    browser: Annotated[
        bool, Parameter(group=WHERE, negative="--no-browser", help="Open the page in the browser.")
    ] = True,
    folder: Folder = None,
    device: Devices = ("cpu",),
    allow_weights: WeightsFolders = (),
    max_upload: MaxUpload = 200.0,
    max_pixels: MaxPixels = None,
    printing: Printing = DEFAULT,
) -> None:
    """Open a page in the browser on which every edit can be done, with an HTTP API."""
    check_installed("the studio", ("fastapi", "uvicorn"), "studio")
    check_told(token, device, allow_weights)
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
