"""Files: taken in, described, shown, given out, removed."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from retouch.errors import UnknownName
from retouch.studio.answers import (
    MOVING_FORMATS,
    STILL_ENDINGS,
    STILL_FORMATS,
    HeldFile,
    media_type,
    picture_document,
)
from retouch.studio.documents import PictureDocument
from retouch.studio.parts import Parts, made, parts_of
from retouch.studio.problems import Problem, declared
from retouch.studio.store import Stored

LARGEST_VIEW = 8192
"""Pixels along the longer side of a view."""

router = APIRouter(prefix="/v1/pictures", tags=["pictures"])

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    "",
    status_code=201,
    responses=declared(415, 422, 507),
    openapi_extra={"requestBody": {"required": True, "content": _BYTES}},
)
async def upload(
    request: Request,
    name: Annotated[
        str, Query(max_length=1000, description="what the file is called, to be shown")
    ] = "picture",
) -> PictureDocument:
    """Take in a picture file, or the latent file that ``invert`` wrote: the body is the file's bytes."""
    parts = parts_of(request)
    declared_as = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared_as == "multipart/form-data":
        raise Problem(
            415,
            "the body is a form; send the file's bytes themselves, as `curl --data-binary @photo.jpg` does",
            field="body",
        )
    with parts.store.begin(name) as incoming:
        async for chunk in request.stream():
            if chunk:
                incoming.write(chunk)
        if not incoming.bytes:
            raise Problem(422, "the body is empty; send the bytes of a picture file", field="body")
        facts = await made(parts.reader.inspect(incoming.path, name[:100] or "picture"))
        return picture_document(incoming.finish(facts))


@router.get("/{id}", responses=declared(404, 410, 422))
def describe(request: Request, id: str) -> PictureDocument:  # noqa: A002 - the name in the address
    """Describe a file."""
    return picture_document(parts_of(request).store.get(id))


@router.get(
    "/{id}/file",
    response_class=Response,
    responses={
        **declared(404, 409, 410, 422, 507),
        200: {
            "description": "The file",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The client has it"},
    },
)
async def download(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    format: Annotated[  # noqa: A002 - the name that people know
        str | None, Query(max_length=20, description="write it anew in this format; as it is without one")
    ] = None,
) -> Response:
    """Give out a file: exactly its bytes, or what it shows in another format."""
    parts = parts_of(request)
    stored = parts.store.get(id)
    return await file_of(parts, stored, format)


@router.get(
    "/{id}/view",
    response_class=Response,
    responses={
        **declared(404, 409, 410, 422, 507),
        200: {"description": "A PNG for the screen", "content": _PNG},
        304: {"description": "The client has it"},
    },
)
async def view(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    side: Annotated[
        int, Query(ge=1, le=LARGEST_VIEW, description="pixels along the longer side, at most")
    ] = 1600,
) -> Response:
    """Show a picture: sRGB, 8 bits, upright, never enlarged."""
    parts = parts_of(request)
    stored = parts.store.get(id)
    _check_shows(stored)
    width, height = stored.facts.get("width"), stored.facts.get("height")
    if isinstance(width, int) and isinstance(height, int):
        side = min(side, max(width, height))  # so that there are not many copies of the same
    key = f"view-{side}.png"
    store = parts.store
    with store.holding(id):
        path = store.derived(id, key)
        if path is None:
            draft = store.draft(".png")
            try:
                await made(parts.reader.view(store.still(id), side, draft, stored.name))
                path = store.attach(id, key, draft)
            finally:
                draft.unlink(missing_ok=True)
    return HeldFile(store, id, path, "image/png", mark=key, name=None)


@router.delete("/{id}", status_code=204, responses=declared(404, 410, 422))
def remove(request: Request, id: str) -> None:  # noqa: A002 - the name in the address
    """Remove a file; a job that uses it keeps it until it ends."""
    parts = parts_of(request)
    parts.store.drop(id)
    parts.jobs.owed.fetched(id)


async def file_of(parts: Parts, stored: Stored, format_: str | None) -> Response:
    """Give out a file of the store, in its own or another format.

    Args:
        parts: of the studio.
        stored: the file.
        format_: that is wanted; None for the file as it is.

    Returns:
        The answer.

    Raises:
        Problem: The file is no picture, or there is no such format.
        RetouchError: It cannot be written in that format.
    """
    store, handle = parts.store, stored.handle
    if format_ is None or _is_own(stored, format_):
        kind = media_type(str(stored.facts.get("format")))
        own = store.path(handle)
        return HeldFile(store, handle, own, kind, mark="file", name=stored.name, owed=parts.jobs.owed)
    wanted = format_.lower()
    _check_shows(stored)
    if wanted not in STILL_ENDINGS:
        if wanted in MOVING_FORMATS:
            raise Problem(
                422,
                f"the file does not move, or moves in another format than {wanted!r}; choose one of "
                f"{', '.join(STILL_FORMATS)}, or ask the edit for format={wanted}",
                field="format",
            )
        raise Problem(
            422, str(UnknownName("format", wanted, STILL_ENDINGS)), name="UnknownName", field="format"
        )
    # One file for all names of a format.
    wanted = next(name for name in STILL_FORMATS if STILL_ENDINGS[name] == STILL_ENDINGS[wanted])
    key = f"as.{wanted}"
    with store.holding(handle):
        path = store.derived(handle, key)
        if path is None:
            draft = store.draft(f".{wanted}")
            try:
                await made(parts.reader.convert(store.still(handle), draft, stored.name))
                path = store.attach(handle, key, draft)
            finally:
                draft.unlink(missing_ok=True)
    name = f"{PurePath(stored.name).stem or 'picture'}.{wanted}"
    kind = media_type(wanted)
    return HeldFile(store, handle, path, kind, mark=key, name=name, owed=parts.jobs.owed)


def _check_shows(stored: Stored) -> None:
    kind = stored.facts["kind"]
    if kind not in ("picture", "animation"):
        raise Problem(
            409, f"{stored.handle} is a {kind} and no picture; it can only be had as it is, without a format"
        )


def _is_own(stored: Stored, format_: str) -> bool:
    own = str(stored.facts.get("format")).lower()
    return own == {"jpg": "jpeg", "tif": "tiff", "apng": "png"}.get(format_.lower(), format_.lower()) and (
        stored.facts["kind"] != "animation" or own != "png" or format_.lower() == "apng"
    )
