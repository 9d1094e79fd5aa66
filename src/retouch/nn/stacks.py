"""Stacks of pictures that are compared."""

from __future__ import annotations

from torch import Tensor

from retouch.errors import InputError, SizeMismatch


def check_pair(a: Tensor, b: Tensor) -> None:
    """Check that two stacks of pictures can be compared.

    Args:
        a: (B, C, H, W).
        b: like ``a``.

    Raises:
        SizeMismatch: The stacks have different shapes.
        InputError: A stack is not (B, C, H, W), or is not of floating-point numbers.
    """
    for stack in (a, b):
        if stack.ndim != 4 or not stack.is_floating_point():
            raise InputError(
                f"a metric got {stack.dtype} of shape {tuple(stack.shape)}; it compares floating-point "
                "(B, C, H, W) in [0, 1]: add a batch dimension with [None], divide 8-bit pixels by 255"
            )
    if a.shape != b.shape:
        raise SizeMismatch(
            f"cannot compare {tuple(a.shape)} with {tuple(b.shape)}; both must be the same (B, C, H, W)"
        )
