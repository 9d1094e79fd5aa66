"""Evaluating methods that fill holes: closed forms, the same holes for all, and what too few pictures say."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from retouch import metrics
from retouch.data import holes as drawn
from retouch.errors import Cancelled, DataError, InputError, UnknownName, UnreadableWeights
from retouch.features.lpips import BACKBONE_FILES, HEAD_FILES
from retouch.metrics.inception import INCEPTION_FILE
from retouch.progress import Progress
from retouch.tasks.inpaint.recipe.evaluating import evaluate_inpainting
from retouch.tasks.inpaint.recipe.figures import TOTAL
from retouch.tasks.inpaint.recipe.fillers import Filler, classical_filler
from retouch.tasks.inpaint.recipe.pictures import HOLES
from retouch.tasks.inpaint.recipe.tally import FEWEST, bucket_of
from tests.data.made import fill, write
from tests.tasks.inpaint.measuring import Watching, flat, measured, pictures_in


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures of 40×32 pixels."""
    fill(tmp_path / "photos", 3, height=32, width=40)
    return tmp_path / "photos"


@pytest.fixture
def gray(tmp_path: Path) -> Path:
    """Ten pictures of 20×20 pixels and of level 102, that is 0.4, and masks with holes of 4·k pixels."""
    for number in range(1, 11):
        write(tmp_path / "gray" / f"{number:02}.png", np.full((20, 20, 3), 102, np.uint8))
        mask = np.zeros((20, 20), np.uint8)
        mask[2:6, 2 : 2 + number] = 255
        write(tmp_path / "masks" / f"{number:02}.png", mask)
    return tmp_path / "gray"


def test_a_constant_error_gives_what_it_must(gray: Path) -> None:
    # Level 153 where 102 belongs: 0.2 off in 4k of 400 pixels, k = 1 … 10, which is 5.5 % on average.
    found = measured(gray, flat(153), flat(102), size=20, holes=[f"masks:{gray.parent / 'masks'}"])
    (kind,) = found.holes

    def value(metric: str, method: str = "gray 153") -> float:
        number = found.figure(method, kind, metric).value
        assert number is not None
        return number

    parts = [4 * k / 400 for k in range(1, 11)]
    assert value("hole_l1") == pytest.approx(0.2)
    assert value("hole_psnr") == pytest.approx(-10 * math.log10(0.04))
    assert value("l1") == pytest.approx(0.2 * 0.055)
    assert value("psnr") == pytest.approx(sum(-10 * math.log10(0.04 * part) for part in parts) / 10)
    assert value("seam") == pytest.approx(51)
    assert found.figure("gray 153", kind, "seam").ideal == 0
    assert value("hole_ssim") < value("ssim") < 1
    perfect = {name: value(name, "gray 102") for name in found.metrics}
    assert perfect == pytest.approx(
        {
            "psnr": 100,
            "ssim": 1,
            "l1": 0,
            "hole_psnr": 100,
            "hole_ssim": 1,
            "hole_l1": 0,
            "seam": 0,
            "hole_swd": 0,
        },
        abs=1e-6,
    )
    assert "masks of masks by name, 20×20 px" in found.figure("gray 153", kind, "l1").circumstances


def test_ssim_of_the_whole_picture_is_lama_s(photos: Path) -> None:
    watching = Watching()
    found = measured(photos, watching.filler, metrics=["ssim", "hole_ssim"])
    true = dict(pictures_in(photos))
    expected = []
    for sample, (shown, hole) in zip(found.samples, watching.shown, strict=True):
        made = torch.where(hole > 0, 128 / 255, shown)[None]
        similarity = metrics.similarity_map(made, true[sample.name][None], border="zeros")
        expected.append(float(similarity.mean()))
        assert sample.values["ssim"] == pytest.approx(expected[-1], abs=1e-5)
        inside = metrics.hole_ssim(made, true[sample.name][None], hole[None])
        assert sample.values["hole_ssim"] == pytest.approx(float(inside), abs=1e-5)
    assert found.figure("watching", "square", "ssim").value == pytest.approx(sum(expected) / 3, abs=1e-5)


def test_all_methods_get_the_same_holes_and_never_see_what_was_there(photos: Path) -> None:
    one, other = Watching("one"), Watching("other")
    measured(photos, one.filler, other.filler, holes=["thin", "square"])
    assert len(one.shown) == 6
    for (picture, hole), (again, same) in zip(one.shown, other.shown, strict=True):
        assert torch.equal(hole, same)
        assert torch.equal(picture, again)
        assert 0 < hole.mean() <= 0.5
        assert picture[:, hole[0] > 0].eq(0).all()
        assert (picture[:, hole[0] == 0] > 0).any()


def test_holes_depend_on_the_seed_the_kind_and_the_name_alone(photos: Path) -> None:
    def shown(**options: object) -> list[Tensor]:
        watching = Watching()
        measured(photos, watching.filler, **options)
        return [hole for _, hole in watching.shown]

    usual = shown()
    assert all(map(torch.equal, usual, shown()))
    assert torch.equal(shown(limit=1)[0], usual[0])
    assert not any(map(torch.equal, usual, shown(seed=1)))
    assert not torch.equal(usual[0], usual[1])
    (photos / "000.png").unlink()
    assert all(map(torch.equal, shown(), usual[1:]))
    assert shown(largest=0.02)[0].mean() <= 0.02


def test_the_same_call_gives_the_same_figures(photos: Path) -> None:
    methods = (flat(30), classical_filler("telea"))
    assert measured(photos, *methods).json() == measured(photos, *methods).json()
    assert measured(photos, *methods).json() != measured(photos, *methods, seed=1).json()


def test_the_result_is_rounded_and_only_the_hole_is_taken(gray: Path) -> None:
    def wild(picture: Tensor, hole: Tensor) -> Tensor:
        return torch.where(hole > 0, 102.3 / 255, math.nan).expand_as(picture)

    found = measured(gray, Filler("wild", wild), size=20)
    assert found.figure("wild", "square", "psnr").value == 100
    too_bright = Filler("bright", lambda picture, hole: picture + 7)
    white = measured(gray, too_bright, size=20).figure("bright", "square", "hole_l1").value
    assert white == pytest.approx(0.6), "clipped to 1"


def test_the_texture_distance_is_that_of_the_filled_holes(tmp_path: Path) -> None:
    fill(tmp_path, 8, height=32, width=32)
    watching = Watching()
    found = measured(tmp_path, watching.filler, metrics=["hole_swd"])
    ours, true = metrics.HolePatches(), metrics.HolePatches()
    for path, (shown, hole) in zip(sorted(tmp_path.iterdir()), watching.shown, strict=True):
        samples = torch.from_numpy(np.asarray(Image.open(path), np.float32) / 255).permute(2, 0, 1)
        ours.add(torch.where(hole > 0, 128 / 255, shown)[None], hole[None])
        true.add(samples[None], hole[None])
    expected = metrics.hole_sliced_wasserstein({"": ours}, true)[""]
    assert found.figure("watching", "square", "hole_swd").value == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 10_000))
def test_buckets_are_right_open_tenths(pixels: int) -> None:
    # Of 10,000 pixels, so that every edge is met: 0 … 999, 1000 … 1999, …; all of it is the last.
    assert bucket_of(pixels / 10_000) == min(pixels // 1000, 9)


def test_figures_are_split_by_the_area_of_the_hole(tmp_path: Path) -> None:
    for number in range(8):
        write(tmp_path / "gray" / f"{number}.png", np.full((20, 20, 3), 102, np.uint8))
        mask = np.zeros((20, 20), np.uint8)
        mask[: 2 if number < 5 else 4] = 255  # 10 %, which is no longer in the first bucket, and 20 %
        write(tmp_path / "masks" / f"{number}.png", mask)
    kind = f"masks:{tmp_path / 'masks'}"
    level = iter([153] * 5 + [204] * 3)
    changing = Filler("changing", lambda picture, hole: torch.full_like(picture, next(level) / 255))
    found = measured(tmp_path / "gray", changing, size=20, holes=[kind], metrics=["hole_l1"])
    figures = {figure.area: figure for figure in found.figures}
    assert list(figures) == [TOTAL, "10-20%", "20-30%"]
    assert [figure.n for figure in figures.values()] == [8, 5, 3]
    assert figures["10-20%"].value == pytest.approx(0.2)
    assert figures["20-30%"].value == pytest.approx(0.4)
    assert figures[TOTAL].value == pytest.approx((5 * 0.2 + 3 * 0.4) / 8)
    # Sum of squares about the mean 0.275: 5·0.075² + 3·0.125² = 0.075, over 7.
    assert figures[TOTAL].deviation == pytest.approx(math.sqrt(0.075 / 7))
    low, high = figures[TOTAL].low, figures[TOTAL].high
    assert low is not None
    assert high is not None
    assert 0.2 <= low < 0.275 < high <= 0.4
    assert figures["20-30%"].low is None, "too few for an interval"


def test_one_picture_gives_its_figures_and_says_what_it_cannot_give(tmp_path: Path) -> None:
    write(tmp_path / "only.png", np.full((32, 32, 3), 102, np.uint8))
    found = measured(tmp_path, flat(153))
    whole = found.figure("gray 153", "square", "hole_l1")
    assert whole.value == pytest.approx(0.2)
    assert (whole.n, whole.low, whole.deviation) == (1, None, None)
    texture = found.figure("gray 153", "square", "hole_swd")
    assert texture.value is None
    assert texture.missing == f"1 pictures, and at least {FEWEST['hole_swd']} are needed"
    in_bucket = [figure for figure in found.figures if figure.area != TOTAL]
    assert in_bucket
    assert all(figure.value is None and "at least" in figure.missing for figure in in_bucket)
    assert "NaN" not in found.json()
    assert "nan" not in found.text() + found.markdown() + found.tsv() + found.wide_tsv() + found.samples_tsv()
    assert "square, total: no hole_swd: 1 pictures" in found.text()


@pytest.mark.parametrize(
    ("sizes", "reason"), [([(8, 9)] * 8, "smaller than 16 px"), ([(20, 20), (20, 24)] * 4, "differ in size")]
)
def test_pictures_that_have_no_texture_distance(
    tmp_path: Path, sizes: list[tuple[int, int]], reason: str
) -> None:
    for number, size in enumerate(sizes):
        write(tmp_path / f"{number}.png", np.full((*size, 3), 102, np.uint8))
    found = measured(tmp_path, flat(153), size=0)
    assert reason in found.figure("gray 153", "square", "hole_swd").missing
    assert found.figure("gray 153", "square", "hole_l1").value == pytest.approx(0.2)
    assert "own sizes" in found.figure("gray 153", "square", "hole_l1").circumstances


def test_a_picture_of_one_pixel_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "dot.png", np.full((1, 1, 3), 102, np.uint8))
    with pytest.raises(DataError, match=r"1 pictures left out \(dot\): they have a single pixel"):
        measured(tmp_path, flat(153), size=0)
    write(tmp_path / "pair.png", np.full((1, 2, 3), 102, np.uint8))
    found = measured(tmp_path, flat(153), size=0)
    assert found.notes == ("square: 1 pictures left out (dot): they have a single pixel",)
    assert found.figure("gray 153", "square", "seam").value == pytest.approx(51)


def test_masks_of_other_names_are_used_in_turn(photos: Path, tmp_path: Path) -> None:
    for number in range(2):
        mask = np.zeros((32, 40), np.uint8)
        mask[5:9, 10 : 14 + number] = 255
        write(tmp_path / "masks" / f"object-{number}.png", mask)
    watching = Watching()
    found = measured(photos, watching.filler, holes=[f"masks:{tmp_path / 'masks'}"])
    assert [int(hole.sum()) for _, hole in watching.shown] == [16, 20, 16]
    assert "in turn" in found.figures[0].circumstances
    again = Watching()
    measured(photos, again.filler, holes=[f"masks:{tmp_path / 'masks'}"], size=0)
    assert again.shown[0][1][0, 5:9, 10:14].eq(1).all()


def test_masks_without_a_hole_are_left_out(photos: Path, tmp_path: Path) -> None:
    for number, level in ((0, 0), (1, 255)):
        write(tmp_path / "masks" / f"{number:03}.png", np.full((32, 40), level, np.uint8))
    kind = f"masks:{tmp_path / 'masks'}"
    with pytest.raises(DataError, match=r"2 pictures left out \(000, 001\)"):
        measured(photos, flat(9), holes=[kind])
    mask = np.zeros((32, 40), np.uint8)
    mask[:9] = 255
    write(tmp_path / "masks" / "002.png", mask)
    found = measured(photos, flat(9), holes=[kind])
    assert [sample.name for sample in found.samples] == ["002"]
    assert "2 pictures left out" in found.notes[0]


def test_a_frozen_set_says_everything_itself(photos: Path, tmp_path: Path) -> None:
    frozen = drawn.freeze(photos, ["thin", "square"], size=32, seed=5, variants=2)
    drawn.write_manifest(frozen, tmp_path / "set.jsonl")
    watching = Watching()
    found = measured(tmp_path / "set.jsonl", watching.filler, holes=())
    assert found.holes == ("thin", "square")
    assert [sample.name for sample in found.samples[:3]] == ["000.png", "000.png 1", "001.png"]
    items = [item for item in frozen if item.kind == "thin"]
    for (_, hole), item in zip(watching.shown, items, strict=False):
        assert np.array_equal(hole[0].numpy() > 0, item.hole())
    assert "frozen set set.jsonl, 32×32 px" in found.figures[0].circumstances
    one = measured(tmp_path / "set.jsonl", flat(3), holes=["square"], limit=2)
    assert (one.holes, len(one.samples)) == (("square",), 2)
    with pytest.raises(UnknownName, match="in the frozen set 'thick'"):
        measured(tmp_path / "set.jsonl", flat(3), holes=["thick"])


def test_kinds_are_those_of_the_issue_unless_asked_for(photos: Path) -> None:
    assert (
        measured(photos, flat(9), holes=(), limit=1).holes == HOLES == ("thin", "medium", "thick", "polygon")
    )
    one = measured(photos, flat(9), holes=[drawn.parse("square(area=0.2)"), "square", "square"], limit=1)
    assert one.holes == ("square(area=0.2)", "square")


def test_one_of_anything_needs_no_list(photos: Path) -> None:
    found = evaluate_inpainting(
        flat(9), photos, split="all", size=32, holes="square", baselines="telea", metrics="hole_l1"
    )
    assert (found.holes, found.methods, found.metrics) == (("square",), ("gray 9", "telea"), ("hole_l1",))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": ["pnsr"]}, UnknownName, "did you mean psnr"),
        ({"holes": ["thik"]}, UnknownName, "did you mean thick"),
        ({"baselines": ["tela"]}, UnknownName, "did you mean telea"),
        ({"split": "tests"}, UnknownName, "did you mean test"),
        ({"size": -1}, InputError, "size is -1"),
        ({"limit": -2}, InputError, "limit is -2"),
        ({"largest": 0}, InputError, "largest is 0"),
        ({"largest": 1.5}, InputError, r"largest is 1\.5"),
        ({"metrics": ["lpips"]}, UnreadableWeights, "vgg16-397923af.pth"),
        ({"metrics": ["fid"]}, UnreadableWeights, "inception"),
    ],
)
def test_mistakes_are_named(
    photos: Path, tmp_path: Path, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        measured(photos, flat(9), published=tmp_path, **options)


def test_there_must_be_something_to_measure(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to measure"):
        measured(photos)
    with pytest.raises(InputError, match="telea is there twice"):
        measured(photos, flat(9, "telea"), baselines=["telea"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        measured(tmp_path / "empty", flat(9))
    with pytest.raises(DataError):
        measured(tmp_path / "none", flat(9))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda picture, hole: picture[:, 1:], r"bad made \(3, 31, 32\) of 000"),
        (lambda picture, hole: picture * math.nan, "bad made numbers of 000 that are not finite"),
    ],
)
def test_a_method_that_makes_no_picture_is_named(
    photos: Path, made: Callable[[Tensor, Tensor], Tensor], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measured(photos, Filler("bad", made))


def test_progress_is_told_over_all_kinds_and_can_stop_the_work(photos: Path) -> None:
    told: list[Progress] = []
    measured(photos, flat(9), holes=["square", "thin"], progress=told.append)
    assert [(event.done, event.total) for event in told] == [(done, 6) for done in range(1, 7)]

    def stop(_: Progress) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        measured(photos, flat(9), progress=stop)


class MeanColour(torch.nn.Module):
    """Stands for Inception: the mean colour of a picture."""

    protocol = "mean colour"
    calls = 0

    def forward(self, pictures: Tensor) -> Tensor:
        MeanColour.calls += len(pictures)
        return pictures.mean(dim=(2, 3))


class Apart(torch.nn.Module):
    """Stands for LPIPS."""

    protocol, backbone = "mean |difference|", "vgg"

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs().mean(dim=(1, 2, 3))


def test_published_networks_are_used_where_they_are(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(photos, 12, height=32, width=32)
    monkeypatch.setitem(FEWEST, "fid", 10)
    monkeypatch.setitem(FEWEST, "kid", 6)
    folder = tmp_path / "published"
    for name in (
        INCEPTION_FILE.name,
        BACKBONE_FILES["vgg"].name,
        HEAD_FILES["vgg"].name,
    ):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    monkeypatch.setattr(metrics.InceptionV3, "from_file", lambda *_: MeanColour())
    monkeypatch.setattr(metrics.Lpips, "from_file", lambda *_: Apart())
    MeanColour.calls = 0
    watching = Watching()
    found = measured(photos, watching.filler, holes=["square", "thin"], published=folder)
    assert MeanColour.calls == 12 * (1 + 2), "true pictures are looked at once, not for each kind"
    row = {name: found.figure("watching", "square", name).value for name in found.metrics}
    assert row["lpips"] == pytest.approx(row["l1"])
    made = torch.stack([torch.where(hole > 0, 128 / 255, shown) for shown, hole in watching.shown[:12]])
    true = torch.stack(
        [
            torch.from_numpy(np.asarray(Image.open(path), np.float32) / 255).permute(2, 0, 1).mean(dim=(1, 2))
            for path in sorted(photos.iterdir())
        ]
    )
    assert row["fid"] == pytest.approx(
        metrics.frechet_distance_of_features(made.mean(dim=(2, 3)), true), rel=1e-3, abs=1e-6
    )
    kernel = metrics.kernel_distance(made.mean(dim=(2, 3)), true).mean
    assert row["kid"] == pytest.approx(1000 * kernel, rel=1e-3, abs=1e-4)
    assert row["fid"] is not None
    assert row["lpips"] is not None
    a, b = 1 - row["lpips"], (100 - row["fid"]) / 100
    assert row["lpips_fid100_f1"] == pytest.approx(2 * a * b / (a + b))
    assert row["ssim_fid100_f1"] is not None
    assert "mean colour, whole pictures" in found.figure("watching", "square", "fid").protocol
    assert "mean |difference|" in found.figure("watching", "square", "lpips").protocol
    few = measured(photos, flat(9), published=folder, limit=8)
    assert few.figure("gray 9", "square", "fid").missing == "8 pictures, and at least 10 are needed"
    assert few.figure("gray 9", "square", "kid").value is not None
    assert "lpips_fid100_f1" not in few.metrics
    assert json.loads(few.json())
