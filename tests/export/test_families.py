"""Every architecture is written, and then is the same network, or is refused with a reason."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from retouch import catalog
from retouch.errors import InputError
from retouch.export.families import FAMILIES, REFUSED, graph_of
from retouch.export.trying import TOLERANCE, drawn, session_of
from retouch.tasks.restore.upstream.spandrel import NAME as SPANDREL
from retouch.weights import Card, Loaded
from tests.export.toys import QUICK, TOYS, written

every_toy = pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TOYS]
)


def test_every_architecture_is_written_or_refused() -> None:
    known = {architecture.name for architecture in catalog.architectures()} | {SPANDREL}
    assert set(FAMILIES) | set(REFUSED) == known
    assert not set(FAMILIES) & set(REFUSED)
    assert {architecture for architecture, _, _ in TOYS.values()} == set(FAMILIES)


def test_the_page_lists_what_is_written_and_what_is_not() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    table = page.split("## Which networks")[1].split("\n##")[0]
    listed: dict[str, list[str]] = {"written": [], "not": []}
    for names, said in re.findall(r"^\| (`.*`) \| (.*) \|$", table, re.MULTILINE):
        listed[said.partition(":")[0]] += re.findall(r"`([^`]+)`", names)
    assert sorted(listed["written"]) == sorted(FAMILIES)
    assert sorted(listed["not"]) == sorted(REFUSED)


@pytest.mark.parametrize("architecture", REFUSED)
def test_a_refusal_names_the_network_and_the_reason(architecture: str) -> None:
    card = Card(name="judge of maps", task="any", architecture=architecture)
    with pytest.raises(InputError, match="judge of maps is a") as caught:
        graph_of(Loaded(card, nn.Identity(), Path("x")))
    assert REFUSED[architecture] in str(caught.value)
    assert ";" in REFUSED[architecture] or "edits none" in REFUSED[architecture]


def test_an_architecture_of_a_later_version_is_refused() -> None:
    card = Card(name="new", task="any", architecture="diffusion")
    with pytest.raises(InputError, match="new is a diffusion, which export does not know; it writes unet"):
        graph_of(Loaded(card, nn.Identity(), Path("x")))


@every_toy
def test_a_file_is_its_network_at_every_size(name: str) -> None:
    found, _, differences = written(name)
    assert len(differences) == len(found.graph.trials) >= 3
    assert max(item.largest for item in differences) <= TOLERANCE
    batches = {sizes["batch"] for sizes in found.graph.trials}
    assert len(batches) >= 3
    # Pictures of one colour would be alike in any network.
    made = found.graph.module(*drawn(found.graph.inputs, found.graph.trials[0]))
    for tensor in (made,) if isinstance(made, torch.Tensor) else made:
        assert tensor.std() > 0.01


NORMALISED_ALONE = ("colours to gray", "CycleGAN", "CUT")
"""Networks whose norms measure the picture itself: a pixel has no variance, and they blow up its rounding."""


@every_toy
def test_a_picture_of_one_pixel_is_enough(name: str) -> None:
    found, content, _ = written(name)
    if "height" not in found.graph.inputs[0].shape or TOYS[name][0] == "vgg":
        pytest.skip("it has a size of its own, or a least one")
    feeds = drawn(found.graph.inputs, {"batch": 1, "height": 1, "width": 1})
    given = {port.name: feed.numpy() for port, feed in zip(found.graph.inputs, feeds, strict=True)}
    made = session_of(content).run(None, given)[0]
    if name in NORMALISED_ALONE:
        assert np.isfinite(made).all()
        return
    with torch.inference_mode():
        wanted = (found.graph.reference or found.graph.module)(*feeds)
    torch.testing.assert_close(torch.from_numpy(made), wanted, rtol=0, atol=1e-4)


@every_toy
def test_a_file_says_what_it_is_and_what_it_takes(name: str) -> None:
    found, content, _ = written(name)
    model = onnx.load_from_string(content)
    facts = {item.key: item.value for item in model.metadata_props}
    assert facts["retouch.architecture"] == TOYS[name][0]
    assert facts["retouch.licence"] == "CC0"
    assert Card.from_json(facts["retouch.card"]) == found.loaded.card
    assert set(json.loads(facts["retouch.inputs"])) == {port.name for port in found.graph.inputs}
    for values, ports in ((model.graph.input, found.graph.inputs), (model.graph.output, found.graph.outputs)):
        for value, port in zip(values, ports, strict=True):
            assert value.name == port.name
            sizes = tuple(item.dim_param or item.dim_value for item in value.type.tensor_type.shape.dim)
            assert sizes == port.shape
    assert [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")] == [18]
    assert b"site-packages" not in content
    assert b".py" not in content


@every_toy
def test_what_has_a_value_of_its_own_may_be_left_out(name: str) -> None:
    found, content, _ = written(name)
    feeds = drawn(found.graph.inputs, found.graph.trials[0])
    ports = found.graph.inputs
    needed = {
        port.name: feed.numpy() for port, feed in zip(ports, feeds, strict=True) if port.default is None
    }
    made = session_of(content).run(None, needed)
    usual = [feed if port.default is None else port.default for port, feed in zip(ports, feeds, strict=True)]
    with torch.inference_mode():
        wanted = found.graph.module(*usual)
    wanted = (wanted,) if isinstance(wanted, torch.Tensor) else wanted
    for ours, theirs in zip(made, wanted, strict=True):
        torch.testing.assert_close(torch.from_numpy(ours), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("latent", ["w", "w+"])
def test_a_stylegan2_takes_styles_as_well(latent: Any, tmp_path: Path) -> None:
    from retouch.export.writing import content_of, opened
    from tests.export.toys import toy

    found = opened(toy("StyleGAN2", tmp_path), latent=latent)
    content_of(found, TOLERANCE, None)
    assert found.graph.inputs[0].name == "w"
    assert found.graph.inputs[0].shape == (("batch", 8) if latent == "w" else ("batch", 6, 8))


def test_only_a_stylegan2_has_a_choice_of_latents(tmp_path: Path) -> None:
    from retouch.export.writing import opened
    from tests.export.toys import toy

    with pytest.raises(InputError, match="latent='w', and toy is a dcgan, which has no styles; leave it out"):
        opened(toy("DCGAN", tmp_path), latent="w")
