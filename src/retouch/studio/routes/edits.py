"""Edits: what there is, and having one done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from retouch.catalog import EDITS, Edit, edit_named
from retouch.errors import UnknownName
from retouch.studio import schema
from retouch.studio.answers import ENDINGS, MOVING_FORMATS, STILL_FORMATS, job_document
from retouch.studio.bodies import json_of
from retouch.studio.documents import EditDocument, JobDocument
from retouch.studio.parts import parts_of
from retouch.studio.problems import Problem, declared


def router_of(devices: Sequence[str]) -> tuple[APIRouter, dict[str, type[BaseModel]]]:
    """Make the routes of all edits of the catalog.

    Args:
        devices: where this studio computes.

    Returns:
        The routes, and the forms of their bodies by name, for the API's description.
    """
    router = APIRouter(prefix="/v1/edits", tags=["edits"])
    told = {edit.name: schema.described(edit, devices) for edit in EDITS}

    def catalog() -> list[EditDocument]:
        """List the edits, in the order in which menus show them."""
        return list(told.values())

    def describe(name: str) -> EditDocument:
        """Describe an edit."""
        return told[_edit(name).name]

    router.add_api_route("", catalog, responses=declared())
    router.add_api_route("/{name}", describe, responses=declared(404, 422))
    forms = {}
    for edit in EDITS:
        form = schema.body_of(edit, devices)
        forms[form.__name__] = form
        router.add_api_route(
            f"/{edit.name}",
            _route(edit, form, devices),
            methods=["POST"],
            status_code=202,
            name=edit.name,
            summary=edit.summary,
            operation_id=edit.name,
            responses=declared(410, 415, 422, 429, 507),
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": f"#/components/schemas/{form.__name__}"}}
                    },
                }
            },
        )

    def unknown(name: str) -> None:
        _edit(name)

    router.add_api_route("/{name}", unknown, methods=["POST"], include_in_schema=False)
    return router, forms


def _route(edit: Edit, form: type[BaseModel], devices: Sequence[str]) -> Any:
    default = MOVING_FORMATS[0] if edit.moving else STILL_FORMATS[0]

    async def ordered(
        request: Request,
        format: Annotated[  # noqa: A002 - the name that people know
            str, Query(max_length=20, description="of the result's file")
        ] = default,
    ) -> JobDocument:
        parts = parts_of(request)
        kind = _format(edit, format)
        plain = await json_of(request)
        order = await asyncio.to_thread(
            _order, edit, form, devices, plain, parts.store, parts.settings.weights
        )
        return job_document(await asyncio.to_thread(parts.jobs.submit, edit.name, order, kind), parts.store)

    ordered.__doc__ = edit.summary
    return ordered


def _order(
    edit: Edit,
    form: type[BaseModel],
    devices: Sequence[str],
    plain: object,
    store: Any,
    allowed: Sequence[Path],
) -> dict[str, Any]:
    values = schema.checked(edit, form, devices, plain)
    return schema.order_of(edit, values, devices, lambda handle: store.get(handle).facts["kind"], allowed)


def _edit(name: str) -> Edit:
    try:
        return edit_named(name)
    except UnknownName as error:
        raise Problem(404, str(error), name="UnknownName") from None


def _format(edit: Edit, asked: str) -> str:
    kind = asked.lower()
    known = (
        ENDINGS
        if edit.moving
        else tuple(name for name in ENDINGS if name not in MOVING_FORMATS or name in STILL_FORMATS)
    )
    if kind not in known:
        raise Problem(
            422, str(UnknownName(f"format of {edit.name}", asked, known)), name="UnknownName", field="format"
        )
    return kind
