"""One event that tells how far an edit, a download or a training run is.

The terminal bar, the studio, the HTTP job and the film of the process are all fed by it. A
callback stops the work by raising :class:`retouch.errors.Cancelled`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece of work is.

    Args:
        stage: what is being done now, for a person: ``"solving"``.
        done: steps finished, from 0.
        total: steps in all, or None while that is not known.
        preview: makes a picture of the present state when called; None when there is none.
            It is a function so that a consumer that shows no pictures pays nothing.
        facts: numbers worth showing beside the bar, such as a loss or a residual.
    """

    stage: str
    done: int
    total: int | None = None
    preview: Callable[[], object] | None = None
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float | None:
        """The part that is done, 0…1, or None when the total is not known."""
        if self.total is None:
            return None
        return min(self.done / self.total, 1.0) if self.total else 1.0


ProgressCallback = Callable[[Progress], None]
"""What an edit is given to report to: called between steps, in the edit's own thread."""
