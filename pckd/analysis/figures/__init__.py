"""Figures: each function draws numbers that are already known. One file for each kind."""
