"""Processes that share the trials of a study without Ray."""

import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.document import DOCUMENT
from pckd.study.holding import CLAIMS, only_driver
from pckd.study.outcome import Outcome
from pckd.study.planning import make_plan
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial
from pckd.study.work import begin_work, end_work, work_on
from tests.processes import PROCESSES

Happening = tuple[str, int, int]
"""What happened to a trial, its seed, and the epoch."""


def study(**changes: Any) -> StudySpec:  # noqa: ANN401
    values: dict[str, Any] = {
        "study": "tiny",
        "run": {
            "data": {"name": "digits", "classes": [0, 1], "images_per_class": 16},
            "student": "resnet8",
            "method": "cross_entropy",
            "optimization": {"epochs": 2, "batch_size": 32},
        },
        "seeds": [0, 1, 2, 3],
    }
    return validate(StudySpec, values | changes, "tiny")


class Watch:
    """Notes what happens, and lets a test do something at that moment."""

    def __init__(self, on: Callable[[Happening], None]) -> None:
        self.on = on

    def start(self, trial: Trial) -> None:
        self.on(("start", trial.config.seed, 0))

    def epoch(self, trial: Trial, epoch: int, top1: float) -> None:
        self.on(("epoch", trial.config.seed, epoch))

    def end(self, trial: Trial, outcome: Outcome) -> None:
        self.on((outcome.status, trial.config.seed, 0))


def work(
    root: Path,
    on: Callable[[Happening], None] = lambda happening: None,
    *,
    retry_failed: bool = False,
    spec: StudySpec | None = None,
) -> list[str]:
    """Work as the command does; returns what it says."""
    said: list[str] = []
    spec, storage = spec or study(), Storage(root)
    plan = begin_work(spec, storage, said.append, retry_failed=retry_failed)
    work_on(spec, plan, storage, Watch(on), retry_failed=retry_failed)
    end_work(spec, plan, storage, said.append)
    return said


def tell(happenings: "Queue[Happening]", stays_at: Happening | None, happening: Happening) -> None:
    """Put what happened into the queue, and stay there for ever at some point."""
    happenings.put(happening)
    if happening == stays_at:
        signal.pause()


def worker(
    root: Path, happenings: "Queue[Happening]", stays_at: Happening | None
) -> ForkServerProcess:
    """Start a process that works, and stays for ever at some point."""
    process = PROCESSES.Process(target=work, args=(root, partial(tell, happenings, stays_at)))
    process.start()
    return process


def test_two_processes_train_every_trial_once(tmp_path: Path) -> None:
    happenings: Queue[Happening] = PROCESSES.Queue()
    processes = [worker(tmp_path, happenings, None) for _ in range(2)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    seen = []
    while not happenings.empty():
        seen.append(happenings.get())
    epochs = sorted(happening for happening in seen if happening[0] == "epoch")
    assert epochs == [("epoch", seed, epoch) for seed in range(4) for epoch in (1, 2)]
    storage = Storage(tmp_path)
    assert make_plan(study(), storage, retry_failed=False).done == 4
    store = ResultsStore(storage, "tiny")
    assert store.read_document(DOCUMENT)["spec"] == study().model_dump(mode="json")
    assert len(store.read("plan")) == 4
    assert storage.names(f"tiny/{CLAIMS}") == []


def test_another_finishes_what_a_killed_process_began(tmp_path: Path) -> None:
    happenings: Queue[Happening] = PROCESSES.Queue()
    killed = worker(tmp_path, happenings, stays_at=("epoch", 0, 1))
    while happenings.get(timeout=20) != ("epoch", 0, 1):
        pass
    storage = Storage(tmp_path)
    refusal = rf"^study tiny runs already \(process {killed.pid} on "
    with pytest.raises(InputError, match=refusal), only_driver("tiny", storage):
        pytest.fail("a driver beside a process that works")
    seen: list[Happening] = []

    def on(happening: Happening) -> None:
        seen.append(happening)
        if happening == ("completed", 2, 0):
            killed.kill()
            killed.join()

    work(tmp_path, on)
    ended = [seed for what, seed, _ in seen if what == "completed"]
    assert ended == [1, 2, 0, 3]
    assert [epoch for what, seed, epoch in seen if (what, seed) == ("epoch", 0)] == [2]


def test_who_finds_nothing_free_says_so_and_ends(tmp_path: Path) -> None:
    one = study(seeds=[0])

    def second(happening: Happening) -> None:
        if happening == ("epoch", 0, 1):
            assert work(tmp_path, spec=one)[-1] == "tiny: other processes train 1 more"

    assert work(tmp_path, second, spec=one)[-1] == "tiny: 0 of 1 trials are done"


def test_a_driver_keeps_others_out(tmp_path: Path) -> None:
    with (
        only_driver("tiny", Storage(tmp_path)),
        pytest.raises(InputError, match=r"^study tiny runs already"),
    ):
        work(tmp_path)


def test_failed_trials_are_trained_again_once(tmp_path: Path) -> None:
    def fails(happening: Happening) -> None:
        if happening[0] == "epoch":
            raise RuntimeError

    statuses: list[str] = []
    one = study(seeds=[0])
    work(tmp_path, fails, spec=one)
    for retry_failed in (False, True):
        work(tmp_path, lambda each: statuses.append(each[0]), retry_failed=retry_failed, spec=one)
    assert statuses == ["start", "epoch", "completed"]


SEARCH = {"trials": 2, "parameters": {"optimization.learning_rate": {"low": 0.1, "high": 0.2}}}
CASES: dict[str, Any] = {"one": {}, "two": {"optimization.learning_rate": 0.01}}
CLEAR = {"until": "clear", "against": "one", "smallest_difference": 5}


@pytest.mark.parametrize(
    ("changes", "root", "reason"),
    [
        ({"search": SEARCH}, "", "a search learns from each trial"),
        (
            {
                "cases": CASES,
                "seeds": {"until": "clear", "against": "one", "smallest_difference": 5},
            },
            "",
            "with seeds until clear, one process must decide",
        ),
        ({"resources": {"workers": 2}}, "", "a trial of several workers"),
        ({}, "mock:///results", "has no locks to share trials by; give a folder"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    changes: dict[str, Any], root: str, reason: str, tmp_path: Path
) -> None:
    storage = Storage(root or tmp_path)
    with pytest.raises(InputError, match=f"{reason}.*; pckd study run does it$"):
        begin_work(study(**changes), storage, print, retry_failed=False)
    assert storage.folders() == []


def test_a_study_that_takes_more_cpus_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a trial takes 1000 CPUs .*, and this process may use"):
        work(tmp_path, spec=study(resources={"cpus_per_worker": 1000}))


def test_a_study_that_takes_a_gpu_is_not_trained_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=r"this machine has none; --set resources\.gpus"):
        work(tmp_path, spec=study(resources={"gpus_per_worker": 0.5}))
