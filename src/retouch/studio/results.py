"""What an edit has made, put into the store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from retouch.errors import RetouchError
from retouch.image.beside import companion_path
from retouch.image.write import MOVING, SUFFIXES
from retouch.studio import described
from retouch.studio.failures import InternalError
from retouch.studio.job import Job
from retouch.studio.order import handles_in
from retouch.studio.store import STILL, Store
from retouch.studio.stored import refused_by_disk

logger = logging.getLogger(__name__)

_ENDINGS = {*SUFFIXES, *MOVING, ".safetensors", ".latent"}


def kept(store: Store, job: Job, room: Path, done: Mapping[str, Any]) -> dict[str, Any]:
    """Move what a process has made into the store.

    Args:
        store: where it goes.
        job: whose it is.
        room: where it lies.
        done: what the process says of it.

    Returns:
        The job's ``result``.

    Raises:
        StoreFull: There is no room for it; then nothing of it is kept.
    """
    made = room / f"result.{job.format}"
    name = _name(store, job)
    handles: list[str] = []
    try:
        # The picture is described before its companions are, and the still belongs to it.
        picture = store.adopt(made, f"{name}.{job.format}", done["facts"]).handle
        handles.append(picture)
        store.hold(picture)
        try:
            if done["still"]:
                store.attach(picture, STILL, room / "still.png")
            companions = []
            for suffix in done["companions"]:
                form = suffix.rpartition(".")[2].upper()
                facts = described.of_other("latent" if ".latent." in suffix else "file", form)
                beside = store.adopt(companion_path(made, suffix), f"{name}{suffix}", facts).handle
                handles.append(beside)
                companions.append({"suffix": suffix, "picture": beside})
        finally:
            store.let_go(picture)
    except BaseException:
        for handle in handles:
            store.drop(handle)
        raise
    return {
        "picture": picture,
        "report": done["report"],
        "companions": companions,
        "seconds": done["seconds"],
    }


def unkept(error: Exception) -> RetouchError:
    """Say why a result could not be kept.

    Args:
        error: that was raised while it was.
    """
    if isinstance(error, RetouchError):
        return error
    if isinstance(error, OSError):
        return refused_by_disk(error)
    logger.error("a result could not be kept", exc_info=error)
    return InternalError(
        "the result could not be kept: a bug in retouch; please report it with what the studio's log says"
    )


def _name(store: Store, job: Job) -> str:
    """What a result is called outside, without its suffix: ``cat-blend``."""
    for handle in handles_in(job.order):
        stored = store.known(handle)
        if stored is not None and stored.facts.get("kind") != "drawing":
            return f"{_stem(stored.name) or 'picture'}-{job.edit}"
    return job.edit


def _stem(name: str) -> str:
    """A file's name without the endings that say what it is; part of a date is no such ending.

    >>> _stem("2024.05.01.JPG"), _stem("cat.latent.safetensors")
    ('2024.05.01', 'cat')
    """
    while (parts := PurePath(name)).suffix.lower() in _ENDINGS:
        name = parts.stem
    return name
