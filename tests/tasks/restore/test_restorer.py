"""What Restorer promises: which networks, how much memory, how many threads, which files."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from retouch import weights
from retouch.errors import Cancelled, InputError, UnknownName, UnknownWeights, WeightsError
from retouch.image import Picture, samples
from retouch.progress import Progress
from retouch.tasks.restore import Restorer, restore, upscale
from retouch.tasks.restore.edit import running, sheet, verbs
from retouch.tasks.restore.method.forward import Forward
from retouch.weights import Loaded
from tests.tasks.restore import toys
from tests.tasks.restore.toys import noisy, photo

UP, CLEAN = Restorer(toys.upscaler()), Restorer(toys.denoiser())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"task": "inpaint"}, InputError, "is for inpaint, not for restore"),
        ({"architecture": "patchgan"}, InputError, "which judges pictures"),
        ({"sizes": {"channels": 4}}, InputError, "takes 4 channels"),
        ({"multiple": 4096}, InputError, "multiples of 4096, and more than 512 is"),
        ({"scale": 2}, UnknownWeights, "and its card says"),
        ({"sizes": {"channels": 1}}, UnknownWeights, "does not take pictures of 1 channels"),
    ],
)
def test_a_model_for_something_else_is_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    card = replace(toys.card("upscaler"), **changes)
    with pytest.raises(error, match=message):
        Restorer(Loaded(card, toys.upscaler().network, Path()))


def test_a_broken_network_is_named() -> None:
    loaded = toys.denoiser()
    with torch.no_grad():
        next(loaded.network.parameters())[0, 0, 0, 0] = torch.nan
    with pytest.raises(WeightsError, match="toy denoiser gives NaN or infinity"):
        Restorer(loaded)(noisy(20))


def test_bad_planes_are_refused() -> None:
    for shape in ((3, 8, 8), (2, 3, 8, 8), (1, 1, 8, 8), (1, 3, 0, 8)):
        with pytest.raises(InputError, match=r"planes takes \(1, 3, H, W\)"):
            UP.planes(torch.zeros(shape))


def test_memory_that_is_short_makes_pieces_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noisy(15, (100, 150))
    wanted = UP(picture)
    planes, asked = Forward.planes, []

    def short(self: Forward, x: Any, **options: Any) -> Any:
        asked.append(x.shape[1] * x.shape[2])
        if asked[-1] > 6000:
            raise MemoryError("made up")
        return planes(self, x, **options)

    monkeypatch.setattr(Forward, "planes", short)
    found = UP(picture, budget=0.02)
    assert asked[0] == 15000
    assert np.array_equal(found.samples, wanted.samples)
    with pytest.raises(InputError, match="pass a smaller tile"):
        UP(picture, tile=0)
    monkeypatch.setattr(running, "LEAST", 7000)
    with pytest.raises(InputError, match=r"not enough memory .*close other programs"):
        UP(picture, budget=0.02)


def test_the_memory_of_a_piece_is_measured() -> None:
    # The widest step takes two maps and adds them: of the 48 values that are missing in each pixel, or of
    # what a block makes.
    narrow, wide = (Restorer(toys.upscaler(width=width))._forward.bytes_per_pixel for width in (6, 60))
    assert narrow == 3 * 4 * 3 * 48
    assert wide == 3 * 4 * 3 * 60


def test_a_large_result_is_not_held_as_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    picture = Picture.of(photo(320, 450, 1))
    peaks = []
    for most in (0, 1 << 25):
        monkeypatch.setattr(sheet, "UNROUNDED", most)
        tracemalloc.start()
        found = UP(picture, tile=64)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert bool(found.patches) == (most > 0)
    # 2.3 megapixels of gray: 2.3 MB, and rows of pieces of 1.8 MB; as floats in three channels, 27.6 MB
    assert peaks[0] < 22e6
    assert peaks[1] > 27.6e6


def test_half_precision_is_near() -> None:
    picture = noisy(15)
    for loaded, options in ((toys.upscaler(), {}), (toys.denoiser(), {"noise": 15})):
        exact = Restorer(loaded)(picture, **options).pixels  # type: ignore[arg-type]
        near = Restorer(loaded, precision="bfloat16")(picture, **options).pixels  # type: ignore[arg-type]
        assert np.abs(exact - near).max() > 0
        assert np.sqrt(np.mean((exact - near) ** 2)) < 0.01


def test_a_network_is_not_changed_and_serves_many_threads() -> None:
    loaded = toys.upscaler()
    before = {name: value.clone() for name, value in loaded.network.state_dict().items()}
    strides = [parameter.stride() for parameter in loaded.network.parameters()]
    one = Restorer(loaded)
    pictures = [photo(20 + number, 30) for number in range(6)]
    wanted = [one(picture).samples for picture in pictures]
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        found[number] = one(pictures[number]).samples

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[number], wanted[number]) for number in range(6))
    assert all(torch.equal(value, before[name]) for name, value in loaded.network.state_dict().items())
    assert strides == [parameter.stride() for parameter in loaded.network.parameters()]


def test_it_can_be_stopped() -> None:
    def stop(event: Progress) -> None:
        if event.stage != "loading the model" and event.done == 2:
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        UP(photo(40, 40), tile=16, progress=stop)
    with pytest.raises(Cancelled):
        CLEAN(photo(40, 40), noise=20, tile=16, progress=stop)


def test_progress_goes_through_all_passes() -> None:
    events: list[Progress] = []
    UP(photo(40, 40), scale=5, tile=16, progress=events.append)
    assert [event.done for event in events] == list(range(len(events)))
    assert events[-1].done == events[-1].total == 9 + 16


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Weights files of both kinds; nothing is remembered."""
    verbs._loaded.cache_clear()
    up, clean = toys.saved(tmp_path, toys.upscaler()), toys.saved(tmp_path, toys.denoiser())
    monkeypatch.setattr(verbs, "CLEANER", str(clean))
    return up, clean


def test_files_are_loaded_and_applied(files: tuple[Path, Path], tmp_path: Path) -> None:
    up, clean = files
    Image.fromarray(noisy(20)).save(tmp_path / "photo.png")
    events: list[Progress] = []
    found = upscale(tmp_path / "photo.png", model=str(up), scale=2, progress=events.append)
    assert np.array_equal(found.samples, UP(noisy(20), scale=2).samples)
    assert dict(found.report) == {"model": "toy upscaler", "passes": 1, "pieces": 1}
    assert [event.stage for event in events] == ["loading the model", "enlarging", "enlarging"]
    cleaned = restore(tmp_path / "photo.png", model=str(clean), noise=20, strength=0.8)
    assert np.array_equal(cleaned.samples, CLEAN(noisy(20), noise=20, strength=0.8).samples)
    assert Restorer.load(up).scale == 4
    assert Restorer.load(clean).card.architecture == "denoiser"


def test_a_small_noisy_picture_is_cleaned_first(files: tuple[Path, Path]) -> None:
    up, _ = files
    picture = noisy(25, (64, 80))
    found = upscale(picture, model=str(up), denoise=25)
    assert np.array_equal(found.samples, UP(CLEAN(picture, noise=25)).samples)
    assert found.report["cleaned_by"] == "toy denoiser"
    itself = upscale(picture, model=str(up), denoise="auto")
    assert itself.report["noise"] == pytest.approx(25, rel=0.15)
    assert np.array_equal(itself.samples, UP(CLEAN(picture)).samples)
    still = samples.open("rocket").pixels[:80, :100]
    clean = upscale(still, model=str(up), denoise="auto")
    assert np.array_equal(clean.samples, UP(still).samples)
    assert "clean" in str(clean.report["cleaned_by"])
    assert np.array_equal(upscale(picture, model=str(up), denoise=0).samples, UP(picture).samples)
    with pytest.raises(InputError, match="denoise='much'; pass \"auto\""):
        upscale(picture, model=str(up), denoise="much")  # type: ignore[arg-type]


def test_a_network_is_loaded_once_until_its_file_changes(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    up, clean = files
    load, loaded = weights.load, []

    def counted(path: Any, *rest: Any) -> Loaded:
        loaded.append(Path(path).name)
        return load(path, *rest)

    monkeypatch.setattr(weights, "load", counted)
    for _ in range(3):
        upscale(noisy(20), model=str(up), denoise=20)
        restore(noisy(20), model=str(clean), noise=20)
    assert sorted(loaded) == ["dn.safetensors", "up.safetensors"]
    restore(noisy(20), model=str(clean), noise=20, precision="bfloat16")
    assert loaded[2:] == ["dn.safetensors"]
    upscale(noisy(20), model=str(up))
    other = toys.upscaler(width=8)
    toys.saved(up.parent, other)
    found = upscale(noisy(20), model=str(up))
    assert np.array_equal(found.samples, Restorer(other)(noisy(20)).samples)


def test_bad_arguments(files: tuple[Path, Path]) -> None:
    up, clean = files
    with pytest.raises(InputError, match="makes photos 4 times larger; use upscale"):
        restore(photo(), model=str(up))
    with pytest.raises(InputError, match="leaves the size as it is; use restore"):
        upscale(photo(), model=str(clean))
    with pytest.raises(UnknownName, match="unknown precision 'float16'"):
        restore(photo(), model=str(clean), precision="float16")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="device 'abacus' cannot be used"):
        upscale(photo(), model=str(up), device="abacus")
    with pytest.raises(UnknownName, match="no-such-model"):
        restore(photo(), model="no-such-model")
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        upscale(photo(), model="nowhere.pth")
    with pytest.raises(InputError, match="NaN"):
        restore(np.full((4, 4, 3), np.nan, np.float32), model=str(clean))
