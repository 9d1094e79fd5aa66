"""A bound on what the constructor of a network may do that was described by a file."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FACTORIES = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange, torch.linspace}
)


class Limited(TorchFunctionMode):
    """Stops a constructor that makes far more, or far larger, tensors than the file has.

    Args:
        steps: calls of torch that are allowed.
        elements: numbers in new tensors that are allowed; any when None, as on the meta device.
    """

    def __init__(self, steps: int, elements: int | None = None) -> None:
        super().__init__()
        self._steps = steps
        self._elements = elements
        self._gradients = True

    def __enter__(self) -> Self:
        """Begin to count."""
        self._gradients = torch.is_grad_enabled()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop counting."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        # A constructor that is stopped inside no_grad cannot switch gradients on again: that is a call, too.
        torch.set_grad_enabled(self._gradients)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one call, and the size of what it makes."""
        del types
        self._steps -= 1
        if self._steps < 0:
            raise RuntimeError("it would have far more layers than the file has tensors")
        made = func(*args, **(kwargs or {}))
        if self._elements is not None and func in _FACTORIES and isinstance(made, Tensor):
            # The memory of a new tensor is not touched before it is filled.
            self._elements -= made.numel()
            if self._elements < 0:
                raise RuntimeError("it would have far more numbers than the file")
        return made
