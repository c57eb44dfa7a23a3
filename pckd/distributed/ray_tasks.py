"""Ray tasks, whatever they do: started, awaited, and their errors as sentences."""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

import ray
import torch

from pckd.errors import RunError, first_line
from pckd.study.resources import Resources


def assigned_device() -> torch.device:
    """The device that Ray assigned to this process: its first GPU, or the CPU."""
    return torch.device("cuda", 0) if ray.get_gpu_ids() else torch.device("cpu")


def failures_of(
    started: Mapping["ray.ObjectRef[Any]", str], on_wait: Callable[[int], None]
) -> list[str]:
    """Messages of those tasks that fail, once all have ended.

    Args:
        started: What each task does, for a message.
        on_wait: Called about once a second with the number of finished tasks.
    """
    failures = []
    with closing(as_they_end(started, on_wait)) as ended:
        for each in ended:
            try:
                result_of(each, started[each])
            except RunError as error:
                failures.append(str(error))
    return failures


def result_of(task: "ray.ObjectRef[Any]", what: str) -> Any:  # noqa: ANN401
    """The result of a Ray task that has ended, or will.

    Args:
        task: The task.
        what: What it does, for a message.

    Raises:
        RunError: Its process died each time that Ray started it.
        Exception: Whatever the task raised.
    """
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise RunError(
            f"{what}: its process died, perhaps because memory ran out: {first_line(error)}"
        ) from None


def start_task(function: Any, resources: Resources, *arguments: Any) -> "ray.ObjectRef[Any]":  # noqa: ANN401
    """Start a Ray task; the number of threads is its last argument."""
    placed = function.options(num_cpus=resources.cpus_per_worker, num_gpus=resources.gpus)
    task: ray.ObjectRef[Any] = placed.remote(*arguments, resources.cpus_per_worker)
    return task


def as_they_end(
    tasks: Iterable["ray.ObjectRef[Any]"], on_wait: Callable[[int], None]
) -> Generator["ray.ObjectRef[Any]", None, None]:
    """Yield tasks in the order in which they end; cancel the rest if the caller stops waiting."""
    waiting = list(tasks)
    total = len(waiting)
    try:
        while waiting:
            done, waiting = ray.wait(waiting, timeout=1.0)
            on_wait(total - len(waiting))
            yield from done
    finally:
        for task in waiting:
            ray.cancel(task)
