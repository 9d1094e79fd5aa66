"""How the studio is, and how much may be asked of it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from retouch import __version__
from retouch.studio.answers import MOVING_FORMATS, STILL_FORMATS
from retouch.studio.documents import DeviceDocument, FormatsDocument, HealthDocument, LimitsDocument
from retouch.studio.parts import parts_of
from retouch.studio.problems import declared

router = APIRouter(prefix="/v1/health", tags=["health"])


@router.get("", responses=declared())
def health(request: Request) -> HealthDocument:
    """Say whether everything is there, and name the limits."""
    parts = parts_of(request)
    settings = parts.settings
    return HealthDocument(
        ready=parts.jobs.ready,
        version=__version__,
        devices=[
            DeviceDocument(
                name=device.name,
                ready=device.ready,
                running=device.running is not None,
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
