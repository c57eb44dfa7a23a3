"""The raw material of the paper's Figures 1, 7 and 8, kept of some students of a study."""
