"""``retouch serve``: the API for programs, until SIGTERM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

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

_WORK = Group("How it works", sort_key=3)
_MOST_WORKERS = 64
_MOST_TOGETHER = 64
_LONGEST_GRACE = 86_400.0


def serve(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8700,
    token: Annotated[
        str | None,
        Parameter(
            group=WHERE,
            env_var="RETOUCH_TOKEN",
            help="What visitors must know; made and printed where one is needed.",
        ),
    ] = None,
    allow_host: OtherNames = (),
    folder: Folder = None,
    device: Devices = ("cpu",),
    allow_weights: WeightsFolders = (),
    max_upload: MaxUpload = 200.0,
    max_pixels: MaxPixels = None,
    workers: Annotated[
        int,
        Parameter(group=_WORK, validator=Number(gte=1, lte=_MOST_WORKERS), help="Processes for each device."),
    ] = 1,
    batch: Annotated[
        int,
        Parameter(
            group=_WORK,
            validator=Number(gte=1, lte=_MOST_TOGETHER),
            help="Edits of small pictures of one size that a process may compute together.",
        ),
    ] = 1,
    grace: Annotated[
        float,
        Parameter(
            group=_WORK,
            validator=Number(gte=0, lte=_LONGEST_GRACE),
            help="Seconds that edits may go on after SIGTERM, and their results be fetched.",
        ),
    ] = 30.0,
    log: Annotated[
        Literal["plain", "json"],
        Parameter(group=_WORK, help="Lines of the log on standard error: text, or JSON objects."),
    ] = "plain",
    printing: Printing = DEFAULT,
) -> None:
    """Answer programs over HTTP: every edit as a job, health, metrics, a graceful end."""
    check_installed("the server", ("fastapi", "uvicorn", "prometheus_client"), "serve")
    check_told(token, device, allow_weights)
    from retouch.studio import logs
    from retouch.studio import serve as server
    from retouch.studio.settings import MEGABYTE, Settings

    def opened(settings: Settings) -> None:
        # A token that was made is to be known to its owner; one that was given is not for the log.
        made = settings.token if token is None else None
        # There is no page that would take it from the address.
        address = settings.address.partition("?")[0]
        facts = {"address": address, "host": settings.host, "port": settings.port, "token": made}
        text = f"retouch serve: {address}" + (f"\ntoken: {made}" if made else "")
        show(Result(facts, text), Printing(json=printing.json))

    settings = server.with_token(
        Settings(
            host=host,
            port=port,
            token=token,
            names=allow_host,
            folder=folder,
            devices=tuple(dict.fromkeys(device)),
            workers=workers,
            batch=batch,
            page=False,
            grace=grace,
            weights=tuple(place.resolve() for place in allow_weights),
            upload_bytes=round(max_upload * MEGABYTE),
            pixels=max_pixels,
        )
    )
    with logs.written(as_json=log == "json", token=settings.token):
        server.serve(settings, opened=opened)
