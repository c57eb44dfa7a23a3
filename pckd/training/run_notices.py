"""Notices for the user on a run's images, which can be told before anything is trained."""

from collections.abc import Sequence

from pckd.data import data_notices
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData


def run_notices(config: RunConfig, data: RunData) -> list[str]:
    """Sentences on what is selected of a run's images, what is not used, and batches of all images.

    Args:
        config: The run.
        data: Its images, opened by this process.
    """
    images, size = len(data.train), config.optimization.batch_size
    one_batch = (
        f"a batch of {size} images is more than the {images} there are: an epoch is one step"
    )
    return [
        *_selection(config, data),
        *data_notices(config.data.name, config.data.root),
        *[one_batch] * (images < size),
    ]


def _selection(config: RunConfig, data: RunData) -> Sequence[str]:
    """The names of the classes that are selected by number, unless they are these numbers."""
    numbers = [str(number) for number in config.data.classes or ()]
    return () if numbers == list(data.class_names) else data.notices
