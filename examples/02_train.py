"""Train pix2pix on drawn facades for a few seconds, then apply it to a label map it has not seen."""

from __future__ import annotations

import sys
from pathlib import Path

import retouch
from retouch import data, training
from retouch.tasks.translate.recipe import Pix2Pix

out = Path(sys.argv[1] if len(sys.argv) > 1 else "facade.png")
run = out.with_suffix("")  # the folder of the run; it must not hold one yet

# The same names as on the command line: retouch train pix2pix --generator.kind unet --pictures.size 64 …
options = {
    "generator": {"kind": "unet", "depth": 6, "width": 16},
    "discriminator": {"layers": 2, "width": 16},
    "pictures.size": 64,
    "engine": {"images": 64, "batch": 4, "log_every": 16, "validate_every": 64, "tensorboard": False},
}
recipe = training.changed(Pix2Pix(), options)
outcome = training.train(
    recipe,
    "synthetic:facades?count=32&size=64",
    run,
    progress=lambda event: print(f"{event.done} of {event.total} images"),
)
print(f"validation after {outcome.seconds:.0f} s: {outcome.metrics}")

# The card in the file says everything that the verb needs to know.
unseen = data.pairs("synthetic:facades?count=32&size=64", "test", augment=False, size=64)
labels = retouch.Picture.of(unseen.example(0, seed=0)["input"])
facade = retouch.translate(labels, model=str(outcome.weights["generator"]))
facade.save(out)
print(f"{out}: {facade.width}×{facade.height}; curves and pictures: {run / 'report.html'}")
