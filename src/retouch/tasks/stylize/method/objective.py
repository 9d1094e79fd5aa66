"""What is wanted of a picture, as one number that is 0 when nothing is left to wish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.features import Features
from retouch.features.frozen import PRECISIONS, Look, Precision, frozen
from retouch.features.judging import Asked, Judge, Verdict, judged, together
from retouch.tasks.stylize.method.areas import COLOURS, Area, Style, areas
from retouch.tasks.stylize.method.statistics import judging
from retouch.tasks.stylize.method.variation import excess, variation
from retouch.tasks.stylize.method.wish import Wish

__all__ = ("PRECISIONS", "Objective", "Precision", "Style", "Wish")


class Objective:
    """How far a picture is from what is wanted of it.

    Args:
        look: computes features.
        wish: what is wanted.
        content: layer → features that the picture is to have.
        areas: where which statistics are wanted. :meth:`of` makes all of them.
    """

    def __init__(
        self, look: Look, wish: Wish, *, content: Mapping[str, Tensor], areas: Sequence[Area]
    ) -> None:
        self.wish = wish
        self._look = look
        several: dict[Asked, list[Judge]] = {}
        for layer, wanted in content.items():
            judge = _sameness(wanted, wish.content_weight / len(content))
            several.setdefault((layer, "content"), []).append(judge)
        for area in areas:
            for layer, aim in area.wanted.items():
                of_pixels = layer == COLOURS
                weight = wish.rgb_weight if of_pixels else wish.style_weight * wish.shares()[layer]
                judge = judging(aim, area.weights[layer], factor=weight * area.part / aim.energy)
                several.setdefault((layer, "rgb" if of_pixels else "style"), []).append(judge)
        judges = {asked: together(each) for asked, each in several.items()}
        self._colours = judges.pop((COLOURS, "rgb"), None)
        self._judges = judges

    @classmethod
    def of(
        cls,
        network: Features,
        wish: Wish,
        *,
        size: tuple[int, int],
        content: Tensor | None = None,
        styles: Sequence[Style] = (),
        precision: Precision = "float32",
        checkpoint: bool = False,
        seer: Features | None = None,
    ) -> Objective:
        """Look at the content and at the styles.

        Args:
            network: whose features are compared.
            wish: what is wanted.
            size: height and width of the picture that is to be made.
            content: (1, 3, H, W), RGB in [0, 1]; None asks for no content.
            styles: pictures whose manner is wanted; those of the same region are mixed.
            precision: bfloat16 halves time and memory of a VGG; statistics are float32 all the same.
            checkpoint: compute features twice rather than keep them all.
            seer: looks at the picture that is made, if not the network itself: one with another border.

        Returns:
            The objective for pictures of this size.

        Raises:
            InputError: a picture is too small for the layers, sizes differ, or nothing is asked for.
            UnknownName: there is no such layer or precision.
        """
        look = frozen(network, precision=precision, checkpoint=checkpoint)
        with torch.no_grad():
            kept: dict[str, Tensor] = {}
            if content is not None and wish.content_weight > 0 and wish.content_layers:
                _check_size(content, size, "the content")
                kept = dict(look(content, wish.content_layers))
            found = areas(network, look, wish, styles, size)
        if not kept and not found:
            raise InputError(
                "nothing is asked for: no content layer and no style layer has a weight; give one of them one"
            )
        if seer is not None:
            look = frozen(seer, precision=precision, checkpoint=checkpoint)
        return cls(look, wish, content=kept, areas=found)

    def __call__(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Say how far a picture is from the wish.

        Args:
            picture: (1, 3, H, W), RGB, of the objective's size.

        Returns:
            The loss, with a slope along the picture, and its terms, weighted, without: "content", "style",
            "rgb", "variation", "box", those that there are.
        """
        terms: dict[str, list[Tensor]] = {}
        if self._judges:
            for (_, term), value in self._look.judge(picture, self._judges).items():
                terms.setdefault(term, []).append(value)
        if self._colours is not None:
            terms["rgb"] = [judged(picture, self._colours)]
        if self.wish.variation > 0:
            terms["variation"] = [variation(picture) * self.wish.variation]
        if self.wish.box > 0:
            terms["box"] = [excess(picture) * self.wish.box]
        loss = torch.stack([value for each in terms.values() for value in each]).sum()
        return loss, {term: torch.stack(each).sum().detach() for term, each in terms.items()}


def _sameness(wanted: Tensor, factor: float) -> Judge:
    """Judge by |f − c|² / |c|²."""
    size = max(float(wanted.float().square().sum()), 1e-12)

    def judge(features: Tensor) -> Verdict:
        apart = features - wanted

        def onto(slope: Tensor | None, times: float) -> Tensor:
            by = 2 * factor * times / size
            return apart * by if slope is None else slope.add_(apart, alpha=by)

        return Verdict(apart.float().square().sum() * (factor / size), onto)

    return judge


def _check_size(picture: Tensor, size: tuple[int, int], name: str) -> None:
    if tuple(picture.shape[-2:]) != tuple(size):
        raise InputError(
            f"{name} is {tuple(picture.shape[-2:])} but the picture to be made {tuple(size)}; bring both to "
            "one size"
        )
