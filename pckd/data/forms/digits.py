"""scikit-learn's handwritten digits, which come with the package."""

import numpy as np

from pckd.data.forms.base import RawData, RawSplit

TEST_FRACTION = 0.2


def read_digits() -> RawData:
    """Read the 1797 greyscale digits of 8x8 pixels in 10 classes.

    They are the test part of Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998).
    The ink, 0 to 16, becomes 0 to 255 in three equal channels. There is no official split of
    these images, so one is drawn once for all: a fifth of each class, with seed 0, is for testing.
    """
    from sklearn.datasets import load_digits

    from pckd.data.selection import stratified_split
    from pckd.data.streams import Purpose, random_stream

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=-1)
    labels = digits.target.astype(np.int64)
    stream = random_stream(0, Purpose.DIGITS_SPLIT)
    kept, drawn = stratified_split(labels, TEST_FRACTION, stream)
    names = tuple(str(name) for name in digits.target_names)
    return RawData(_part(pixels, labels, kept), _part(pixels, labels, drawn), names)


def _part(pixels: np.ndarray, labels: np.ndarray, positions: np.ndarray) -> RawSplit:
    names = [f"digit {position}" for position in positions]
    return RawSplit(names, list(pixels[positions]), labels[positions])
