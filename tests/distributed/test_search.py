"""A search with early stopping under real Ray, and a driver that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from rich.console import Console

from pckd.distributed.driver import run_study
from pckd.progress import Display
from pckd.storage import Storage
from pckd.study.planning import make_plan
from pckd.study.search import SearchPlan
from pckd.study.spec import StudySpec

MakeStudy = Callable[..., StudySpec]
QUIET = Display(Console(quiet=True))
STATES = {
    TrialState.COMPLETE: "completed",
    TrialState.PRUNED: "stopped",
    TrialState.FAIL: "failed",
}


def _run(make_study: MakeStudy, epochs: int) -> dict[str, Any]:
    """The tiny run under protocol holdout: 24 of 32 images a class to train on."""
    run: dict[str, Any] = dict(make_study().run)
    run["data"] = {**run["data"], "holdout_fraction": 0.25}
    run["optimization"] = {"epochs": epochs, "batch_size": 24, "learning_rate": 0.01}
    return run


def _table(root: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(root / "tiny" / table)


@pytest.mark.usefixtures("cluster")
def test_optuna_is_told_what_the_tables_say(make_study: MakeStudy, tmp_path: Path) -> None:
    rates = (0.01, 0.001, 1e12)
    search = {
        "trials": 8,
        "parameters": {
            "optimization.learning_rate": {"choices": list(rates)},
            "loss.kd": {"low": 0.1, "high": 10.0, "log": True},
        },
        "first": [{"optimization.learning_rate": rate, "loss.kd": 1.0} for rate in rates],
        "stop": {"scheduler": "asha", "grace_epochs": 1, "reduction_factor": 2},
    }
    spec = make_study(run=_run(make_study, 4), search=search)
    storage = Storage(tmp_path)
    run_study(spec, storage, QUIET)

    rows = _table(tmp_path, "trials").set_index("trial")
    assert len(rows) == 8
    assert {"completed", "stopped", "failed"} <= set(rows["status"])
    journal = optuna.storages.JournalStorage(
        JournalFileBackend(str(tmp_path / "tiny" / "optuna.journal"))
    )
    trials = optuna.load_study(study_name="tiny", storage=journal).trials
    assert sorted(trial.user_attrs["trials"][0] for trial in trials) == sorted(rows.index)
    assert sorted(_table(tmp_path, "plan")["trial"]) == sorted(rows.index)
    epochs = _table(tmp_path, "epochs")
    for trial in trials:
        row = rows.loc[trial.user_attrs["trials"][0]]
        assert STATES[trial.state] == row["status"]
        assert trial.params == json.loads(row["changes"])
        seen = epochs[epochs["trial"] == row.name].sort_values("epoch")
        assert list(trial.intermediate_values.values()) == seen["top1"].tolist()
        if row["status"] == "completed":
            assert trial.value == row["last_top1"]
            assert row["epochs_done"] == 4
        else:
            assert pd.isna(row["test_top1"])
        if row["status"] == "stopped":
            assert row["epochs_done"] < 4
    left = {path.stem for path in (tmp_path / "tiny" / "checkpoints").iterdir()}
    assert not left & set(rows.index[rows["status"] != "failed"])

    events = list((tmp_path / "tiny" / "tensorboard").glob("*/events.*"))
    assert len(events) == rows["epochs_done"].gt(0).sum()
    assert all(path.stat().st_size > 100 for path in events)

    again = make_plan(spec, storage, retry_failed=False)
    assert isinstance(again, SearchPlan)
    assert (again.done, again.total, again.next_trial()) == (8, 8, None)
    told = [trial.state for trial in again.searches[0].study.trials]
    assert told.count(TrialState.PRUNED) == list(rows["status"]).count("stopped")


def _start(file: Path, root: Path) -> "subprocess.Popen[bytes]":
    command = [str(Path(sys.executable).with_name("pckd")), "study", "run", str(file)]
    return subprocess.Popen([*command, "--results", str(root)], stderr=subprocess.DEVNULL)


def _statuses(root: Path) -> list[str]:
    folder = root / "tiny" / "trials"
    return [pd.read_parquet(path)["status"].item() for path in folder.glob("[!.]*.parquet")]


@pytest.mark.faults
def test_a_study_goes_on_after_its_driver_was_killed(make_study: MakeStudy, tmp_path: Path) -> None:
    parameters = {"loss.kd": {"low": 0.1, "high": 10.0, "log": True}}
    spec = make_study(run=_run(make_study, 6), search={"trials": 4, "parameters": parameters})
    file, root = tmp_path / "tiny.yaml", tmp_path / "results"
    file.write_text(yaml.safe_dump(spec.model_dump(mode="json", exclude_defaults=True)))

    driver = _start(file, root)
    deadline = time.monotonic() + 120
    while "completed" not in _statuses(root) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    before = _table(root, "trials")
    assert 1 <= (before["status"] == "completed").sum() < 4
    assert set(before["trial"]) <= set(_table(root, "plan")["trial"])

    assert _start(file, root).wait(timeout=180) == 0
    after = _table(root, "trials")
    assert after["status"].tolist() == ["completed"] * 4
    assert after["changes"].nunique() == 4
    assert set(before["trial"]) <= set(after["trial"])
    assert sorted(_table(root, "plan")["trial"]) == sorted(after["trial"])
    done = before.loc[before["status"] == "completed", ["trial", "updated"]]
    kept = after.merge(done, on="trial")
    assert (kept["updated_x"] == kept["updated_y"]).all()
    assert (
        _table(root, "epochs").groupby("trial")["epoch"].apply(list).tolist()
        == [[1, 2, 3, 4, 5, 6]] * 4
    )
