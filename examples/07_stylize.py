"""Paint a photo, and film how; run as ``python examples/07_stylize.py OUT.png``."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import retouch
from retouch.image import Film, samples

style = str(resources.files("retouch.tasks.stylize") / "samples" / "starry-night.jpg")
film = Film(frames=20, side=128)

painted = retouch.stylize(samples.open("coffee"), style, size=160, progress=film)
print(painted.report["features"], painted.report["stages"])
painted.save(sys.argv[1])
film.save(Path(sys.argv[1]).with_suffix(".webp"))
