"""One edit over many images."""
