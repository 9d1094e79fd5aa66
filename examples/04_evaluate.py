"""Measure the bundled weights on photos: a table with protocols and intervals, and one result to look at."""

from __future__ import annotations

import sys
from pathlib import Path

import retouch
from retouch.image import samples

out = Path(sys.argv[1] if len(sys.argv) > 1 else "painted.png")

# Any folder of pictures; a sketch network is shown their lines and asked for the pictures.
photos = out.with_suffix("")
photos.mkdir()
for name in ("astronaut", "cat", "coffee"):
    samples.open(name).save(photos / f"{name}.png")

report = retouch.evaluate("sketch-to-kaokore", photos, split="all", metrics=["psnr", "ssim", "swd"])
print(report.text())
for name, value in zip(report.names, report.per_picture["ssim"], strict=True):
    print(f"{name}: SSIM {value:.3f}")
report_file = out.with_suffix(".json")
report_file.write_text(report.json())

retouch.translate(Path(retouch.__file__).parent / "tasks/translate/samples/sketch.png").save(out)
