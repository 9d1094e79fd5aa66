"""What is worth saying of a cell."""

from __future__ import annotations

from collections.abc import Sequence

from retouch.image.plain import Plain
from retouch.sweep.ledger import Outcome

_MOST = 2
_CHIEF = ("loss", "psnr")  # say all by themselves


def brief(outcome: Outcome, others: Sequence[Outcome]) -> str:
    """Put a cell into a few words.

    Args:
        outcome: of the cell.
        others: of all cells; only what differs among them is worth saying.

    Returns:
        The time it took and its loss, or at most two other figures that the edit reported; why it failed, if
        it did.
    """
    if outcome.error:
        return outcome.error
    figures = [
        name
        for name, value in outcome.report.items()
        if _is_figure(value) and any(other.report.get(name) != value for other in others if not other.error)
    ]
    chief = [name for name in _CHIEF if name in figures]
    said = [f"{name} {figure(outcome.report[name])}" for name in chief or figures[:_MOST]]
    seconds = f"{outcome.seconds:.{1 if outcome.seconds >= 10 else 2}f} s"
    return ", ".join([f"{seconds} with loading" if outcome.first else seconds, *said])


def figure(value: Plain) -> str:
    """Write a value of a report for a person.

    Args:
        value: a number is written with four significant figures.
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def reported(outcomes: Sequence[Outcome]) -> list[str]:
    """Name everything that any cell reported, in the order in which it appears.

    Args:
        outcomes: of all cells.
    """
    return list(dict.fromkeys(name for outcome in outcomes for name in outcome.report))


def _is_figure(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
