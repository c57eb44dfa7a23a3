"""Checks of a run's settings and images before anything is trained."""

from pckd.errors import InputError
from pckd.method import Task, find_term
from pckd.method.stage_maps import stage_shapes
from pckd.training.config import RunConfig
from pckd.training.group import check_even_batches
from pckd.training.preparing import recipe_of
from pckd.training.reach import BIAS, STAGES, WEIGHT, untrained_parts
from pckd.training.run_data import prepare_data
from pckd.training.task import fitting_terms, task_of


def check_run(config: RunConfig) -> None:
    """Refuse a run that would fail in its first step.

    Raises:
        InputError: The data set cannot be opened, its images are not square where they are
            turned by 90 degrees, a preparation's recipe is none, a term cannot be computed for its
            networks, which may show no stages, no term trains the classifier or the stages, or the
            parts of a batch have one image each.
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
    task = task_of(config, data)
    for term in config.loss.prepared:
        recipe_of(config, term)
    _check_stages(config, task)
    fitting_terms(config.loss, task)
    untrained = untrained_parts(config, task)
    if WEIGHT in untrained or STAGES in untrained:
        raise InputError(
            f"no term trains {' or '.join(untrained)} of the student, which stays at chance: give "
            f"loss.cross_entropy or loss.kd a weight beside {', '.join(config.loss.trained)}"
        )
    optimization = config.optimization
    if not turning and optimization.batch_size <= optimization.accumulation:
        raise InputError(
            f"optimization.accumulation cuts batches of {optimization.batch_size} images into "
            "parts of one, of which BatchNorm has no variance: choose fewer parts"
        )


def _check_stages(config: RunConfig, task: Task) -> None:
    """Refuse terms on stage maps where a network shows no stage, as a vision transformer.

    Raises:
        InputError: One shows none.
    """
    names = [
        name
        for name, settings in config.loss.active.items()
        for needs in [find_term(name).needs(settings)]
        if needs.maps or needs.maps_before_relu
    ]
    networks = {config.student: task.student}
    if config.teacher is not None and task.teacher is not None:
        networks[config.teacher.model] = task.teacher
    for model, shape in networks.items():
        if names and not stage_shapes(shape):
            raise InputError(
                f"{model} shows no stage maps, on which {' and '.join(names)} rest: choose another "
                "network, or terms on logits or features"
            )


def check_workers(config: RunConfig, workers: int) -> None:
    """Refuse a run that some workers cannot train together.

    Args:
        config: A run that `check_run` lets through.
        workers: Processes that share each batch.

    Raises:
        InputError: They cannot share its batches evenly, or a part of the student gets no
            gradient, for which they would wait.
    """
    data = prepare_data(config.data, config.protocol)
    check_even_batches(len(data.train), config.optimization.batch_size, workers)
    if workers > 1 and BIAS in untrained_parts(config, task_of(config, data)):
        raise InputError(
            f"no term trains {BIAS} of the student, for whose gradient {workers} workers would "
            "wait: train on one worker, or give loss.cross_entropy or loss.kd a weight"
        )
