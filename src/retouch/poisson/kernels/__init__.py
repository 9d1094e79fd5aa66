"""The solver's inner loops, compiled by numba on first use and cached on disk.

Every kernel releases the interpreter lock and works on the rows ``y0 … y1`` it is given, so
that a caller spreads it over threads; no result depends on how the rows were divided.
"""
