"""Damaged input of every kind, made at random: nothing of it may surprise pckd (`make fuzz`)."""
