"""The mathematics of inversion: spaces of codes, what is wanted of a picture, and the search for its code."""
