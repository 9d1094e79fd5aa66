"""Pictures on the way from latent to latent."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.tasks.invert.method.paths import Route, along
from retouch.tasks.invert.network import StyleGAN2

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.latent import Latent
    from retouch.tasks.invert.edit.model import Model
    from retouch.tasks.invert.method.spaces import Name, Space

Place = Literal["p", "w", "z"]
"""Where a way leads: through whitened coordinates, styles, or the mapping's noise."""

BATCH = 8


class Between:
    """A way through latents of one generator, with the pictures on it.

    Maps of noise and what is changed of the weights are mixed evenly from latent to latent.

    Args:
        model: the generator.
        latents: two or more, of it.
        place: where the way leads: "p", "w" or "z". A DCGAN has z alone, whatever is asked for.
        route: the kind of way.
        closed: it leads back to the first latent.

    Raises:
        InputError: in z, a latent was not found there; or one is of another generator.
    """

    def __init__(
        self,
        model: Model,
        latents: Sequence[Latent],
        *,
        place: Place = "p",
        route: Route = "linear",
        closed: bool = False,
    ) -> None:
        self._model, self._latents, self._route, self._closed = model, latents, route, closed
        for latent in latents:
            latent.check(model)
        self.place: Place = "z" if model.kind == "dcgan" else place
        self._space = _space(model, self.place, latents[0].label)
        self._keys = self._codes()
        self._centre = self._middle()
        self._maps = self._noise()
        self._networks = self._tuned()
        self._scratch: StyleGAN2 | None = None

    @property
    def segments(self) -> int:
        """Parts of the way, from latent to latent."""
        return len(self._latents) if self._closed else len(self._latents) - 1

    def frame(self, time: float) -> Tensor:
        """Give one picture; at a latent, what the latent itself makes, bit for bit.

        Args:
            time: from 0 at the first latent; the second is at 1.

        Returns:
            (1, 3, R, R) in [0, 1].
        """
        if time == int(time):
            return self._latents[int(time) % len(self._latents)].render(self._model)
        return self._render(torch.tensor([time], dtype=torch.float64))

    def pictures(self, times: Tensor) -> Tensor:
        """Give pictures, several at once.

        Args:
            times: (N,), as for :meth:`frame`.

        Returns:
            (N, 3, R, R) in [0, 1]; those of :meth:`frame` but for rounding.
        """
        size = 1 if self._networks is not None else BATCH
        return torch.cat([self._render(part) for part in torch.split(times, size)])

    @torch.no_grad()
    def _render(self, times: Tensor) -> Tensor:
        """Make the pictures of some times; of one time alone where the weights change."""
        model = self._model
        codes = along(self._keys, times, self._route, closed=self._closed, centre=self._centre)
        rows = self._space.rows(codes)
        if not isinstance(model.network, StyleGAN2):
            return model.render(rows)
        segment = times.floor().long().clamp(max=self.segments - 1)
        share = (times - segment).float()
        after = (segment + 1) % len(self._latents)
        network = model.network
        if self._networks is not None:
            network = self._mixed(int(segment[0]), int(after[0]), float(share[0]))
        if self._maps is None:
            return model.shown(network.synthesis(rows))
        maps = [
            torch.lerp(planes[segment], planes[after], share[:, None, None])[:, None].to(rows)
            for planes in self._maps
        ]
        return model.shown(network.synthesis(rows, maps))

    def _codes(self) -> Tensor:
        if self.place == "z" and self._model.kind != "dcgan":
            codes = []
            for latent in self._latents:
                if latent.space != "z" or latent.codes is None:
                    raise InputError(
                        f"a way through z was asked for, and a latent was found in {latent.space}; pass "
                        "space='p', or invert the photo with space='z' first"
                    )
                codes.append(latent.codes.reshape(-1))
            return torch.stack(codes).to(self._model.device)
        rows = torch.stack([latent.rows for latent in self._latents]).to(self._model.device)
        with torch.no_grad():
            return self._space.code_of(rows)

    def _middle(self) -> Tensor | None:
        return self._space.average()[0] if self.place == "w" else None

    def _noise(self) -> list[Tensor] | None:
        """The maps of all latents, (K, S, S) for each convolution; None where all have the weights file's.

        No noise is maps of 0.
        """
        network = self._model.network
        if all(latent.noise is None for latent in self._latents) or not isinstance(network, StyleGAN2):
            return None
        own = [conv.noise_const.cpu() for conv in network.synthesis.convolutions()]
        none = [torch.zeros_like(plane) for plane in own]
        every = [
            own if latent.noise is None else none if latent.noise == "none" else latent.noise
            for latent in self._latents
        ]
        return [torch.stack([plane.float() for plane in planes]) for planes in zip(*every, strict=True)]

    def _tuned(self) -> list[StyleGAN2] | None:
        """The generator as it is at each latent; None where it is the same everywhere."""
        network = self._model.network
        if all(latent.tuning is None for latent in self._latents) or not isinstance(network, StyleGAN2):
            return None
        return [
            network if latent.tuning is None else self._model.tuned(latent.tuning) for latent in self._latents
        ]

    def _mixed(self, first: int, second: int, share: float) -> StyleGAN2:
        """Give the generator between two latents; the same one every time, changed in place."""
        networks = self._networks or []
        if networks[first] is networks[second]:
            return networks[first]
        if self._scratch is None:
            self._scratch = copy.deepcopy(networks[0])
        ends = (dict(networks[number].named_parameters()) for number in (first, second))
        before, after = ends
        for name, parameter in self._scratch.named_parameters():
            # In place, so that what was computed of the weights before is known to be out of date.
            parameter.copy_(torch.lerp(before[name], after[name], share))
        return self._scratch


def _space(model: Model, place: Place, label: int | None) -> Space:
    """The space in which codes have a style for each row."""
    if model.kind == "dcgan":
        return model.space("z")
    names: dict[Place, Name] = {"p": "p+", "w": "w+", "z": "z"}
    return model.space(names[place], (label or 0) if model.classes else None)
