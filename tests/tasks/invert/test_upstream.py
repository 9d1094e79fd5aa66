"""Published files of GANs, imitated, open without a flag and make the same pictures."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retouch import weights
from retouch.errors import UnknownWeights, UnreadableWeights
from retouch.tasks.invert.network import DCGAN, DCGANJudge, StyleGAN2, StyleGAN2Judge
from retouch.tasks.invert.upstream import LAYOUTS
from retouch.tasks.invert.upstream.fitting import ARCHITECTURES, TASK
from retouch.weights import Card, Layout
from retouch.weights.load import identify
from retouch.weights.save import save_torch
from tests.tasks.invert import nvfiles
from tests.tasks.invert.test_networks_parity import filled, noise_of

SIZES: dict[str, Any] = {"side": 16, "channels": "12,10,8", "latent": 16, "style": 16, "layers": 2}

ADA = {
    "z_dim": 16, "c_dim": 0, "w_dim": 16, "img_resolution": 16, "img_channels": 3,
    "mapping_kwargs": nvfiles.EasyDict(num_layers=2),
    "synthesis_kwargs": nvfiles.EasyDict(channel_base=128, channel_max=12, num_fp16_res=4),
}  # fmt: skip
FLAT = {"z_dim": 16, "img_resolution": 16, "channel_base": 128, "fused_modconv_default": "inference_only"}


def made(**sizes: Any) -> StyleGAN2:
    network = filled(StyleGAN2(**{**SIZES, **sizes}), seed=7)
    assert isinstance(network, StyleGAN2)
    return network


def opened(path: Path, **kwargs: Any) -> weights.Loaded:
    return weights.load(path, architectures=ARCHITECTURES, layouts=LAYOUTS, **kwargs)


def same_pictures(found: weights.Loaded, network: StyleGAN2) -> None:
    assert isinstance(found.network, StyleGAN2)
    assert found.card.task == "invert"
    assert found.card.value_range == (-1.0, 1.0)
    z = noise_of(2, 16)
    for truncation in (1.0, 0.7):
        theirs, ours = (net(z, truncation=truncation, noise="const") for net in (found.network, network))
        assert torch.equal(theirs, ours)
    assert torch.equal(found.network.synthesis(found.network.mapping(z)), network(z))


def snapshot(network: StyleGAN2, kwargs: dict[str, Any], **given: Any) -> dict[str, Any]:
    """What their training writes: both generators, the discriminator and the augmentation."""
    other = filled(StyleGAN2(**SIZES), seed=8)
    judge = filled(StyleGAN2Judge(side=16, channels="12,10,8", colours=3), seed=9)
    return {
        "training_set_kwargs": {
            "class_name": "training.dataset.ImageFolderDataset",
            "path": "/data/cats.zip",
        },
        "G": nvfiles.module(nvfiles.filtered(other.state_dict()), "Generator", kwargs),
        "D": nvfiles.module(nvfiles.filtered_judge(judge.state_dict()), "Discriminator", {}),
        "G_ema": nvfiles.module(nvfiles.filtered(network.state_dict()), "Generator", kwargs, **given),
        "augment_pipe": None,
    }


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_of_nvlabs(protocol: int, tmp_path: Path) -> None:
    network = made(limit=256.0)
    file = tmp_path / "network-snapshot.pkl"
    file.write_bytes(nvfiles.pickled(snapshot(network, ADA), protocol))
    found = opened(file)
    same_pictures(found, network)
    assert found.card.name == "network-snapshot"
    wanted = {**SIZES, "classes": 0, "colours": 3, "design": "skip", "limit": 256.0, "pace": 0.01}
    assert found.card.sizes == wanted
    options = weights.read(file).options
    assert options["module.class"] == "Generator"
    assert options["module.source_sha256"] == hashlib.sha256(nvfiles.SOURCE.encode()).hexdigest()
    assert options["init.synthesis_kwargs.channel_base"] == "128"
    assert options["init.img_resolution"] == "16"
    assert options["modules.conv_clamp"] == "256"
    assert options["modules.weight_gain"] == "0.0441"


def test_the_discriminator_of_a_pickle(tmp_path: Path) -> None:
    file = tmp_path / "a.pkl"
    file.write_bytes(nvfiles.pickled(snapshot(made(), ADA)))
    found = opened(file, part="D")
    assert isinstance(found.network, StyleGAN2Judge)
    assert found.card.sizes["group"] == 2
    assert found.card.sizes["limit"] == 256.0
    judge = filled(StyleGAN2Judge(side=16, channels="12,10,8", colours=3, group=2), seed=9)
    x = torch.randn((4, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.network(x), judge(x))


def test_the_clamp_is_what_the_layers_say_or_the_default_of_their_kind(tmp_path: Path) -> None:
    file = tmp_path / "a.pkl"
    for kwargs, clamp, limit in ((ADA, None, 0.0), (FLAT, 256, 256.0), (ADA, 7.5, 7.5)):
        file.write_bytes(nvfiles.pickled(snapshot(made(), kwargs, clamp=clamp)))
        assert identify(file, layouts=LAYOUTS).card.sizes["limit"] == limit
    bare = nvfiles.filtered(made().state_dict())
    for options, limit in (
        ({"init.synthesis_kwargs.channel_base": "1"}, 0.0),
        ({"init.synthesis_kwargs.conv_clamp": "5"}, 5.0),
        ({"init.channel_base": "1"}, 256.0),
        ({}, 256.0),
    ):
        card = LAYOUTS[0].recognise(bare, options)
        assert card is not None
        assert card.sizes["limit"] == limit


def test_foreign_things_beside_the_generator_do_not_matter(tmp_path: Path) -> None:
    network = made()
    held = snapshot(network, ADA, clamp=None)
    held["D"] = nvfiles.Persistent(
        "ProjectedDiscriminator", {"_modules": {"timm": argparse.Namespace(a=object)}}
    )
    held["augment_pipe"] = nvfiles.Persistent(
        "AugmentPipe", {"Hz_geom": torch.ones(12), "p": nn.Linear(2, 2)}
    )
    file = tmp_path / "a.pkl"
    file.write_bytes(nvfiles.pickled(held))
    same_pictures(opened(file), network)


@pytest.mark.parametrize("design", ["skip", "residual", "original"])
@pytest.mark.parametrize(("classes", "colours"), [(0, 1), (5, 3), (0, 4)])
def test_every_design_and_size_is_seen_from_the_tensors(
    design: str, classes: int, colours: int, tmp_path: Path
) -> None:
    network = made(
        design=design, classes=classes, colours=colours, latent=20, style=28, layers=3, limit=256.0
    )
    tensors = nvfiles.filtered(network.state_dict())
    found = opened(save_torch(tmp_path / "anything.bin", tensors))
    assert found.card.sizes == {
        **SIZES, "design": design, "classes": classes, "colours": colours, "latent": 20, "style": 28,
        "layers": 3, "limit": 256.0, "pace": 0.01,
    }  # fmt: skip
    z, label = noise_of(2, 20), torch.eye(5)[:2] if classes else None
    assert torch.equal(found.network(z, label), network(z, label))


@pytest.mark.parametrize("prefix", ["", "module.", "G_ema.", "generator.module."])
def test_prefixes_are_taken_off(prefix: str, tmp_path: Path) -> None:
    network = made(limit=256.0)
    tensors = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
    if prefix == "G_ema.":
        tensors |= {f"G.{name}": value + 1 for name, value in network.state_dict().items()}
    same_pictures(opened(save_torch(tmp_path / "a.pth", tensors)), network)


def test_a_tuned_generator_of_pti(tmp_path: Path) -> None:
    network = made(limit=256.0)
    whole = nvfiles.module(nvfiles.filtered(network.state_dict()), "Generator", ADA)
    same_pictures(opened(nvfiles.zipped(whole, tmp_path / "model_X_multi_id.pt")), network)


def test_a_generator_without_noise_or_average(tmp_path: Path) -> None:
    network = made(limit=256.0)
    tensors = {name: value for name, value in network.state_dict().items() if "noise" not in name}
    del tensors["mapping.w_avg"]
    found = opened(save_torch(tmp_path / "a.pth", tensors)).network
    assert isinstance(found, StyleGAN2)
    z = noise_of(2, 16)
    assert torch.equal(found(z), network(z, noise="none"))
    mean = network.mapping.style(noise_of(20_000, 16)).mean(dim=0)
    assert (found.mapping.w_avg - mean).abs().max() < 0.1 * network.mapping.style(noise_of(999, 16)).std()


def rosinality(network: StyleGAN2) -> dict[str, Tensor]:
    """Their names and shapes, written down independently of the layout."""
    state, theirs = network.state_dict(), {}
    for number in range(2):
        theirs[f"style.{number + 1}.weight"] = state[f"mapping.fc{number}.weight"]
        theirs[f"style.{number + 1}.bias"] = state[f"mapping.fc{number}.bias"]
    theirs["input.input"] = state["synthesis.b4.const"][None]
    convs = ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]
    for number, (ours, name) in enumerate(
        zip(convs, ["conv1", "convs.0", "convs.1", "convs.2", "convs.3"], strict=True)
    ):
        theirs[f"{name}.conv.weight"] = state[f"synthesis.{ours}.weight"][None]
        theirs[f"{name}.conv.modulation.weight"] = state[f"synthesis.{ours}.affine.weight"]
        theirs[f"{name}.conv.modulation.bias"] = state[f"synthesis.{ours}.affine.bias"]
        theirs[f"{name}.noise.weight"] = state[f"synthesis.{ours}.noise_strength"].reshape(1)
        theirs[f"{name}.activate.bias"] = state[f"synthesis.{ours}.bias"]
        theirs[f"noises.noise_{number}"] = state[f"synthesis.{ours}.noise_const"][None, None]
        if name in ("convs.0", "convs.2"):
            theirs[f"{name}.conv.blur.kernel"] = 4 * nvfiles.FILTER
    for side, name in ((4, "to_rgb1"), (8, "to_rgbs.0"), (16, "to_rgbs.1")):
        theirs[f"{name}.conv.weight"] = state[f"synthesis.b{side}.torgb.weight"][None]
        theirs[f"{name}.bias"] = state[f"synthesis.b{side}.torgb.bias"][None, :, None, None]
        theirs[f"{name}.conv.modulation.weight"] = state[f"synthesis.b{side}.torgb.affine.weight"]
        theirs[f"{name}.conv.modulation.bias"] = state[f"synthesis.b{side}.torgb.affine.bias"]
        if side > 4:
            theirs[f"{name}.upsample.kernel"] = 4 * nvfiles.FILTER
    return theirs


def test_a_checkpoint_of_rosinality(tmp_path: Path) -> None:
    network = made()
    theirs, average = rosinality(network), network.mapping.w_avg.clone()
    file = tmp_path / "550000.pt"
    checkpoint = {
        "g": {name: value + 1 for name, value in theirs.items()},
        "d": {"convs.0.0.weight": torch.ones(2, 3, 1, 1)},
        "g_ema": theirs,
        "args": argparse.Namespace(size=16, channel_multiplier=2, n_mlp=2),
        "ada_aug_p": 0.25,
    }
    torch.save({**checkpoint, "latent_avg": average}, file)
    same_pictures(opened(file), network)
    torch.save({"g_ema": theirs, "latent_avg": average}, file)
    same_pictures(opened(file), network)
    torch.save(checkpoint, file)
    without = opened(file).network
    assert isinstance(without, StyleGAN2)
    assert torch.equal(without(noise_of(2, 16)), network(noise_of(2, 16)))
    spread = network.mapping.style(noise_of(999, 16)).std()
    mean = network.mapping.style(noise_of(20_000, 16)).mean(dim=0)
    assert (without.mapping.w_avg - mean).abs().max() < 0.1 * spread
    again = opened(file).network
    assert torch.equal(again.get_buffer("mapping.w_avg"), without.mapping.w_avg)


def test_the_decoder_of_an_encoder(tmp_path: Path) -> None:
    network = made()
    state = {f"decoder.{name}": value for name, value in rosinality(network).items()}
    state["encoder.input_layer.0.weight"] = torch.ones(4, 3, 3, 3)
    file = tmp_path / "e4e.pt"
    average = network.mapping.w_avg.repeat(6, 1)
    torch.save({"state_dict": state, "latent_avg": average, "opts": {"stylegan_size": 16}}, file)
    same_pictures(opened(file), network)


def as_written(layout: str, network: StyleGAN2, path: Path, **sizes: Any) -> Path:
    from retouch.tasks.invert import upstream

    found = next(item for item in upstream.LAYOUTS if item.writes == layout and item.write)
    card = Card(name="a", task=TASK, architecture="stylegan2", sizes={**SIZES, **sizes})
    assert found.write is not None
    tensors = found.write(network.state_dict(), card)
    return save_torch(path, tensors, wrapper=found.wrapper, beside=found.beside)


@pytest.mark.parametrize("layout", ["rosinality", "nvlabs"])
def test_writing_and_reading_gives_the_same_bits(layout: str, tmp_path: Path) -> None:
    network = made()
    file = as_written(layout, network, tmp_path / "a.pt")
    found = identify(file, layouts=LAYOUTS)
    wanted = network.state_dict()
    assert list(found.tensors) == list(wanted)
    assert all(torch.equal(found.tensors[name], wanted[name]) for name in wanted)
    raw = torch.load(file, weights_only=True)  # noqa: TID251 - what another program would see
    if layout == "rosinality":
        assert set(raw) == {"g_ema", "latent_avg"}
        independent = rosinality(network)
        assert set(raw["g_ema"]) == set(independent)
        assert all(torch.equal(raw["g_ema"][name], value) for name, value in independent.items())
    else:
        independent = nvfiles.filtered(wanted)
        assert set(raw) == set(independent)
        assert all(torch.equal(raw[name], value) for name, value in independent.items())


def test_the_discriminator_is_written_with_its_filters() -> None:
    judge = filled(StyleGAN2Judge(side=16, channels="12,10,8"))
    card = Card(
        name="a", task=TASK, architecture="stylegan2-judge", sizes={"side": 16, "channels": "12,10,8"}
    )
    layout = next(item for item in LAYOUTS if item.name.endswith("discriminator of StyleGAN2"))
    assert layout.write is not None
    theirs = layout.write(judge.state_dict(), card)
    assert set(theirs) == set(nvfiles.filtered_judge(judge.state_dict()))
    back = layout.recognise(theirs, {})
    assert back is not None
    assert back.sizes == {"side": 16, "channels": "12,10,8", "colours": 3, "group": 4, "limit": 256.0}


def test_what_rosinality_cannot_hold_is_not_written(tmp_path: Path) -> None:
    for sizes in ({"design": "residual"}, {"classes": 3}, {"colours": 1}, {"pace": 0.1}, {"latent": 8}):
        with pytest.raises(UnknownWeights, match=next(iter(sizes))):
            as_written("rosinality", made(**sizes), tmp_path / "a.pt", **sizes)
    with pytest.raises(UnknownWeights, match=r"0\.1"):
        as_written("nvlabs", made(pace=0.1), tmp_path / "a.pt", pace=0.1)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_dcgan_of_a_course(norm: Any, tmp_path: Path) -> None:
    network = filled(DCGAN(side=64, latent=10, width=16, norm=norm))
    state = network.state_dict()
    if norm == "instance":
        assert list(state) == [f"deconv{number}.0.weight" for number in range(1, 6)]
    file = tmp_path / "vanilla.ckpt"
    torch.save({"iteration": 3, "g": state} if norm == "batch" else state, file)
    found = opened(file)
    assert found.card.architecture == "dcgan"
    assert found.card.sizes == {"side": 64, "latent": 10, "width": 16, "norm": norm, "colours": 3}
    assert torch.equal(found.network(noise_of(2, 10)), network(noise_of(2, 10)))


@pytest.mark.parametrize("old", [False, True])
def test_the_dcgan_of_the_examples(old: bool, tmp_path: Path) -> None:
    theirs = nn.Sequential(
        OrderedDict(
            main=nn.Sequential(
                nn.ConvTranspose2d(10, 32, 4, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
                nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False), nn.Tanh(),
            )
        )
    )  # fmt: skip
    filled(theirs)
    state = {name: value for name, value in theirs.state_dict().items() if not (old and "tracked" in name)}
    found = opened(save_torch(tmp_path / "netG_epoch_199.pth", state))
    assert isinstance(found.network, DCGAN)
    z = noise_of(2, 10)
    assert torch.allclose(found.network(z), theirs(z[:, :, None, None]), atol=1e-6)


def test_the_discriminator_of_the_examples(tmp_path: Path) -> None:
    theirs = nn.Sequential(
        OrderedDict(
            main=nn.Sequential(
                nn.Conv2d(3, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
                nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
                nn.Conv2d(16, 1, 4, bias=False),
            )
        )
    )  # fmt: skip
    filled(theirs)
    found = opened(save_torch(tmp_path / "netD.pth", theirs.state_dict()))
    assert isinstance(found.network, DCGANJudge)
    x = torch.randn((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(found.network(x), theirs(x).flatten(1), atol=1e-5)


def _third(tensors: dict[str, Tensor]) -> object:
    return {**tensors, "synthesis.input.freqs": torch.ones(4, 2)}


def _lucid(tensors: dict[str, Tensor]) -> object:
    return {
        "GAN": {"S.net.0.weight": torch.ones(2, 2), "GE.initial_block": torch.ones(1, 4, 4, 4)},
        "version": "1",
    }


def _filter(tensors: dict[str, Tensor]) -> object:
    return {**tensors, "synthesis.b8.resample_filter": torch.ones(2, 2) / 4}


def _short(tensors: dict[str, Tensor]) -> object:
    return {name: value for name, value in tensors.items() if name != "synthesis.b8.conv0.bias"}


def _other(tensors: dict[str, Tensor]) -> object:
    return {**tensors, "synthesis.b8.attention.weight": torch.ones(2)}


def _gap(tensors: dict[str, Tensor]) -> object:
    return {name: value for name, value in tensors.items() if ".b8." not in name}


def _shape(tensors: dict[str, Tensor]) -> object:
    return {**tensors, "synthesis.b8.conv0.affine.bias": torch.ones(3)}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_third, "StyleGAN3.*--cfg=stylegan2"),
        (_lucid, "lucidrains.*rosinality"),
        (_filter, r"filter.*\[1, 3, 3, 1\]"),
        (_short, r"lacks synthesis\.b8\.conv0\.bias"),
        (_other, r"also holds synthesis\.b8\.attention\.weight"),
        (_gap, "4, 8"),
        (_shape, r"affine\.bias \(3,\) instead of \(12,\)"),
    ],
)
def test_what_is_not_read_is_refused_by_name(change: Any, match: str, tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    tensors = change(nvfiles.filtered(made().state_dict()))
    if change is _third:
        tensors = {name: value for name, value in tensors.items() if name != "synthesis.b4.const"}
    torch.save(tensors, file)
    with pytest.raises(UnknownWeights, match=match):
        opened(file)


def test_a_pickle_for_tensorflow_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "ffhq.pkl"
    file.write_bytes(b"\x80\x03cdnnlib.tflib.network\nNetwork\n)\x81}X\x01\0\0\0aK\1sb.")
    with pytest.raises(UnreadableWeights, match=r"TensorFlow.*legacy\.py"):
        weights.read(file)


def test_a_discriminator_with_labels_is_refused(tmp_path: Path) -> None:
    state = StyleGAN2Judge(side=16, channels="12,10,8").state_dict()
    state["mapping.embed.weight"] = torch.ones(3, 3)
    with pytest.raises(UnknownWeights, match="labels"):
        opened(save_torch(tmp_path / "a.pt", state))


def test_ours_are_read_by_their_card(tmp_path: Path) -> None:
    network = made(limit=256.0, design="residual")
    card = Card(
        name="a", task=TASK, architecture="stylegan2", sizes={**SIZES, "limit": 256.0, "design": "residual"}
    )
    found = opened(weights.save(tmp_path / "a.safetensors", network, card))
    same_pictures(found, network)
    assert dataclasses.replace(found.card) == card


def test_the_layouts_are_in_the_catalog() -> None:
    from retouch import catalog

    assert set(LAYOUTS) <= set(catalog.layouts())
    assert {item.name for item in ARCHITECTURES} >= {"stylegan2", "dcgan", "stylegan2-judge", "dcgan-judge"}
    assert set(ARCHITECTURES) <= set(catalog.architectures())
    assert all(isinstance(item, Layout) for item in LAYOUTS)
