"""One run outside any study, without Ray."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from pckd.distributed.one_run import distill_once
from pckd.progress import Display
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.outcome import read_outcome
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity


def test_who_wants_a_run_that_another_trains_waits_and_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "data": {"name": "digits", "classes": [0, 1], "images_per_class": 16},
        "student": "resnet8",
        "method": "cross_entropy",
        "optimization": {"epochs": 1, "batch_size": 16},
    }
    config, storage = validate(RunConfig, values, "test"), Storage(tmp_path)
    identity = run_identity(config)
    first = distill_once(config, storage, 1, Display())
    said: list[str] = []
    with ExitStack() as other:
        other.enter_context(storage.lock(f"runs/locks/{identity}"))

        class Watched(Display):
            def say(self, text: str) -> None:
                said.append(text)
                other.close()

        again = distill_once(config, storage, 1, Watched())
    assert said == [f"run {identity}: another process trains it; waiting for that"]
    assert read_outcome(first, storage) == read_outcome(again, storage)
