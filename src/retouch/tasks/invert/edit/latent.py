"""What was found of a photo in a generator, and the file in which it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor

from retouch.errors import InputError, UnreadableWeights
from retouch.image import Picture, PictureLike
from retouch.tasks.invert.edit import latent_file
from retouch.tasks.invert.edit.latent_file import SUFFIX, Facts
from retouch.tasks.invert.method.spaces import Name
from retouch.tasks.invert.method.tuning import Tuning

if TYPE_CHECKING:
    from retouch.tasks.invert.edit.model import Kind, Model

__all__ = ["SUFFIX", "Latent", "LatentLike"]

_NOTHING: Facts = MappingProxyType({})


@dataclass(frozen=True)
class Latent:
    """What makes one picture with one generator.

    The same latent gives the same picture, bit for bit, on the same machine with as many threads.

    Args:
        rows: (rows, style), what is rendered; (latent,), z itself, for a DCGAN. float32, on the CPU.
        model: what the generator is called.
        digest: of the generator, as :attr:`Model.digest` gives it.
        kind: "stylegan2" or "dcgan".
        side: of the picture, in pixels.
        space: in which it was found.
        codes: what was found there; None when the rows are all that is known.
        noise: a map (S, S) for each convolution, float16; "none"; or those of the weights file when None.
        tuning: what is changed of the weights; nothing when None.
        seed: with which it was found.
        label: of the class that it was looked for in; None for none.
        facts: what else is known, as JSON holds it: options, losses, metrics, how the photo was framed.
    """

    rows: Tensor
    model: str
    digest: str
    kind: Kind
    side: int
    space: Name = "p+"
    codes: Tensor | None = None
    noise: tuple[Tensor, ...] | Literal["none"] | None = None
    tuning: Tuning | None = None
    seed: int = 0
    label: int | None = None
    facts: Facts = field(default_factory=lambda: _NOTHING)

    @staticmethod
    def of(
        model: Model,
        rows: Tensor,
        *,
        space: Name = "p+",
        codes: Tensor | None = None,
        noise: Sequence[Tensor] | Literal["none"] | None = None,
        tuning: Tuning | None = None,
        seed: int = 0,
        label: int | None = None,
        facts: Facts = _NOTHING,
    ) -> Latent:
        """Make the latent of a picture of a generator.

        Maps of noise and tuning are rounded to float16, as the file holds them, so that what is rendered of
        the latent is what will be rendered of the file.

        Args:
            model: the generator.
            rows: (rows, style) or (1, rows, style); (latent,) or (1, latent) for a DCGAN.
            space: in which it was found.
            codes: what was found there, of any shape.
            noise: a map (S, S) or (1, 1, S, S) for each convolution, or "none"; None for the file's.
            tuning: what is changed of the weights.
            seed: with which it was found.
            label: of the class that it was looked for in.
            facts: what else is known.

        Raises:
            InputError: rows, maps or tuning do not fit the generator.
        """
        shape = (model.latent,) if model.kind == "dcgan" else (model.rows, model.style)
        if rows.dim() == len(shape) + 1 and len(rows) == 1:
            rows = rows[0]
        maps: tuple[Tensor, ...] | Literal["none"] | None = None
        if noise == "none":
            maps = "none"
        elif noise is not None:
            maps = tuple(_half(plane.reshape(plane.shape[-2:])) for plane in noise)
        latent = Latent(
            rows=rows.detach().cpu().float().contiguous().clone(),
            model=model.name,
            digest=model.digest,
            kind=model.kind,
            side=model.side,
            space=space,
            codes=None if codes is None else codes.detach().cpu().float().contiguous().clone(),
            noise=maps,
            tuning=None if tuning is None else Tuning.of(tuning.tensors()),
            seed=seed,
            label=label,
            facts=MappingProxyType(dict(facts)),
        )
        latent.check(model)
        return latent

    @staticmethod
    def read(source: str | Path | bytes) -> Latent:
        """Read a latent file.

        Args:
            source: its path, or its bytes.

        Raises:
            UnreadableWeights: it is missing, damaged, of another kind, or says what cannot be.
        """
        stored = latent_file.read(source)
        head, tensors = stored.head, stored.tensors
        maps: tuple[Tensor, ...] | Literal["none"] | None = "none" if head.noise == "none" else None
        if head.noise == "maps":
            maps = tuple(tensors[name] for name in latent_file.noise_names(tensors))
        changes = latent_file.tuning_of(tensors)
        try:
            changed = Tuning.of(changes) if changes else None
        except InputError as error:
            raise UnreadableWeights(f"the latent's tuning cannot be used: {error}") from None
        return Latent(
            rows=tensors["rows"],
            model=head.model,
            digest=head.digest,
            kind=cast("Kind", head.kind),
            side=head.side,
            space=cast("Name", head.space),
            codes=tensors.get("codes"),
            noise=maps,
            tuning=changed,
            seed=head.seed,
            label=head.label,
            facts=head.facts,
        )

    def encoded(self) -> bytes:
        """Give the latent file: the same bytes for the same latent.

        Raises:
            WeightsError: what it holds is too large, or no JSON.
        """
        tensors = {"rows": self.rows}
        if self.codes is not None:
            tensors["codes"] = self.codes
        noise = "const" if self.noise is None else "none" if self.noise == "none" else "maps"
        if self.noise is not None and self.noise != "none":
            tensors |= {latent_file.noise_name(number): each for number, each in enumerate(self.noise)}
        if self.tuning is not None:
            tensors |= latent_file.named_tuning(self.tuning.tensors())
        head = latent_file.Head(
            model=self.model,
            digest=self.digest,
            kind=self.kind,
            side=self.side,
            space=self.space,
            noise=noise,
            seed=self.seed,
            label=self.label,
            facts=self.facts,
        )
        return latent_file.written(head, tensors)

    def save(self, path: str | Path) -> Path:
        """Write the latent file; it appears complete or not at all, and replaces one that is there.

        Args:
            path: where to; usually it ends in ``.latent.safetensors``.

        Returns:
            The path.

        Raises:
            UnwritablePicture: it cannot be written there.
            WeightsError: what it holds is too large.
        """
        from retouch.image import write

        path = Path(path)
        write.put(path, self.encoded(), overwrite=True)
        return path

    def check(self, model: Model) -> None:
        """Refuse the latent of another generator.

        Args:
            model: with which it shall be rendered.

        Raises:
            InputError: it was found with another one, or does not fit it.
        """
        if self.digest != model.digest:
            # Of the same name, it is another version of it.
            another = "pass " if self.model == model.name else f"pass model={self.model!r:.100} or "
            raise InputError(
                f"the latent was found with the generator {self.model!r:.100} ({self.kind}, {self.side} "
                f"pixels, sha256 {self.digest[:12]}…), and {model.name!r} has sha256 {model.digest[:12]}…; "
                f"{another}the weights file that it was found with (`retouch weights list` shows those that "
                "can be had), or invert the photo again"
            )
        if (self.kind, self.side) != (model.kind, model.side):
            raise InputError(
                f"the latent says that it is of a {self.kind} of {self.side} pixels, and {model.name} is a "
                f"{model.kind} of {model.side}; invert the photo again"
            )
        if self.label is not None and not 0 <= self.label < model.classes:
            raise InputError(
                f"the latent says that it is of class {self.label}, and {model.name} has "
                f"{model.classes or 'no'} classes; invert the photo again"
            )
        shape = (model.latent,) if model.kind == "dcgan" else (model.rows, model.style)
        if tuple(self.rows.shape) != shape:
            raise InputError(
                f"the latent is {tuple(self.rows.shape)}; {model.name} takes {shape}; invert the photo again"
            )
        if self.noise is not None and self.noise != "none":
            sides = [tuple(plane.shape) for plane in self.noise]
            wanted = [(side, side) for side in model.noise_sides]
            if sides != wanted:
                raise InputError(
                    f"the latent has maps of noise of {sides}; {model.name} takes {wanted}; invert the "
                    "photo again"
                )

    def render(self, model: Model) -> Tensor:
        """Give what it makes.

        Args:
            model: the generator.

        Returns:
            (1, 3, R, R) in [0, 1].

        Raises:
            InputError: it was found with another one, or does not fit it.
        """
        self.check(model)
        return model.render(self.rows[None], self.noise, self.tuning)

    def picture(self, model: Model, report: Mapping[str, float | int | str] | None = None) -> Picture:
        """Give the picture that it makes.

        Args:
            model: the generator.
            report: what was done.

        Returns:
            8 bits, sRGB, of the generator's side.

        Raises:
            InputError: it was found with another one, or does not fit it.
        """
        from retouch.tasks.invert.edit.model import as_picture

        return as_picture(self.render(model), report)


if TYPE_CHECKING:
    LatentLike = Latent | PictureLike
else:
    LatentLike = Latent | Picture | str | Path | bytes
"""A photo in any form that :meth:`retouch.image.Picture.of` takes, the path or the bytes of a latent file, or
a latent."""


def _half(plane: Tensor) -> Tensor:
    return plane.detach().cpu().to(torch.float16).contiguous().clone()
