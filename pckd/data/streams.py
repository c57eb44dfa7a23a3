"""Random streams that depend on a seed and a name alone, never on a global generator."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Purpose of a random stream; streams of different purposes are independent."""

    VISIT_ORDER = 0
    CROP_OFFSETS = 1
    FLIPS = 2
    HOLD_OUT = 3
    DIGITS_SPLIT = 4
    SIZED_CROPS = 5
    STRONG_OFFSETS = 6
    STRONG_FLIPS = 7
    STRONG_SIZED_CROPS = 8
    STRONG_CHANGES = 9


def random_stream(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """Return the generator that belongs to a seed, a purpose and a key.

    Args:
        seed: The seed of the run, 0 or greater.
        purpose: What is drawn from the stream.
        key: Further non-negative numbers that tell streams apart, such as the epoch.

    Raises:
        ValueError: If the seed or a key is negative.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *key)))
