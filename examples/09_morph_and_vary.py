"""Pictures of noise, a film, one of them changed; run as ``python examples/09_morph_and_vary.py OUT.png``."""

from __future__ import annotations

import sys
from pathlib import Path

import retouch

out = Path(sys.argv[1])
first, second = out.with_suffix(".1.latent.safetensors"), out.with_suffix(".2.latent.safetensors")

sheet = retouch.sample(count=4, truncation=0.7, seed=1, latents=True)
sheet.save(out, companions=True)

film = retouch.morph(first, second, frames=24, seconds=2)
print(film.report["unevenness_before"], "->", film.report["unevenness"])
film.save(out.with_suffix(".gif"))

# For a photo of your own: retouch.invert("photo.jpg").save("found.png", companions=True)
changed = retouch.vary(first, direction="pca:1", strength=2, steps=7)
changed.save(out.with_suffix(".webp"))
