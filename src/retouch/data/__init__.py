"""Data sets: files in, batches out."""
