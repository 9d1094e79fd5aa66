"""How the studio is, and how much may be asked of it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from retouch import __version__
from retouch.studio.answers import MOVING_FORMATS, STILL_FORMATS
from retouch.studio.documents import (
    DeviceDocument,
    FormatsDocument,
    HealthDocument,
    LimitsDocument,
    LiveDocument,
    ReadyDocument,
)
from retouch.studio.parts import parts_of
from retouch.studio.problems import Problem, declared

router = APIRouter(prefix="/v1/health", tags=["health"])

_UNREADY = {
    "starting": "a device has no worker yet, or nothing opens files; ask again in some seconds",
    "broken": "a worker or what opens files cannot be started, or dies; /v1/health or the log says why",
    "draining": "the server ends and takes no more jobs; send them to another",
}


@router.get("", responses=declared())
def health(request: Request) -> HealthDocument:
    """Say how everything is, and name the limits; answered with 200 in every state."""
    parts = parts_of(request)
    settings = parts.settings
    return HealthDocument(
        ready=parts.state == "ready",
        state=parts.state,
        version=__version__,
        devices=[
            DeviceDocument(
                name=device.name,
                ready=device.ready,
                running=device.running is not None,
                workers=len(device.processes),
                working=sum(process.ready for process in device.processes),
                trouble=device.trouble,
            )
            for device in parts.jobs.devices
        ],
        queue=parts.jobs.waiting,
        formats=FormatsDocument(picture=list(STILL_FORMATS), animation=list(MOVING_FORMATS)),
        limits=LimitsDocument(
            bytes=settings.upload_bytes,
            pixels=parts.store.limits.pixels,
            json_bytes=settings.json_bytes,
            queue=settings.waiting,
            folder=settings.folder_bytes,
        ),
    )


@router.get("/live", responses=declared())
def live() -> LiveDocument:
    """Say that the server answers; it needs no token. A server that does not is to be started anew."""
    return LiveDocument(live=True)


@router.get("/ready", responses=declared())
def ready(request: Request) -> ReadyDocument:
    """Say whether jobs are taken and done; it needs no token. One that answers 503 is to be sent none."""
    state = parts_of(request).state
    if state != "ready":
        raise Problem(503, _UNREADY[state], name="NotReady", headers={"Retry-After": "2"})
    return ReadyDocument(ready=True)
