"""Ray tasks that end without a result, told by hand what Ray would raise: no cluster starts."""

from pathlib import Path
from typing import Any, cast

import pytest
import ray

from pckd.distributed import tasks
from pckd.distributed.ray_tasks import result_of
from pckd.distributed.tasks import run_tasks
from pckd.errors import InputError, RunError
from pckd.storage import Storage
from pckd.study.probe_task import ProbeTask
from pckd.study.resources import Resources

OF_RAY = [
    ray.exceptions.WorkerCrashedError(),
    ray.exceptions.OutOfMemoryError("the node has no memory left\nmore"),
    ray.exceptions.NodeDiedError("the node died"),
]


class _Cancelled:
    """Ray, with tasks whose result is an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, results: dict[str, Any]) -> None:
        self.results, self.cancelled = results, []
        monkeypatch.setattr(ray, "get", self.get)
        monkeypatch.setattr(ray, "wait", lambda waiting, timeout: (waiting[:1], waiting[1:]))
        monkeypatch.setattr(ray, "cancel", self.cancelled.append)
        monkeypatch.setattr(tasks, "start_task", lambda function, resources, *sent: str(sent[1]))

    cancelled: list[str]

    def get(self, task: str) -> Any:  # noqa: ANN401
        if isinstance(self.results[task], Exception):
            raise self.results[task]
        return self.results[task]


@pytest.mark.parametrize("error", OF_RAY, ids=lambda error: type(error).__name__)
def test_a_process_that_died_is_a_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Cancelled(monkeypatch, {"task": error})
    with pytest.raises(RunError) as raised:
        result_of(cast("Any", "task"), "training the teacher resnet8")
    assert str(raised.value).startswith("training the teacher resnet8: its process died, perhaps")
    assert "\n" not in str(raised.value)


def _run(results: dict[str, Any], folder: Path) -> list[str]:
    sent = cast("list[ProbeTask]", list(results))
    return run_tasks(sent, Storage(folder), Resources(), lambda done: None)


def test_a_probe_whose_process_died_does_not_end_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = {"first": OF_RAY[0], "second": None, "third": RunError("third: it did not converge")}
    ray_tasks = _Cancelled(monkeypatch, results)
    died, diverged = _run(results, tmp_path)
    assert died.startswith("first: its process died")
    assert diverged == "third: it did not converge"
    assert not ray_tasks.cancelled


def test_bad_input_cancels_the_tasks_that_nobody_awaits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = {"first": None, "second": InputError("the network is gone"), "third": None}
    ray_tasks = _Cancelled(monkeypatch, results)
    with pytest.raises(InputError, match="the network is gone"):
        _run(results, tmp_path)
    assert ray_tasks.cancelled == ["third"]


@pytest.mark.parametrize(("workers", "groups"), [(1, [5]), (2, [2, 2, 1])])
def test_teachers_take_the_workers_of_a_trial_and_start_where_there_is_room(
    workers: int, groups: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[int] = []

    def train(trials: list[Any], *_: object) -> list[Any]:
        started.append(len(trials))
        return trials

    monkeypatch.setattr(tasks, "_train_group", train)
    monkeypatch.setattr(tasks, "trials_at_once", lambda resources: 2)
    trials: list[Any] = list(range(5))
    resources = Resources(workers=workers)
    assert tasks.train_teachers(trials, Storage(tmp_path), resources, lambda done: None) == trials
    assert started == groups
