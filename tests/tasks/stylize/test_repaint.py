"""A photo painted by a network of one style: any size, any kind of file, any amount of memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.errors import Cancelled, InputError, UnknownName, WeightsError
from retouch.image import Picture
from retouch.nn import memory
from retouch.nn.pieces import stream
from retouch.progress import Progress
from retouch.tasks.stylize.edit import painter as home
from retouch.tasks.stylize.edit.painter import Painter
from retouch.tasks.stylize.edit.repaint import repaint
from retouch.weights import Loaded
from tests.tasks.stylize import toys

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@pytest.fixture(autouse=True)
def the_catalog_knows_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch import catalog

    monkeypatch.setattr(catalog, "architectures", lambda: toys.EVERY_ARCHITECTURE)
    monkeypatch.setattr(catalog, "layouts", lambda: toys.EVERY_LAYOUT)


def photo(height: int = 24, width: int = 36, *, channels: int = 3, depth: int = 8) -> Picture:
    generator = np.random.default_rng(height * width)
    values = generator.random((height, width, channels), np.float32) * np.linspace(0.2, 1, width)[:, None]
    if depth == 16:
        return Picture.of(np.round(values * 65535).astype(np.uint16))
    return Picture.of(np.round(values * 255).astype(np.uint8))


def direct(picture: Picture, *, high: float = 1.0) -> Any:
    """What the network itself makes of a photo of a size that it takes."""
    x = torch.from_numpy(np.ascontiguousarray(picture.pixels.transpose(2, 0, 1)))[None] * high
    with torch.no_grad():
        made = toys.fast()(x) / high
    return made.clamp(0, 1)[0].permute(1, 2, 0).numpy()


def test_it_is_what_the_network_makes() -> None:
    picture = photo()
    made = toys.painter()(picture)
    assert np.abs(made.pixels - direct(picture)).max() < 1e-4
    assert made.pixels.std() > 0.05
    assert np.abs(made.pixels - picture.pixels).mean() > 0.05
    assert made.report == {"model": "toy"}


def test_the_range_of_the_card_goes_in_and_comes_out() -> None:
    picture = photo()
    made = toys.painter(value_range=(0.0, 255.0))(picture)
    assert np.abs(made.pixels - direct(picture, high=255.0)).max() < 1e-4
    other = toys.painter(value_range=(-1.0, 1.0))(picture).pixels
    assert np.abs(other - made.pixels).max() > 0.05


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-2.0, 3.0)])
def test_a_network_that_changes_nothing_gives_the_photo_back_in_any_range(low: float, high: float) -> None:
    layer = torch.nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
    picture = photo(8, 8)
    loaded = Loaded(toys.card(value_range=(low, high)), torch.nn.Sequential(layer), Path())
    assert np.abs(Painter(loaded)(picture).pixels - picture.pixels).max() < 1e-5


@given(height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_any_size(height: int, width: int) -> None:
    made = toys.painter()(photo(height, width))
    assert made.size == (height, width)
    assert np.isfinite(made.pixels).all()


@pytest.mark.parametrize(
    ("channels", "depth", "mode"), [(3, 8, "RGB"), (3, 16, "RGB"), (4, 8, "RGBA"), (4, 16, "RGBA")]
)
def test_the_kind_of_file_stays(channels: int, depth: int, mode: str) -> None:
    picture = photo(channels=channels, depth=depth)
    made = toys.painter()(picture)
    assert (made.file.mode, made.file.bit_depth) == (mode, depth)
    if channels == 4:
        assert made.alpha is not None
        assert picture.alpha is not None
        assert np.array_equal(made.alpha, picture.alpha)


def test_what_cannot_be_seen_stays_bit_for_bit_and_is_not_looked_at() -> None:
    values = np.full((24, 24, 4), 200, np.uint8)
    values[..., :3] = photo(24, 24).samples
    values[:, :12, 3] = 0
    values[:, 12:, 3] = 255
    other = values.copy()
    other[:, :12, :3] = 255 - other[:, :12, :3]
    made, again = (toys.painter()(Picture.of(each)) for each in (values, other))
    assert np.array_equal(made.samples[:, :12], values[:, :12])
    assert np.array_equal(made.samples[:, 12:], again.samples[:, 12:])
    assert not np.array_equal(made.samples[:, 12:], values[:, 12:])


def test_a_gray_photo_gets_colours_unless_it_keeps_its_own() -> None:
    gray = photo().converted(mode="L")
    painted = toys.painter()(gray)
    assert painted.file.mode == "RGB"
    assert np.ptp(painted.pixels, axis=2).max() > 0.05
    kept = toys.painter()(gray, colours="photo")
    assert kept.file.mode == "L"
    assert kept.pixels.std() > 0.02


def test_the_photos_colours_lie_over_the_paintings_light() -> None:
    picture = photo()
    painted = toys.painter()(picture).pixels
    made = toys.painter()(picture, colours="photo").pixels
    assert np.abs(made @ LUMA - painted @ LUMA).max() < 1e-4
    hues, wanted = (each - (each @ LUMA)[..., None] for each in (made, picture.pixels))
    inside = (np.abs(hues - wanted) < 1e-4).all(axis=2)
    assert inside.mean() > 0.3
    assert np.abs(hues - wanted).mean() < np.abs(painted - painted.mean() - wanted).mean()


def test_strength_lies_between_the_photo_and_the_painting() -> None:
    picture = photo()
    whole = toys.painter()(picture).pixels
    part = toys.painter()(picture, strength=0.25).pixels
    assert np.abs(part - (0.75 * picture.pixels + 0.25 * whole)).max() < 1e-4
    assert np.array_equal(toys.painter()(picture, strength=0.0).samples, picture.samples)


def test_pieces_leave_no_seams() -> None:
    picture = photo(96, 120)
    events: list[Progress] = []
    whole = toys.painter()(picture).pixels
    made = toys.painter()(picture, budget=0.004, progress=events.append).pixels
    assert np.abs(made - whole).max() < 1e-4
    assert len(events) > 12
    assert {event.stage for event in events} == {"painting"}
    assert events[-1].done == events[-1].total


def test_little_memory_means_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photo(96, 120)
    whole = toys.painter()(picture).pixels
    monkeypatch.setattr(memory, "available_bytes", lambda device: 0)
    monkeypatch.setattr(home, "LEAST_BYTES", 100_000)
    monkeypatch.setattr(stream, "TILE", 24)
    events: list[Progress] = []
    assert np.abs(toys.painter()(picture, progress=events.append).pixels - whole).max() < 1e-4
    assert len(events) > 12


def test_bfloat16_is_near() -> None:
    picture = photo(48, 48)
    network, card = toys.fast(), toys.card()
    half = Painter(Loaded(card, network, Path()), precision="bfloat16")(picture).pixels
    apart = np.abs(half - toys.painter()(picture).pixels)
    assert 1e-5 < apart.mean() < 0.02


def test_a_shortage_of_memory_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*args: object, **options: object) -> None:
        raise MemoryError("9 GB")

    monkeypatch.setattr(stream, "apply", short)
    with pytest.raises(InputError, match=r"not enough memory \(9 GB\); pass a smaller budget"):
        toys.painter()(photo())


def test_numbers_that_are_none_are_told_of() -> None:
    network = toys.fast()
    with torch.no_grad():
        next(network.parameters())[0] = float("nan")
    with pytest.raises(WeightsError, match="NaN or infinity"):
        Painter(Loaded(toys.card(), network, Path()))(photo())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"strength": 1.5}, InputError, "strength=1.5; pass a number from 0 to 1"),
        ({"budget": 0.0}, InputError, "budget=0.0"),
        ({"colours": "mine"}, UnknownName, "unknown colours 'mine'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        toys.painter()(photo(), **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "restore"}, "toy is for restore"),
        ({"architecture": "decoders"}, "paints from features"),
    ],
)
def test_another_network_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        toys.painter(**changes)


def test_the_verb_reads_a_file_and_keeps_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toys.saved(tmp_path, settings={"style": "starry night", "style_credit": "van Gogh, 1889"})
    picture = photo()
    made = repaint(picture, model=str(path))
    assert np.array_equal(made.samples, toys.painter()(picture).samples)
    assert made.report == {"model": "toy", "style": "starry night", "style_credit": "van Gogh, 1889"}
    monkeypatch.setattr(Painter, "load", None)
    assert np.array_equal(repaint(picture, model=str(path)).samples, made.samples)


def test_the_verb_can_be_stopped(tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.stage == "painting":
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        repaint(photo(), model=str(toys.saved(tmp_path)), progress=stop)


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="precision"):
        repaint(photo(), model=str(toys.saved(tmp_path)), precision="half")  # type: ignore[arg-type]
