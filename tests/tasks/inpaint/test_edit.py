"""What inpaint promises: nothing outside the mask changes, whatever the photo, the mask and the memory."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from torch import Tensor

from retouch.errors import Cancelled, EmptyMask, InputError, SizeMismatch, UnknownName, WeightsError
from retouch.image import Box, Mask, Picture, Region
from retouch.progress import Progress
from retouch.tasks.inpaint import Inpainter, inpaint
from retouch.tasks.inpaint.edit.filling import FEATHER
from retouch.tasks.inpaint.network import FFCGenerator
from retouch.weights import Loaded, save
from tests.tasks.inpaint.painters import Painter, card, inpainter, network

TINY_LOADED = Loaded(card(), network(), Path())
TINY = Inpainter(TINY_LOADED)


def photo(height: int = 60, width: int = 75, channels: int = 3, kind: str = "uint8") -> np.ndarray[Any, Any]:
    """Colours over the whole range, as an array that Picture.of takes."""
    values = np.random.default_rng(height * width).random((height, width, channels))
    if kind == "float32":
        return values.astype(np.float32)
    largest = {"uint8": 255, "uint16": 65535}[kind]
    return np.rint(values * largest).astype(kind)


def hole(height: int = 60, width: int = 75, kind: str = "box", seed: int = 0) -> np.ndarray[Any, Any]:
    """Holes of very different kinds, some of which touch the photo's edge."""
    random = np.random.default_rng(seed)
    made = np.zeros((height, width), bool)
    if kind == "dots":
        return np.asarray(random.random((height, width)) < 0.05)
    y, x = int(random.integers(height)), int(random.integers(width))
    if kind == "pixel":
        made[y, x] = True
    elif kind == "row":
        made[y] = True
    else:
        made[y : y + 1 + int(random.integers(height)), x : x + 1 + int(random.integers(width))] = True
    return ~made if kind == "all but a box" else made


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.integers(1, 4),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
    shape=st.sampled_from(["box", "dots", "pixel", "row", "all but a box"]),
    seam=st.sampled_from(["poisson", "none"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_nothing_outside_the_mask_changes(
    height: int, width: int, channels: int, kind: str, shape: str, seam: Any, seed: int
) -> None:
    given_photo, mask = photo(height, width, channels, kind), hole(height, width, shape, seed)
    before, marked = given_photo.copy(), mask.copy()
    if not mask.any() or mask.all():
        with pytest.raises(InputError):
            TINY(given_photo, mask, seam=seam)
        return
    found = TINY(given_photo, mask, seam=seam)
    kept = Picture.of(before)
    assert found.size == (height, width)
    assert found.file == kept.file
    assert np.array_equal(found.samples[~mask], kept.samples[~mask])
    if kept.alpha is not None:
        assert np.array_equal(found.samples[..., -1], kept.samples[..., -1])
    assert 0 <= found.pixels.min() <= found.pixels.max() <= 1
    assert np.array_equal(TINY(given_photo, mask, seam=seam).samples, found.samples)
    assert np.array_equal(given_photo, before)
    assert np.array_equal(mask, marked)


def test_the_hole_is_filled() -> None:
    for shape in ("box", "dots", "row"):
        mask = hole(kind=shape, seed=3)
        found = TINY(np.zeros((60, 75, 3), np.uint8), mask, seam="none")
        assert (found.pixels[mask] > 0.01).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_file(mode: str, tmp_path: Path) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    Image.fromarray(photo(40, 50, 4)).convert(mode).save(tmp_path / f"photo{suffix}")
    mask = hole(40, 50)
    found = TINY(tmp_path / f"photo{suffix}", mask)
    found.save(tmp_path / f"made{suffix}")
    made, kept = (Picture.of(tmp_path / f"{name}{suffix}") for name in ("made", "photo"))
    assert made.samples.shape == found.samples.shape == kept.samples.shape
    assert np.array_equal(made.samples[~mask], kept.samples[~mask])
    assert not np.array_equal(made.samples, kept.samples)


def test_profile_exif_and_resolution_stay(tmp_path: Path) -> None:
    image = Image.fromarray(photo())
    exif = Image.Exif()
    exif[0x010E] = "a description"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "photo.png", exif=exif, icc_profile=profile, dpi=(300, 300))
    TINY(tmp_path / "photo.png", hole()).save(tmp_path / "made.png")
    with Image.open(tmp_path / "made.png") as made:
        assert made.info["icc_profile"] == profile
        assert made.getexif()[0x010E] == "a description"
        assert round(made.info["dpi"][0]) == 300


def test_what_the_network_is_given() -> None:
    made = Painter(lambda x: x[:, :3])
    picture, mask = photo(64, 64, 4), hole(64, 64, seed=5)
    picture[..., 3] = 255
    picture[:9, :, 3] = 0
    picture[40:, :9, 3] = 1
    inpainter(made)(picture, mask)
    x = made.last[0].permute(1, 2, 0).numpy()
    unknown = mask.copy()
    unknown[:9] = True  # transparent colours may be anything; nearly transparent ones are meant
    assert np.array_equal(x[..., 3], unknown)
    assert (x[unknown, :3] == 0).all()
    assert np.array_equal(x[~unknown, :3], picture[~unknown, :3].astype(np.float32) / 255)


def test_colours_of_transparent_pixels_are_seen_when_there_are_no_others() -> None:
    picture, mask = photo(64, 64, 4), hole(64, 64, seed=5)
    picture[..., 3] = 0
    found = TINY(picture, mask)
    assert np.array_equal(found.samples[~mask], picture[~mask])
    opaque = TINY(picture[..., :3], mask)
    assert np.array_equal(found.samples[..., :3], opaque.samples)


def test_the_fill_is_the_networks() -> None:
    # 64 × 72 is a size that the network takes, and is small enough to be seen as a whole
    picture, mask = photo(64, 72), hole(64, 72)
    x = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    m = torch.from_numpy(mask)[None, None].float()
    with torch.no_grad():
        wanted = network()(torch.cat([x * (1 - m), m], 1))[0].permute(1, 2, 0).numpy()
    found = TINY(picture, mask, seam="none")
    assert np.abs(found.pixels[mask] - wanted[mask]).max() < 1e-4


def test_a_soft_mask_mixes() -> None:
    picture = photo(64, 72, kind="float32")
    values = np.zeros((64, 72), np.float32)
    values[20:40, 20:50] = np.linspace(0.1, 1, 30)
    whole = TINY(picture, values > 0).pixels
    found = TINY(picture, Mask.of(values, soft=True)).pixels
    assert np.abs(found - (picture + values[..., None] * (whole - picture))).max() < 1e-6
    assert np.array_equal(found[values == 0], picture[values == 0])


def test_feathering_goes_a_few_pixels_beyond_the_mask() -> None:
    picture = np.zeros((80, 80, 3), np.uint8)
    white = inpainter(Painter(lambda x: torch.ones_like(x[:, :3])))
    found = white(picture, Box(30, 30, 50, 50), seam="feather")
    line = found.pixels[40, :, 0]
    assert (line[30:50] == 1).all()
    rise = line[30 - FEATHER - 1 : 31]
    assert rise[0] == 0
    assert (np.diff(rise) > 0).all()
    assert (found.pixels[40, : 30 - FEATHER] == 0).all()
    assert (found.pixels[30:50, 30:50] == 1).all()
    ring = Mask.of(Region(Box(30, 30, 50, 50), grow=FEATHER, feather=FEATHER), (80, 80)).values
    assert np.abs(found.pixels - np.maximum(ring, (found.pixels == 1).all(axis=2))[..., None]).max() < 1e-6


def test_poisson_takes_out_a_shift_of_colour() -> None:
    down, across = np.mgrid[0:1:96j, 0:1:120j]
    picture = np.stack([across, down, across * down], axis=-1).astype(np.float32) * 0.6
    true = torch.from_numpy(picture).permute(2, 0, 1)[None]
    shifted = inpainter(Painter(lambda x: true + 0.2))
    mask = np.zeros((96, 120), bool)
    mask[30:60, 40:80] = True
    left, cured = (shifted(picture, mask, seam=seam) for seam in ("none", "poisson"))
    assert np.abs(left.pixels - picture)[mask].min() > 0.19
    assert np.abs(cured.pixels - picture).max() < 0.01
    assert left.report["seam_after"] == left.report["seam_before"] == cured.report["seam_before"]
    assert float(cured.report["seam_before"]) > 40
    assert abs(float(cured.report["seam_after"])) < 1


def test_light_brighter_than_white_goes_on() -> None:
    picture = np.full((64, 64, 3), 4.0, np.float32)
    mask = np.zeros((64, 64), bool)
    mask[20:40, 20:40] = True
    found = inpainter(Painter(lambda x: torch.full_like(x[:, :3], 0.9)))(picture, mask)
    assert np.abs(found.pixels - 4).max() < 0.05


def test_the_report() -> None:
    found = TINY(photo(400, 500), Box(100, 100, 300, 320))
    assert found.report["model"] == "tiny"
    assert found.report["seam"] == "poisson"
    assert found.report["pixels"] == 200 * 220
    assert (found.report["pieces"], found.report["levels"], found.report["crops"]) == (1, 1, 2)
    made = Painter(lambda x: x[:, :3])
    again = inpainter(made)(photo(400, 500), Box(100, 100, 300, 320))
    # the report does not count what the mirror image adds
    assert float(again.report["megapixels"]) == pytest.approx(
        sum(h * w for h, w in made.sizes) / 1e6, rel=0.02
    )
    assert float(found.report["budget"]) > 0.025


def test_a_mask_that_is_not_black_and_white_is_told() -> None:
    smooth = np.zeros((40, 50), np.uint8)
    smooth[10:20, 10:30] = np.linspace(100, 255, 20).astype(np.uint8)
    found = inpaint(np.full((40, 50, 3), 0.5, np.float32), smooth, model="membrane")
    assert "cut at half" in str(found.report["note"])
    clean = inpaint(np.full((40, 50, 3), 0.5, np.float32), smooth > 0, model="membrane")
    assert "note" not in clean.report


def test_many_edits_lose_nothing() -> None:
    start = Picture.of(photo(90, 90))
    touched = np.zeros((90, 90), bool)
    now = start
    for number in range(6):
        box = Box(10 * number, 12 * number, 10 * number + 25, 12 * number + 20)
        before, now = now, TINY(now, box)
        mask = Mask.of(box, now.size).inside
        touched |= mask
        assert np.array_equal(now.decode(now.box)[~mask], before.decode(now.box)[~mask])
    assert np.array_equal(now.samples[~touched], start.samples[~touched])


def test_memory_that_runs_out_makes_smaller_crops() -> None:
    picture, mask = photo(300, 400), np.zeros((300, 400), bool)
    mask[::90, 20:380] = True

    def paint(x: Tensor) -> Tensor:
        if x.shape[2] * x.shape[3] > 60_000:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory")
        return 1 - x[:, :3]

    made = Painter(paint)
    found = inpainter(made)(picture, mask, budget=0.2, seam="none")
    assert found.report["budget"] == 0.05
    wanted = inpainter(Painter(lambda x: 1 - x[:, :3]))(picture, mask, budget=0.05, seam="none")
    assert np.array_equal(found.samples, wanted.samples)


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("out of memory")]
)
def test_memory_that_is_never_enough_is_said_so(error: Exception) -> None:
    def paint(x: Tensor) -> Tensor:
        raise error

    made = Painter(paint)
    with pytest.raises(InputError, match="not enough memory to fill this hole"):
        inpainter(made)(photo(), hole(), budget=0.1)
    assert len(made.sizes) == 3  # 0.1, 0.05 and 0.025 megapixels


def test_other_errors_are_not_taken_for_it() -> None:
    def paint(x: Tensor) -> Tensor:
        raise RuntimeError("a shape is wrong")

    made = Painter(paint)
    with pytest.raises(RuntimeError, match="a shape is wrong"):
        inpainter(made)(photo(), hole())
    assert len(made.sizes) == 1


def test_a_crop_is_never_larger_than_its_budget() -> None:
    picture, mask = photo(300, 400), np.zeros((300, 400), bool)
    mask[30:270, 40:360] = True
    mask[5, :] = True
    for budget in (0.025, 0.05):
        made = Painter(lambda x: 1 - x[:, :3])
        found = inpainter(made)(picture, mask, budget=budget, seam="none")
        # the sides are rounded up to what transforms quickly
        assert max(height * width for height, width in made.sizes) < budget * 1e6 * 1.25
        assert np.array_equal(found.samples[~mask], picture[~mask])


def test_no_copies_of_a_large_photo() -> None:
    picture = Picture.of(np.zeros((2000, 3000, 3), np.uint8))
    mask = np.zeros((2000, 3000), bool)
    mask[900:960, 900:980] = True
    TINY(photo(), hole())
    tracemalloc.start()
    try:
        TINY(picture, mask)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 18e6 + 12e6 + 10e6  # new samples, the mask twice, and the crop; as floats it has 72 MB


def test_progress_and_cancelling() -> None:
    events: list[Progress] = []
    picture, mask = photo(300, 400), Box(50, 50, 260, 270)
    found = TINY(picture, mask, progress=events.append)
    crops = int(found.report["crops"])
    assert [(event.done, event.total) for event in events] == [(n, crops) for n in range(crops + 1)]

    def stop(event: Progress) -> None:
        if event.done == 1:
            raise Cancelled

    kept = Picture.of(picture)
    with pytest.raises(Cancelled):
        TINY(kept, mask, progress=stop)
    assert np.array_equal(kept.samples, picture)


def test_threads_do_not_disturb_each_other() -> None:
    pictures = [photo(60 + number, 75) for number in range(4)]
    alone = [TINY(picture, Box(20, 20, 40, 50)).samples for picture in pictures]
    together: dict[int, Any] = {}

    def work(number: int) -> None:
        together[number] = TINY(pictures[number], Box(20, 20, 40, 50)).samples

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(together[number], alone[number]) for number in range(4))


def test_half_precision_is_close() -> None:
    picture, mask = photo(64, 72), hole(64, 72)
    half = Inpainter(TINY_LOADED, precision="bfloat16")
    difference = np.abs(half(picture, mask).pixels - TINY(picture, mask).pixels)
    assert 0 < difference.max() < 0.05


@pytest.mark.parametrize("method", ["telea", "navier-stokes", "biharmonic", "membrane"])
@pytest.mark.parametrize("seam", ["poisson", "feather"])
def test_methods_without_a_network(method: str, seam: Any) -> None:
    across = np.mgrid[0:60, 0:1:75j][1]
    smooth = np.stack([across, 1 - across, across / 2], axis=-1).astype(np.float32)
    picture = smooth.copy()
    mask = np.zeros((60, 75), bool)
    mask[28:32, 20:55] = True
    picture[mask] = 0
    found = inpaint(picture, mask, model=method, seam=seam)
    assert np.abs(found.pixels - smooth).max() < 0.08
    assert np.array_equal(found.samples[:20], picture[:20])
    assert found.report["model"] == method


def test_only_what_an_option_is_for() -> None:
    given: tuple[dict[str, Any], ...] = (
        {"refine": 15},
        {"budget": 1.0},
        {"device": "cuda"},
        {"precision": "bfloat16"},
    )
    for options in given:
        with pytest.raises(InputError, match="telea has no network"):
            inpaint(photo(), hole(), model="telea", **options)


@pytest.mark.parametrize(
    ("name", "usual", "said", "meant"),
    [
        ("trust", 1.0, 0.5, 0.5),
        ("trust", 1.0, 3, 1.0),
        ("trust", 1.0, -1, 0.0),
        ("trust", 1.0, "much", 1.0),
        ("detail", 0.0, 0.5, 0.5),
        ("detail", 0.0, 7, 1.0),
        ("detail", 0.0, None, 0.0),
    ],
)
def test_a_card_says_what_a_small_network_needs(name: str, usual: float, said: object, meant: float) -> None:
    def edited(**settings: Any) -> np.ndarray[Any, Any]:
        given = card(settings={"trained_size": 64} | settings)
        made = Inpainter(Loaded(given, network().eval(), Path("tiny")))
        return made(photo(200, 200), hole(200, 200)).samples

    assert np.array_equal(edited(**{name: said}), edited(**{name: meant}))
    assert (meant == usual) == np.array_equal(edited(**{name: said}), edited())


def test_by_the_path_of_a_file(tmp_path: Path) -> None:
    path = save(tmp_path / "tiny.safetensors", network(), card())
    events: list[str] = []
    found = inpaint(photo(), hole(), model=str(path), progress=lambda event: events.append(event.stage))
    assert np.array_equal(found.samples, TINY(photo(), hole()).samples)
    assert events[0] == "loading the model"
    assert Inpainter.load(path).card == card()


@pytest.mark.parametrize("size", [(1, 2), (16, 16), (17, 40)])
def test_a_network_of_more_halvings(size: tuple[int, int]) -> None:
    sizes: dict[str, Any] = {"width": 2, "blocks": 1, "downsampling": 4}
    deep = Loaded(card(sizes=sizes, multiple=16), FFCGenerator(**sizes).eval(), Path("deep"))
    mask = np.zeros(size, bool)
    mask[0, 0] = True
    found = Inpainter(deep)(photo(*size), mask)
    assert np.array_equal(found.samples[~mask], photo(*size)[~mask])


def test_what_is_refused() -> None:
    with pytest.raises(EmptyMask, match="selects no pixel"):
        TINY(photo(), np.zeros((60, 75), bool))
    with pytest.raises(SizeMismatch):
        TINY(photo(), hole(75, 60))
    with pytest.raises(InputError, match="covers the whole photo"):
        TINY(photo(), np.ones((60, 75), bool))
    with pytest.raises(UnknownName, match="unknown seam 'poison'; did you mean poisson"):
        TINY(photo(), hole(), seam="poison")  # type: ignore[arg-type]
    for budget in (0.0, -1.0, 0.024, float("nan"), True, "1"):
        with pytest.raises(InputError, match=r"pass a number of megapixels, at least 0\.025"):
            TINY(photo(), hole(), budget=budget)  # type: ignore[arg-type]
    for steps in (-1, 1001, 1.5, True):
        with pytest.raises(InputError, match="pass a number of steps from 0 to 1000"):
            TINY(photo(), hole(), refine=steps)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be refined"):
        inpainter(Painter(lambda x: x[:, :3]))(photo(), hole(), refine=1)
    with pytest.raises(UnknownName, match="unknown precision"):
        Inpainter(TINY_LOADED, precision="float16")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tiny is for translate, not for inpaint"):
        inpainter(task="translate")
    with pytest.raises(InputError, match="fills no holes"):
        inpainter(architecture="lama-discriminator")
    with pytest.raises(InputError, match="device 'cuda:99' cannot be used"):
        Inpainter.load("anything", device="cuda:99")
    with pytest.raises(WeightsError, match="NaN or infinity"):
        inpainter(Painter(lambda x: x[:, :3] * torch.nan))(photo(), hole())
