"""Problem documents (RFC 9457): every refusal of the API in one form, in the library's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from retouch.errors import (
    Cancelled,
    InputError,
    MissingDependency,
    PictureError,
    PictureTooLarge,
    RetouchError,
    WeightsError,
)
from retouch.studio.failures import (
    Gone,
    OutOfMemory,
    QueueFull,
    ReaderDied,
    StoreFull,
    TimedOut,
    Unavailable,
    UnknownHandle,
)

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[RetouchError], int], ...] = (
    (Gone, 410),
    (UnknownHandle, 404),
    (QueueFull, 429),
    (StoreFull, 507),
    (Unavailable, 503),
    (OutOfMemory, 503),
    (TimedOut, 422),
    (ReaderDied, 422),
    (PictureTooLarge, 413),
    (InputError, 422),
    (PictureError, 422),
    (WeightsError, 422),
    (Cancelled, 409),
    (MissingDependency, 501),
)
_NAMES = {
    400: "BadRequest",
    401: "TokenNeeded",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "BodyTooSlow",
    409: "NotReady",
    410: "Gone",
    411: "LengthRequired",
    413: "BodyTooLarge",
    415: "UnsupportedMediaType",
    421: "MisdirectedRequest",
    422: "InputError",
    429: "QueueFull",
    500: "InternalError",
    501: "MissingDependency",
    503: "Unavailable",
    507: "StoreFull",
}


class Problem(Exception):
    """A request that is refused.

    Args:
        status: of the answer.
        detail: what was got, what was wanted, what to do next.
        name: of the kind of problem; by the status when None.
        field: the option to blame.
        headers: to be sent with the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        name: str | None = None,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name or _NAMES.get(status, "HttpError")
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: Exception, *, field: str | None = None) -> Problem:
        """Turn an error of the library into the answer that a client gets.

        Args:
            error: anything that was raised.
            field: the option to blame.
        """
        if isinstance(error, Problem):
            return error
        if isinstance(error, RetouchError):
            status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
            wait = {429: "10", 503: "5"}.get(status)
            if isinstance(error, QueueFull):
                wait = str(error.retry_after)
            headers = {} if wait is None else {"Retry-After": wait}
            return cls(status, str(error), name=type(error).__name__, field=field, headers=headers)
        if isinstance(error, MemoryError):
            detail = "there is not enough memory; try a smaller picture or a smaller region"
            return cls(503, detail, name="MemoryError", headers={"Retry-After": "10"})
        detail = "something went wrong inside the studio (a bug in retouch: please report it with its log)"
        return cls(500, detail)

    def document(self) -> dict[str, Any]:
        """Give the document's members."""
        return document(self.name, self.status, self.detail, self.field)

    def response(self) -> Response:
        """Make the answer."""
        return Response(
            json.dumps(self.document(), ensure_ascii=False).encode("utf-8", "replace"),
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            MEDIA_TYPE,
        )


def document(name: str, status: int, detail: str, field: str | None = None) -> dict[str, Any]:
    """Put a problem into the members of its document.

    Args:
        name: of its kind: a class of :mod:`retouch.errors`, or a state.
        status: of the answer.
        detail: what was got, what was wanted, what to do next.
        field: the option to blame, if one is.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    members: dict[str, Any] = {
        "type": f"urn:retouch:error:{name}",
        "title": words[:1].upper() + words[1:],
        "status": status,
        "detail": detail,
    }
    return members if field is None else {**members, "field": field}


def declared(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Say in the API's description which problems a route answers with.

    Args:
        codes: statuses of its own. Those of every route (a wrong address, no token) are added.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {
        code: {"description": document(_NAMES[code], code, "")["title"], "content": content}
        for code in sorted({400, 401, 403, 408, 413, 421, 500, 503, *codes})
    }
