"""One photo, and what is found of it in a generator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.image import Picture
from retouch.progress import ProgressCallback
from retouch.tasks.invert.edit import report
from retouch.tasks.invert.edit.framing import framed
from retouch.tasks.invert.edit.inverter import Inversion
from retouch.tasks.invert.edit.latent import SUFFIX, Latent
from retouch.tasks.invert.edit.model import Model, as_picture
from retouch.tasks.invert.edit.seers import seers
from retouch.tasks.invert.edit.settings import Settings
from retouch.tasks.invert.edit.stages import Stages, Way
from retouch.tasks.invert.edit.telling import Teller
from retouch.tasks.invert.method import alignment, fidelity
from retouch.tasks.invert.method.objective import Objective
from retouch.tasks.invert.method.spaces import Name
from retouch.tasks.invert.method.wish import Wish

if TYPE_CHECKING:
    from retouch.tasks.invert.method.alignment import Alignment
    from retouch.weights.card import JSON

ALIGNING = 300
"""Evaluations of the search for the photo's place, of all frames together."""

_LOSSES = 200
"""Losses of the search that a latent file keeps at most, evenly spaced."""


class Seeking:
    """What is needed to look for one photo.

    Args:
        photo: the photo.
        model: the generator.
        settings: what is asked for.

    Raises:
        InputError: the settings are not for this generator, or nothing of the photo can be seen.
    """

    def __init__(self, photo: Picture, model: Model, settings: Settings) -> None:
        _check(model, settings)
        self._model, self._settings = model, settings
        opening = fidelity.opening(settings.fidelity)
        styled = model.kind == "stylegan2"
        self._name: Name = settings.space if settings.space != "auto" else opening.space if styled else "z"
        self._wish = Wish(
            power=1 if settings.pixel_loss == "l1" else 2,
            pixels=settings.pixel_weight,
            perceptual=settings.perceptual,
            perceptual_weight=(
                Wish.perceptual_weight if settings.perceptual_weight is None else settings.perceptual_weight
            ),
            delta=settings.delta,
            prior=opening.prior if settings.prior is None else settings.prior,
            together=opening.together if settings.together is None else settings.together,
        )
        self._seers = seers(model, settings.perceptual)
        self._framed = framed(photo, model.side, settings.crop)
        self._target = self._framed.target.to(model.device)
        self._where = None if self._framed.where is None else self._framed.where.to(model.device)

    def found(self, progress: ProgressCallback | None) -> Inversion:
        """Look for it.

        Args:
            progress: called after every evaluation.

        Returns:
            What was found.
        """
        began = time.perf_counter()
        stages = Stages(self._model, self._settings, self._name)
        tell = Teller(progress, stages.total + (ALIGNING if self._settings.align else 0))
        aligned = self._aligned(tell) if self._settings.align else None
        tell.against(self._target, self._where)
        objective = self._objective()
        way = stages.run(objective, self._of_network(self._target), tell)
        latent = self._latent(way, {})
        made = latent.render(self._model)
        said = self._said(made, way, objective.kind, aligned)
        latent = self._latent(way, self._facts(way, said, aligned))
        said["seconds"] = round(time.perf_counter() - began, 3)
        picture = as_picture(made, said).with_companions({SUFFIX: latent.encoded()})
        return Inversion(picture, latent, picture.report)

    def _aligned(self, tell: Teller) -> Alignment:
        model, whole = self._model, self._framed.whole.to(self._model.device)
        space = model.space("z" if model.kind == "dcgan" else "p", self._settings.label)
        tell.stage("looking for the photo's place", ALIGNING)
        found = alignment.align(space, self._of_network(whole), evaluations=ALIGNING)
        if found.kept:
            self._target = (alignment.framed(whole * 2 - 1, found.frame, model.side) * 0.5 + 0.5).clamp(0, 1)
            if self._framed.seen is not None:
                seen = self._framed.seen.to(model.device)
                self._where = alignment.framed(seen, found.frame, model.side).clamp(0, 1)
        return found

    def _objective(self) -> Objective:
        return Objective(self._of_network(self._target), self._wish, mask=self._where, seers=self._seers)

    def _of_network(self, shown: Tensor) -> Tensor:
        """Bring (1, 3, H, W) in [0, 1] to the network's channels in [-1, 1]; what is opaque has opacity 1."""
        colours = self._model.network.colours
        made = shown * 2 - 1
        if colours == 1:
            return made.mean(dim=1, keepdim=True)
        return made if colours == 3 else torch.cat([made, torch.ones_like(made[:, :1])], dim=1)

    def _latent(self, way: Way, facts: dict[str, JSON]) -> Latent:
        return Latent.of(
            self._model,
            way.found.rows,
            space=self._name,
            codes=way.found.codes[0],
            noise=way.noise,
            tuning=None if way.tuned is None else way.tuned.tuning,
            seed=self._settings.seed,
            label=self._settings.label,
            facts=facts,
        )

    def _said(self, made: Tensor, way: Way, perceptual: str, aligned: Alignment | None) -> report.Report:
        found, target = way.found, self._target
        prior = float(found.prior[0])
        said: report.Report = {
            # Of equal pictures it is infinite, which no JSON holds.
            "psnr": round(min(report.psnr(made, target, self._where), report.EQUAL), 3),
            "prior": round(prior, 4),
            "loss": round(float(found.losses[0]), 6),
            **{f"loss_{name}": round(float(term[0]), 6) for name, term in found.terms.items()},
            "evaluations": way.evaluations,
            "model": self._model.name,
            "space": self._name,
            "perceptual": perceptual,
        }
        if self._where is None and (likeness := report.ssim(made, target)) is not None:
            said["ssim"] = round(likeness, 4)
        if self._seers.lpips is not None:
            with torch.no_grad():
                said["lpips"] = round(float(self._seers.lpips(made * 2 - 1, target * 2 - 1)[0]), 4)
        if aligned is not None:
            said |= _told_of(aligned)
        if way.tuned is not None:
            said["tuning_bytes"] = way.tuned.tuning.size
        notes = report.notes(
            psnr=float(said["psnr"]),
            prior=prior,
            history=way.found.history[0],
            aligned=aligned is not None,
            space=self._name,
        )
        if notes:
            said["note"] = "; ".join(notes)
        return said

    def _facts(self, way: Way, said: report.Report, aligned: Alignment | None) -> dict[str, JSON]:
        """Say what a latent file keeps: nothing that differs from one run to the next."""
        step = -(-len(way.losses) // _LOSSES)
        framing = self._framed.facts()
        if aligned is not None:
            framing |= {name: float(value) for name, value in _told_of(aligned).items()}
        return {
            "options": cast("JSON", self._settings.facts()),
            "metrics": cast("JSON", dict(said)),
            "losses": [round(loss, 7) for loss in way.losses[::step]],
            "framing": framing,
        }


def _told_of(aligned: Alignment) -> dict[str, float]:
    frame = aligned.frame
    return {
        "scale": round(float(frame.scale), 4),
        "angle": round(float(frame.angle), 3),
        "right": round(float(frame.right), 4),
        "down": round(float(frame.down), 4),
    }


def _check(model: Model, settings: Settings) -> None:
    """Refuse what a generator cannot do."""
    model.label(settings.label)
    if model.kind != "dcgan":
        return
    if settings.space not in ("auto", "z"):
        raise InputError(
            f"space={settings.space!r}, and {model.name} is a DCGAN, which knows no styles; pass space='z'"
        )
    if settings.noise == "fitted":
        raise InputError(f"noise='fitted', and {model.name} is a DCGAN, which takes no maps; leave it out")
    if settings.tune:
        raise InputError(f"tune=True, and {model.name} is a DCGAN, which cannot be tuned; leave it out")
