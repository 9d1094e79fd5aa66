"""The mathematics of translating a picture of any size: a network's steps, computed piece by piece."""
