"""Every edit of the catalog through the API writes the file that the library writes, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retouch import catalog
from tests.studio.living import Studio
from tests.studio.made import box, library, photo, scribble

MASK = box(10, 8, 40, 30)
PHOTO, OTHER = photo(1), photo(2)

ORDERS: dict[str, dict[str, Any]] = {
    "blend": {"source": PHOTO, "target": OTHER, "mask": MASK, "at": [5, 6]},
    "flatten": {"photo": PHOTO},
    "relight": {"photo": PHOTO, "mask": MASK, "alpha": 0.3},
    "recolor": {"photo": PHOTO, "mask": MASK, "red": 1.5, "background": "gray"},
    "tile": {"photo": PHOTO, "axes": "vertical"},
    "fill": {"photo": PHOTO, "mask": MASK},
    "inpaint": {"photo": PHOTO, "mask": MASK, "refine": 1},
    "translate": {"photo": PHOTO},
    "restore": {"photo": PHOTO, "noise": 15, "ensemble": True},
    "upscale": {"photo": PHOTO, "scale": 2.5},
    "stylize": {"content": PHOTO, "style": OTHER, "preset": "draft"},
    "repaint": {"photo": PHOTO, "strength": 0.5},
    "texture": {"exemplar": PHOTO, "steps": 2, "width": 64, "height": 48, "tileable": True},
    "reconstruct": {"photo": PHOTO, "steps": 2},
    "invert": {"photo": PHOTO, "evaluations": 3, "starts": 1},
    "morph": {"a": "latent", "b": "latent", "frames": 3},
    "vary": {"latent": "latent", "steps": 3},
    "draw": {"scribble": scribble(), "evaluations": 2, "starts": 1},
    "sample": {"count": 2, "seed": 5},
}


def latent_of(folder: Path) -> bytes:
    """A latent file, as the library writes it beside a picture."""
    library("invert", folder, {"photo": photo(3), "evaluations": 2, "starts": 1})
    return (folder / "library-invert.latent.safetensors").read_bytes()


@pytest.fixture(scope="module")
def latent(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A latent file."""
    return latent_of(tmp_path_factory.mktemp("latent"))


def test_no_edit_is_left_out() -> None:
    assert list(ORDERS) == [edit.name for edit in catalog.EDITS]


@pytest.mark.parametrize("edit", catalog.EDITS, ids=lambda edit: edit.name)
def test_an_edit(studio: Studio, tmp_path: Path, latent: bytes, edit: catalog.Edit) -> None:
    given = {name: latent if value == "latent" else value for name, value in ORDERS[edit.name].items()}
    order = {
        name: studio.upload(value, "x.safetensors" if value == latent else "x.png")["id"]
        if isinstance(value, bytes)
        else value
        for name, value in given.items()
    }
    job = studio.ended(studio.edit(edit.name, **order)["id"])
    assert job["state"] == "done", job["error"]
    suffix = "gif" if edit.moving else "png"
    assert studio.result(job["id"]) == library(edit.name, tmp_path, given, suffix)
    companions = job["result"]["companions"]
    assert [companion["suffix"] for companion in companions] == list(edit.companions)
    for companion in companions:
        file = studio.client.get(f"/v1/pictures/{companion['id']}/file").content
        assert file == (tmp_path / f"library-{edit.name}{companion['suffix']}").read_bytes()


@pytest.mark.parametrize("format", ["png", "jpg", "webp", "tiff"])
def test_a_format(studio: Studio, tmp_path: Path, format: str) -> None:  # noqa: A002
    picture = studio.upload(PHOTO)["id"]
    job = studio.ended(studio.edit("tile", format=format, photo=picture)["id"])
    assert studio.result(job["id"]) == library("tile", tmp_path, {"photo": PHOTO}, format)
