"""Which file a path or a name of weights means."""

from __future__ import annotations

import os
from pathlib import Path

from retouch.errors import UnknownName, UnreadableWeights, WeightsError

WeightsName = str
"""What a verb opens a file by that is no picture: the name of weights, or the path of a file. A verb that
annotates an option so is known to open files, and a surface for strangers guards it."""


def find(path_or_name: str | os.PathLike[str]) -> Path:
    """Find weights.

    Args:
        path_or_name: a path; or the name of weights that came with retouch or were fetched. A
            file of that very name in the current folder comes first.

    Returns:
        The file.

    Raises:
        UnknownName: There is no such file and no weights of that name.
        UnreadableWeights: It is written like a path and is not there.
        WeightsError: The name is of published weights that were not fetched yet.
    """
    from retouch.weights.bundled import bundled
    from retouch.weights.fetch import place_of
    from retouch.weights.registry import PUBLISHED

    text = os.fspath(path_or_name)
    path = Path(text)
    shipped = bundled() if isinstance(path_or_name, str) else {}
    published = {item.name: item for item in PUBLISHED} if isinstance(path_or_name, str) else {}
    try:
        if os.path.lexists(path) and not (path.is_dir() and (text in shipped or text in published)):
            return path
    except ValueError as error:
        raise UnreadableWeights(f"{text!r:.200} is no path ({error}); give a weights file") from None
    if text in shipped:
        return shipped[text]
    if text in published:
        place = place_of(published[text])
        if place.is_file():
            return place
        raise WeightsError(
            f"the weights {text!r} are not on this machine; run `retouch weights fetch {text}`, or put the "
            f"file at {place} by hand"
        )
    if path.suffix or path.name != text or not isinstance(path_or_name, str):
        raise UnreadableWeights(f"{text:.200} is not there; give the path of a weights file")
    raise UnknownName("weights", text[:200], [*shipped, *published])
