"""Scribbles of every kind are read, and become pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retouch.errors import Cancelled, EmptyMask, InputError, SizeMismatch, UnknownName
from retouch.image import Picture
from retouch.progress import Progress
from retouch.tasks.invert.edit import model as models
from retouch.tasks.invert.edit import scribble as scribbles
from retouch.tasks.invert.edit.draw import draw
from retouch.tasks.invert.edit.easel import Easel, Effort
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from retouch.tasks.invert.edit.model import Model
from tests.tasks.invert.edit import toys

Bytes = NDArray[np.uint8]
SKIN, INK, PAPER = (230, 200, 160), (30, 25, 30), (196, 180, 140)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys instead of files."""

    def remembered(name: str, device: str) -> Model:
        assert device == "cpu"
        if name == "dcgan":
            return toys.dcgan()
        return toys.model(classes=3 if name == "classes" else 0)

    monkeypatch.setattr(models, "remembered", remembered)


def face(size: int = 64, paper: tuple[int, int, int] | None = None) -> Bytes:
    """An area of skin with a dark bar on it: RGBA, or RGB on paper."""
    made = np.zeros((size, size, 4), np.uint8)
    unit = size // 16
    made[4 * unit : 12 * unit, 4 * unit : 12 * unit] = (*SKIN, 255)
    made[6 * unit : 8 * unit, 5 * unit : 11 * unit] = (*INK, 255)
    if paper is None:
        return made
    return np.where(made[..., 3:] > 0, made[..., :3], np.array(paper, np.uint8))


def weight(picture: Bytes | Picture, side: int = 16, **options: object) -> NDArray[np.float32]:
    return scribbles.read(Picture.of(picture), side, **options).strokes.weight[0, 0].numpy()  # type: ignore[arg-type]


BLOCK = np.zeros((16, 16), np.float32)
BLOCK[4:12, 4:12] = 1


def test_strokes_are_where_it_is_opaque() -> None:
    found = scribbles.read(Picture.of(face()), 16)
    assert np.array_equal(found.strokes.weight[0, 0].numpy(), BLOCK)
    assert found.rule == "alpha"
    assert found.coverage == pytest.approx(64 / 256)
    colours = found.strokes.colours[0].permute(1, 2, 0).numpy() * 255
    assert np.allclose(colours[4, 4], SKIN, atol=0.1)
    assert np.allclose(colours[7, 7], INK, atol=0.1)


def test_soft_strokes_are_cut_at_half_and_keep_their_colour() -> None:
    soft = face()
    soft[..., 3][16:48, 16:32] = 128
    soft[..., 3][16:48, 32:48] = 127
    found = scribbles.read(Picture.of(soft), 16)
    half = BLOCK.copy()
    half[:, 8:] = 0
    assert np.array_equal(found.strokes.weight[0, 0].numpy(), half)
    assert np.allclose(found.strokes.colours[0, :, 4, 4].numpy() * 255, SKIN, atol=0.1)


def test_colours_beside_strokes_do_not_mix_in() -> None:
    # 3 of 4 pixels of a generator's pixel are stroke: in full, and of its colour alone.
    odd = np.zeros((32, 32, 4), np.uint8)
    odd[..., :3] = (0, 0, 255)
    odd[8:24, 8:24] = (*SKIN, 255)
    odd[8, 8, 3] = 0
    odd[23, 22:24, 3] = odd[22, 23, 3] = 0
    found = scribbles.read(Picture.of(odd), 16)
    assert np.allclose(found.strokes.colours[0, :, 4, 4].numpy() * 255, SKIN, atol=0.1)
    cover = found.strokes.weight[0, 0]
    assert cover[4, 4] == 1
    assert cover[11, 11] == 0.5  # one of four pixels


@pytest.mark.parametrize("paper", [(255, 255, 255), PAPER, (0, 0, 0)])
def test_without_transparency_the_border_is_the_background(paper: tuple[int, int, int]) -> None:
    found = scribbles.read(Picture.of(face(paper=paper)), 16)
    wanted = BLOCK.copy()
    if paper == (0, 0, 0):
        wanted[6:8, 5:11] = 1
    assert np.array_equal(found.strokes.weight[0, 0].numpy() > 0, wanted > 0)
    assert found.rule == "background #{:02x}{:02x}{:02x}".format(*paper)


def test_an_opaque_alpha_says_nothing() -> None:
    opaque = np.concatenate([face(paper=PAPER), np.full((64, 64, 1), 255, np.uint8)], axis=2)
    assert np.array_equal(weight(opaque), weight(face(paper=PAPER)))


def test_blue_is_no_mask() -> None:
    # A file of three channels whose blue one looks like a mask.
    tricky = face(paper=(255, 255, 255))
    tricky[..., 2] = 0
    tricky[:8, :8, 2] = 255
    assert weight(tricky)[8, 8] == 1
    assert weight(tricky)[15, 15] == 0


def test_white_is_the_background_where_the_border_has_many_colours() -> None:
    busy = face(paper=(255, 255, 255))
    rng = np.random.default_rng(0)
    for rows, columns in ((slice(0, 2), slice(None)), (slice(-2, None), slice(None))):
        busy[rows, columns] = rng.integers(0, 200, busy[rows, columns].shape)
    busy[:, :2] = rng.integers(0, 200, busy[:, :2].shape)
    assert scribbles.read(Picture.of(busy), 16).rule == "background #ffffff"


def test_a_photo_is_no_scribble() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    with pytest.raises(InputError, match=r"no transparency.*pass a mask"):
        scribbles.read(Picture.of(noise), 16)
    assert weight(noise, mask=np.ones((40, 30), bool), crop="centre").min() == 1


def test_smooth_rims_do_not_count() -> None:
    # A rim of 30 % ink on white, as smooth brushes leave it, is no stroke of gray; 70 % is stroke.
    smooth = np.full((64, 64, 3), 255, np.uint8)
    smooth[20:44, 20:44] = INK
    for place, part in ((19, 0.3), (44, 0.7)):
        colour = np.uint8(np.round(255 - part * (255 - np.array(INK))))
        smooth[20:44, place] = colour
    drawn = weight(smooth, side=64)
    assert drawn[30, 19] == 0
    assert drawn[30, 20] == drawn[30, 44] == 1


def test_light_strokes_beside_dark_ones_stay() -> None:
    # Skin lies between paper and ink in lightness, but not in colour.
    drawn = weight(face(paper=(255, 255, 255)), side=64)
    assert drawn[16:48, 16:48].min() == 1


def test_a_mask_says_where_strokes_are() -> None:
    mask = np.zeros((64, 64), bool)
    mask[:16] = True
    on_paper = face(paper=(255, 255, 255))
    found = scribbles.read(Picture.of(on_paper), 16, mask=mask)
    assert found.rule == "mask"
    assert found.strokes.weight[0, 0, :4].min() == 1
    assert found.strokes.weight[0, 0, 4:].max() == 0
    # What cannot be seen has no colour.
    with pytest.raises(EmptyMask, match="nothing of the scribble that can be seen"):
        scribbles.read(Picture.of(face()), 16, mask=mask)
    with pytest.raises(SizeMismatch):
        scribbles.read(Picture.of(on_paper), 16, mask=mask[:-1])


def test_nothing_drawn_is_refused() -> None:
    with pytest.raises(EmptyMask, match="at least half opaque"):
        scribbles.read(Picture.of(np.zeros((8, 8, 4), np.uint8)), 16)
    with pytest.raises(EmptyMask, match="nothing but background #ffffff"):
        scribbles.read(Picture.of(np.full((8, 8, 3), 255, np.uint8)), 16)
    speck = np.zeros((640, 640, 4), np.uint8)
    speck[0, 0] = 255
    with pytest.raises(EmptyMask, match="draw broader ones"):
        scribbles.read(Picture.of(speck), 16)
    with pytest.raises(UnknownName, match="crop"):
        scribbles.read(Picture.of(face()), 16, crop="left")  # type: ignore[arg-type]


def test_proportions_are_kept() -> None:
    wide = np.zeros((32, 64, 4), np.uint8)
    wide[:] = (*SKIN, 255)
    wide[0, 0, 3] = 0
    padded = scribbles.read(Picture.of(wide), 16)
    assert padded.strokes.weight[0, 0, 4:12].min() == 1
    assert padded.strokes.weight[0, 0, :4].max() == padded.strokes.weight[0, 0, 12:].max() == 0
    assert (padded.box.y0, padded.box.y1) == (-16, 48)
    cut = scribbles.read(Picture.of(wide), 16, crop="centre")
    assert cut.strokes.weight.min() == 1
    assert (cut.box.x0, cut.box.x1) == (16, 48)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["pad", "centre"]))
def test_any_size_is_read(height: int, width: int, crop: str) -> None:
    sketch = np.full((height, width, 4), 255, np.uint8)
    found = scribbles.read(Picture.of(sketch), 16, mask=np.ones((height, width), bool), crop=crop)  # type: ignore[arg-type]
    drawn = found.strokes.weight
    assert drawn.shape == (1, 1, 16, 16)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
    part = 1.0 if crop == "centre" else min(height, width) / max(height, width)
    assert float(drawn.mean()) >= 0.9 * part - 1 / 16


def test_kinds_of_files_mean_the_same() -> None:
    wanted = weight(face())
    deep = Picture.of(face().astype(np.uint16) * 257)
    assert np.array_equal(weight(deep), wanted)
    large = np.kron(face(), np.ones((40, 40, 1), np.uint8))
    assert np.array_equal(weight(large), wanted)
    gray = np.stack([face()[..., 0], face()[..., 3]], axis=2)
    assert np.array_equal(weight(gray), wanted)


def small(**options: object) -> Picture:
    settings_: dict[str, object] = {"model": "toy", "starts": 8, "evaluations": 3, **options}
    return draw(face(), **settings_)  # type: ignore[arg-type]


def test_a_scribble_becomes_a_picture() -> None:
    made = small()
    assert made.size == (16, 16)
    assert made.file.mode == "RGB"
    assert made.report["strokes"] == "alpha"
    assert made.report["coverage"] == 0.25
    assert float(made.report["evaluations"]) > 4
    assert 0 < float(made.report["prior"]) < 1.2
    assert list(made.companions) == [SUFFIX]
    again = Latent.read(made.companions[SUFFIX]).picture(toys.model())
    assert np.array_equal(again.samples, made.samples)
    assert np.array_equal(again.pixels, made.pixels)


def test_the_same_seed_gives_the_same_picture() -> None:
    assert np.array_equal(small(seed=1).pixels, small(seed=1).pixels)
    assert not np.array_equal(small(seed=1, candidates=3).pixels, small(seed=2, candidates=3).pixels)


def test_candidates_lie_side_by_side_the_best_first() -> None:
    made = small(candidates=3)
    assert made.size == (16, 48)
    assert list(made.companions) == [SUFFIX, f".2{SUFFIX}", f".3{SUFFIX}"]
    for number, data in enumerate(made.companions.values()):
        own = Latent.read(data).picture(toys.model())
        assert np.array_equal(own.samples, made.samples[:, 16 * number : 16 * number + 16])
    assert "candidate_3" in made.report
    assert "candidate_4" not in made.report


def test_strokes_of_an_own_picture_are_met() -> None:
    target = toys.model().render(toys.codes(3))
    sketch = np.zeros((16, 16, 4), np.float32)
    sketch[..., :3] = target[0].permute(1, 2, 0).numpy()
    sketch[4:10, 2:14, 3] = 1
    made = draw(sketch, model="toy", starts=8, evaluations=40)
    blind = toys.model().render(toys.model().space("p").rows(torch.zeros(1, toys.STYLE)))
    wanted = torch.where(torch.from_numpy(sketch[..., 3]) > 0, 0.0, 1.0)

    def off(shown: torch.Tensor) -> float:
        return float(((shown - target).abs() * wanted).mean())

    found = torch.from_numpy(made.pixels.copy()).permute(2, 0, 1)[None]
    assert float(made.report["colour"]) < 2
    assert off(found) < 0.5 * off(blind)


def test_realism_bounds_how_unusual_a_picture_is() -> None:
    loud = face()
    loud[..., :3][loud[..., 3] > 0] = (255, 0, 255)
    faithful, usual = (
        draw(loud, model="toy", starts=4, evaluations=12, realism=realism).report for realism in (0.0, 1.0)
    )
    assert float(usual["prior"]) < 0.4 < float(faithful["prior"])
    assert float(faithful["colour"]) < float(usual["colour"])
    assert faithful["styles"] == toys.ROWS
    assert usual["styles"] == 1


def test_a_start_is_kept_outside_the_strokes(tmp_path: Path) -> None:
    rows = toys.codes(5)
    latent = Latent.of(toys.model(), rows)
    path = latent.save(tmp_path / "start.latent.safetensors")
    sketch = np.zeros((16, 16, 4), np.float32)
    sketch[5:9, 5:9] = (0.9, 0.2, 0.2, 1)
    before = latent.picture(toys.model()).pixels
    made = draw(sketch, model="toy", start=path, evaluations=40)
    free = draw(sketch, model="toy", start=path, evaluations=40, keep=0.0)
    outside = np.ones((16, 16, 1))
    outside[3:11, 3:11] = 0
    kept, loose = (float((np.abs(each.pixels - before) * outside).mean()) for each in (made, free))
    assert kept < 0.7 * loose
    assert np.abs(made.pixels - before)[5:9, 5:9].mean() > 2 * kept


def test_noise_and_tuning_of_a_start_are_kept(tmp_path: Path) -> None:
    maps = [
        torch.randn(side, side, generator=torch.Generator().manual_seed(side))
        for side in toys.model().noise_sides
    ]
    latent = Latent.of(toys.model(), toys.codes(5), noise=maps)
    made = small(start=latent)
    found = Latent.read(made.companions[SUFFIX])
    assert isinstance(found.noise, tuple)
    assert isinstance(latent.noise, tuple)
    assert all(torch.equal(a, b) for a, b in zip(found.noise, latent.noise, strict=True))
    assert np.array_equal(found.picture(toys.model()).pixels, made.pixels)


def test_a_dcgan_draws_too() -> None:
    made = small(model="dcgan", candidates=2)
    assert made.size == (16, 32)
    assert Latent.read(made.companions[SUFFIX]).space == "z"


def test_a_generator_with_classes_draws_one_of_them() -> None:
    made = small(model="classes", label=2)
    assert Latent.read(made.companions[SUFFIX]).label == 2
    with pytest.raises(InputError, match="label"):
        small(model="classes", label=9)
    with pytest.raises(InputError, match="label"):
        small(label=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("realism", 1.5),
        ("edges", -1.0),
        ("tolerance", 9),
        ("keep", -1.0),
        ("candidates", 0),
        ("starts", 0),
        ("evaluations", 0),
        ("seed", -1),
    ],
)
def test_options_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        small(**{name: value})


def test_progress_is_told_and_can_be_stopped() -> None:
    seen: list[Progress] = []
    made = small(progress=seen.append)
    stages = [each.stage for each in seen]
    assert stages[0] == "loading the model"
    assert "trying" in stages
    assert "drawing" in stages
    done = [each.done for each in seen]
    assert done == sorted(done)
    assert all(each.total is None or each.done <= each.total for each in seen)
    shown = seen[-1].preview
    assert shown is not None
    assert Picture.of(shown()).size == made.size  # type: ignore[arg-type]

    def stop(event: Progress) -> None:
        if event.stage == "drawing":
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        small(progress=stop)


def test_evaluations_are_bounded() -> None:
    easel = Easel(toys.model(), Picture.of(face()))
    found = easel.candidates(0.5, Effort(candidates=2, starts=4, evaluations=9))
    assert len(found) == 2
    assert [each.styles for each in found] == [found[0].styles] * 2
