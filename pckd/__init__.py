"""Distributed hyperparameter studies of PCKD: which loss weights, and do they matter."""

__version__ = "0.1.0"
