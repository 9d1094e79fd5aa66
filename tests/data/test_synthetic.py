from __future__ import annotations

import hashlib

import numpy as np
import pytest

from retouch import data
from retouch.data import synthetic
from retouch.data.seeds import generator
from retouch.data.synthetic import facades, seasons
from retouch.data.synthetic.plan import COLOURS
from retouch.errors import DataError, InputError, UnknownName


def test_the_labels_of_a_seed_never_change() -> None:
    # hashlib.sha256(facades.draw(generator(0, 0, n, 0), (64, 64))[0].tobytes()) for n in 0 … 19
    digest = hashlib.sha256()
    for number in range(20):
        digest.update(facades.draw(generator(0, 0, number, 0), (64, 64))[0].tobytes())
    assert digest.hexdigest() == "8b8966956c19e5fda8097a776afdd25616a4164c716ac7e2fc3b44242fe6af31"


def test_labels_have_the_classic_colours_and_all_twelve_occur() -> None:
    seen: set[tuple[int, ...]] = set()
    for number in range(40):
        labels, photo = facades.draw(generator(1, number), (64, 96))
        assert labels.shape == photo.shape == (64, 96, 3)
        assert labels.dtype == photo.dtype == np.uint8
        seen |= {tuple(map(int, colour)) for colour in labels.reshape(-1, 3)}
    assert seen == set(COLOURS.values())
    assert len(COLOURS) == 12


def test_a_photo_can_be_learned_from_its_labels() -> None:
    """Knowing each pixel's class and the front's style must explain much more than the mean colour."""
    explained, total = 0.0, 0.0
    for number in range(30):
        labels, photo = facades.draw(generator(2, number), (64, 64))
        colours = photo.reshape(-1, 3).astype(float)
        names = np.unique(labels.reshape(-1, 3), axis=0, return_inverse=True)[1].ravel()
        means = np.stack([colours[names == name].mean(axis=0) for name in range(names.max() + 1)])
        explained += float(((colours - means[names]) ** 2).sum())
        total += float(((colours - colours.mean(axis=0)) ** 2).sum())
    assert explained < 0.5 * total


def test_shadows_fall_below_what_stands_out() -> None:
    darker = []
    for number in range(20):
        labels, photo = facades.draw(generator(3, number), (128, 128))
        cornice = (labels == COLOURS["cornice"]).all(axis=2)
        wall = (labels == COLOURS["facade"]).all(axis=2)
        under = np.roll(cornice, 2, axis=0) & wall
        if under.sum() > 20:
            light = photo.mean(axis=2)
            darker.append(float(light[under].mean() / light[wall].mean()))
    assert len(darker) > 10
    assert np.median(darker) < 0.85


def test_winter_is_white_where_summer_is_green() -> None:
    for number in range(8):
        summer = seasons.draw(generator(4, number), (64, 64), winter=False).astype(int)
        winter = seasons.draw(generator(4, number), (64, 64), winter=True).astype(int)
        ground = np.s_[44:]
        assert (summer[ground][..., 1] > summer[ground][..., 2]).mean() > 0.6
        assert winter[ground].mean() > summer[ground].mean() + 40


@pytest.mark.parametrize("name", synthetic.KINDS)
@pytest.mark.parametrize("size", [16, (17, 40), (90, 31)])
def test_any_size_is_drawn_and_the_same_again(name: str, size: int | tuple[int, int]) -> None:
    source = f"synthetic:{name}?count=4"
    first, second = (
        data.unpaired(source, "train", augment=False, size=size, load_size=None).example(2, 0)
        for _ in range(2)
    )
    for side in "ab":
        assert first[side].shape[1:] == ((size, size) if isinstance(size, int) else size)
        assert np.array_equal(first[side].numpy(), second[side].numpy())


def test_numbers_splits_and_seeds_give_different_pictures() -> None:
    seen = set()
    for source in ("synthetic:facades?count=5", "synthetic:facades?count=5&seed=1"):
        for split in ("train", "val", "test"):
            examples = data.singles(source, split, augment=False, size=32)
            seen |= {examples.example(index, 0)["image"].numpy().tobytes() for index in range(len(examples))}
    assert len(seen) == 2 * (5 + 1 + 1)


def test_options_say_how_many_and_how_large() -> None:
    examples = data.pairs("synthetic:facades?count=30&size=48", "train", augment=False, size=None)
    assert len(examples) == 30
    assert examples.example(0, 0)["target"].shape == (3, 48, 48)
    assert len(data.pairs("synthetic:facades?count=30", "val", augment=False)) == 3
    assert data.splits("synthetic:seasons") == ("train", "val", "test")
    one, other = (data.pairs(f"synthetic:facades?seed={seed}", "val", augment=False) for seed in (1, 2))
    assert one.describe()["sha256"] != other.describe()["sha256"]


def test_a_set_is_drawn_at_the_size_that_is_cropped_from() -> None:
    labels = data.pairs("synthetic:facades?count=2", "train", augment=True, size=64).example(0, 1)["input"]
    found = {tuple(colour) for colour in (labels * 255).round().flatten(1).T.int().tolist()}
    assert found <= set(COLOURS.values()), "nothing was resized"


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("synthetic:facade", UnknownName, "facades"),
        ("synthetic:facades?cuont=3", UnknownName, "count"),
        ("synthetic:facades?count=0", InputError, "from 1 to"),
        ("synthetic:facades?count=-1", InputError, "whole number"),
        ("synthetic:facades?count=1e3", InputError, "whole number"),
        ("synthetic:facades?count=" + "9" * 500, InputError, "whole number"),
        ("synthetic:facades?size=99999", InputError, "from 16 to"),
        ("synthetic:seasons", DataError, "no pairs.*synthetic:facades"),
    ],
)
def test_wrong_sources_say_what_is_right(source: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        data.pairs(source, "train", augment=True)
