"""What is asked of an edit: option → plain value, or the handles of files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from retouch.studio import described
from retouch.studio.failures import UnknownHandle
from retouch.studio.store import Store, Stored

Order = Mapping[str, Any]
"""Option → a JSON value, ``{"file": handle}``, ``{"drawing": JSON of a Drawing}``, or a list of these."""


def handles_in(order: Order) -> tuple[str, ...]:
    """List the files that an order needs.

    Args:
        order: without drawings.

    Returns:
        Their handles, each once, in the order of the options.
    """
    return tuple(dict.fromkeys(value["file"] for value in _values(order) if _names(value, "file")))


def with_drawings_stored(order: Order, store: Store) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Put the drawings of an order into files: they are large, and an order is told again and again.

    Args:
        order: what is asked.
        store: where the files go.

    Returns:
        The order with ``{"file": handle}`` in their place, and the handles.

    Raises:
        PictureTooLarge: One has more bytes than a file may have; then none is kept.
        StoreFull: There is no room for one; then none is kept.
    """
    made: list[str] = []

    def stored(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [stored(item) for item in value]
        if not _names(value, "drawing"):
            return value
        with store.begin("mask.json") as incoming:
            incoming.write(json.dumps(value["drawing"]).encode())
            made.append(incoming.finish(described.of_other("drawing", "JSON")).handle)
        return {"file": made[-1]}

    try:
        return {name: stored(value) for name, value in order.items()}, tuple(made)
    except BaseException:
        for handle in made:
            # Making room for the next one can have removed it.
            with contextlib.suppress(UnknownHandle):
                store.drop(handle)
        raise


def pixels_of(stored: Stored) -> int:
    """Say how many pixels a picture of the store has; 0 for what is no picture.

    Args:
        stored: as the store knows it.
    """
    height, width = stored.facts.get("height"), stored.facts.get("width")
    return height * width if isinstance(height, int) and isinstance(width, int) else 0


def with_paths(order: Order, store: Store) -> tuple[dict[str, Any], dict[str, str]]:
    """Put the paths of files into an order, for a process that opens them.

    Args:
        order: without drawings.
        store: where the files are.

    Returns:
        The order with ``{"file": path}``, and path → what the file is called outside.

    Raises:
        UnknownHandle: There never was such a file.
        Gone: It was removed.
    """
    names: dict[str, str] = {}

    def placed(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [placed(item) for item in value]
        if not _names(value, "file"):
            return value
        path = str(store.still(value["file"]))
        names[path] = store.get(value["file"]).name
        return {"file": path}

    return {name: placed(value) for name, value in order.items()}, names


def _values(value: Any) -> Iterator[Any]:
    """All values of an order, those in lists among them."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _values(item)
    elif isinstance(value, Mapping) and not (_names(value, "file") or _names(value, "drawing")):
        for item in value.values():
            yield from _values(item)
    else:
        yield value


def _names(value: Any, what: str) -> bool:
    return isinstance(value, Mapping) and set(value) == {what}
