"""The Poisson equation on the pixels of a mask, for every task that blends: multigrid, exact where asked."""
