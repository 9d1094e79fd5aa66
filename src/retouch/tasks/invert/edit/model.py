"""A generator that is ready to make pictures, and to have photos looked for in it."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from retouch.errors import InputError, UnknownName, WeightsError
from retouch.image import Box, FileFacts, Picture, native
from retouch.nn.device import usable_device
from retouch.tasks.invert.method import spaces
from retouch.tasks.invert.method.tuning import Tuning, tuned
from retouch.tasks.invert.method.whitening import Whitening, whitening
from retouch.tasks.invert.network import DCGAN, StyleGAN2

if TYPE_CHECKING:
    from retouch.weights import Card, Loaded
    from retouch.weights.remembered import Remembered

Kind = Literal["stylegan2", "dcgan"]
"""Which generators photos are looked for in."""

DEFAULT = "kaokore"
"""The generator that comes with retouch."""

_KEPT = 2
"""Models that are kept, so that a film between two photos of a folder loads nothing again."""


class Model:
    """A generator, frozen, and what is known about it.

    >>> import torch
    >>> model = Model.load("kaokore")  # doctest: +SKIP
    >>> model.render(model.space("p").rows(torch.zeros(1, 256))).shape  # doctest: +SKIP
    torch.Size([1, 3, 64, 64])

    Args:
        loaded: a generator, as :func:`retouch.weights.load` gives it; its weights are frozen.

    Raises:
        InputError: it is for another task, judges pictures instead of making them, or makes pictures of a
            number of channels that no photo has.
    """

    def __init__(self, loaded: Loaded) -> None:
        _check_card(loaded.card, loaded.network)
        self.network = cast("StyleGAN2 | DCGAN", loaded.network.requires_grad_(False).eval())
        self.card: Card = loaded.card
        self.path: Path = loaded.path
        self._spaces: dict[tuple[str, int | None], spaces.Space] = {}
        self._whitenings: dict[int | None, Whitening] = {}
        self._tuned: tuple[Tuning, StyleGAN2] | None = None
        self._companions: dict[str, nn.Module | None] = {}

    @staticmethod
    def load(model: str | os.PathLike[str] = DEFAULT, *, device: str | torch.device = "cpu") -> Model:
        """Load a generator.

        Args:
            model: the name of bundled or fetched weights, or the path of a weights file.
            device: where to compute.

        Returns:
            The generator.

        Raises:
            InputError: it is no generator that photos can be looked for in, or there is no such device.
            UnknownName: there are no weights of that name.
            WeightsError: they cannot be read, or are not on this machine.
        """
        from retouch import weights

        return Model(weights.load(model, usable_device(device)))

    @property
    def name(self) -> str:
        """What the generator is called."""
        return self.card.name

    @property
    def kind(self) -> Kind:
        """Which generator it is."""
        return "dcgan" if isinstance(self.network, DCGAN) else "stylegan2"

    @property
    def side(self) -> int:
        """Of its pictures, in pixels."""
        return self.network.side

    @property
    def latent(self) -> int:
        """Numbers of the noise z."""
        return self.network.latent

    @property
    def style(self) -> int:
        """Numbers of a row that is rendered: of a style w, or of z for a DCGAN."""
        return self.network.latent if isinstance(self.network, DCGAN) else self.network.style

    @property
    def rows(self) -> int:
        """Styles that the synthesis takes; 1 for a DCGAN."""
        return 1 if isinstance(self.network, DCGAN) else self.network.synthesis.rows

    @property
    def classes(self) -> int:
        """Labels that it was trained with; 0 for none."""
        return 0 if isinstance(self.network, DCGAN) else self.network.mapping.classes

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.network.parameters()).device

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Of the maps of noise that it takes, in pixels, from the coarsest."""
        if isinstance(self.network, DCGAN):
            return ()
        return tuple(conv.side for conv in self.network.synthesis.convolutions())

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the numbers of the network: the same for the same network in any format."""
        found = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            found.update(f"{name} {tuple(tensor.shape)}\n".encode())
            found.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes())
        return found.hexdigest()

    def label(self, number: int | None) -> Tensor | None:
        """Give the label of a class, for networks with labels.

        Args:
            number: of the class, from 0; None for none in particular.

        Returns:
            (1, classes), 1 at the class; None when there is none.

        Raises:
            InputError: there is no such class, or there are no classes.
        """
        if number is None:
            return None
        if not self.classes:
            raise InputError(f"label={number!r}, and {self.name} was trained without labels; leave it out")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < self.classes:
            raise InputError(f"label={number!r}; {self.name} has the classes 0 to {self.classes - 1}")
        return torch.eye(self.classes, device=self.device)[number : number + 1]

    def space(self, name: spaces.Name = "p+", label: int | None = None) -> spaces.Space:
        """Give a space in which pictures are looked for; what it takes to know is computed once.

        Args:
            name: which; a DCGAN has "z" alone.
            label: the class whose pictures are meant; needed for networks with labels.

        Raises:
            UnknownName: there is no such space.
            InputError: a DCGAN has no such space, or the network wants a label, or has none.
        """
        if name not in spaces.NAMES:
            raise UnknownName("space", name, spaces.NAMES)
        if self.classes and label is None:
            raise InputError(
                f"{self.name} makes pictures of {self.classes} classes; pass label=0 to {self.classes - 1}"
            )
        if isinstance(self.network, DCGAN) and name != "z":
            raise InputError(
                f"space={name!r}, and {self.name} is a DCGAN, which knows no styles; pass space='z'"
            )
        key = name, label
        if key not in self._spaces:
            self._spaces[key] = spaces.space(
                self.network, name, self._whitening(label), label=self.label(label)
            )
        return self._spaces[key]

    def _whitening(self, label: int | None) -> Whitening | None:
        if isinstance(self.network, DCGAN):
            return None
        if label not in self._whitenings:
            self._whitenings[label] = whitening(self.network, label=self.label(label))
        return self._whitenings[label]

    def judge(self) -> nn.Module | None:
        """Give the discriminator that the generator was trained with, frozen.

        Returns:
            It; None when it is neither in the generator's file nor beside it, as NAME-judge.safetensors.
        """
        return self._companion("judge", ("D", "d"))

    def encoder(self) -> nn.Module | None:
        """Give the encoder that the generator was trained with, frozen: it guesses the z of a picture.

        Returns:
            It; None when it is not beside the generator's file, as NAME-encoder.safetensors.
        """
        return self._companion("encoder", ())

    def _companion(self, role: str, parts: Sequence[str]) -> nn.Module | None:
        if role not in self._companions:
            self._companions[role] = self._found(role, parts)
        return self._companions[role]

    def _found(self, role: str, parts: Sequence[str]) -> nn.Module | None:
        """Look for a network beside the generator's file, or as a part of it."""
        from retouch import weights

        stem = self.path.stem
        names = [f"{stem}-{role}"]
        if stem.endswith("generator"):
            # What training writes: best-generator, best-judge.
            names.append(stem.removesuffix("generator") + role)
        beside = [self.path.with_name(f"{name}.safetensors") for name in names]
        places: list[tuple[Path, str | None]] = [(place, None) for place in beside if place.is_file()]
        if self.path.suffix != ".safetensors":
            places += [(self.path, part) for part in parts]
        for place, part in places:
            try:
                loaded = weights.load(place, self.device, part=part)
            except WeightsError:
                if part is None:
                    raise
                continue
            same = loaded.card.sizes.get("side") == self.side
            if loaded.card.architecture == f"{self.card.architecture}-{role}" and same:
                return loaded.network.requires_grad_(False).eval()
        return None

    @torch.no_grad()
    def render(
        self,
        rows: Tensor,
        noise: Sequence[Tensor] | Literal["none"] | None = None,
        tuning: Tuning | None = None,
    ) -> Tensor:
        """Make pictures.

        Args:
            rows: (B, rows, style); (B, latent) for a DCGAN.
            noise: a map (S, S) or (B, 1, S, S) for each convolution; "none"; those of the weights file when
                None.
            tuning: what is changed of the weights; nothing when None.

        Returns:
            (B, 3, R, R) in [0, 1].

        Raises:
            InputError: a shape is not the network's, a DCGAN is given noise or tuning, or what is made is no
                picture, as numbers are too large.
        """
        wanted = (self.latent,) if isinstance(self.network, DCGAN) else (self.rows, self.style)
        if rows.shape[1:] != wanted:
            raise InputError(
                f"the latent is {tuple(rows.shape)}; {self.name} takes (B, {', '.join(map(str, wanted))})"
            )
        rows = rows.to(self.device, torch.float32)
        if isinstance(self.network, DCGAN):
            if noise is not None or tuning is not None:
                raise InputError(f"{self.name} is a DCGAN, which takes no maps of noise and no tuning")
            made = self.network(rows)
        else:
            network = self.network if tuning is None else self.tuned(tuning)
            if noise is None or noise == "none":
                made = network.synthesis(rows, noise or "const")
            else:
                maps = [plane.to(self.device, torch.float32) for plane in noise]
                made = network.synthesis(rows, maps)
        if not bool(torch.isfinite(made).all()):
            raise InputError(
                f"{self.name} makes NaN or infinity of this latent, whose numbers reach "
                f"{float(rows.abs().max()):.3g}, where some units are usual; give another latent, or other "
                "weights"
            )
        return self.shown(made)

    def tuned(self, tuning: Tuning) -> StyleGAN2:
        """Give a copy of the network with changed weights; the latest is kept.

        Args:
            tuning: what is changed.

        Raises:
            InputError: it does not fit, or this is a DCGAN.
        """
        if isinstance(self.network, DCGAN):
            raise InputError(f"{self.name} is a DCGAN, which takes no tuning")
        if self._tuned is None or self._tuned[0] is not tuning:
            self._tuned = tuning, tuned(self.network, tuning)
        return self._tuned[1]

    @staticmethod
    def shown(made: Tensor) -> Tensor:
        """Bring what the network makes to what is seen.

        Args:
            made: (B, 1 | 3 | 4, R, R), nominally in [-1, 1].

        Returns:
            (B, 3, R, R) in [0, 1]; of a fourth channel, opacity, nothing is kept.
        """
        seen = made.float()[:, :3].mul(0.5).add_(0.5).clamp_(0, 1)
        return seen.expand(-1, 3, -1, -1)

    def picture(
        self,
        rows: Tensor,
        noise: Sequence[Tensor] | Literal["none"] | None = None,
        tuning: Tuning | None = None,
        report: Mapping[str, float | int | str] | None = None,
    ) -> Picture:
        """Make one picture.

        Args:
            rows: (1, rows, style); (1, latent) for a DCGAN.
            noise: as for :meth:`render`.
            tuning: likewise.
            report: what was done.

        Returns:
            8 bits, sRGB, of the network's side.

        Raises:
            InputError: as for :meth:`render`.
        """
        return as_picture(self.render(rows[:1], noise, tuning), report)


def as_picture(shown: Tensor, report: Mapping[str, float | int | str] | None = None) -> Picture:
    """Make a picture of 8 bits, which also keeps its colours unrounded.

    Args:
        shown: (1, 3, H, W) in [0, 1].
        report: what was done.
    """
    pixels = np.ascontiguousarray(shown[0].detach().float().cpu().permute(1, 2, 0).numpy())
    size = pixels.shape[0], pixels.shape[1]
    samples = native.quantised(pixels, np.dtype(np.uint8))
    return Picture(
        samples, FileFacts(), patches=((Box(0, 0, size[1], size[0]), pixels),), report=report or {}
    )


def remembered(model: str | os.PathLike[str] = DEFAULT, device: str | torch.device = "cpu") -> Model:
    """Load a generator, or take one that was used last: a folder of photos needs it once.

    Args:
        model: as for :meth:`Model.load`.
        device: likewise.

    Raises:
        RetouchError: as :meth:`Model.load` does.
    """
    return _loaded()(os.fspath(model), str(device), "float32")


@functools.cache
def _loaded() -> Remembered[Model]:
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: str) -> Model:
        del precision
        return Model.load(model, device=device)

    return Remembered(load, _KEPT)


def _check_card(card: Card, network: nn.Module) -> None:
    """Refuse what is no generator of photos."""
    if card.task != "invert":
        raise InputError(
            f"{card.name} is for {card.task}, not for invert; use the edit it was trained for, or pass a "
            "generator: a StyleGAN2 or a DCGAN"
        )
    if not isinstance(network, StyleGAN2 | DCGAN):
        raise InputError(
            f"{card.name} is a {card.architecture}, which judges pictures and makes none; pass the generator "
            "that it was trained with"
        )
    if network.colours not in (1, 3, 4):
        raise InputError(
            f"{card.name} makes pictures of {network.colours} channels, and photos have 1, 3 or 4; call "
            "retouch.weights.load(...).network for anything else"
        )
