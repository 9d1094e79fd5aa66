"""The verbs as they are for edits that are done together: the same, with networks that meet.

The networks of ``translate`` and ``repaint`` are computed layer by layer (:mod:`retouch.nn.pieces`), one
picture at a time, and those of the other edits are no networks at all or descend for a minute: they have no
call that several pictures could share.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from retouch.catalog import Edit
from retouch.studio.meeting import apart, called

if TYPE_CHECKING:
    from retouch.tasks.inpaint.edit import Inpainter
    from retouch.tasks.restore.edit import Restorer
    from retouch.weights import Loaded
    from retouch.weights.remembered import Remembered

Verb = Callable[..., Any]


def verb_of(edit: Edit, arguments: Mapping[str, object]) -> Verb:
    """Find what does an edit together with others of the same options.

    Args:
        edit: as the catalog has it.
        arguments: that it will be called with.

    Returns:
        The verb, or what makes the same as the verb with these options. It takes the same arguments.
    """
    verb = edit.load()
    options = {name: given.default for name, given in inspect.signature(verb).parameters.items()} | dict(
        arguments
    )
    # Who loads a network holds up all who want it, and must not wait for them.
    with apart():
        return _meeting_verb(edit, options) or verb


def _meeting_verb(edit: Edit, options: Mapping[str, object]) -> Verb | None:
    """What does an edit with a network that meets; None where there is none."""
    chosen = str(options["model"]), str(options["device"]), str(options["precision"])
    if edit.name in ("restore", "upscale") and not options.get("denoise"):
        restorer = _restorers()(*chosen)
        if (restorer.scale == 1) == (edit.name == "restore"):
            return _without(restorer, "model", "device", "precision", "denoise")
    if edit.name == "inpaint" and not options["refine"] and not _is_classical(chosen[0]):
        return _without(_inpainters()(*chosen), "model", "device", "precision")
    return None


def _without(ready: Callable[..., Any], *names: str) -> Verb:
    """What a network that is ready makes of all options but those by which it was loaded."""

    def verb(**arguments: object) -> object:
        return ready(**{name: value for name, value in arguments.items() if name not in names})

    return verb


def _is_classical(model: str) -> bool:
    from retouch.tasks.inpaint.edit.filling import CLASSICAL

    return model in CLASSICAL


@functools.cache
def _restorers() -> Remembered[Restorer]:
    from retouch.tasks.restore.edit import Restorer
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: str) -> Restorer:
        return Restorer(_meeting(_loaded(model, device)), precision=cast("Any", precision))

    return Remembered(load, 2)


@functools.cache
def _inpainters() -> Remembered[Inpainter]:
    from retouch.tasks.inpaint.edit import Inpainter
    from retouch.weights.remembered import Remembered

    def load(model: str, device: str, precision: str) -> Inpainter:
        return Inpainter(_filling(_loaded(model, device), precision), precision=cast("Any", precision))

    return Remembered(load)


def _loaded(model: str, device: str) -> Loaded:
    from retouch import weights
    from retouch.nn.device import usable_device

    return weights.load(model, usable_device(device))


def _meeting(loaded: Loaded) -> Loaded:
    """Let a network meet with others wherever it is called.

    It stays of its own class, too: by that is known how far it looks, and so how a picture is cut up.
    """
    network = loaded.network
    kind = type(network)
    network.__class__ = type(kind.__name__, (_Met, kind), {})
    return loaded


class _Met(nn.Module):
    """Before the class of a network: several of its calls become one."""

    def forward(self, x: Tensor) -> Tensor:
        return called(self._alone, x)

    # Bound methods of the same network are equal, which is how a meeting knows it again.
    def _alone(self, x: Tensor) -> Tensor:
        return cast("Tensor", super().forward(x))


def _filling(loaded: Loaded, precision: str) -> Loaded:
    """Let a generator that fills holes meet with others; it is rearranged before that."""
    from retouch.weights import Loaded

    return Loaded(loaded.card, _Filler(loaded.network, precision).eval(), loaded.path)


class _Filler(nn.Module):
    """A generator, rearranged for filling.

    Args:
        network: the generator.
        precision: as the verb takes it.
    """

    def __init__(self, network: nn.Module, precision: str) -> None:
        from retouch.tasks.inpaint.network.inference import prepared

        super().__init__()
        self.network = network
        self._fill = prepared(network, cast("Any", precision))

    def forward(self, x: Tensor) -> Tensor:
        import torch

        # What is rearranged has its precision in itself.
        with torch.autocast(x.device.type, enabled=False):
            return called(self._fill, x)
