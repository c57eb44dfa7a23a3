"""The smallest level of a verdict."""

LEAST_LEVEL = 0.0005
"""The smallest level that the simulated studies of `repeated_intervals` can calibrate."""
