from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch import data
from retouch.data.framing import Framing
from retouch.data.seeds import generator
from retouch.errors import DataError, InputError, UnknownName
from retouch.image import Picture
from tests.data.made import fill, halves, noise, write


def colours_of(image: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in (image * 255).round().int().flatten(1).T.tolist()}


@pytest.fixture(scope="module")
def inverted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs whose pictures add up to 255 everywhere."""
    folder = tmp_path_factory.mktemp("inverted")
    for number in range(3):
        left = noise(number, 40, 33 + 7 * number)
        write(folder / f"{number}.png", np.concatenate([left, 255 - left], axis=1))
    return folder


@given(
    size=st.one_of(st.none(), st.integers(1, 50), st.tuples(st.integers(1, 50), st.integers(1, 50))),
    more=st.one_of(st.none(), st.just("paper"), st.integers(0, 20)),
    resize=st.sampled_from(["stretch", "cover", "crop"]),
    rotate=st.booleans(),
    flip=st.booleans(),
    index=st.integers(0, 2),
    seed=st.integers(0, 2**63),
)
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_pictures_are_framed_alike(
    inverted: Path, size: Any, more: Any, resize: Any, rotate: bool, flip: bool, index: int, seed: int
) -> None:
    least = size if isinstance(size, int) else min(size or (1, 1))
    load = least + more if isinstance(more, int) else more
    examples = data.pairs(
        inverted, "all", augment=True, size=size, load_size=load, resize=resize, rotate=rotate, flip=flip
    )
    example = examples.example(index, seed)
    assert (example["input"] + example["target"] - 1).abs().max() < 2.5 / 255
    wanted = (size, size) if isinstance(size, int) else size
    if wanted:
        assert example["input"].shape == (3, *wanted)
    assert example["input"].is_contiguous()
    again = examples.example(index, seed)
    assert torch.equal(example["input"], again["input"])


def test_without_augmentation_the_seed_changes_nothing(inverted: Path) -> None:
    examples = data.pairs(inverted, "all", augment=False, size=32, flip=True, rotate=True, jitter=0.5)
    assert torch.equal(examples.example(1, 1)["input"], examples.example(1, 2)["input"])
    assert examples.plain() is examples
    shaken = data.pairs(inverted, "all", augment=True, size=32)
    assert torch.equal(shaken.plain().example(1, 3)["input"], examples.example(1, 1)["input"])
    assert shaken.plain().describe()["augment"] is False


def test_the_paper_crops_256_of_286_and_mirrors_half() -> None:
    framing = Framing.of(256, "paper", augment=True)
    assert framing.load == (286, 286)
    assert framing.stored((600, 300)) == (286, 286)
    views = [framing.view((286, 286), generator(seed)) for seed in range(600)]
    assert {view.top for view in views} | {view.left for view in views} == set(range(31))
    assert 240 < sum(view.flipped for view in views) < 360
    assert not any(view.turns for view in views)


def test_turns_and_mirrors_show_the_same_pixels(tmp_path: Path) -> None:
    picture = noise(5, 16, 16)
    write(tmp_path / "1.png", picture)
    turned = data.singles(tmp_path, "all", augment=True, size=None, rotate=True)
    seen = {turned.example(0, seed)["image"].numpy().tobytes() for seed in range(100)}
    original = np.divide(picture.transpose(2, 0, 1), 255, dtype=np.float32)
    expected = {
        np.ascontiguousarray(np.rot90(mirrored, turns, (1, 2))).tobytes()
        for mirrored in (original, original[..., ::-1])
        for turns in range(4)
    }
    assert seen == expected


def test_an_option_does_not_shift_what_another_draws(tmp_path: Path) -> None:
    fill(tmp_path, 1, height=30, width=30)
    options = {"augment": True, "size": 20, "load_size": None, "resize": "crop"}
    plain = data.singles(tmp_path, "all", **options, flip=False)  # type: ignore[arg-type]
    mirrored = data.singles(tmp_path, "all", **options, flip=True)  # type: ignore[arg-type]
    original = np.divide(noise(0, 30, 30).transpose(2, 0, 1), 255, dtype=np.float32)
    for seed in range(10):
        one, other = plain.example(0, seed)["image"], mirrored.example(0, seed)["image"]
        assert torch.equal(one, other) or torch.equal(one, other.flip(-1))
        places = [original[:, top : top + 20, left : left + 20] for top in range(11) for left in range(11)]
        assert any(np.array_equal(one.numpy(), place) for place in places), "never mirrored"


def test_validation_shows_the_middle(tmp_path: Path) -> None:
    fill(tmp_path, 1, height=30, width=40)
    middle = data.singles(tmp_path, "all", augment=False, size=(10, 20), load_size=None, resize="crop")
    shown = (middle.example(0, 0)["image"].numpy() * 255).round().astype(np.uint8)
    assert np.array_equal(shown.transpose(1, 2, 0), noise(0, 30, 40)[10:20, 10:30])


def test_cover_keeps_the_shape_and_crop_keeps_the_pixels() -> None:
    cover = Framing.of(20, 24, resize="cover", augment=True)
    assert cover.stored((40, 80)) == (24, 48)
    assert Framing.of((20, 40), 24, augment=True).load == (24, 48)
    crop = Framing.of(20, None, resize="crop", augment=True)
    assert crop.stored((40, 80)) == (40, 80)
    assert crop.stored((10, 80)) == (20, 160), "a picture smaller than the crop is enlarged"


def test_colours_jitter_alike_and_labels_keep_theirs(tmp_path: Path) -> None:
    fill(tmp_path / "A", 1)
    fill(tmp_path / "B", 1)
    shaken = data.pairs(tmp_path, "all", augment=True, size=12, jitter=0.5).example(0, 1)
    still = data.pairs(tmp_path, "all", augment=True, size=12).example(0, 1)
    assert torch.equal(shaken["input"], shaken["target"])
    assert not torch.equal(shaken["input"], still["input"])
    assert 0 <= shaken["input"].min() <= shaken["input"].max() <= 1
    labels = data.pairs(tmp_path, "all", augment=True, size=12, jitter=0.5, nearest="input")
    found = {tuple(colour) for colour in (labels.example(0, 1)["input"] * 255).round().flatten(1).T.tolist()}
    assert found <= {tuple(map(float, colour)) for colour in noise(0).reshape(-1, 3)}


def test_nearest_makes_no_new_colours(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).choice(np.array([[0, 0, 170], [255, 85, 0]], np.uint8), (9, 9))
    write(tmp_path / "A" / "1.png", labels)
    write(tmp_path / "B" / "1.png", labels)
    example = data.pairs(tmp_path, "all", augment=True, size=23, nearest="target").example(0, 1)
    assert len(colours_of(example["target"])) == 2
    assert len(colours_of(example["input"])) > 2


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_their_steps(tmp_path: Path, suffix: str) -> None:
    deep = (np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 3)[..., None].repeat(3, axis=2)
    write(tmp_path / f"1.{suffix}", deep)
    image = data.singles(tmp_path, "all", augment=False, size=None).example(0, 0)["image"]
    assert torch.allclose(
        image, torch.from_numpy(deep.astype(np.float32) / 65535).permute(2, 0, 1), atol=1e-7
    )
    assert len(np.unique(image.numpy())) == 4096
    shrunk = data.singles(tmp_path, "all", augment=False, size=16).example(0, 0)["image"]
    assert abs(float(shrunk.mean()) - float(image.mean())) < 1e-4
    assert len(np.unique(shrunk.numpy())) > 240


def test_gray_palette_alpha_and_orientation(tmp_path: Path) -> None:
    gray = noise(1)[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(noise(2)).quantize(8).save(tmp_path / "palette.png")
    clear = np.concatenate([noise(3), np.zeros((12, 16, 1), np.uint8)], axis=2)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(4)).save(tmp_path / "turned.jpg", exif=exif)
    singles = data.singles(tmp_path, "all", augment=False, size=None)
    made = {name: singles.example(index, 0)["image"] for index, name in enumerate(singles.names)}
    assert torch.equal(
        (made["gray"] * 255).round().to(torch.uint8), torch.from_numpy(gray.copy())[None].repeat(3, 1, 1)
    )
    assert made["palette"].shape == (3, 12, 16)
    assert bool((made["clear"] == 1).all()), "transparent pixels are laid on white"
    assert made["turned"].shape == (3, 16, 12)


def test_floats_are_kept_and_clipped(tmp_path: Path) -> None:
    write(tmp_path / "1.tif", np.full((4, 4, 3), 0.123456, np.float32))
    write(tmp_path / "2.tif", np.full((4, 4, 3), 7.0, np.float32))
    singles = data.singles(tmp_path, "all", augment=False, size=8)
    assert float(singles.example(0, 0)["image"].mean()) == pytest.approx(0.123456, abs=1e-6)
    assert float(singles.example(1, 0)["image"].max()) == 1


def test_channels_can_be_gray_on_either_side(tmp_path: Path) -> None:
    halves(tmp_path, 2)
    examples = data.pairs(tmp_path, "all", augment=True, size=8, input_channels=1)
    example = examples.example(0, 0)
    assert (example["input"].shape[0], example["target"].shape[0]) == (1, 3)
    plain = data.pairs(tmp_path, "all", augment=False, size=None, input_channels=1).example(0, 0)["input"]
    weighed = (noise(0) @ np.array([0.299, 0.587, 0.114])) / 255
    assert np.abs(plain[0].numpy() - weighed).max() < 0.51 / 255
    with pytest.raises(InputError, match=r"1 .gray. or 3"):
        data.pairs(tmp_path, "all", augment=False, input_channels=2)  # type: ignore[arg-type]


def test_pairs_of_different_size_need_a_size(tmp_path: Path) -> None:
    write(tmp_path / "A" / "1.png", noise(1, 12, 16))
    write(tmp_path / "B" / "1.png", noise(2, 24, 32))
    assert data.pairs(tmp_path, "all", augment=True, size=8).example(0, 0)["target"].shape == (3, 8, 8)
    with pytest.raises(DataError, match=r"12×16 and .*24×32.*size=256"):
        data.pairs(tmp_path, "all", augment=True, size=None).example(0, 0)


@pytest.mark.parametrize("damage", ["cut", "text", "gone", "empty"])
def test_a_broken_file_is_named(tmp_path: Path, damage: str) -> None:
    halves(tmp_path, 3)
    path = tmp_path / "001.png"
    content = {"cut": path.read_bytes()[:60], "text": b"no picture", "gone": b"", "empty": b""}[damage]
    examples = data.pairs(tmp_path, "all", augment=True, size=8)
    path.write_bytes(content)
    if damage == "gone":
        path.unlink()
    with pytest.raises(DataError, match=r"001.png.*retouch data check"):
        examples.example(1, 0)
    assert examples.example(0, 0)["input"].shape == (3, 8, 8)


def test_a_picture_is_decoded_once_while_the_budget_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves(tmp_path, 4)
    opened: list[str] = []
    real = Picture.open
    monkeypatch.setattr(Picture, "open", staticmethod(lambda path: opened.append(path.name) or real(path)))  # type: ignore[func-returns-value]
    for budget, expected in ((1 << 20, 4), (2 * 2 * 3 * 9 * 9, 2 + 2 * 3), (0, 12)):
        examples = data.pairs(tmp_path, "all", augment=True, size=8, load_size=9, cache_bytes=budget)
        opened.clear()
        for seed in range(3):
            for index in range(4):
                examples.example(index, seed)
        assert len(opened) == expected, f"with {budget} bytes"


def test_what_is_kept_does_not_keep_more_alive(tmp_path: Path) -> None:
    halves(tmp_path, 1)
    examples = data.unpaired(tmp_path, "all", augment=False, size=None)
    examples.example(0, 0)
    for shelf in examples._shelves:
        (planes,) = shelf.take(0)
        assert planes.base is None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"size": 0}, InputError),
        ({"size": 64, "load_size": 32}, InputError),
        ({"jitter": 2.0}, InputError),
        ({"resize": "squash"}, UnknownName),
        ({"direction": "BtoC"}, UnknownName),
        ({"nearest": "yes"}, UnknownName),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        data.pairs("synthetic:facades", "train", augment=True, **wrong)


def test_the_description_is_plain_json_values() -> None:
    import json

    for examples in (
        data.pairs("synthetic:facades?count=3", "train", augment=True),
        data.unpaired("synthetic:seasons?count=3", "val", augment=False, size=(32, 48)),
        data.singles("synthetic:facades?count=3", "test", augment=False, size=None),
    ):
        facts = json.loads(json.dumps(examples.describe()))
        assert {"source", "layout", "split", "count", "sha256", "held_out", "size", "load"} <= facts.keys()
        assert facts["count"] == len(examples) == len(examples.names)
