"""Edits that are done at once, each in a thread of its own, and meet where they call the same network."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor

Call = Callable[[Tensor], Tensor]
"""A network: ``(B, C, H, W)`` → ``(B, C', H', W')``, each picture for itself."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A picture that waits for a network."""

    network: Call
    picture: Tensor
    half: bool
    made: Tensor | None = None
    error: Exception | None = None
    answered: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        return self.network, tuple(self.picture.shape), self.picture.dtype, self.half


class Meeting:
    """Collects the calls of networks until everybody waits for one, and computes those alike together.

    Nobody waits for a member that has left, whatever made it leave, so there is no way to wait for ever.

    Args:
        members: how many come.
    """

    def __init__(self, members: int) -> None:
        self._changed = threading.Condition()
        self._present = members
        self._asked: list[_Asked] = []

    @contextlib.contextmanager
    def attended(self) -> Iterator[None]:
        """Be a member, in this thread, until the block ends."""
        token = _HERE.set(self)
        try:
            yield
        finally:
            _HERE.reset(token)
            with self._changed:
                self._present -= 1
                self._changed.notify_all()

    def call(self, network: Call, picture: Tensor) -> Tensor:
        """Have a network applied, together with what the others ask of it.

        Args:
            network: the same object for all who mean the same.
            picture: ``(1, C, H, W)``.

        Returns:
            What the network makes of it.

        Raises:
            Exception: what the network raises for this picture.
        """
        asked = _Asked(network, picture, torch.is_autocast_enabled(picture.device.type))
        with self._changed:
            self._asked.append(asked)
            self._changed.notify_all()
            self._changed.wait_for(lambda: asked.answered)
        if asked.error is not None:
            raise asked.error
        if asked.made is None:
            raise RuntimeError("a network was asked and gave neither a picture nor an error")
        return asked.made

    def preside(self) -> None:
        """Compute what is asked for, in this thread, until all members have left."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._asked) >= self._present)
                if not self._present:
                    return
                asked, self._asked = self._asked, []
            alike: dict[tuple[object, ...], list[_Asked]] = {}
            for each in asked:
                alike.setdefault(each.key, []).append(each)
            for group in alike.values():
                _compute(group)
            with self._changed:
                for each in asked:
                    each.answered = True
                self._changed.notify_all()


_HERE: ContextVar[Meeting | None] = ContextVar("meeting", default=None)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Leave the meeting aside for a block, such as one that is only entered by one member at a time."""
    token = _HERE.set(None)
    try:
        yield
    finally:
        _HERE.reset(token)


def called(network: Call, picture: Tensor) -> Tensor:
    """Apply a network: in the meeting that this thread is a member of, or by itself where there is none.

    Args:
        network: the same object for all who mean the same.
        picture: ``(1, C, H, W)``; only single pictures are computed together.
    """
    meeting = _HERE.get()
    return network(picture) if meeting is None or len(picture) != 1 else meeting.call(network, picture)


def _compute(group: list[_Asked]) -> None:
    if len(group) > 1:
        try:
            made = _applied(group[0], torch.cat([each.picture for each in group]))
            for each, own in zip(group, torch.split(made, 1), strict=True):
                # A picture must not keep those of the others in memory.
                each.made = own.clone()
        except Exception:
            # Too much at once, perhaps: then each says for itself what is wrong.
            for each in group:
                each.made = None
        else:
            return
    for each in group:
        try:
            each.made = _applied(each, each.picture)
        except Exception as error:
            each.error = error


def _applied(asked: _Asked, pictures: Tensor) -> Tensor:
    # Whether gradients and 16 bits are wanted is known to a thread alone, and this is not the one that asked.
    with (
        torch.inference_mode(),
        torch.autocast(pictures.device.type, torch.bfloat16, enabled=asked.half),
    ):
        return asked.network(pictures)
