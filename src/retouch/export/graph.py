"""What is written into a file: a network between its pre- and post-processing, and the names of its ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

Content = Literal["picture", "holed", "noise", "label", "number"]
"""What an input is: a picture in [0, 1]; a picture and, as its fourth channel, the hole; normal noise; a
class, 1 at its place; a number."""


@dataclass(frozen=True)
class Port:
    """One input or output.

    Args:
        name: as a caller of the file gives it.
        shape: sizes; a name where any size may stand.
        meaning: of its values, in a line.
        content: what to try it with; for inputs.
        default: its value when it is not given; None when it must be.
    """

    name: str
    shape: tuple[int | str, ...]
    meaning: str
    content: Content = "picture"
    default: Tensor | None = None


Sizes = Mapping[str, int]
"""What stands for the names in the shapes of ports."""


@dataclass(frozen=True)
class Graph:
    """What is written into a file.

    Args:
        module: takes the inputs in their order and gives the outputs in theirs.
        inputs: the first one is always needed.
        outputs: what comes out.
        trials: sizes at which the file is compared with the network. The first one is what it is traced at.
        notes: what a person should know, a sentence each.
        exact: the reason why it must be computed in floating point; empty when 8 bits may do.
        reference: what the file is compared with, where ``module`` was changed in order to be traced.
    """

    module: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    trials: tuple[Sizes, ...]
    notes: tuple[str, ...] = ()
    exact: str = ""
    reference: nn.Module | None = None
