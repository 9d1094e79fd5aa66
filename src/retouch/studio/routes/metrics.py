"""What a server tells Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from retouch.studio.metrics import CONTENT_TYPE
from retouch.studio.parts import parts_of
from retouch.studio.problems import Problem, declared

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        **declared(),
        200: {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
def metrics(request: Request) -> Response:
    """Give out the metrics in Prometheus' text format."""
    found = parts_of(request).metrics
    if found is None:
        raise Problem(404, "this server keeps no metrics; start it with `retouch serve`")
    return Response(found.text(), media_type=CONTENT_TYPE)
