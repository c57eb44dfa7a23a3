"""For authors of networks: the checks that every built-in network passes."""

from pckd.testing.networks import NetworkError, check_network

__all__ = ["NetworkError", "check_network"]
