"""Masks that are drawn."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retouch.errors import InputError
from retouch.studio.answers import picture_document
from retouch.studio.bodies import json_of
from retouch.studio.documents import PictureDocument
from retouch.studio.failures import Gone, UnknownHandle
from retouch.studio.parts import made, parts_of
from retouch.studio.problems import Problem, declared
from retouch.studio.schema import Drawn, Handle
from retouch.studio.store import Store

router = APIRouter(prefix="/v1/masks", tags=["masks"])


class MaskOrder(BaseModel):
    """A drawing, and the size of the mask that is made of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    drawing: Annotated[dict[str, Any], Drawn]
    picture: Handle | None = Field(default=None, description="the picture whose size the mask has")
    size: list[Annotated[int, Field(ge=1, le=2**31)]] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="height, width; the drawing's own without either",
    )


@router.post(
    "",
    status_code=201,
    responses=declared(410, 415, 422, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MaskOrder"}}},
        }
    },
)
async def draw(request: Request) -> PictureDocument:
    """Make a mask of a drawing: a gray picture, white where to edit."""
    parts = parts_of(request)
    order = _order(await json_of(request))
    size = _size(order, parts.store)
    draft = parts.store.draft(".png")
    try:
        facts = await made(parts.reader.draw(order.drawing, size, draft))
        return picture_document(parts.store.adopt(draft, "mask.png", facts))
    except InputError as error:
        raise Problem.of(error, field="drawing") from None
    finally:
        draft.unlink(missing_ok=True)


def _order(plain: object) -> MaskOrder:
    try:
        return MaskOrder.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = str(first["loc"][0])[:80] if first["loc"] else "body"
        raise Problem(
            422,
            f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}; send drawing, and picture (an id) or "
            "size ([height, width])",
            field=name,
        ) from None


def _size(order: MaskOrder, store: Store) -> tuple[int, int] | None:
    """Find the size of the mask: of the picture, as asked for, or None for the drawing's own."""
    if order.picture is not None and order.size is not None:
        raise Problem(422, "picture and size are both given; give one of them", field="size")
    if order.size is not None:
        height, width = order.size
        return height, width
    if order.picture is None:
        return None
    try:
        facts = store.get(order.picture).facts
    except UnknownHandle as error:
        gone = isinstance(error, Gone)
        raise Problem(410 if gone else 422, str(error), name=type(error).__name__, field="picture") from None
    sides = facts.get("height"), facts.get("width")
    if not isinstance(sides[0], int) or not isinstance(sides[1], int):
        raise Problem(422, f"{order.picture} is no picture and has no size; give a picture", field="picture")
    return sides[0], sides[1]
