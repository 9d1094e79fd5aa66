"""Clone the shuttle of one photo into the sky of another, then look at what the solver says."""

from __future__ import annotations

import sys
from pathlib import Path

import retouch
from retouch.image import samples

out = Path(sys.argv[1] if len(sys.argv) > 1 else "shuttle.png")

# A loose outline is enough: the region's rim takes the colours of the sky around it.
outline = retouch.Polygon.parse("352,2 384,2 408,60 410,200 398,236 336,236 312,205 316,150 340,90")
result = retouch.blend(
    samples.open("astronaut"),
    samples.open("rocket"),
    outline,
    at=(-245, 20),  # where the source's top-left corner lands; outside the target is fine
    progress=lambda event: print(f"{event.stage} {event.done}"),
)
result.save(out)
print(f"{out}: {result.width}×{result.height}, residual {result.report['residual']:.1e}")

# The verbs take and give pictures, so that edits chain without a file or a rounding between them.
crop = retouch.Box(40, 0, 200, 280)
calm = retouch.flatten(result, crop, low=0.02, high=0.06)
calm.save(out.with_stem(out.stem + "-flat"))
