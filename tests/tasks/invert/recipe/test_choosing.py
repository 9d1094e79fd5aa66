"""What training chooses by itself, and that it never overrides what was given."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retouch import training
from retouch.errors import InputError
from retouch.tasks.invert.network import StyleGAN2, StyleGAN2Judge
from retouch.tasks.invert.recipe import StyleGAN2Recipe, choosing
from retouch.tasks.invert.recipe.choosing import Seen, chosen
from retouch.training.files import read_record
from retouch.weights import JSON, Card, save
from tests.tasks.invert import nvfiles
from tests.tasks.invert.recipe.toys import SOURCE, stylegan2
from tests.tasks.invert.test_upstream import ADA, made, snapshot


def choose(
    count: int, side: int, *, gpu: bool = False, given: dict[str, object] | None = None
) -> dict[str, object]:
    values = training.flat(training.changed(StyleGAN2Recipe(), given or {}))
    found, reasons = chosen(values, Seen(count, side), {}, gpu=gpu)
    assert found.keys() == reasons.keys()
    assert all(len(reason) > 10 for reason in reasons.values())
    return found


def test_the_pictures_decide() -> None:
    found = choose(2200, 128)
    assert found == {
        "size": 128,
        "network.channels": "256,256,128,64,32,16",
        "network.latent": 256,
        "network.style": 256,
        "network.layers": 2,
        "network.limit": 0.0,
        "engine.batch": 8,
        "engine.average": 2500.0,
        "augment.kind": "ada",
        "r1": 2e-4 * 128 * 128 / 8,
        "path": 2.0,
    }
    few = choose(300, 100)
    assert (few["size"], few["augment.kind"], few["path"]) == (64, "diffaugment", 0.0)
    assert choose(10_000, 3000)["size"] == 256
    on_gpu = choose(10_000, 256, gpu=True)
    assert on_gpu["network.channels"] == "512,512,512,512,256,128,64"
    assert (on_gpu["engine.batch"], on_gpu["network.latent"]) == (16, 512)


def test_what_is_given_stays() -> None:
    given: dict[str, object] = {
        "size": 32, "network.channels": "8,8,8,8", "network.latent": 3, "network.style": 5,
        "network.layers": 1, "network.limit": 0.0, "engine.batch": 3, "engine.average": 7.0,
        "augment.kind": "none", "r1": 0.0, "path": 0.0,
    }  # fmt: skip
    assert choose(2200, 128, given=given) == {}
    assert "engine.average" not in choose(2200, 128, given={"averaged": False})


def test_the_size_of_the_pictures_is_seen() -> None:
    seen = choosing.looked_at(SOURCE)
    assert seen.side == 32
    assert 0 < seen.count <= 12


def test_choices_are_kept_in_the_record(tmp_path: Path) -> None:
    recipe = training.changed(stylegan2(r1=None, augment={"kind": "auto"}), {"engine.images": 4})
    training.train(recipe, SOURCE, tmp_path / "run")
    record = read_record(tmp_path / "run")
    assert record.options["r1"] == 2e-4 * 16 * 16 / 4
    assert record.options["augment"]["kind"] == "diffaugment"
    assert set(record.reasons) == {"r1", "augment.kind", "network.limit"}
    assert "fewer than 500" in record.reasons["augment.kind"]


def test_growing_keeps_what_was_learned(tmp_path: Path) -> None:
    files = saved(tmp_path, "8,8,8", 16)
    recipe = training.changed(StyleGAN2Recipe(), {"size": 32, "r1": 0.0, "engine.device": "cpu", **files})
    recipe, reasons = recipe._fitted_to(Seen(1000, 32))
    assert recipe.network.channels == "8,8,8,64"
    assert "as in start" in reasons["network.latent"]
    networks = recipe.networks()
    small = training.changed(recipe, {"size": 16, "network.channels": "8,8,8"}).networks()
    large, judge = networks["generator"].state_dict(), networks["judge"].state_dict()
    for name, value in small["generator"].state_dict().items():
        assert torch.equal(large[name], value), name
    for name, value in small["judge"].state_dict().items():
        if name.startswith("b16.fromrgb"):
            assert name not in judge
        else:
            assert torch.equal(judge[name], value), name
    assert float(large["synthesis.b32.torgb.weight"].std()) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize(
    ("size", "channels", "named"),
    [(32, "8,8,4,4", "b16"), (8, "8,8", "pictures of 16 pixels"), (16, "8,8,4", "b16")],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, size: int, channels: str, named: str) -> None:
    files = saved(tmp_path, "8,8,8", 16)
    recipe = training.changed(
        StyleGAN2Recipe(), {"size": size, "network.channels": channels, "engine.device": "cpu", **files}
    )
    with pytest.raises(InputError, match=named):
        recipe.networks()


def test_a_judge_is_no_generator(tmp_path: Path) -> None:
    files = saved(tmp_path, "8,8,8", 16)
    recipe = training.changed(StyleGAN2Recipe(), {"start": files["start_judge"], "engine.device": "cpu"})
    with pytest.raises(InputError, match="start_judge"):
        recipe.networks()


def saved(folder: Path, channels: str, side: int) -> dict[str, str]:
    """Write a generator and its judge."""
    torch.manual_seed(5)
    sizes: dict[str, JSON] = {"side": side, "channels": channels, "latent": 6, "style": 6, "layers": 2}
    generator = StyleGAN2(side=side, channels=channels, latent=6, style=6, layers=2)
    judge = StyleGAN2Judge(side=side, channels=channels)
    paths = {"start": folder / "g.safetensors", "start_judge": folder / "j.safetensors"}
    save(paths["start"], generator, Card("g", "invert", "stylegan2", sizes=sizes))
    only: dict[str, JSON] = {"side": side, "channels": channels}
    save(paths["start_judge"], judge, Card("j", "invert", "stylegan2-judge", sizes=only))
    return {name: str(path) for name, path in paths.items()}


def test_a_checkpoint_of_nvidia_gives_both_networks(tmp_path: Path) -> None:
    file = tmp_path / "network.pkl"
    theirs = made()
    file.write_bytes(nvfiles.pickled(snapshot(theirs, ADA)))
    recipe = training.changed(
        StyleGAN2Recipe(), {"start": str(file), "start_judge": str(file), "engine.device": "cpu"}
    )
    generator = recipe.networks()["generator"]
    assert isinstance(generator, StyleGAN2)
    w = torch.randn(2, theirs.synthesis.style)
    assert torch.allclose(generator.synthesis(w, "none"), theirs.synthesis(w, "none"), atol=1e-4)
    assert recipe.card("judge").sizes["limit"] == 256.0
