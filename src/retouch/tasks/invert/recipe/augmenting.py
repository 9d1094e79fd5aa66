"""How pictures are changed before they are judged, and what a run learns about that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from retouch.errors import InputError
from retouch.losses import augmented
from retouch.losses.ada import KINDS as ADA_KINDS
from retouch.losses.ada import Controller, adapted
from retouch.losses.diffaugment import KINDS as DIFFAUGMENT_KINDS

DIFFAUGMENT = "color,translation,cutout"
ADA = "blit,geometry,color"


@dataclass(frozen=True)
class Augment:
    """How pictures are changed before they are judged, so that few of them last longer.

    Args:
        kind: ada, as often as it takes; diffaugment, always; none; or auto, by the number of pictures.
        kinds: the kinds of change, with commas between: of ada blit, geometry, color, cutout; of diffaugment
            color, translation, cutout. Empty: those of the paper.
        target: of ada, how sure the judge may be of training pictures, from 0 to 1.
        pace: of ada, images over which the probability of changes rises from 0 to 1; a fifth of it suits
            a run that starts from weights.
        p: of ada, the probability at first, such as that which the run before ended with.
    """

    kind: Literal["auto", "ada", "diffaugment", "none"] = "auto"
    kinds: str = ""
    target: float = 0.6
    pace: int = 500_000
    p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        known = {"ada": ADA_KINDS, "diffaugment": DIFFAUGMENT_KINDS}.get(self.kind)
        named = {item.strip() for item in self.kinds.split(",")} - {""}
        if known is None and named:
            raise InputError(
                f"augment.kinds is {self.kinds!r} with augment.kind {self.kind}; give augment.kind ada or "
                "diffaugment with it"
            )
        if known is not None and named - set(known):
            raise InputError(
                f"augment.kinds names {min(named - set(known))!r}; with {self.kind} it can be any of "
                f"{', '.join(known)}, with commas"
            )
        self.controller()

    def controller(self) -> Controller:
        """Make what says how often ada changes pictures."""
        return Controller(self.target, self.pace, self.p)


class Learned:
    """What a run of StyleGAN2 remembers: its steps, the usual path length, the probability of ADA's changes.

    Args:
        augment: how pictures are changed.
    """

    def __init__(self, augment: Augment) -> None:
        self.steps = 0
        self.path = torch.zeros(())
        self._controller = augment.controller()
        self._adapts = augment.kind == "ada"
        self._real, self._made = torch.zeros(()), torch.zeros(())

    @property
    def p(self) -> float:
        """The probability of ADA's changes."""
        return self._controller.p

    def hear(self, real: Tensor, made: Tensor) -> None:
        """Take in what the judge said of a batch.

        Args:
            real: its logits of real pictures.
            made: those of made ones.
        """
        self._real, self._made = (kind.detach().float().sign().mean() for kind in (real, made))
        if self._adapts:
            self._controller.hear(real)

    def told(self) -> dict[str, Tensor]:
        """Give figures for the log: how sure the judge is, from −1 to 1, and what ADA makes of it."""
        signs = {"sign_real": self._real, "sign_made": self._made}
        return signs | ({"ada_p": torch.tensor(self.p)} if self._adapts else {})

    def state_dict(self) -> dict[str, Any]:
        """Give it."""
        return {"steps": self.steps, "path": self.path.cpu(), "controller": self._controller.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.steps, self.path = int(state["steps"]), state["path"].clone()
        self._controller.load_state_dict(state["controller"])


def changed(pictures: Tensor, augment: Augment, p: float) -> Tensor:
    """Change pictures as a run wants it.

    Args:
        pictures: (B, 3, R, R) in [-1, 1].
        augment: in which way.
        p: the probability of ADA's changes.

    Returns:
        The same shape.
    """
    if augment.kind == "ada":
        return adapted(pictures, p, augment.kinds or ADA) if p else pictures
    if augment.kind == "diffaugment":
        return augmented(pictures, augment.kinds or DIFFAUGMENT)
    return pictures
