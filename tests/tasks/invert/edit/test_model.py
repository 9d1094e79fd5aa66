"""A generator that is ready to make pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retouch import weights
from retouch.errors import InputError, UnknownName, UnreadableWeights
from retouch.tasks.invert.edit import model as home
from retouch.tasks.invert.edit.model import Model, as_picture, remembered
from retouch.tasks.invert.method.whitening import whitening
from retouch.weights import Loaded
from tests.tasks.invert.edit import toys


def test_it_renders_what_the_network_makes() -> None:
    found, rows = toys.model(), toys.codes(count=2)
    with torch.no_grad():
        wanted = (toys.network().synthesis(rows) * 0.5 + 0.5).clamp(0, 1)
    made = found.render(rows)
    assert made.shape == (2, 3, 16, 16)
    assert torch.equal(made, wanted)
    assert made.std() > 0.05
    assert not made.requires_grad


def test_noise_is_the_files_unless_maps_or_none_are_given() -> None:
    found, rows = toys.model(), toys.codes()
    maps = [conv.noise_const for conv in toys.network().synthesis.convolutions()]
    assert found.noise_sides == (4, 8, 8, 16, 16)
    assert torch.equal(found.render(rows), found.render(rows, maps))
    none = found.render(rows, "none")
    assert torch.equal(none, found.render(rows, [torch.zeros_like(each) for each in maps]))
    assert (none - found.render(rows)).abs().max() > 0.01


def test_a_dcgan_renders_z() -> None:
    found = toys.dcgan()
    z = toys.codes(of=found)
    assert found.kind == "dcgan"
    assert (found.rows, found.style, found.latent, found.classes, found.noise_sides) == (1, 8, 8, 0, ())
    with torch.no_grad():
        assert torch.equal(found.render(z), (found.network(z) * 0.5 + 0.5).clamp(0, 1))
    with pytest.raises(InputError, match="takes no maps"):
        found.render(z, [torch.zeros(4, 4)])
    with pytest.raises(InputError, match=r"takes \(B, 8\)"):
        found.render(z[:, :7])


@pytest.mark.parametrize("colours", [1, 4])
def test_gray_becomes_three_channels_and_opacity_is_left_out(colours: int) -> None:
    found = toys.model(colours=colours)
    rows = toys.codes(of=found)
    made = found.render(rows)
    with torch.no_grad():
        raw = toys.network(colours=colours).synthesis(rows)
    assert made.shape == (1, 3, 16, 16)
    assert torch.allclose(made, (raw[:, : min(colours, 3)] * 0.5 + 0.5).clamp(0, 1).expand(-1, 3, -1, -1))


def test_what_is_no_generator_of_photos_is_refused() -> None:
    fine = toys.card()
    with pytest.raises(InputError, match="for restore, not for invert"):
        Model(Loaded(replace(fine, task="restore"), toys.network(), Path()))
    with pytest.raises(InputError, match="judges pictures"):
        Model(Loaded(fine, torch.nn.Linear(2, 2), Path()))
    with pytest.raises(InputError, match="2 channels"):
        Model(Loaded(fine, toys.network(colours=2), Path()))


def test_weights_are_frozen_so_that_slopes_cost_less() -> None:
    loaded = Loaded(toys.card(), toys.network().requires_grad_(True), Path())
    assert not any(each.requires_grad for each in Model(loaded).network.parameters())


def test_the_digest_is_of_the_numbers_not_of_the_file(tmp_path: Path) -> None:
    path = toys.saved(tmp_path)
    found = toys.loaded(path)
    assert found.digest == toys.model().digest
    assert len(found.digest) == 64
    renamed = weights.save(tmp_path / "other.safetensors", toys.network(), toys.card(name="other"))
    assert toys.loaded(renamed).digest == found.digest
    changed = toys.network()
    with torch.no_grad():
        changed.synthesis.block(16).torgb.bias[0] += 1e-4
    assert Model(Loaded(toys.card(), changed, path)).digest != found.digest


def test_spaces_are_made_once_and_whitened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Model(Loaded(toys.card(), toys.network(), Path()))
    asked: list[int] = []
    real = whitening

    def counted(*args: object, **options: object) -> object:
        asked.append(1)
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(home, "whitening", counted)
    assert found.space("p+") is found.space("p+")
    assert found.space("p").name == "p"
    assert found.space("z").shape == (8,)
    assert found.space("w+").shape == (6, 8)
    assert asked == [1]


def test_a_space_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        toys.model().space("s")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="DCGAN"):
        toys.dcgan().space("p+")


def test_labels() -> None:
    found = toys.model(classes=3)
    assert found.label(None) is None
    last = found.label(2)
    assert last is not None
    assert last.tolist() == [[0, 0, 1]]
    with pytest.raises(InputError, match="classes 0 to 2"):
        found.label(3)
    with pytest.raises(InputError, match="without labels"):
        toys.model().label(0)
    with pytest.raises(InputError, match="label=0"):
        found.space("p")
    one, two = found.space("p", 0).average(1), found.space("p", 1).average(1)
    apart = found.space("p", 0).rows(one) - found.space("p", 1).rows(two)
    assert apart.abs().max() > 0.01


def test_the_discriminator_is_found_beside_the_generator(tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    with pytest.MonkeyPatch.context() as patched:
        from retouch import catalog
        from retouch.tasks.invert.upstream import ARCHITECTURES, LAYOUTS

        patched.setattr(catalog, "architectures", lambda: ARCHITECTURES)
        patched.setattr(catalog, "layouts", lambda: LAYOUTS)
        assert toys.loaded(toys.saved(alone)).judge() is None
        judge = toys.loaded(toys.saved(tmp_path, judge=True)).judge()
    assert judge is not None
    assert [tuple(each.shape) for each in judge.maps(torch.zeros(1, 3, 16, 16))] == [  # type: ignore[operator]
        (1, 8, 8, 8),
        (1, 8, 4, 4),
    ]
    assert not any(each.requires_grad for each in judge.parameters())


def test_those_used_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retouch import catalog
    from retouch.tasks.invert.upstream import ARCHITECTURES

    monkeypatch.setattr(catalog, "architectures", lambda: ARCHITECTURES)
    path = str(toys.saved(tmp_path))
    first = remembered(path)
    assert remembered(path) is first
    toys.saved(tmp_path, seed=5)
    assert remembered(path) is not first
    with pytest.raises(UnreadableWeights, match="is not there"):
        remembered(str(tmp_path / "none.safetensors"))


def test_a_picture_has_8_bits_and_its_colours_unrounded() -> None:
    shown = toys.model().render(toys.codes())
    picture = as_picture(shown, {"psnr": 1.0})
    wanted = shown[0].permute(1, 2, 0).numpy()
    assert picture.samples.dtype == np.uint8
    assert np.array_equal(picture.samples, np.rint(wanted * 255).astype(np.uint8))
    assert np.array_equal(picture.pixels, wanted)
    assert picture.report == {"psnr": 1.0}
    assert np.array_equal(toys.model().picture(toys.codes()).samples, picture.samples)
