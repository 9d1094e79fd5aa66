"""The verb: pictures that a generator makes of nothing but noise."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from retouch.errors import InputError, UnknownName
from retouch.image import Picture
from retouch.progress import Progress, ProgressCallback
from retouch.tasks.invert.edit.settings import MOST_SEED, check_number

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from retouch.tasks.invert.edit.latent import Latent
    from retouch.tasks.invert.edit.model import Model
    from retouch.weights.find import WeightsName

Maps = Literal["const", "random", "none"]

MOST = 10_000
"""Pictures of one sheet."""


def sample(
    *,
    model: WeightsName = "kaokore",
    count: int = 16,
    columns: int | None = None,
    truncation: float = 1.0,
    cutoff: int | None = None,
    mix: str = "",
    noise: Maps = "const",
    label: int | None = None,
    latents: bool = False,
    seed: int = 0,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> Picture:
    """Make pictures of noise, as a generator was trained to.

    Args:
        model: the generator: a name, or the path of a StyleGAN2 or DCGAN.
        count: how many pictures; with 1 there is no sheet, and the latent file lies beside the picture.
        columns: of the sheet; about as many as rows when left out.
        truncation: 1 for pictures as varied as in the training; towards 0 they are more usual, and more
            alike. A DCGAN has none.
        cutoff: rows of styles that are truncated, from the coarsest; all when left out.
        mix: rows of styles that come from another picture, such as "0-3": the first column then has the
            pictures that are changed, and the first row those that these rows are taken from.
        noise: maps of noise: "const" for those of the weights file, "random" for others in each picture, or
            "none".
        label: the class, for generators with labels; any when left out.
        latents: write the latent file of every picture beside the sheet, too, counted from 1.
        seed: of the noise; the same seed gives the same pictures, and more of them begin with the same.
        device: where to compute: "cpu", "cuda", "cuda:1", "mps".
        progress: called after every picture, with a preview.

    Returns:
        The pictures side by side, row by row, or the only one.

    Raises:
        InputError: an option is out of range, or is not for this generator.
        UnknownName: there are no weights, or there is no choice, of that name.
        WeightsError: the generator cannot be read, or is not on this machine.

    Source: Karras et al., "A Style-Based Generator Architecture for GANs", CVPR 2019, arXiv:1812.04948,
        section 3.1 for mixing, appendix B for truncation.
    """
    _check(count, columns, truncation, noise, latents, seed)
    started = time.perf_counter()
    if progress:
        progress(Progress("loading the model", 0))
    import torch

    from retouch.tasks.invert.edit.contact import check_sheet, previewed, rows_of, tiled
    from retouch.tasks.invert.edit.latent import SUFFIX
    from retouch.tasks.invert.edit.model import remembered

    generator = remembered(model, device)
    _check_fit(generator, truncation, cutoff, mix, noise)
    across = min(columns or math.ceil(math.sqrt(count)), count)
    mixed = rows_of(mix, generator.rows, "mix") if mix.strip() else ()
    check_sheet(
        count if not mixed else count + across + math.ceil(count / across) + 1, generator.side, across
    )
    draws = _Draws(generator, truncation=truncation, cutoff=cutoff, noise=noise, label=label, seed=seed)
    table = _table(draws, count, across, mixed)
    shown = []
    for number, each in enumerate(table.latents, 1):
        shown.append(each.render(generator).cpu())
        if progress:
            progress(Progress("making pictures", number, len(table.latents), previewed(shown[-1])))
    report: dict[str, float | int | str] = {
        "model": generator.name,
        "pictures": count,
        "truncation": truncation,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 3),
    }
    if count == 1:
        return tiled(shown[-1], 1, report).with_companions({SUFFIX: table.latents[-1].encoded()})
    blank = torch.ones_like(shown[0])
    cells = [blank if place is None else shown[place] for place in table.places]
    sheet = tiled(torch.cat(cells), across + bool(mixed), report)
    if not latents:
        return sheet
    own = table.latents[-count:]
    return sheet.with_companions({f".{number}{SUFFIX}": each.encoded() for number, each in enumerate(own, 1)})


@dataclass(frozen=True)
class _Table:
    """What is made, the pictures that were asked for last, and where on the sheet each lies."""

    latents: list[Latent]
    places: list[int | None]


class _Draws:
    """Pictures drawn one after the other, each from numbers of its own."""

    def __init__(
        self,
        model: Model,
        *,
        truncation: float,
        cutoff: int | None,
        noise: Maps,
        label: int | None,
        seed: int,
    ) -> None:
        self._model, self._noise, self._seed = model, noise, seed
        self._truncation, self._cutoff, self._label = truncation, cutoff, label

    def latents(self, count: int, stream: int = 0) -> list[Latent]:
        """Draw pictures.

        Args:
            count: how many; the first ones of more are the same.
            stream: another one for other pictures of the same seed.
        """
        import torch

        from retouch.tasks.invert.edit.latent import Latent

        generator = torch.Generator().manual_seed(self._seed)
        if stream:
            generator.manual_seed(int(torch.randint(1 << 62, (stream,), generator=generator)[-1]))
        found = []
        for _ in range(count):
            z = torch.randn(1, self._model.latent, generator=generator)
            label = self._any_label(generator)
            maps = self._maps(generator)
            rows, space = self._rows(z, label)
            found.append(
                Latent.of(
                    self._model,
                    rows,
                    space=space,
                    codes=z if space == "z" else None,
                    noise=maps,
                    seed=self._seed,
                    label=label,
                )
            )
        return found

    def _rows(self, z: Tensor, label: int | None) -> tuple[Tensor, Literal["z", "w+"]]:
        import torch

        from retouch.tasks.invert.network import StyleGAN2

        network = self._model.network
        if not isinstance(network, StyleGAN2):
            return z, "z"
        with torch.no_grad():
            w = network.mapping(
                z.to(self._model.device),
                self._model.label(label),
                truncation=self._truncation,
                cutoff=self._cutoff,
            )
        return w, "z" if self._truncation == 1 else "w+"

    def _any_label(self, generator: torch.Generator) -> int | None:
        import torch

        if self._label is None and self._model.classes:
            return int(torch.randint(self._model.classes, (), generator=generator))
        self._model.label(self._label)
        return self._label

    def _maps(self, generator: torch.Generator) -> list[Tensor] | Literal["none"] | None:
        import torch

        if self._noise != "random":
            return None if self._noise == "const" else "none"
        return [torch.randn(side, side, generator=generator) for side in self._model.noise_sides]


def _table(draws: _Draws, count: int, columns: int, mixed: Sequence[int]) -> _Table:
    """Say what is made, and where it lies."""
    if not mixed:
        return _Table(draws.latents(count), list(range(count)))
    rows = math.ceil(count / columns)
    changed, taken = draws.latents(rows), draws.latents(columns, stream=1)
    cells = [_mixed(changed[number // columns], taken[number % columns], mixed) for number in range(count)]
    places: list[int | None] = [None, *range(rows, rows + columns)]
    first = rows + columns
    for row in range(rows):
        own = range(first + row * columns, first + min((row + 1) * columns, count))
        places += [row, *own, *[None] * (columns - len(own))]
    return _Table([*changed, *taken, *cells], places)


def _mixed(changed: Latent, taken: Latent, rows: Sequence[int]) -> Latent:
    """Take some rows from another latent."""
    from dataclasses import replace

    styles = changed.rows.clone()
    styles[list(rows)] = taken.rows[list(rows)]
    return replace(changed, rows=styles, space="w+", codes=None)


def _check(count: int, columns: int | None, truncation: float, noise: Maps, latents: bool, seed: int) -> None:
    check_number("count", count, 1, MOST, whole=True)
    if columns is not None:
        check_number("columns", columns, 1, MOST, whole=True)
    check_number("truncation", truncation, -2, 2)
    check_number("seed", seed, 0, MOST_SEED, whole=True)
    if noise not in get_args(Maps):
        raise UnknownName("noise", noise, get_args(Maps))
    if not isinstance(latents, bool):
        raise InputError(f"latents={latents!r:.60}; pass True or False")


def _check_fit(model: Model, truncation: float, cutoff: int | None, mix: str, noise: Maps) -> None:
    """Refuse what the generator has not."""
    if not isinstance(mix, str):
        raise InputError(f"mix={mix!r:.60}; pass text, such as '0-3'")
    if cutoff is not None:
        check_number("cutoff", cutoff, 0, model.rows, whole=True)
    if model.kind != "dcgan":
        return
    given = {"truncation": truncation != 1, "cutoff": cutoff is not None, "mix": bool(mix.strip())}
    given["noise"] = noise != "const"
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{model.name} is a DCGAN, which has no styles and no maps; leave {name} out")
