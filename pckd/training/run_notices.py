"""Notices for the user on a run's images, which can be told before anything is trained."""

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
        *data.notices,
        *data_notices(config.data.name, config.data.root),
        *[one_batch] * (images < size),
    ]
