"""From what the store and the queue know to what a client is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from retouch.image.write import MOVING, SUFFIXES
from retouch.studio.documents import (
    CompanionDocument,
    JobDocument,
    PictureDocument,
    ProblemDocument,
    ProgressDocument,
    ResultDocument,
)
from retouch.studio.failures import UnknownHandle, plain, raised
from retouch.studio.job import Job
from retouch.studio.owed import Owed
from retouch.studio.problems import Problem, document
from retouch.studio.store import Store, Stored

_FOR_PROGRAMS = ", or pass background=(1, 1, 1) to lay white under it"  # of no use to who sees a page

IMMUTABLE = "private, max-age=31536000, immutable"
"""How long a browser may keep what a handle means: it never means anything else."""


def _first_endings(endings: Mapping[str, str]) -> tuple[str, ...]:
    kinds: dict[str, str] = {}
    for ending, kind in endings.items():
        kinds.setdefault(kind, ending.removeprefix("."))
    return tuple(kinds.values())


STILL_FORMATS = _first_endings(SUFFIXES)
"""In which formats a picture can be had."""

MOVING_FORMATS = _first_endings(MOVING)
"""In which formats an animation can be had."""

STILL_ENDINGS = {ending.removeprefix("."): kind for ending, kind in SUFFIXES.items()}
"""Every name of a format of a picture, and which it means."""

ENDINGS = tuple(ending.removeprefix(".") for ending in {**SUFFIXES, **MOVING})
"""Every name of a format."""


def picture_document(stored: Stored) -> PictureDocument:
    """Describe a file of the store.

    Args:
        stored: as the store knows it.
    """
    facts = cast("Mapping[str, Any]", stored.facts)
    place = f"/v1/pictures/{stored.handle}"
    return PictureDocument(
        id=stored.handle,
        name=stored.name,
        kind=facts["kind"],
        width=facts.get("width"),
        height=facts.get("height"),
        mode=facts.get("mode"),
        bits=facts.get("bits"),
        format=facts.get("format"),
        bytes=stored.bytes,
        url=f"{place}/file",
        view=f"{place}/view" if facts["kind"] in ("picture", "animation") else None,
        created=stored.created,
    )


def job_document(job: Job, store: Store) -> JobDocument:
    """Describe a job.

    Args:
        job: as the queue knows it.
        store: of its result.
    """
    error, result = job.error, None
    try:
        result = _result(job, store)
    except UnknownHandle as gone:
        error = plain(gone)
    return JobDocument(
        id=job.id,
        edit=job.edit,
        task=job.task,
        options={name: _sent(value) for name, value in job.order.items()},
        state=job.state,
        position=job.position,
        device=job.device,
        created=job.created,
        started=job.started,
        finished=job.finished,
        progress=_progress(job),
        error=None if error is None else _error(error),
        result=result,
    )


def disposition(name: str, *, kind: str = "attachment") -> str:
    """Write the header that names a download (RFC 6266).

    Args:
        name: what the file is called outside.
        kind: attachment or inline.

    >>> disposition('na"ïve.png')
    "attachment; filename=na__ve.png; filename*=UTF-8''na%22%C3%AFve.png"
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name) or "picture"
    exact = quote(name.encode("utf-8", "replace"), safe="")
    return f"{kind}; filename={plain}" + ("" if plain == name else f"; filename*=UTF-8''{exact}")


class HeldFile(FileResponse):
    """A file of the store, kept there until it is sent.

    Args:
        store: that has it.
        handle: of the file.
        path: the file itself, or what was made of it.
        media_type: of the content.
        mark: what tells its content from others of the same handle.
        name: under which it is downloaded; None to be shown.
        owed: counts it while it is sent, and hears that it was fetched when all of it was.
    """

    def __init__(
        self,
        store: Store,
        handle: str,
        path: Any,
        media_type: str,
        *,
        mark: str,
        name: str | None,
        owed: Owed | None = None,
    ) -> None:
        headers = {"Cache-Control": IMMUTABLE, "ETag": f'"{handle}-{mark}"'}
        if name is not None:
            headers["Content-Disposition"] = disposition(name)
        super().__init__(path, headers=headers, media_type=media_type)
        del self.headers["accept-ranges"]
        self._store = store
        self._handle = handle
        self._owed = owed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or say that the client has it."""
        asked = Headers(scope=scope).get("if-none-match", "")
        marks = {mark.strip().removeprefix("W/") for mark in asked.split(",")}
        if self.headers["etag"] in marks or asked.strip() == "*":
            kept = {name: self.headers[name] for name in ("etag", "cache-control")}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            self._fetched()
            return
        # Parts of a file are not needed, and would be answers of another form.
        whole = [(key, value) for key, value in scope["headers"] if key not in (b"range", b"if-range")]
        try:
            with self._store.holding(self._handle), self._under_way():
                line = _Line(send)
                await super().__call__({**scope, "headers": whole}, receive, line.send)
            if line.whole and scope["method"] != "HEAD":
                self._fetched()
        except FileNotFoundError:
            raise Problem(410, f"the file {self._handle} was removed; make it again") from None

    def _under_way(self) -> AbstractContextManager[None]:
        return nullcontext() if self._owed is None else self._owed.sending()

    def _fetched(self) -> None:
        if self._owed is not None:
            self._owed.fetched(self._handle)


class _Line:
    """Notices whether all of an answer was sent: Starlette sends no last part to a client who has left."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.whole = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        await self._send(message)
        self.whole = message["type"] == "http.response.body" and not message.get("more_body", False)


def media_type(format_: str | None) -> str:
    """Name the media type of a format.

    Args:
        format_: as the library calls it, or an ending.
    """
    kind = (format_ or "").lower()
    known = {
        "jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "tif": "tiff", "apng": "png", "jpeg": "jpeg",
        "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "bmp": "bmp", "gif": "gif",
    }  # fmt: skip
    if kind == "mp4":
        return "video/mp4"
    return f"image/{known[kind]}" if kind in known else "application/octet-stream"


def _sent(value: Any) -> Any:
    """An option as the client sent it; of a drawing, which can be long, the handle of its file."""
    if isinstance(value, Mapping):
        return value["file"]
    return [_sent(item) for item in value] if isinstance(value, list | tuple) else value


def _progress(job: Job) -> ProgressDocument | None:
    if job.progress is None:
        return None
    said = dict(job.progress)
    number = said.pop("preview", None)
    preview = None if number is None else f"/v1/jobs/{job.id}/preview?n={number}"
    return ProgressDocument(**said, preview=preview)


def _error(said: Mapping[str, str]) -> ProblemDocument:
    problem = Problem.of(raised(said))
    return ProblemDocument(
        **document(said["type"], problem.status, said["detail"].replace(_FOR_PROGRAMS, ""))
    )


def _result(job: Job, store: Store) -> ResultDocument | None:
    if job.result is None:
        return None
    result = job.result
    companions = []
    for beside in result["companions"]:
        try:
            stored = store.get(beside["picture"])
        except UnknownHandle:
            continue  # it was removed, and the picture may be there still
        companions.append(
            CompanionDocument(
                suffix=beside["suffix"],
                id=stored.handle,
                url=f"/v1/pictures/{stored.handle}/file",
                bytes=stored.bytes,
                name=stored.name,
            )
        )
    picture = picture_document(store.get(result["picture"]))
    return ResultDocument(
        picture=picture, report=result["report"], companions=companions, seconds=result["seconds"]
    )
