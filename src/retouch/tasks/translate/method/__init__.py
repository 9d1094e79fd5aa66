"""The mathematics of translating a picture: what its lines are, and its colours."""
