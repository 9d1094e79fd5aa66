"""A painting in any style in one pass: features are given the style's statistics, and painted from.

A large picture is computed in pieces, yet with the statistics of the whole: a first pass measures the
features of a level, a second maps them and paints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.errors import InputError, UnknownName
from retouch.features.network import Features
from retouch.features.vgg import Vgg
from retouch.nn.pieces import stream
from retouch.nn.pieces.frame import framed
from retouch.nn.pieces.operations import Shape, Window
from retouch.nn.pieces.plan import Plan
from retouch.progress import ProgressCallback
from retouch.tasks.stylize.method.adain import adaptive
from retouch.tasks.stylize.method.areas import Style, reduced
from retouch.tasks.stylize.method.chain import Mapping, chained, decoding, encoding
from retouch.tasks.stylize.method.moments import Moments, moments
from retouch.tasks.stylize.method.whitening import Affine, coloured, mixed, transported
from retouch.tasks.stylize.network.decoder import Decoder, Decoders

Method = Literal["wct", "transport", "adain"]
"""``wct``: whitened and coloured, from the deepest level to the first. ``transport``: likewise, by the map
that moves features least. ``adain``: mean and deviation of each channel, at one level."""

STRENGTH = 0.8
"""How much of each level's features is the style's."""

DEEPEST = 4
"""The deepest level that is used unless asked for: what is painted from the fifth has lost its shapes."""

_MAPS: dict[str, Callable[[Moments, Moments], Affine]] = {
    "wct": coloured,
    "transport": transported,
    "adain": adaptive,
}


@dataclass(frozen=True)
class Way:
    """How a draft is computed; nothing here changes it, beyond rounding.

    Args:
        half: in bfloat16, with statistics in float32.
        tile: the side in pixels of the pieces, 0 for the whole at once; None to choose by size.
        limit: bytes of maps in memory; None for 1 GiB, or half of what is free on a GPU.
        progress: called after every piece.
    """

    half: bool = False
    tile: int | None = None
    limit: int | None = None
    progress: ProgressCallback | None = None

    def each(self, plan: Plan, x: Tensor, take: stream.Take, tile: int | None) -> None:
        """Hand over what a network gives, piece by piece."""
        stream.each(
            plan,
            x,
            take,
            tile=tile,
            limit=self.limit,
            half=self.half,
            stage="drafting",
            progress=self.progress,
        )

    def apply(self, plan: Plan, x: Tensor) -> Tensor:
        """Give what a network gives."""
        return stream.apply(
            plan,
            x,
            tile=self.tile,
            limit=self.limit,
            half=self.half,
            stage="drafting",
            progress=self.progress,
        )

    def at_once(self, plan: Plan, x: Tensor) -> bool:
        """Say whether a network sees the whole picture at once."""
        if self.tile is not None:
            return self.tile == 0
        return stream.peak_bytes(plan, plan.shapes(Shape(*x.shape[1:]))) <= stream.limit_of(
            x.device, self.limit
        )


def draft(
    network: Features | Sequence[Features],
    decoders: Decoders | Sequence[Decoders],
    content: Tensor,
    styles: Sequence[Style],
    *,
    method: Method = "transport",
    strength: float = STRENGTH,
    levels: Sequence[int] | None = None,
    way: Way | None = None,
) -> Tensor:
    """Paint a photo in any style, in one pass.

    Args:
        network: the feature network that the decoders are for; or one for each file of decoders.
        decoders: what paints from its features; or several files of them.
        content: (1, 3, H, W), RGB in [0, 1], of any size.
        styles: those of the same region are mixed by their shares; a region has the photo's size.
        method: how features get the style's statistics.
        strength: how much of them is the style's, 0 to 1.
        levels: the stages whose first features are used; None: all up to the fourth that there are decoders
            for, or for "adain" the deepest of these.
        way: how it is computed.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        UnknownName: there is no such method.
        InputError: there is no style, no decoder of a level, or the network is no VGG of the decoders'
            channels.

    Source: Li et al. 2017, arXiv:1705.08086, section 3.3 (levels from the deepest on, each painted before the
        next is looked at). Huang, Belongie 2017, arXiv:1703.06868.
    Departs: no fifth level, and the map that moves features least, unless asked for. Several styles are mixed
        as maps of the features, which is the same as mixing what they give. What is painted is clipped to
        [0, 1] between levels.
    """
    if method not in _MAPS:
        raise UnknownName("method", method, get_args(Method))
    if not styles:
        raise InputError("a draft got no style; give at least one")
    picture = content
    with torch.inference_mode():
        for one, decoder in _stages(network, decoders, method, levels):
            level = _Level(one, decoder, _MAPS[method], strength, way or Way())
            picture = level.painted(picture, styles)
    return picture.clone()


class _Level:
    """One level of features, mapped and painted from."""

    def __init__(
        self,
        network: Vgg,
        decoder: Decoder,
        between: Callable[[Moments, Moments], Affine],
        strength: float,
        way: Way,
    ) -> None:
        layer = f"relu{decoder.level}_1"
        self._reach = network.reach(layer)
        self._encoding = encoding(network, layer)
        self._decoding = decoding(decoder)
        self._multiple = 2 ** (decoder.level - 1)
        self._between = between
        self._strength = strength
        self._way = way

    def painted(self, picture: Tensor, styles: Sequence[Style]) -> Tensor:
        """Paint (1, 3, H, W) anew."""
        frame, inside = self._framed(picture)
        groups = _together(styles)
        planes = [None if group[0].region is None else self._framed(group[0].region)[0] for group in groups]
        features: list[Tensor] = []
        at_once = self._way.at_once(chained(self._encoding), frame)
        have = self._measured(frame, planes, features if at_once else None)
        maps = tuple(self._map(found, group) for found, group in zip(have, groups, strict=True))
        mapping = Mapping(maps, _parts(planes, self._size(frame)))
        if at_once:
            made = self._way.apply(chained([mapping, *self._decoding]), features[0])
        else:
            made = self._way.apply(chained([*self._encoding, mapping, *self._decoding]), frame)
        return made[:, :, slice(*inside.rows), slice(*inside.columns)].clamp(0, 1)

    def _map(self, have: Moments, group: Sequence[Style]) -> Affine:
        """The map of the features of a region to a mixture of styles."""
        found = []
        for style in group:
            mask = None if style.mask is None else self._framed(style.mask)[0]
            (want,) = self._measured(self._framed(style.picture)[0], [mask], None)
            found.append(self._between(have, want))
        total = sum(style.share for style in group)
        return mixed(found, [style.share / total for style in group]).part(self._strength)

    def _measured(
        self, frame: Tensor, planes: Sequence[Tensor | None], kept: list[Tensor] | None
    ) -> list[Moments]:
        """The moments of a picture's features, for each of some masks; and the features, if kept."""
        plan = chained(self._encoding)
        shape = plan.shapes(Shape(*frame.shape[1:]))[-1]
        weights = [None if plane is None else reduced(plane, shape[1:], self._reach) for plane in planes]
        gathered = [_Gathered() for _ in planes]

        def take(window: Window, piece: Tensor) -> None:
            for one, weight in zip(gathered, weights, strict=True):
                one.add(piece, None if weight is None else window.cut_from(weight, shape.window))
            if kept is not None:
                kept.append(piece)

        self._way.each(plan, frame, take, 0 if kept is not None else self._way.tile)
        return [one.moments() for one in gathered]

    def _size(self, frame: Tensor) -> tuple[int, int]:
        return frame.shape[2] // self._multiple, frame.shape[3] // self._multiple

    def _framed(self, planes: Tensor) -> tuple[Tensor, Window]:
        # Reflection needs two rows and columns at the deepest size.
        return framed(planes, self._multiple, least=2 * self._multiple)


class _Gathered:
    """Moments of features, gathered piece by piece.

    Source: Chan, Golub, LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances", equations 2.1, for covariances.
    """

    def __init__(self) -> None:
        self._weight = 0.0
        self._mean = torch.zeros(())
        self._spread = torch.zeros(())

    def add(self, piece: Tensor, weights: Tensor | None) -> None:
        """Take a piece in, (1, C, h, w), and what each of its positions counts."""
        weight = float(piece.shape[2] * piece.shape[3]) if weights is None else float(weights.double().sum())
        if weight <= 0:
            return
        found = moments(piece, weights)
        mean, spread = found.mean.double(), found.covariance.double()
        total = self._weight + weight
        share = weight / total
        if self._weight:
            apart = mean - self._mean
            mean = self._mean + apart * share
            spread = torch.lerp(self._spread, spread, share) + torch.outer(apart, apart) * (
                share * (1 - share)
            )
        self._weight, self._mean, self._spread = total, mean, spread

    def moments(self) -> Moments:
        """Give them, in float32."""
        if not self._weight:
            raise InputError("no position of the features counts; mark some part of the picture")
        return Moments(self._mean.float(), self._spread.float())


def _stages(
    network: Features | Sequence[Features],
    decoders: Decoders | Sequence[Decoders],
    method: Method,
    levels: Sequence[int] | None,
) -> list[tuple[Vgg, Decoder]]:
    """Pair each level's decoder with its feature network, the deepest first."""
    files = [decoders] if isinstance(decoders, Decoders) else list(decoders)
    networks = [network] * len(files) if isinstance(network, Features) else list(network)
    found: dict[int, tuple[Vgg, Decoder]] = {}
    for one, file in zip(networks, files, strict=True):
        for level in file.levels:
            if not isinstance(one, Vgg) or one.widths[:level] != file.widths[:level]:
                theirs = f"{type(one).__name__} of {list(getattr(one, 'widths', ()))}"
                raise InputError(
                    f"the decoders are for a VGG of {list(file.widths)} channels, and the feature network is "
                    f"another ({theirs}); use both of one kind"
                )
            found[level] = (one, cast("Decoder", file.get_submodule(f"level{level}")))
    shallow = sorted(level for level in found if level <= DEEPEST) or sorted(found)
    usual = shallow[-1:] if method == "adain" else shallow
    wanted = usual if levels is None else levels
    missing = sorted(set(wanted) - set(found))
    if missing or not wanted:
        raise InputError(
            f"a draft of the levels {list(wanted)} was asked for, and there are decoders for "
            f"{sorted(found)}; choose among these"
        )
    return [found[level] for level in sorted(set(wanted), reverse=True)]


def _together(styles: Sequence[Style]) -> list[list[Style]]:
    """Group styles by their regions."""
    groups: list[list[Style]] = []
    for style in styles:
        for group in groups:
            if _same(group[0].region, style.region):
                group.append(style)
                break
        else:
            groups.append([style])
    return groups


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))


def _parts(planes: Sequence[Tensor | None], size: tuple[int, int]) -> Tensor | None:
    """How much of each region's map each position gets, (n, 1, h, w); None where there is one for all."""
    if len(planes) == 1 and planes[0] is None:
        return None
    like = next(plane for plane in planes if plane is not None)
    every = like.new_ones(1, 1, *size)
    parts = torch.cat([every if plane is None else F.adaptive_avg_pool2d(plane, size) for plane in planes])
    return parts / parts.sum(0, keepdim=True).clamp_min(1)
