"""Measurements of pckd: `python -m benchmarks` for speed, `benchmarks.overhead` for Ray."""
