"""Checks for authors of terms, networks and data sets; every built-in one passes them."""

from pckd.testing.checks import TermError, check_term
from pckd.testing.data import DataError, check_data
from pckd.testing.networks import NetworkError, check_network
from pckd.testing.terms import evaluate_term, term_values

__all__ = [
    "DataError",
    "NetworkError",
    "TermError",
    "check_data",
    "check_network",
    "check_term",
    "evaluate_term",
    "term_values",
]
