"""Jobs: how far they are, at once and live, what came of them, and stopping them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from retouch.studio.answers import job_document
from retouch.studio.documents import JobDocument
from retouch.studio.failures import Gone, UnknownHandle
from retouch.studio.job import Job
from retouch.studio.parts import Parts, parts_of
from retouch.studio.problems import Problem, declared
from retouch.studio.routes.pictures import file_of

PAUSE = 0.1
"""Seconds between two events of a job, at least."""

ALIVE = 15.0
"""Seconds after which a comment says that the line is still there."""

MOST = 200
"""Jobs that may be asked for at once."""

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_FILE = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_EVENTS = {
    "text/event-stream": {
        "schema": {"type": "string", "description": "`event: job`, its data a JobDocument; the last is final"}
    }
}


@router.get("", responses=declared(422))
def several(
    request: Request, ids: Annotated[str, Query(max_length=34 * MOST, description="ids, with commas between")]
) -> list[JobDocument]:
    """Say how far some jobs are; those that are not there are left out."""
    parts = parts_of(request)
    found = []
    for name in ids.split(",")[:MOST]:
        try:
            found.append(job_document(parts.jobs.get(name.strip()), parts.store))
        except UnknownHandle:
            continue
    return found


@router.get("/{id}", responses=declared(404, 410, 422))
def describe(request: Request, id: str) -> JobDocument:  # noqa: A002 - the name in the address
    """Say how far a job is."""
    parts = parts_of(request)
    return job_document(parts.jobs.get(id), parts.store)


@router.get(
    "/{id}/events",
    response_class=Response,
    responses={**declared(404, 410, 422), 200: {"description": "Server-sent events", "content": _EVENTS}},
)
async def events(request: Request, id: str) -> Response:  # noqa: A002 - the name in the address
    """Tell of a job as it goes on: its present state at once, each change, and the last one."""
    parts = parts_of(request)
    parts.jobs.get(id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(parts, id), media_type="text/event-stream", headers=headers)


@router.get(
    "/{id}/preview",
    response_class=Response,
    responses={
        **declared(404, 422),
        200: {
            "description": "A picture of the present state",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        },
        204: {"description": "The job shows none: not yet, or it has ended"},
    },
)
def preview(request: Request, id: str) -> Response:  # noqa: A002 - the name in the address
    """Show the present state of an edit, where it has one to show."""
    try:
        # Read at once: the next one takes its place at any moment, and the end of the job takes it away.
        content = parts_of(request).jobs.preview(id).read_bytes()
    except (Gone, FileNotFoundError):
        # No error: whoever follows a job asks for what was there a moment ago.
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get(
    "/{id}/result",
    response_class=Response,
    responses={
        **declared(404, 409, 410, 422, 507),
        200: {"description": "The file", "content": _FILE},
        304: {"description": "The client has it"},
    },
)
async def result(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    format: Annotated[  # noqa: A002 - the name that people know
        str | None, Query(max_length=20, description="write it anew in this format; as it is without one")
    ] = None,
) -> Response:
    """Give out the file that an edit made."""
    parts = parts_of(request)
    job = parts.jobs.get(id)
    if job.result is None:
        said = {
            "failed": f"the job failed: {(job.error or {}).get('detail', '')}",
            "cancelled": "the job was cancelled; ask for the edit again",
        }.get(job.state, f"the job is {job.state}; wait for it, or listen to /v1/jobs/{id}/events")
        raise Problem(409, said)
    return await file_of(parts, parts.store.get(job.result["picture"]), format)


@router.post("/{id}/cancel", status_code=202, responses=declared(404, 410, 422))
def cancel(request: Request, id: str) -> JobDocument:  # noqa: A002 - the name in the address
    """Stop an edit; one that has ended stays as it is."""
    parts = parts_of(request)
    return job_document(parts.jobs.cancel(id), parts.store)


async def _told(parts: Parts, name: str) -> AsyncIterator[str]:
    """Tell of a job; changes that come faster than a client needs are told together."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    latest: Job | None = None

    def heard(job: Job) -> None:
        nonlocal latest
        latest = job
        loop.call_soon_threadsafe(changed.set)

    stop = parts.jobs.subscribe(name, heard)
    parts.listeners.add(changed)
    try:
        while True:
            try:
                await asyncio.wait_for(changed.wait(), ALIVE)
            except TimeoutError:
                yield ": alive\n\n"
                continue
            changed.clear()
            if latest is not None:
                job, latest = latest, None
                yield f"event: job\ndata: {job_document(job, parts.store).model_dump_json()}\n\n"
                if job.ended:
                    return
            if parts.ending:
                return
            await asyncio.sleep(PAUSE)
    finally:
        parts.listeners.discard(changed)
        stop()
