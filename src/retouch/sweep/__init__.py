"""Sweeps: an edit done once for every combination of some of its options, and all results side by side.

>>> from retouch.image import samples
>>> from retouch.sweep import plan
>>> todo = plan("upscale", [samples.path("cat")], vary={"scale": [2, 3, 4]})
>>> [cell.labels for cell in todo.cells]
[('2',), ('3',), ('4',)]
"""

from __future__ import annotations

from retouch.sweep.axes import Axis
from retouch.sweep.ledger import Outcome
from retouch.sweep.plan import MOST, Cell, Plan, plan
from retouch.sweep.run import Swept, run, sweep

__all__ = ["MOST", "Axis", "Cell", "Outcome", "Plan", "Swept", "plan", "run", "sweep"]
