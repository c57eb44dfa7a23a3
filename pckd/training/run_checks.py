"""Checks of a run's settings and images before anything is trained."""

from pckd.errors import InputError
from pckd.training.config import RunConfig
from pckd.training.run_data import prepare_data
from pckd.training.task import fitting_terms, task_of


def check_run(config: RunConfig) -> None:
    """Refuse a run that would fail in its first step.

    Raises:
        InputError: The data set cannot be opened, its images are not square where they are
            turned by 90 degrees, a term cannot be computed for its networks, or the parts of a
            batch have one image each.
    """
    data = prepare_data(config.data, config.protocol)
    height, width = data.image_size
    turning = config.loss.that_need(lambda needs: needs.copies == 4)
    if turning and height != width:
        raise InputError(
            f"images of data set '{config.data.name}' are {height}x{width} pixels, and "
            f"{' and '.join(turning)} turn them by 90 degrees: set data.image_size, or turn these "
            "terms off by weight 0"
        )
    fitting_terms(config.loss, task_of(config, data))
    optimization = config.optimization
    if not turning and optimization.batch_size <= optimization.accumulation:
        raise InputError(
            f"optimization.accumulation cuts batches of {optimization.batch_size} images into "
            "parts of one, of which BatchNorm has no variance: choose fewer parts"
        )
