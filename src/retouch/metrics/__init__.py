"""Metrics: images in, numbers out, printed with their protocol."""
