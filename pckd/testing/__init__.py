"""For authors of networks and data sets: the checks that every built-in one passes."""

from pckd.testing.data import DataError, check_data
from pckd.testing.networks import NetworkError, check_network

__all__ = ["DataError", "NetworkError", "check_data", "check_network"]
