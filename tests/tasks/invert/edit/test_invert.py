"""A photo is looked for in a generator: what comes out, what it says, and what its latent gives again."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch import weights
from retouch.errors import Cancelled, InputError, UnknownName, UnreadablePicture, UnreadableWeights
from retouch.image import Box, Film, Picture
from retouch.progress import Progress
from retouch.tasks.invert.edit import invert, report, seeking, vary
from retouch.tasks.invert.edit.framing import framed
from retouch.tasks.invert.edit.inverter import Inversion, Inverter
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from retouch.tasks.invert.edit.opening import opened
from retouch.tasks.invert.edit.settings import FIDELITY, WORK, Settings
from retouch.tasks.invert.method import fidelity
from retouch.tasks.invert.network import StyleGAN2Encoder
from retouch.weights import JSON, Card
from tests.tasks.invert.edit import toys

QUICK: dict[str, Any] = {"evaluations": 18, "starts": 2}


@pytest.fixture(autouse=True)
def the_catalog_knows_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch import catalog
    from retouch.tasks.invert.upstream import ARCHITECTURES, LAYOUTS

    monkeypatch.setattr(catalog, "architectures", lambda: ARCHITECTURES)
    monkeypatch.setattr(catalog, "layouts", lambda: LAYOUTS)


@pytest.fixture(autouse=True)
def tuning_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORK, "fast", replace(WORK["fast"], tuning=12))


def inverted(photo: Any = None, **options: Any) -> Inversion:
    return Inverter(toys.model())(toys.own() if photo is None else photo, **{**QUICK, **options})


def test_a_picture_of_the_generator_is_found_again() -> None:
    found = inverted(evaluations=60, starts=1, space="p", perceptual="none", prior=0.0)
    assert report.psnr(found.picture.tensor(), toys.own().tensor()) > 40
    assert float(found.report["psnr"]) > 40
    assert float(found.report["prior"]) < 3
    assert float(found.report["ssim"]) > 0.99


def test_the_result_is_what_the_latent_gives_bit_for_bit(tmp_path: Path) -> None:
    found = inverted()
    path = tmp_path / f"one{SUFFIX}"
    path.write_bytes(found.picture.companions[SUFFIX])
    again = Latent.read(path)
    assert torch.equal(again.rows, found.latent.rows)
    picture = again.picture(toys.model())
    assert np.array_equal(picture.samples, found.picture.samples)
    assert np.array_equal(picture.pixels, found.picture.pixels)
    assert picture.size == (16, 16)
    assert picture.file.mode == "RGB"


@pytest.mark.parametrize("noise", ["none", "fitted"])
def test_noise_is_kept_in_the_latent(noise: Any) -> None:
    found = inverted(noise=noise)
    again = Latent.read(found.latent.encoded())
    assert again.noise == "none" if noise == "none" else len(again.noise or ()) == 5
    assert np.array_equal(again.picture(toys.model()).pixels, found.picture.pixels)
    plain = toys.model().render(again.rows[None])
    assert (plain - found.picture.tensor()).abs().max() > 0.01


def test_a_tuned_generator_is_nearer_and_is_kept_in_the_latent() -> None:
    plain, found = inverted(toys.photo()), inverted(toys.photo(), tune=True)
    again = Latent.read(found.latent.encoded())
    assert again.tuning is not None
    assert np.array_equal(again.picture(toys.model()).pixels, found.picture.pixels)
    assert float(found.report["psnr"]) > float(plain.report["psnr"]) + 0.5
    assert torch.equal(found.latent.rows, plain.latent.rows)
    assert 0 < int(found.report["tuning_bytes"]) < 5_000_000


def test_the_same_seed_gives_the_same_file_and_another_one_another() -> None:
    one, two = inverted(toys.photo(), starts=3), inverted(toys.photo(), starts=3)
    assert one.latent.encoded() == two.latent.encoded()
    assert inverted(toys.photo(), starts=3, seed=1).latent.seed == 1
    several: dict[str, Any] = {"space": "z", "starts": 8, "evaluations": 8}
    assert not torch.equal(inverted(**several).latent.rows, inverted(seed=1, **several).latent.rows)
    state = torch.get_rng_state()
    inverted()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_report_and_the_file_say_what_was_done() -> None:
    found = inverted(toys.photo())
    said = dict(found.report)
    assert said["space"] == "p+"
    assert said["model"] == "toy"
    assert said["perceptual"] == "pyramid"
    assert 2 <= int(said["evaluations"]) <= 20
    assert float(said["seconds"]) > 0
    parts = [float(value) for name, value in said.items() if name.startswith("loss_")]
    assert sum(parts) == pytest.approx(float(said["loss"]), rel=1e-3)
    facts = found.latent.facts
    assert facts["options"]["space"] == "auto"  # type: ignore[index, call-overload]
    assert facts["framing"]["box"] == [0, 5, 30, 35]  # type: ignore[index, call-overload]
    losses = facts["losses"]
    assert isinstance(losses, list)
    assert losses[0] > losses[-1]  # type: ignore[operator]


def test_psnr_and_ssim_are_those_of_the_metrics() -> None:
    from retouch import metrics

    one, two = toys.own(1).tensor(), toys.own(2).tensor()
    assert report.psnr(one, two) == pytest.approx(float(metrics.psnr(one, two)[0]), abs=1e-4)
    assert report.ssim(one, two) == pytest.approx(float(metrics.ssim(one, two)[0]), abs=1e-4)
    half = torch.zeros(1, 1, 16, 16)
    half[..., :8] = 1
    assert report.psnr(one, two, half) == pytest.approx(
        float(metrics.psnr(one[..., :8], two[..., :8])[0]), abs=1e-4
    )
    assert report.psnr(one, one) == float("inf")


@pytest.mark.parametrize("space", ["z", "w", "w+", "p", "p+"])
def test_every_space_finds_something_better_than_its_start(space: Any) -> None:
    found = inverted(space=space, evaluations=30)
    average = toys.model().picture(toys.model().space("p").rows(torch.zeros(1, 8))).tensor()
    assert found.latent.space == space
    assert float(found.report["psnr"]) > report.psnr(average, toys.own().tensor()) + 2
    assert found.latent.codes is not None
    assert found.latent.codes.shape == toys.model().space(space).shape


def test_more_fidelity_is_nearer_and_less_is_more_usual() -> None:
    low, high = (inverted(toys.photo(), fidelity=value, evaluations=40) for value in (0.0, 1.0))
    assert float(high.report["psnr"]) > float(low.report["psnr"]) + 0.5
    assert float(high.report["prior"]) > float(low.report["prior"])


@pytest.mark.parametrize(
    "options",
    [
        {"optimiser": "adam"},
        {"pixel_loss": "l1"},
        {"perceptual": "pyramid", "perceptual_weight": 1.0},
        {"delta": 10.0},
        {"prior": 1.0},
        {"pixel_weight": 0.1},
        {"perceptual": "features", "evaluations": 6},
        {"starts": 5},
        {"truncation": 1.0, "starts": 4},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_option_changes_the_result(options: dict[str, Any]) -> None:
    photo = toys.photo()
    base: dict[str, Any] = {"starts": 4} if "truncation" in options else {}
    if "evaluations" in options:
        base["evaluations"] = options["evaluations"]
    precision = options.pop("precision", "float32")
    plain = inverted(photo, **base)
    found = Inverter(toys.model(), precision=precision)(photo, **{**QUICK, **base, **options})
    assert (found.latent.rows - plain.latent.rows).abs().max() > 1e-4


def test_a_photo_that_is_shown_larger_is_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "ALIGNING", 80)
    own = np.kron(toys.own(4).pixels, np.ones((4, 4, 1), np.float32))
    away = Picture.of(np.pad(own, ((10, 10), (14, 6), (0, 0)), mode="edge"))
    plain, found = inverted(away, space="p"), inverted(away, space="p", align=True)
    assert float(found.report["scale"]) == pytest.approx(64 / 84, abs=0.08)
    assert float(found.report["right"]) == pytest.approx(4 / 84, abs=0.04)
    assert float(found.report["psnr"]) > float(plain.report["psnr"]) + 3
    assert found.latent.facts["framing"]["scale"] == found.report["scale"]  # type: ignore[index, call-overload]


def test_a_judge_beside_the_generator_is_asked(tmp_path: Path) -> None:
    inverter = Inverter(toys.loaded(toys.saved(tmp_path, judge=True)))
    found = inverter(toys.photo(), perceptual="judge", **QUICK)
    assert found.report["perceptual"] == "judge"
    assert float(found.report["loss_judge"]) > 0
    with pytest.raises(InputError, match="perceptual='judge'"):
        inverted(perceptual="judge")


def test_an_encoder_beside_the_generator_gives_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toys.saved(tmp_path)
    own = toys.own(3)
    plain = Inverter(toys.loaded(path))(own, space="p", starts=1, evaluations=1, prior=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = StyleGAN2Encoder(side=16, channels="8,8,8", latent=8)
    z = toys.model().space("z").draw(1, torch.Generator().manual_seed(3))
    with torch.no_grad():
        # Whatever the picture: the z of this one.
        encoder.out.weight.zero_()
        encoder.out.bias.copy_(torch.cat([z[0], torch.zeros(8)]))
    sizes: dict[str, JSON] = {"side": 16, "channels": "8,8,8", "latent": 8}
    card = Card(name="toy-encoder", task="invert", architecture="stylegan2-encoder", sizes=sizes)
    weights.save(tmp_path / "toy-encoder.safetensors", encoder, card)
    for space in ("p", "z", "w"):
        found = Inverter(toys.loaded(path))(own, space=space, starts=1, evaluations=1, prior=0.0)
        assert float(found.report["psnr"]) > 60
    assert float(plain.report["psnr"]) < 30
    several = Inverter(toys.loaded(path))(own, space="p", starts=3, evaluations=6, prior=0.0)
    assert float(several.report["psnr"]) > 60


def test_lpips_that_is_not_there_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETOUCH_WEIGHTS", str(tmp_path))
    with pytest.raises(UnreadableWeights, match="LPIPS needs"):
        inverted(perceptual="lpips")


def test_a_dcgan_has_z_alone() -> None:
    inverter = Inverter(toys.dcgan())
    own = toys.own(of=toys.dcgan())
    found = inverter(own, evaluations=150, starts=4, perceptual="none", prior=0.0)
    assert found.latent.space == "z"
    assert found.report["space"] == "z"
    assert float(found.report["psnr"]) > 30
    assert np.array_equal(
        Latent.read(found.latent.encoded()).picture(toys.dcgan()).pixels, found.picture.pixels
    )
    for options, said in (
        ({"space": "p+"}, "space='z'"),
        ({"noise": "fitted"}, "takes no maps"),
        ({"tune": True}, "cannot be tuned"),
        ({"label": 0}, "without labels"),
    ):
        with pytest.raises(InputError, match=said):
            inverter(own, **options)


def test_a_generator_of_classes_wants_a_label() -> None:
    inverter = Inverter(toys.model(classes=3))
    own = toys.own(of=toys.model(classes=3))
    found = inverter(own, label=0, **QUICK)
    assert found.latent.label == 0
    assert Latent.read(found.latent.encoded()).label == 0
    with pytest.raises(InputError, match="pass label=0 to 2"):
        inverter(own, **QUICK)


@pytest.mark.parametrize("colours", [1, 4])
def test_generators_of_gray_and_of_opacity(colours: int) -> None:
    found = Inverter(toys.model(colours=colours))(toys.own(of=toys.model(colours=colours)), **QUICK)
    assert found.picture.pixels.shape == (16, 16, 3)
    if colours == 1:
        assert float(np.ptp(found.picture.pixels, axis=2).max()) == 0
    assert float(found.report["psnr"]) > 15


def kinds() -> dict[str, Any]:
    base = toys.photo(32, 32)
    grey = toys.photo(32, 32, channels=1)
    jpeg = io.BytesIO()
    base.to_pil().save(jpeg, "JPEG")
    return {
        "gray": grey,
        "16 bits": toys.photo(32, 32, depth=16),
        "gray with alpha": grey.with_alpha(np.ones((32, 32), np.float32)),
        "bytes": jpeg.getvalue(),
        "pillow palette": base.to_pil().quantize(16),
        "black and white": np.array(base.pixels[..., 0] > 0.5),
        "one pixel": np.full((1, 1, 3), 128, np.uint8),
        "long": np.full((3, 200, 3), 90, np.uint8),
        "tensor": base.tensor(),
    }


@pytest.mark.parametrize("name", list(kinds()))
def test_every_kind_of_photo_is_taken(name: str) -> None:
    found = inverted(kinds()[name], evaluations=4)
    assert found.picture.size == (16, 16)
    assert np.isfinite(found.picture.pixels).all()


def test_16_bits_are_looked_at_in_full() -> None:
    wanted = framed(toys.photo(16, 16, depth=16), 16).target
    assert torch.equal(wanted, toys.photo(16, 16, depth=16).tensor())
    assert (wanted - framed(toys.photo(16, 16), 16).target).abs().max() > 0


def test_the_middle_is_taken_or_all_of_it() -> None:
    pixels = np.zeros((20, 60, 3), np.float32)
    pixels[:, 20:40] = 1
    centre = framed(Picture.of(pixels), 8, "centre")
    assert centre.box == Box(20, 0, 40, 20)
    assert centre.target.min() > 1 - 1e-5
    assert centre.where is None
    padded = framed(Picture.of(pixels), 60, "pad")
    assert padded.box == Box(0, -20, 60, 40)
    assert padded.where is not None
    assert padded.where[0, 0, :, 5].nonzero().flatten().tolist() == list(range(20, 40))
    assert torch.equal(padded.target[0, :, 20:40], torch.from_numpy(pixels).permute(2, 0, 1))


def test_what_is_transparent_does_not_count() -> None:
    own = toys.own()
    hidden = np.array(own.pixels)
    alpha = np.ones((16, 16), np.float32)
    alpha[:, 10:] = 0
    hidden[:, 10:] = (1, 0, 1)
    one = inverted(Picture.of(hidden).with_alpha(alpha))
    hidden[:, 10:] = (0, 1, 0)
    two = inverted(Picture.of(hidden).with_alpha(alpha))
    assert torch.equal(one.latent.rows, two.latent.rows)
    assert "ssim" not in one.report
    filled = inverted(framed(Picture.of(hidden).with_alpha(alpha), 16).target)
    assert (filled.latent.rows - one.latent.rows).abs().max() > 0.01
    large = [np.kron(each, np.ones((4, 4, 1), np.float32)) for each in (own.pixels, hidden)]
    seen = np.kron(alpha, np.ones((4, 4), np.float32))
    one_target, other_target = (framed(Picture.of(each).with_alpha(seen), 16).target for each in large)
    assert torch.equal(one_target, other_target)
    other = inverted(Picture.of(hidden))
    assert (other.latent.rows - one.latent.rows).abs().max() > 0.01
    with pytest.raises(InputError, match="nothing of the photo can be seen"):
        inverted(Picture.of(hidden).with_alpha(np.zeros((16, 16), np.float32)))


@given(height=st.integers(1, 70), width=st.integers(1, 70), side=st.sampled_from([8, 16, 32]))
@settings(max_examples=40, deadline=None)
def test_any_size_becomes_the_generators(height: int, width: int, side: int) -> None:
    grey = Picture.of(np.full((height, width, 3), 0.25, np.float32))
    for crop in ("centre", "pad"):
        found = framed(grey, side, crop)
        assert found.target.shape == (1, 3, side, side)
        assert (found.target - 0.25).abs().max() < 1e-5
        assert found.where is None or 0 < float(found.where.mean()) <= 1


def test_progress_shows_every_evaluation_and_a_film_can_be_made(tmp_path: Path) -> None:
    events: list[Progress] = []
    film = Film(frames=4, side=16)

    def hear(event: Progress) -> None:
        events.append(event)
        film(event)

    found = inverted(progress=hear, starts=3, tune=True)
    seen = [event for event in events if event.preview is not None]
    assert {event.stage for event in seen} >= {"trying starts", "searching", "tuning the generator"}
    assert all(event.total == seen[0].total and event.done <= (event.total or 0) for event in seen)
    assert [event.done for event in seen] == sorted({event.done for event in seen})
    tried, searched = (
        [each.facts["psnr"] for each in seen if each.stage == name] for name in ("trying starts", "searching")
    )
    assert searched[0] > max(tried) - 0.5
    assert seen[-1].facts["psnr"] > seen[0].facts["psnr"]
    assert seen[-1].facts["psnr"] <= float(found.report["psnr"]) + 1
    assert len(film) == 4
    film.save(tmp_path / "out.gif")
    assert (tmp_path / "out.gif").stat().st_size > 100


def test_it_can_be_stopped() -> None:
    def stop(event: Progress) -> None:
        if event.stage == "searching" and event.preview is not None:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        inverted(progress=stop)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"space": "x"}, "space"),
        ({"preset": "slow"}, "preset"),
        ({"crop": "face"}, "crop"),
        ({"perceptual": "eyes"}, "perceptual"),
    ],
)
def test_unknown_choices_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        inverted(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fidelity": 1.5}, "from 0 to 1"),
        ({"evaluations": 0}, "from 1"),
        ({"starts": True}, "whole number"),
        ({"seed": -1}, "seed"),
        ({"prior": float("nan")}, "prior"),
        ({"delta": float("inf")}, "delta"),
        ({"align": "yes"}, "True or False"),
        ({"pixel_weight": 0.0, "perceptual": "none"}, "nothing else is compared"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        inverted(**options)


def test_presets_differ_and_numbers_go_before_them() -> None:
    fast, best = Settings().work, Settings(preset="best").work
    assert best.evaluations > fast.evaluations
    assert best.starts > fast.starts
    assert Settings(preset="best", evaluations=7, starts=1).work == type(best)(7, 1, best.tuning)


def test_notes_say_what_a_person_should_know() -> None:
    flat = [1.0] * 100
    assert report.notes(psnr=30, prior=1, history=flat, aligned=False, space="w+") == []
    (far, rest) = report.notes(psnr=10, prior=1, history=flat, aligned=False, space="w+")
    assert "10.0 dB" in far
    assert "align" in far
    assert "more starts" in rest
    assert "align" not in report.notes(psnr=10, prior=1, history=[], aligned=True, space="w+")[0]
    (unusual,) = report.notes(psnr=30, prior=40, history=[], aligned=False, space="w+")
    assert "prior 40" in unusual
    assert "or space p+" in unusual
    (own,) = report.notes(psnr=30, prior=40, history=[], aligned=False, space="p+")
    assert own.endswith("take a smaller fidelity"), "p+ is no advice where it was p+"


def test_the_verb_is_the_inverter_on_a_file_and_loads_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toys.saved(tmp_path)
    made = invert(toys.photo(), model=str(path), **QUICK)
    assert np.array_equal(made.samples, inverted(toys.photo()).picture.samples)
    assert set(made.companions) == {SUFFIX}
    assert Inverter.load(path).model is Inverter.load(path).model
    with pytest.raises(UnreadablePicture):
        invert(tmp_path / "none.png", model=str(path))
    stages: list[str] = []
    invert(toys.photo(), model=str(path), progress=lambda event: stages.append(event.stage), **QUICK)
    assert stages[0] == "loading the model"


def test_a_latent_is_opened_from_a_photo_a_file_or_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = toys.model()
    found = inverted().latent
    path = found.save(tmp_path / f"a{SUFFIX}")
    assert opened(found, model) is found
    for value in (path, str(path), path.read_bytes()):
        assert opened(value, model).encoded() == found.encoded()
    np.savez(tmp_path / "w.npz", w=toys.codes().numpy())
    assert torch.equal(opened(tmp_path / "w.npz", model).rows, toys.codes()[0])
    for other in (path, found):
        with pytest.raises(InputError, match="found with the generator"):
            opened(other, toys.model(1))
    with pytest.raises(UnreadablePicture):
        opened(tmp_path / "none.png", model)
    monkeypatch.setitem(WORK, "fast", Settings(**QUICK).work)
    toys.photo().save(tmp_path / "photo.png")
    for photo in (toys.photo(), tmp_path / "photo.png", (tmp_path / "photo.png").read_bytes()):
        assert torch.equal(opened(photo, model).rows, inverted(toys.photo()).latent.rows)


def test_a_latent_file_is_rendered_again_by_the_verbs_that_change_it(tmp_path: Path) -> None:
    path = toys.saved(tmp_path)
    made = invert(toys.photo(), model=str(path), noise="fitted", tune=True, **QUICK)
    made.save(tmp_path / "out.png", companions=True)
    file = tmp_path / f"out{SUFFIX}"
    again = vary(file, model=str(path), strength=0.0, steps=1)
    assert np.array_equal(again.pixels, made.pixels)
    assert np.array_equal(again.samples, Picture.open(tmp_path / "out.png").samples)


def test_naming_the_verb_imports_no_torch() -> None:
    code = "import sys, retouch.tasks.invert.edit; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_is_meant_when_nothing_is_said_is_the_methods_own() -> None:
    # The verb cannot import it: that would take torch to show the help.
    assert FIDELITY == fidelity.DEFAULT
