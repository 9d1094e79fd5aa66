"""The mathematics of Poisson image editing beside the solver: the guidance fields."""
