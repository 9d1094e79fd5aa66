"""Reading JSON from strangers."""

from __future__ import annotations

import asyncio
import json
from typing import NoReturn

from starlette.requests import Request

from retouch.studio.problems import Problem

_LARGE = 100_000  # bytes whose parsing other requests would feel


async def json_of(request: Request) -> object:
    """Read the body of a request as strict JSON.

    Args:
        request: its body is limited by :class:`retouch.studio.guard.Guard`.

    Returns:
        What the JSON says.

    Raises:
        Problem: It is declared as something else, or is no JSON.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json":
        shown = f"{declared[:60]!r}" if declared else "of no declared type"
        raise Problem(
            415, f"the body is {shown}; send JSON with Content-Type: application/json", field="body"
        )
    body = await request.body()
    return await asyncio.to_thread(_parsed, body) if len(body) > _LARGE else _parsed(body)


def _parsed(body: bytes) -> object:
    if not body:
        raise Problem(422, "the body is empty; send a JSON object", field="body")
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeDecodeError:
        reason = "not in UTF-8"
    except ValueError as error:
        # Python's own advice to this is for programmers.
        long = "integer string conversion" in str(error)
        reason = "a number of very many digits" if long else " ".join(str(error).split())[:120]
    raise Problem(400, f"the body is no JSON ({reason}); send a JSON object", field="body")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
