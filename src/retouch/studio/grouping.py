"""Which of the edits that wait may be computed together: the same edit of small pictures of one size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.studio.failures import UnknownHandle
from retouch.studio.order import Order, pixels_of
from retouch.studio.store import Store

TOGETHER = ("restore", "upscale", "inpaint")
"""The edits whose networks are called with a picture, and so can be called with several."""

LARGEST = 512 * 512
"""Pixels beyond which a picture fills a processor by itself, and several take several times its memory."""

Likeness = tuple[object, ...]
"""What edits have in common that may be computed together."""


def likeness_of(edit: str, order: Order, form: str, store: Store) -> Likeness | None:
    """Say what other edits must have in common with one to be computed together with it.

    Args:
        edit: the verb.
        order: its options, without drawings.
        form: of the result.
        store: of its files.

    Returns:
        The edit, its options and the size of its photo; None for an edit that is computed by itself.
    """
    if edit not in TOGETHER:
        return None
    photo = order.get("photo")
    try:
        stored = store.get(photo["file"]) if isinstance(photo, Mapping) else None
    except UnknownHandle:
        return None
    if stored is None or not 0 < pixels_of(stored) <= LARGEST:
        return None
    plain = tuple(sorted((name, _shape(value)) for name, value in order.items()))
    return edit, form, stored.facts.get("height"), stored.facts.get("width"), repr(plain)


def _shape(value: Any) -> Any:
    """A value, without saying which file it is."""
    if isinstance(value, Mapping):
        return sorted(value)
    return [_shape(item) for item in value] if isinstance(value, list | tuple) else value
