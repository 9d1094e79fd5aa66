"""A painting in any style in one pass: statistics of the whole, whatever the pieces."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from retouch.errors import InputError, UnknownName
from retouch.features import Vgg
from retouch.nn.pieces import stream
from retouch.progress import Progress
from retouch.tasks.stylize.method import draft as home
from retouch.tasks.stylize.method.adain import adaptive
from retouch.tasks.stylize.method.areas import Style
from retouch.tasks.stylize.method.chain import chained, decoding, encoding
from retouch.tasks.stylize.method.draft import Way, draft
from retouch.tasks.stylize.method.moments import moments
from retouch.tasks.stylize.method.whitening import coloured, transported
from retouch.tasks.stylize.network.decoder import Decoders
from tests.tasks.stylize import toys

MAPS = {"wct": coloured, "transport": transported, "adain": adaptive}


def picture(seed: int, height: int = 32, width: int = 40) -> Tensor:
    """Smooth light with texture: parts of it have different means."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 3, 3, generator=generator)
    light = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return (0.7 * light + 0.3 * torch.rand(1, 3, height, width, generator=generator)).clamp(0, 1)


def cascade(content: Tensor, style: Tensor, method: str, strength: float, levels: tuple[int, ...]) -> Tensor:
    """The same by the networks themselves, level by level."""
    network, decoders = toys.vgg(), toys.decoders()
    with torch.no_grad():
        for level in levels:
            layer = f"relu{level}_1"
            shown, manner = network(content, [layer])[layer], network(style, [layer])[layer]
            mapped = MAPS[method](moments(shown), moments(manner))(shown)
            content = decoders(torch.lerp(shown, mapped, strength), level).clamp(0, 1)
    return content


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@pytest.mark.parametrize("method", ["wct", "transport", "adain"])
@pytest.mark.parametrize(("strength", "levels"), [(1.0, (3, 2, 1)), (0.6, (2,))])
def test_it_is_the_cascade_of_the_paper(method: Any, strength: float, levels: tuple[int, ...]) -> None:
    content, style = picture(1), picture(2, 24, 28)
    made = draft(
        toys.vgg(), toys.decoders(), content, [Style(style)], method=method, strength=strength, levels=levels
    )
    assert made.std() > 0.02
    assert apart(made, cascade(content, style, method, strength, levels)) < 2e-3


@pytest.mark.parametrize("border", ["reflect", "zeros", "replicate"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_steps_of_networks_are_what_they_compute(border: str, pooling: str) -> None:
    network, decoders = toys.vgg(border=border, pooling=pooling), toys.decoders()
    decoder = decoders.get_submodule("level3")
    decoder.scale.fill_(2.5)  # type: ignore[operator]
    x = picture(1)
    with torch.no_grad():
        shown = network(x, ["relu3_1"])["relu3_1"]
        assert apart(stream.apply(chained(encoding(network, "relu3_1")), x), shown) < 1e-4
        wanted = decoder(shown)
        assert apart(stream.apply(chained(decoding(decoder)), shown), wanted) < 1e-4  # type: ignore[arg-type]


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    tile=st.integers(8, 60),
    method=st.sampled_from(["wct", "adain"]),
)
@settings(max_examples=15, deadline=None)
def test_pieces_have_the_statistics_of_the_whole(height: int, width: int, tile: int, method: Any) -> None:
    content, style = picture(1, height, width), picture(2, 24, 28)
    whole, pieces = (
        draft(toys.vgg(), toys.decoders(), content, [Style(style)], method=method, way=way)
        for way in (Way(tile=0), Way(tile=tile, limit=30_000))
    )
    assert whole.shape == content.shape
    assert apart(whole, pieces) < 5e-3


def test_little_memory_means_pieces() -> None:
    events: list[Progress] = []
    content, style = picture(1, 96, 96), picture(2)
    whole = draft(toys.vgg(), toys.decoders(), content, [Style(style)])
    way = Way(limit=100_000, tile=32, progress=events.append)
    assert apart(draft(toys.vgg(), toys.decoders(), content, [Style(style)], way=way), whole) < 5e-3
    assert len(events) > 20
    assert {event.stage for event in events} == {"drafting"}


def test_two_styles_are_mixed_by_their_shares() -> None:
    content, one, other = picture(1), picture(2), picture(3)

    def made(*styles: Style) -> Tensor:
        return draft(toys.vgg(), toys.decoders(), content, styles, levels=[1])

    both = made(Style(one, share=3.0), Style(other, share=1.0))
    assert apart(made(Style(one), Style(one)), made(Style(one))) < 1e-5
    assert 1e-3 < apart(both, made(Style(one))) < apart(both, made(Style(other)))


def test_a_photo_as_its_own_style_is_half_the_strength() -> None:
    content, style = picture(1), picture(2)
    half = draft(toys.vgg(), toys.decoders(), content, [Style(style)], strength=0.5, levels=[2])
    mixed = draft(
        toys.vgg(),
        toys.decoders(),
        content,
        [Style(style, share=0.5), Style(content, share=0.5)],
        strength=1.0,
        levels=[2],
    )
    assert apart(half, mixed) < 1e-3


def test_regions_get_their_own_styles() -> None:
    content, one, other = picture(1, 32, 96), picture(2), picture(3)
    left = torch.zeros(1, 1, 32, 96)
    left[..., :48] = 1

    def made(*styles: Style) -> Tensor:
        return draft(toys.vgg(), toys.decoders(), content, styles, levels=[2])

    both = made(Style(one, region=left), Style(other, region=1 - left))
    again = made(Style(one, region=left.clone()), Style(one, region=1 - left))
    # Far from the rim, the left half does not know which style the right half has.
    assert apart(both[..., :36], again[..., :36]) < 1e-5
    assert apart(both[..., 60:], again[..., 60:]) > 0.02


def test_where_no_style_is_wanted_features_stay() -> None:
    content, style = picture(1, 32, 96), picture(2)
    left = torch.zeros(1, 1, 32, 96)
    left[..., :48] = 1
    made = draft(toys.vgg(), toys.decoders(), content, [Style(style, region=left)], levels=[2], strength=1.0)
    plain = draft(toys.vgg(), toys.decoders(), content, [Style(style)], levels=[2], strength=0.0)
    assert apart(made[..., 60:], plain[..., 60:]) < 1e-4
    assert apart(made[..., :36], plain[..., :36]) > 0.02


def test_a_mask_leaves_a_part_of_a_style_out() -> None:
    content, style = picture(1), picture(2, 32, 96)
    changed = style.clone()
    changed[..., 48:] = 1 - changed[..., 48:]
    mask = torch.zeros(1, 1, 32, 96)
    mask[..., :40] = 1
    one, other = (
        draft(toys.vgg(), toys.decoders(), content, [Style(each, mask=mask)], levels=[1])
        for each in (style, changed)
    )
    assert apart(one, other) < 1e-5
    whole = draft(toys.vgg(), toys.decoders(), content, [Style(changed)], levels=[1])
    assert apart(one, whole) > 0.01


def test_decoders_may_come_in_files_with_networks_of_their_own() -> None:
    content, style = picture(1), picture(2)
    networks = [toys.vgg(seed=1), toys.vgg(seed=2)]
    files = [toys.decoders((3,)), toys.decoders((2,))]
    made = draft(networks, files, content, [Style(style)])
    first = draft(networks[0], files[0], content, [Style(style)])
    second = draft(networks[1], files[1], first, [Style(style)])
    assert apart(made, second) < 1e-5


@pytest.mark.parametrize(
    ("there", "options", "wanted"),
    [
        ((1, 2, 3, 4, 5), {}, [8, 4, 2, 1]),
        ((1, 2, 3, 4, 5), {"levels": [1, 5]}, [16, 1]),
        ((1, 2, 3, 4, 5), {"method": "adain"}, [8]),
        ((1, 2), {"method": "adain"}, [2]),
        ((5,), {}, [16]),
    ],
)
def test_levels_are_those_that_keep_shapes(
    monkeypatch: pytest.MonkeyPatch, there: tuple[int, ...], options: dict[str, Any], wanted: list[int]
) -> None:
    seen: list[int] = []

    def painted(self: Any, picture: Tensor, styles: object) -> Tensor:
        seen.append(self._multiple)
        return picture

    monkeypatch.setattr(home._Level, "painted", painted)
    widths = (4, 4, 4, 4, 4)
    network, decoders = Vgg((1, 1, 1, 1, 1), widths), Decoders(there, widths)
    draft(network, decoders, picture(1), [Style(picture(2))], **options)
    assert seen == wanted


def test_half_precision_is_near() -> None:
    content, style = picture(1, 64, 64), picture(2)
    exact = draft(toys.vgg(), toys.decoders(), content, [Style(style)])
    rounded = draft(toys.vgg(), toys.decoders(), content, [Style(style)], way=Way(half=True))
    assert 1e-5 < float((exact - rounded).abs().mean()) < 0.03


def test_what_cannot_be_meant_is_refused() -> None:
    content = picture(1)
    style = [Style(picture(2))]
    with pytest.raises(UnknownName, match="unknown method 'magic'"):
        draft(toys.vgg(), toys.decoders(), content, style, method="magic")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got no style"):
        draft(toys.vgg(), toys.decoders(), content, [])
    with pytest.raises(InputError, match=r"levels \[4\] .* decoders for \[1, 2, 3\]"):
        draft(toys.vgg(), toys.decoders(), content, style, levels=[4])
    with pytest.raises(InputError, match=r"use both of one kind"):
        draft(Vgg((2, 2, 1), (4, 6, 10)), toys.decoders(), content, style)
    with pytest.raises(InputError, match="no position"):
        draft(toys.vgg(), Decoders((1,), (4, 6, 8)), content, [Style(content, mask=content[:, :1] * 0)])
