"""`pckd verify`, as a user runs it."""

from pathlib import Path

import torch
import yaml

from pckd.storage import Storage
from pckd.study.execution import run_trial
from pckd.study.placement import Placement
from pckd.study.results import ResultsStore
from pckd.study.study_file import read_study
from tests.cli.conftest import Command
from tests.study.plans import fixed_trials
from tests.study.test_verifying import RUN


def test_a_changed_number_is_named_and_ends_with_one(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump({"study": "tiny", "run": RUN}))
    storage = Storage(tmp_path / "results")
    (trial,) = fixed_trials(read_study(file, {}))
    run_trial(trial, storage, Placement(torch.device("cpu"), 1))
    assert "1 of 1 trials are bit-equal" in command("verify", "tiny")
    store = ResultsStore(storage, "tiny")
    row = store.find("trials", trial.identity) or {}
    store.write("trials", trial.identity, [{**row, "test_top1": 1.0}])
    assert "1 of 1 trials are not what is stored" in command("verify", "tiny", code=1)
