"""Measuring restoration: the protocol by hand, the self-checks, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from retouch import metrics
from retouch.data.degradations import parse, random_for
from retouch.errors import Cancelled, DataError, InputError, UnknownName, UnreadableWeights
from retouch.image.resample import resize
from retouch.metrics.luma import luma
from retouch.progress import Progress
from retouch.tasks.restore.network import Denoiser, Upscaler, told
from retouch.tasks.restore.recipe import selfcheck, testset
from retouch.tasks.restore.recipe.cases import Pair
from retouch.tasks.restore.recipe.comparison import Comparison
from retouch.tasks.restore.recipe.evaluating import evaluate_restoration
from retouch.tasks.restore.recipe.methods import Method
from retouch.tasks.restore.recipe.protocol import Protocol
from retouch.weights import Card, save
from tests.data.made import fill, noise, write
from tests.tasks.restore import toys

FAST = ("psnr", "ssim")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of 50 × 42, no multiples of 4."""
    fill(tmp_path / "true", 3, height=42, width=50)
    return tmp_path / "true"


def planes(number: int, height: int = 42, width: int = 50) -> np.ndarray:
    return np.asarray(noise(number, height, width).transpose(2, 0, 1) / 255, np.float32)


def method(name: str, restore: Callable[[Pair], Tensor], scale: int = 1) -> Method:
    return Method(name, scale, restore, "by a test")


def bilinear(pair: Pair) -> Tensor:
    height, width = pair.true.shape[1:]
    made = resize(pair.spoiled.numpy(), (height, width), kernel="bilinear")
    return torch.from_numpy(made)[None].expand(1, 3, -1, -1)


def upscaler(path: Path, seed: int = 0) -> Path:
    network = toys.lively(Upscaler(**toys.UPSCALER), seed)
    return save(path, network, toys.card("upscaler", name="up"))


def denoiser(path: Path) -> tuple[Path, Denoiser]:
    network = Denoiser(**toys.DENOISER)
    toys.lively(network)
    return save(path, network, toys.card("denoiser", name="clean")), network


def test_the_figures_are_those_of_the_protocol_by_hand(folder: Path) -> None:
    found = evaluate_restoration(
        method("ours", bilinear, 4), folder, degradations="bicubic(4)", metrics=("psnr", "ssim", "l1")
    )
    psnr, ssim, distance = [], [], []
    for number in range(3):
        true = planes(number)[:, :40, :48]
        small = np.rint(resize(true, (10, 12), levels=255) * 255) / 255
        made = np.rint(resize(small.astype(np.float32), (40, 48), kernel="bilinear").clip(0, 1) * 255) / 255
        y = [
            (16 + 65.481 * p[0] + 128.553 * p[1] + 24.966 * p[2])[4:-4, 4:-4]
            for p in (made.astype(np.float64), true.astype(np.float64))
        ]
        psnr.append(10 * math.log10(255**2 / np.mean((y[0] - y[1]) ** 2)))
        distance.append(np.abs(y[0] - y[1]).mean() / 255)
        ssim.append(float(metrics.ssim(*(torch.from_numpy(one)[None, None] / 255 for one in y))))
    assert found.row("ours", "psnr").value == pytest.approx(np.mean(psnr), abs=1e-4)
    assert found.row("ours", "ssim").value == pytest.approx(np.mean(ssim), abs=1e-5)
    assert found.row("ours", "l1").value == pytest.approx(np.mean(distance), abs=1e-6)
    assert found.row("ours", "psnr").n == 3
    assert "Y in 16-235 of 255, crop 4, 8-bit results" in found.row("ours", "psnr").protocol
    assert found.measured[0].method == "bicubic"


def test_every_choice_of_the_protocol_changes_the_figure(folder: Path) -> None:
    def psnr(**choices: object) -> float:
        made = evaluate_restoration(
            method("ours", bilinear, 4),
            folder,
            degradations="bicubic(4)",
            metrics="psnr",
            **choices,  # type: ignore[arg-type]
        )
        return made.row("ours", "psnr").value

    usual = psnr()
    assert psnr(channel="y", crop=4, rounded=True, levels="16-235") == usual
    assert psnr(levels="0-255") == pytest.approx(usual - 20 * math.log10(255 / 219), abs=1e-3)
    others = [psnr(channel="rgb"), psnr(channel="gray"), psnr(crop=0), psnr(rounded=False)]
    assert len({round(value, 6) for value in (usual, *others)}) == 5


def test_noise_is_neither_clipped_nor_rounded_and_results_are(folder: Path) -> None:
    given: list[Tensor] = []

    def keep(pair: Pair) -> Tensor:
        given.append(pair.spoiled)
        assert pair.sigma == pytest.approx(25)
        return pair.spoiled[None]

    found = evaluate_restoration(method("same", keep), folder, degradations="noise(25)", metrics=FAST)
    true = planes(1)
    expected = parse("noise(25)").apply(true, random_for(0, "001")).planes
    assert np.array_equal(given[1].numpy(), expected)
    assert float(given[1].min()) < 0
    raw = [
        -10
        * math.log10(
            float(
                np.square(
                    parse("noise(25)").apply(planes(n), random_for(0, f"{n:03}")).planes - planes(n)
                ).mean()
            )
        )
        for n in range(3)
    ]
    assert found.row("input", "psnr").value == pytest.approx(np.mean(raw), abs=1e-4)
    assert found.row("same", "psnr").value > found.row("input", "psnr").value + 0.02
    assert "RGB, crop 0" in found.row("same", "psnr").protocol


def test_the_noise_check_agrees_and_notices_noise_that_is_too_strong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check() -> selfcheck.Check:
        (found,) = evaluate_restoration((), folder, degradations="noise(25)", metrics="psnr").checks
        return found

    first = check()
    assert first.expected == pytest.approx(20 * math.log10(255 / 25))
    assert first.agrees
    assert str(first).endswith("agrees")
    whole = np.random.Generator.standard_normal

    class Loud(np.random.Generator):
        def standard_normal(self, *words: object, **more: object) -> np.ndarray:  # type: ignore[override]
            return np.asarray(whole(self, *words, **more) * np.float32(1.1))  # type: ignore[call-overload]

    monkeypatch.setattr(
        "retouch.tasks.restore.recipe.cases.random_for", lambda seed, name: Loud(np.random.PCG64(seed))
    )
    loud = check()
    assert loud.agrees is False
    assert "WARNING, off by -0." in str(loud)


@pytest.mark.parametrize(
    "spec", ["poisson(30)", "mapped-noise(5..50)", "channel-noise(5..50)", "noise(5),noise(30)"]
)
def test_every_additive_noise_is_checked(folder: Path, spec: str) -> None:
    (check,) = evaluate_restoration((), folder, degradations=spec, metrics="psnr").checks
    assert check.agrees


@pytest.mark.parametrize("spec", ["blur(1)", "noise(20),8-bit", "noise(0)", "jpeg(50)"])
def test_nothing_is_claimed_of_other_degradations(folder: Path, spec: str) -> None:
    assert evaluate_restoration((), folder, degradations=spec, metrics="psnr").checks == ()


def test_the_bicubic_row_is_compared_where_something_is_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(degradations: str = "bicubic(4)", **choices: object) -> selfcheck.Check:
        found = evaluate_restoration((), folder, degradations=degradations, metrics="psnr", **choices)  # type: ignore[arg-type]
        return found.checks[0]

    assert check().agrees is None
    assert "nothing is published" in str(check())
    digest = testset.test_set(folder, "all", 0).digest
    monkeypatch.setitem(testset.SETS, digest, "Set5")
    value = check().value
    monkeypatch.setitem(selfcheck.PUBLISHED, ("Set5", 4), value - 0.019)
    assert str(check()) == f"self-check: bicubic {value:.2f} dB, published {value - 0.019:.2f}: agrees"
    monkeypatch.setitem(selfcheck.PUBLISHED, ("Set5", 4), value - 0.021)
    assert check().agrees is False
    assert "WARNING, off by +0.02 dB" in str(check())
    for other in (
        {"channel": "rgb"},
        {"crop": 2},
        {"rounded": False},
        {"levels": "0-255"},
        {"degradations": "area(4)"},
    ):
        assert check(**other).agrees is None
        assert "published figures are of" in str(check(**other))


def test_the_self_check_row_is_first_even_when_it_was_not_asked_for(folder: Path) -> None:
    made = evaluate_restoration(
        (), folder, degradations=["bicubic(2)", "noise(9)"], baselines=["nearest", "input"], metrics="psnr"
    )
    assert [(one.case, one.method) for one in made.measured] == [
        ("bicubic(2)", "bicubic"),
        ("bicubic(2)", "nearest"),
        ("noise(9)", "input"),
    ]


def test_published_inputs_are_found_by_name_and_compared_with_ours(folder: Path, tmp_path: Path) -> None:
    for number in range(3):
        small = resize(planes(number)[:, :40, :48], (10, 12), levels=255)
        write(
            tmp_path / "small" / f"{number:03}x4.bmp",
            np.rint(small * 255).astype(np.uint8).transpose(1, 2, 0),
        )
    ours = evaluate_restoration(method("b", bilinear, 4), folder, degradations="bicubic(4)", metrics="psnr")
    found = evaluate_restoration(method("b", bilinear, 4), folder, inputs=tmp_path / "small", metrics="psnr")
    assert found.cases == ("given ×4",)
    assert found.row("b", "psnr").value == pytest.approx(ours.row("b", "psnr").value, abs=1e-6)
    assert "they are MATLAB's" in str(found.checks[1])
    for number in range(3):
        picture = Image.fromarray(noise(number, 42, 50)).crop((0, 0, 48, 40))
        picture.resize((12, 10), Image.Resampling.NEAREST).save(tmp_path / "small" / f"{number:03}x4.bmp")
    other = evaluate_restoration((), folder, inputs=tmp_path / "small", metrics="psnr")
    assert "another way" in str(other.checks[1])


def test_inputs_that_do_not_belong_are_refused(folder: Path, tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(DataError, match=message):
            evaluate_restoration((), folder, inputs=tmp_path / "small")

    fill(tmp_path / "small", 2, height=10, width=12)
    refused("one input for 002, and has none")
    write(tmp_path / "small" / "002.png", noise(2, 10, 11))
    refused("002 is 11×10, and 1/4 of 002 is 12×10")
    write(tmp_path / "small" / "000.png", noise(2, 20, 13))
    refused("no whole multiple")
    (tmp_path / "small" / "002.png").unlink()
    for ending in ("x4", "_LR"):
        write(tmp_path / "small" / f"002{ending}.png", noise(2, 10, 12))
    refused("has 002_LR, 002x4")


def test_gray_pictures_are_measured_gray(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "g" / f"{number}.png", noise(number, 40, 40)[..., 0])
    shapes = []

    def keep(pair: Pair) -> Tensor:
        shapes.append((pair.spoiled.shape[0], pair.true.shape[0]))
        return pair.spoiled[None].expand(1, 3, -1, -1)

    def tinted(pair: Pair) -> Tensor:
        return pair.spoiled[None] + torch.tensor([0.2, 0.0, -0.2]).view(1, 3, 1, 1)

    found = evaluate_restoration(
        [method("same", keep), method("tinted", tinted)],
        tmp_path / "g",
        degradations="noise(25)",
        metrics=("psnr", "swd"),
    )
    assert shapes == [(1, 1), (1, 1)]
    # Their mean is gray; rounding comes after it.
    assert found.row("tinted", "psnr").value == pytest.approx(found.row("same", "psnr").value, abs=1e-3)
    assert found.row("same", "psnr").protocol.startswith("dB, gray")
    assert found.checks[0].agrees
    assert "2 pictures, gray" in found.pictures
    fill(tmp_path / "g", 3, height=40, width=40)
    mixed = evaluate_restoration((), tmp_path / "g", degradations="noise(9)", metrics="psnr")
    assert "pictures, gray" not in mixed.pictures
    assert mixed.row("input", "psnr").protocol.startswith("dB, RGB")


def test_colour_pictures_are_made_gray_when_that_is_asked_for(folder: Path) -> None:
    seen = []

    def keep(pair: Pair) -> Tensor:
        seen.append(pair.true)
        return pair.spoiled[None].expand(1, 3, -1, -1)

    found = evaluate_restoration(
        method("s", keep), folder, degradations="noise(25)", metrics="psnr", channel="gray"
    )
    assert "of the pictures made gray" in found.protocols["noise(25)"]
    weights = torch.tensor([0.2989, 0.587, 0.114]).view(3, 1, 1)
    expected = (torch.from_numpy(planes(0)) * weights).sum(dim=0, keepdim=True)
    assert seen[0].shape == (1, 42, 50)
    assert float((seen[0] - expected).abs().max()) < 0.6 / 255
    evaluate_restoration(method("s", keep), folder, inputs=folder, metrics="psnr", channel="gray")
    assert torch.equal(seen[-1], seen[2])


def test_perception_stands_beside_distortion(folder: Path) -> None:
    def blurred(pair: Pair) -> Tensor:
        return torch.nn.functional.avg_pool2d(pair.true[None], 5, 1, 2, count_include_pad=False)

    def grainy(pair: Pair) -> Tensor:
        grain = torch.randn(pair.true.shape, generator=torch.Generator().manual_seed(0))
        return pair.true[None] + 0.001 * grain

    found = evaluate_restoration(
        [method("blurred", blurred, 4), method("grainy", grainy, 4)], folder, degradations="bicubic(4)"
    )
    assert [row.metric for row in found.measured[0].report.rows] == ["psnr", "ssim", "l1", "swd"]
    assert found.row("grainy", "swd").value < found.row("blurred", "swd").value
    assert "middle 32 px" in found.row("grainy", "swd").protocol
    assert "normalised by reference" in found.row("grainy", "swd").protocol


def test_sets_of_several_sizes_are_measured(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.png", noise(0, 40, 60))
    write(tmp_path / "s" / "b.png", noise(1, 60, 40))
    found = evaluate_restoration((), tmp_path / "s", degradations="noise(20)")
    assert "middle 40 px" in found.row("input", "swd").protocol
    one = evaluate_restoration((), tmp_path / "s", degradations="noise(20)", limit=1)
    assert [row.metric for row in one.measured[0].report.rows] == ["psnr", "ssim", "l1"]


def test_networks_are_applied_as_the_verb_applies_them(folder: Path, tmp_path: Path) -> None:
    path = upscaler(tmp_path / "up.safetensors")
    network = toys.lively(Upscaler(**toys.UPSCALER), 0)
    found = evaluate_restoration(path, folder, metrics="psnr")
    assert found.cases == ("bicubic(4)",)
    values = []
    for number in range(3):
        true = torch.from_numpy(planes(number)[:, :40, :48])[None]
        small = torch.from_numpy(parse("bicubic(4)").apply(true[0].numpy(), random_for(0, "")).planes)
        with torch.inference_mode():
            made = torch.round(network(small[None]).clamp(0, 1) * 255) / 255
        values.append(float(metrics.psnr(luma(made.double()), luma(true.double()), crop=4)))
    assert found.row("up", "psnr").value == pytest.approx(np.mean(values), abs=5e-3)
    assert found.measured[-1].circumstances.endswith("float32")
    mean = evaluate_restoration(path, folder, metrics="psnr", ensemble=True)
    assert mean.row("up", "psnr").value != found.row("up", "psnr").value
    assert mean.measured[-1].circumstances.endswith("float32, ensemble of 8")


def test_denoisers_are_told_of_the_noise_or_not(folder: Path, tmp_path: Path) -> None:
    path, network = denoiser(tmp_path / "dn.safetensors")
    found = evaluate_restoration(path, folder, degradations="noise(30)", metrics="psnr", told="both", limit=1)
    assert [one.method for one in found.measured] == ["input", "clean", "clean (told)"]
    true = torch.from_numpy(planes(0))[None]
    spoiled = parse("noise(30)").apply(true[0].numpy(), random_for(0, "000"))
    wide = torch.nn.functional.pad(torch.from_numpy(spoiled.planes)[None], (0, 6, 0, 6), mode="reflect")
    level = torch.full((1, 1, 48, 56), 30 / 255)
    for name, ready in (("clean", told(wide)), ("clean (told)", told(wide, level))):
        with torch.inference_mode():
            made = torch.round(network(ready)[..., :42, :50].clamp(0, 1) * 255) / 255
        inside = float(metrics.psnr(made.double(), true.double()))
        assert found.row(name, "psnr").value == pytest.approx(inside, abs=0.1)
    assert found.row("clean", "psnr").value != found.row("clean (told)", "psnr").value
    assert evaluate_restoration(path, folder, metrics="psnr", limit=1).cases == (
        "noise(15)",
        "noise(25)",
        "noise(50)",
    )


def test_networks_of_one_name_are_told_apart_by_their_files(folder: Path, tmp_path: Path) -> None:
    first, second = upscaler(tmp_path / "a.safetensors"), upscaler(tmp_path / "b.safetensors", 1)
    found = evaluate_restoration([first, second], folder, metrics="psnr", limit=1, baselines=())
    assert [one.method for one in found.measured] == ["bicubic", "up", f"up ({second})"]
    assert found.row("up", "psnr").value != found.row(f"up ({second})", "psnr").value


def whole(folder: Path) -> Comparison:
    return evaluate_restoration(
        method("our|s", bilinear, 2), folder, degradations=["bicubic(2)", "area(2)"], metrics=FAST
    )


def test_every_form_says_the_protocol_and_the_pictures(folder: Path) -> None:
    found = whole(folder)
    digest = testset.test_set(folder, "all", 0).digest[:16]
    text = found.text().splitlines()
    assert text[0] == f"{folder}: 3 pictures (000, 001, 002), sha256 {digest}"
    assert text[2].startswith(
        "bicubic(2): Y in 16-235 of 255, crop 2, 8-bit results; inputs bicubic(2), as MATLAB"
    )
    assert text[3].startswith("self-check: bicubic ")
    assert text[4].split() == ["method", "n", "psnr", "↑", "ssim", "↑"]
    assert text[5].split()[0] == "bicubic"
    assert all(line == line.rstrip() for line in text)
    best = max(found.row(name, "psnr").value for name in ("bicubic", "lanczos", "our|s"))
    assert any(f"{best:.2f}*" in line for line in text[5:8])
    rows = [line.split("\t") for line in found.tsv().splitlines()]
    assert rows[0][:4] == ["degradations", "method", "metric", "value"]
    assert len(rows) == 1 + 2 * 3 * 2
    assert all(digest in row[-1] and "crop 2" in row[-2] for row in rows[1:])
    markdown = found.markdown()
    assert "| our\\|s | 3 |" in markdown
    assert markdown.count("| --- | --- | --- | --- |") == 2
    assert all(value in markdown for value in found.checksums.values())
    samples = [line.split("\t") for line in found.samples_tsv().splitlines()]
    assert samples[0] == ["name", "degradations", "method", "psnr", "ssim"]
    mean = np.mean([float(row[3]) for row in samples if row[1:3] == ["area(2)", "our|s"]])
    assert mean == pytest.approx(found.row("our|s", "psnr", "area(2)").value)
    facts = json.loads(found.json())
    assert facts["checks"][0]["agrees"] is None
    assert facts["figures"][0]["per_picture"] == pytest.approx(
        [float(row[3]) for row in samples if row[1:3] == ["bicubic(2)", "bicubic"]]
    )
    assert list(facts["pictures"]) == ["000", "001", "002"]
    card = found.for_card("our|s")
    assert [one["name"] for one in card] == [
        "psnr (bicubic(2))",
        "ssim (bicubic(2))",
        "psnr (area(2))",
        "ssim (area(2))",
    ]
    assert digest in str(card[0]["protocol"])


def test_perfect_results_are_written_as_strict_json(folder: Path) -> None:
    found = evaluate_restoration(
        method("perfect", lambda pair: pair.true[None], 4), folder, degradations="bicubic(4)", metrics=FAST
    )
    assert found.row("perfect", "psnr").value == math.inf
    figures = json.loads(found.json())["figures"]
    assert [one["value"] for one in figures if one["method"] == "perfect"] == [None, 1.0]
    assert [one["name"] for one in found.for_card("perfect")] == ["ssim (bicubic(4))"]


def test_the_set_is_known_by_its_pixels_under_any_name(folder: Path, tmp_path: Path) -> None:
    first = testset.test_set(folder, "all", 0)
    for number in range(3):
        write(tmp_path / "other" / f"z{9 - number}.bmp", noise(number, 42, 50))
    assert testset.test_set(tmp_path / "other", "all", 0).digest == first.digest
    write(tmp_path / "other" / "z9.bmp", noise(0, 42, 50) ^ 1)
    assert testset.test_set(tmp_path / "other", "all", 0).digest != first.digest


def test_progress_counts_every_picture_of_every_method_and_can_cancel(folder: Path) -> None:
    seen: list[Progress] = []
    evaluate_restoration(
        (), folder, degradations=["bicubic(2)", "noise(5)"], metrics="psnr", progress=seen.append
    )
    assert [one.done for one in seen] == list(range(1, 10))
    assert {one.total for one in seen} == {9}

    def stop(at: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        evaluate_restoration((), folder, degradations="noise(5)", metrics="psnr", progress=stop)


def test_what_cannot_be_measured_is_refused(folder: Path, tmp_path: Path) -> None:
    def refused(kind: type[Exception], message: str, *models: Method | Path, **choices: object) -> None:
        arguments: dict[str, object] = {"degradations": "bicubic(4)", **choices}
        with pytest.raises(kind, match=message):
            evaluate_restoration(models, arguments.pop("data", folder), **arguments)  # type: ignore[arg-type]

    good = method("m", bilinear, 4)
    (tmp_path / "empty").mkdir()
    refused(DataError, "no pictures", good, data=tmp_path / "empty")
    refused(DataError, "does not exist", good, data=tmp_path / "nowhere")
    refused(
        InputError, "m enlarges 4 times, and noise.25. needs a scale of 1", good, degradations="noise(25)"
    )
    refused(InputError, "needs a scale of 2", upscaler(tmp_path / "u.safetensors"), degradations="bicubic(2)")
    refused(InputError, "the degradations must be named", degradations=())
    refused(InputError, "×1 and ×4", good, method("n", bilinear, 1), degradations=())
    refused(InputError, "both given", good, inputs=folder)
    refused(InputError, "limit is -1", good, limit=-1)
    refused(InputError, "crop is -1", good, crop=-1)
    refused(InputError, "crop=20 leaves nothing", good, crop=20)
    refused(InputError, "is there twice", good, good)
    refused(InputError, "not finite", method("m", lambda pair: bilinear(pair) * float("nan"), 4))
    refused(InputError, "4 times as large", method("m", lambda pair: pair.spoiled[None], 4))
    refused(InputError, "nothing is left of it", method("m", bilinear, 64), degradations="bicubic(64)")
    refused(UnknownName, "psnr", good, metrics="psnrs")
    refused(UnknownName, "bicubic", good, baselines="bicubik")
    refused(UnknownName, "rgb", good, channel="rbg")
    refused(UnknownName, "0-255", good, levels="full")
    refused(UnknownName, "blind", good, told="maybe")
    refused(UnknownName, "noise", good, degradations="noize(5)")
    refused(UnreadableWeights, "LPIPS needs", good, metrics="lpips", published=tmp_path)
    refused(UnreadableWeights, "inception", good, metrics="fid", published=tmp_path)
    other = Card("j", "evaluate", "segmenter", sizes={"classes": 12, "width": 2}, value_range=(0.0, 1.0))
    judge = save(tmp_path / "j.safetensors", metrics.Segmenter(12, width=2), other)
    refused(InputError, "segmenter for evaluate and restores nothing", judge)


def test_the_protocol_takes_what_is_compared() -> None:
    picture = torch.rand(1, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    assert Protocol("rgb", 3).compared(picture).equal(picture[..., 3:-3, 3:-3])
    assert Protocol("y", 0).compared(picture).allclose(luma(picture.double()))
    assert Protocol("gray", 1).compared(picture).equal(picture[:, :1, 1:-1, 1:-1])
    with pytest.raises(InputError, match="leaves nothing"):
        Protocol("y", 5).compared(picture)
