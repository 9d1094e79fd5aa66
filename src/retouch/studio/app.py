"""The studio as a web application: routes over the store, the reader and the queue."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from retouch import __version__
from retouch.errors import RetouchError
from retouch.studio.documents import ProblemDocument
from retouch.studio.parts import Parts
from retouch.studio.problems import Problem
from retouch.studio.routes import edits, health, jobs, masks, pictures, samples
from retouch.studio.watched import GONE

logger = logging.getLogger(__name__)


def api_of(parts: Parts) -> FastAPI:
    """Make the API over the parts of a studio.

    Args:
        parts: that do what is asked; they are started and closed by whoever made them.

    Returns:
        The application. It trusts every request: :class:`retouch.studio.guard.Guard` goes before it.
    """
    api = FastAPI(
        title="retouch studio" if parts.settings.page else "retouch",
        summary="Every edit of retouch as an HTTP call.",
        version=__version__,
        # Their pages come from another site.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            Problem: _problem,
            RetouchError: _problem,
            HTTPException: _http_problem,
            RequestValidationError: _form_problem,
            ClientDisconnect: _nobody,
            Exception: _problem,
        },
    )
    ordering, forms = edits.router_of(parts.settings.devices)
    api.state.parts = parts
    for router in (
        health.router, pictures.router, masks.router, ordering, jobs.router, samples.router,
    ):  # fmt: skip
        api.include_router(router)
    if parts.metrics is not None:
        from retouch.studio.routes import metrics

        api.include_router(metrics.router)
    _describe(api, [ProblemDocument, masks.MaskOrder, *forms.values()])
    return api


def _describe(api: FastAPI, models: list[type[BaseModel]]) -> None:
    """Put the forms that are read by hand into the API's description."""
    made = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = made()
            _, told = models_json_schema(
                [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(told["$defs"])
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign]


async def _problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, Problem | RetouchError | MemoryError):
        logger.error("a request failed", exc_info=error)
    return Problem.of(error).response()


async def _http_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return await _problem(request, error)
    path = request.url.path[:100]
    detail = {
        404: f"there is nothing at {path}; /openapi.json says what there is",
        405: f"{path} does not take {request.method}; /openapi.json says what it takes",
    }.get(error.status_code, str(error.detail))
    return Problem(error.status_code, detail, headers=error.headers).response()


async def _form_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        return await _problem(request, error)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    said = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
    given = first.get("input")
    got = f", got {given[:80]!r}" if isinstance(given, str) else ""
    return Problem(422, f"{name}: {said}{got}", field=name).response()


async def _nobody(_: Request, __: Exception) -> Response:
    """Answer a client that has left: only the metrics see it."""
    return Response(status_code=GONE)
