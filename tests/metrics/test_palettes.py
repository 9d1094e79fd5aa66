"""Colours to labels and back, through JPEG."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from retouch.errors import DataError, InputError
from retouch.metrics import (
    CAMVID,
    FACADES,
    VOID,
    Palette,
    colours_from_labels,
    labels_from_colours,
    palette_of,
)

FEW = settings(max_examples=25, deadline=None)


def blocks(seed: int, palette: Palette, side: int = 12, count: int = 6) -> Tensor:
    """Labels (1, H, W) in squares."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, palette.classes, (1, count, count), generator=generator)
    return labels.repeat_interleave(side, 1).repeat_interleave(side, 2)


def through_jpeg(pictures: Tensor, quality: int) -> Tensor:
    pixels = (pictures[0].movedim(0, -1) * 255).round().byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    read = np.asarray(Image.open(file), np.float32) / 255
    return torch.from_numpy(read).movedim(-1, 0)[None]


@pytest.mark.parametrize("palette", [CAMVID, FACADES])
def test_tables(palette: Palette) -> None:
    colours = [*palette.colours.values(), *palette.void]
    assert len(set(colours)) == len(colours)
    assert palette.tensor().shape == (len(colours), 3)
    assert palette.source


def test_classes_counted() -> None:
    assert (CAMVID.classes, FACADES.classes) == (11, 12)


@FEW
@given(st.integers(0, 2**31), st.sampled_from([CAMVID, FACADES]))
def test_there_and_back(seed: int, palette: Palette) -> None:
    labels = blocks(seed, palette, side=1)
    labels[0, 0, 0] = VOID if palette.void else 0
    assert torch.equal(labels_from_colours(colours_from_labels(labels, palette), palette), labels)


@pytest.mark.parametrize("palette", [CAMVID, FACADES])
def test_jpeg_hardly_changes_labels(palette: Palette) -> None:
    labels = blocks(3, palette)
    read = labels_from_colours(through_jpeg(colours_from_labels(labels, palette), 90), palette)
    wrong = read != labels
    assert float(wrong.float().mean()) < 0.02
    # What is wrong lies on an edge: inside a square nothing is.
    inside = torch.zeros_like(wrong)
    for row in range(0, 72, 12):
        for column in range(0, 72, 12):
            inside[:, row + 3 : row + 9, column + 3 : column + 9] = True
    assert not bool((wrong & inside).any())


def test_a_mixture_on_an_edge_is_not_a_third_class() -> None:
    # Half sky (128, 128, 128) and half building (128, 0, 0) is (128, 64, 64): 90.5 from either, but
    # 64 from road (128, 64, 128).
    sky, building = (torch.tensor(CAMVID.colours[name]).view(3, 1, 1) / 255 for name in ("sky", "building"))
    picture = torch.cat((sky.expand(3, 9, 6), building.expand(3, 9, 6)), dim=2)[None].clone()
    picture[..., 5] = torch.tensor([128.0, 64.0, 64.0]).view(3, 1) / 255
    names = list(CAMVID.colours)
    naive = labels_from_colours(picture, CAMVID, reach=0)
    assert {names[i] for i in naive.flatten().tolist()} == {"sky", "building", "road"}
    careful = labels_from_colours(picture, CAMVID)
    assert {names[i] for i in careful.flatten().tolist()} == {"sky", "building"}


def test_a_picture_of_nothing_sure_is_read_by_nearest_colour() -> None:
    picture = torch.tensor([0.7, 0.7, 0.35]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    pole = list(CAMVID.colours).index("pole")
    assert set(labels_from_colours(picture, CAMVID, tolerance=0.01).flatten().tolist()) == {pole}


@pytest.mark.parametrize("quality", [75, 95])
def test_the_palette_is_found_through_jpeg(quality: int) -> None:
    pictures = [
        through_jpeg(colours_from_labels(blocks(seed, CAMVID, side=24), CAMVID), quality) for seed in range(4)
    ]
    found = palette_of([*pictures, pictures[0][0]])
    wanted = torch.tensor(list(CAMVID.colours.values())).float()
    colours = torch.tensor(list(found.colours.values())).float()
    assert len(colours) == 11
    assert float(torch.cdist(wanted, colours).amin(dim=1).max()) < 4
    most = palette_of(pictures, max_classes=3)
    assert list(most.colours.values()) == list(palette_of(pictures).colours.values())[:3]


def test_colours_of_a_found_palette_are_named_by_themselves() -> None:
    pictures = torch.full((2, 3, 8, 8), 128 / 255)
    assert palette_of([pictures]).colours == {"#808080": (128, 128, 128)}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="batch dimension"):
        labels_from_colours(torch.zeros(3, 4, 4), CAMVID)
    with pytest.raises(InputError, match="label 11 is not in CamVid"):
        colours_from_labels(torch.full((1, 2, 2), 11), CAMVID)
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DataError, match="not label pictures"):
        palette_of([noise])
