"""The tasks: vertical slices that never import each other."""
