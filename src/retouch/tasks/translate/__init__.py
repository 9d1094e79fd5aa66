"""Image translation: pix2pix, CycleGAN, colourisation."""
