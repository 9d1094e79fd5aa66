"""Take a tripod out of a photo, beside methods without a network, and look at the seams."""

from __future__ import annotations

import sys
from pathlib import Path

import retouch
from retouch.image import samples

out = Path(sys.argv[1] if len(sys.argv) > 1 else "no-tripod.png")

# A close outline, grown by three pixels: a rim of the object left outside would come back as a smear.
legs = "174,146 192,146 194,184 214,182 214,198 198,202 260,320 238,320 190,216 190,320 138,320 170,212"
photo = samples.open("cameraman")
mask = retouch.Mask.of(retouch.Polygon.parse(legs), photo.size).grow(3)
mask.save(out.with_stem(out.stem + "-mask"))

inpainter = retouch.Inpainter.load("lama-small")
filled = inpainter(photo, mask, progress=lambda event: print(f"{event.stage} {event.done} of {event.total}"))
filled.save(out)
print({name: filled.report[name] for name in ("pieces", "levels", "crops", "seam_before", "seam_after")})

for model in ("telea", "biharmonic"):
    plain = retouch.inpaint(photo, mask, model=model)
    plain.save(out.with_stem(f"{out.stem}-{model}"))
    print(f"{model}: seam {plain.report['seam_after']}")

# Outside the mask nothing has changed, bit for bit; so edits may follow one another.
same = bool((filled.samples[~mask.inside] == photo.samples[~mask.inside]).all())
print(f"the same outside the mask: {same}")
again = inpainter(filled, retouch.Box(250, 60, 285, 125))
again.save(out.with_stem(out.stem + "-again"))
