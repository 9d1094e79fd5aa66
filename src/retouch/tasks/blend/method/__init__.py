"""The mathematics of Poisson image editing: the solver and the guidance fields."""
