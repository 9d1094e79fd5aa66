"""Losses: tensors in, a scalar out. A loss is given its feature network."""
