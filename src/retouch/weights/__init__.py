"""Weights files: cards, the registry, safe reading, detection. The only place that opens a checkpoint."""
