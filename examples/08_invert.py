"""Find the latent of a face, and render it again; run as ``python examples/08_invert.py OUT.png``."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import retouch
from retouch.tasks.invert.edit.latent import Latent

out = Path(sys.argv[1])
face = str(resources.files("retouch.tasks.invert") / "samples" / "drawn-face.png")

# One generator for many photos: what it takes to know of its styles is measured once.
inverter = retouch.Inverter.load("kaokore")
for fidelity in (0.2, 0.9):
    found = inverter(face, fidelity=fidelity, evaluations=60)
    print(fidelity, {name: found.report[name] for name in ("psnr", "ssim", "prior", "evaluations")})

# out.png, and out.latent.safetensors beside it, for retouch.morph and retouch.vary.
found.picture.save(out, companions=True)

again = Latent.read(out.with_suffix(".latent.safetensors")).picture(inverter.model)
print("the same again:", bool((again.samples == found.picture.samples).all()))
