"""Spoil a photo, clean it and enlarge it; run as ``python examples/06_restore.py OUT.png``."""

from __future__ import annotations

import sys

import numpy as np

import retouch
from retouch.data.degradations import parse
from retouch.image import samples

photo = np.asarray(samples.open("cat").pixels, np.float32).transpose(2, 0, 1)[:, :300, :448]
spoiled = parse("bicubic(4),noise(15),8-bit").apply(photo, np.random.default_rng(0)).planes

small = spoiled.transpose(1, 2, 0)
clean = retouch.restore(small)
print(f"{clean.report['noise']:.1f} levels of noise")

large = retouch.upscale(clean, width=448)
print(large.size)
large.save(sys.argv[1])
