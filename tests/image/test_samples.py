"""The photos that travel with the package."""

from __future__ import annotations

import pytest

from retouch.errors import UnknownName
from retouch.image import samples


def test_every_photo_is_there_small_and_described() -> None:
    folder = samples.path("cat").parent
    text = (folder / "README.md").read_text(encoding="utf-8")
    for name in samples.names():
        picture = samples.open(name)
        assert max(picture.size) <= 512
        assert min(picture.size) >= 256
        row = next(line for line in text.splitlines() if f"`{name}.jpg`" in line)
        assert "CC0" in row or "public domain" in row
        assert f"{picture.width} × {picture.height}" in row
    photos = {path.name for path in folder.iterdir()} - {"README.md"}
    assert photos == {f"{name}.jpg" for name in samples.names()}
    assert sum((folder / photo).stat().st_size for photo in photos) < 350_000


def test_unknown_photo_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="cat"):
        samples.open("cats")
