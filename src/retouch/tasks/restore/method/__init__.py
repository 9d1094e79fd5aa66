"""The mathematics of restoring a picture of any size: its noise, its pieces, its transparency."""
