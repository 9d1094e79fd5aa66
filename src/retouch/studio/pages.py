"""The page: one document for every task, and its scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from retouch.catalog import EDITS
from retouch.studio.problems import Problem

FOLDER = Path(__file__).parent / "page"
"""Where the page's files lie."""

PLACES = ("/", *(f"/{task}" for task in dict.fromkeys(edit.task for edit in EDITS)))
"""Addresses of the page; it shows by itself what each is for."""

_PREFIX = "/page/"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


class Pages:
    """Gives out the page and its files. A browser asks each time whether they have changed."""

    def __init__(self) -> None:
        self._files = _Files(directory=FOLDER)

    def have(self, path: str) -> bool:
        """Whether an address is the page's.

        Args:
            path: of a request.
        """
        return path in PLACES or path == "/favicon.ico" or path.startswith(_PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for one of them.

        Raises:
            Problem: There is no such file, or something else is wanted of it than to be read.
        """
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            allowed = {"Allow": "GET, HEAD"}
            raise Problem(405, f"{path} does not take {scope['method']}; it can be read", headers=allowed)
        await (await self._answer(path, scope))(scope, receive, send)

    async def _answer(self, path: str, scope: Scope) -> Response:
        if path == "/favicon.ico":
            return Response(status_code=204)
        if path in PLACES:
            return await self._file("index.html", scope)
        return await self._file(path.removeprefix(_PREFIX), scope)

    async def _file(self, name: str, scope: Scope) -> Response:
        try:
            return await self._files.get_response(name, scope)
        except HTTPException as error:
            raise Problem(error.status_code, f"the page has no file {name[:100]!r}; open / instead") from None


class _Files(StaticFiles):
    def file_response(
        self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = "no-cache"
        # What a system says of its file types is not always what a browser needs to run a module.
        if isinstance(answer, FileResponse) and (kind := _TYPES.get(Path(full_path).suffix)):
            answer.headers["Content-Type"] = kind
        return answer
