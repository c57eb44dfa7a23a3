"""Whole studies under real Ray: tables, failures, repetition, dead processes, nested workers."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ray import tune
from rich.console import Console

from pckd.distributed import stages
from pckd.distributed.driver import run_study
from pckd.distributed.trials import RESTARTS_IN_A_ROW, run_plan
from pckd.progress import Display
from pckd.storage import Storage
from pckd.study.planning import make_plan
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from pckd.study.study_file import read_study

pytestmark = pytest.mark.usefixtures("cluster")
MakeStudy = Callable[..., StudySpec]

PLAIN = {
    f"loss.{term}": 0 for term in ("kd", "center_contrast", "feature_alignment", "center_alignment")
}


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


@pytest.fixture(name="display")
def _display() -> Display:
    return Display(Console(quiet=True))


def _table(storage: Storage, table: str) -> pd.DataFrame:
    """A table of the study, read with plain pandas."""
    return pd.read_parquet(Path(storage.base) / "tiny" / table)


def test_a_study_fills_its_tables_and_runs_only_what_is_missing(
    make_study: MakeStudy, storage: Storage, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = {"PCKD": {}, "plain": PLAIN, "diverging": {"optimization.learning_rate": 1e12}}
    probe = {"data": [{"name": "digits", "classes": [5, 6]}]}
    spec = make_study(cases=cases, probe=probe)
    run_study(spec, storage, display)

    trials = _table(storage, "trials").set_index("case").to_dict("index")
    statuses = {case: row["status"] for case, row in trials.items()}
    assert statuses == {"PCKD": "completed", "plain": "completed", "diverging": "failed"}
    assert "in epoch 1, step" in trials["diverging"]["reason"]
    assert trials["PCKD"]["test_top1"] == trials["PCKD"]["last_top1"]
    assert len(trials["PCKD"]["teacher"]) == 64
    assert pd.isna(trials["plain"]["teacher"])
    epochs = _table(storage, "epochs").groupby("trial").size().to_dict()
    assert epochs == {trials["PCKD"]["trial"]: 2, trials["plain"]["trial"]: 2}
    probes = _table(storage, "probes")
    assert sorted(probes["role"]) == ["student", "student", "teacher"]
    assert probes["top1"].between(40, 100).all()

    monkeypatch.setattr(stages, "run_plan", lambda *_: pytest.fail("something ran again"))
    run_study(spec, storage, display)
    with_pictures = make_study(cases=cases, probe=probe, pictures={"examples": 2})
    run_study(with_pictures, storage, display)
    files = {path.stem for path in Path(storage.base, "tiny", "pictures").iterdir()}
    assert files == {trials["PCKD"]["trial"], trials["plain"]["trial"]}
    monkeypatch.setattr(stages, "run_tasks", lambda *_: pytest.fail("something ran again"))
    ended = run_study(with_pictures, storage, display)
    assert {str(trial): outcome.status for trial, outcome in ended} == {
        f"resnet14 -> resnet8, {case}, seed 0": status for case, status in statuses.items()
    }
    with pytest.raises(pytest.fail.Exception, match="something ran again"):
        run_study(spec, storage, display, retry_failed=True)


def test_a_search_selects_on_held_out_images(
    make_study: MakeStudy, storage: Storage, display: Display
) -> None:
    parameters = {"loss.kd": {"low": 0.1, "high": 10.0, "log": True}}
    search = {"trials": 3, "parameters": parameters, "first": [{"loss.kd": 1.0}]}
    base = make_study().model_dump()["run"]
    run = base | {"protocol": "holdout", "data": {**base["data"], "holdout_fraction": 0.25}}
    run |= {"optimization": {"epochs": 1, "batch_size": 24}}
    run_study(make_study(run=run, search=search, seeds=[0, 1]), storage, display)
    trials = _table(storage, "trials")
    assert (trials["status"] == "completed").all()
    assert len(trials) == 6
    assert trials.groupby("changes").size().tolist() == [2, 2, 2]
    assert set(trials["evaluated_on"]) == {"holdout"}
    assert trials["test_top1"].notna().all()
    weights = [json.loads(config)["loss"]["kd"]["weight"] for config in trials["config"]]
    assert weights.count(1.0) == 2


class _Killer(tune.Callback):  # type: ignore[misc]
    """Kills the process of the trial at its first reports, once more than without progress."""

    def __init__(self) -> None:
        self.killed: list[int] = []

    def on_trial_result(self, *_: Any, result: dict[str, Any], **__: Any) -> None:  # noqa: ANN401
        if len(self.killed) <= RESTARTS_IN_A_ROW:
            self.killed.append(result["pid"])
            os.kill(result["pid"], signal.SIGKILL)


@pytest.mark.cluster
def test_a_trial_whose_process_dies_again_and_again_goes_on_from_its_checkpoints(
    make_study: MakeStudy, storage: Storage, tmp_path: Path
) -> None:
    """Each death comes after an epoch of progress, so none of them is the last one allowed."""
    base = make_study().model_dump()["run"]
    run = base | {"optimization": {"epochs": 9, "batch_size": 32}}
    spec = make_study(run=run, cases={"plain": PLAIN})
    killer = _Killer()
    run_plan(make_plan(spec, storage, retry_failed=False), storage, spec.resources, [killer])
    assert len(set(killer.killed)) == RESTARTS_IN_A_ROW + 1
    undisturbed = Storage(tmp_path / "undisturbed")
    run_plan(make_plan(spec, undisturbed, retry_failed=False), undisturbed, spec.resources, [])

    assert _table(storage, "trials")["status"].tolist() == ["completed"]
    columns = ["epoch", "loss_total", "top1", "easy_share"]
    pd.testing.assert_frame_equal(
        _table(storage, "epochs")[columns], _table(undisturbed, "epochs")[columns], check_exact=True
    )


def test_a_trial_whose_teacher_is_missing_trains_it_and_has_its_reason_to_fail(
    make_study: MakeStudy, storage: Storage
) -> None:
    """A search may need teachers that are not known before its trials are."""
    broken = {"teacher.optimization.learning_rate": 1e12}
    spec = make_study(cases={"PCKD": {}, "broken": broken})
    run_plan(make_plan(spec, storage, retry_failed=False), storage, spec.resources, [])
    rows = ResultsStore(storage, "tiny").read("trials").set_index("case")
    assert rows["status"].to_dict() == {"PCKD": "completed", "broken": "failed"}
    assert rows["reason"]["broken"].startswith("training the teacher resnet14 failed: ")


@pytest.mark.faults
def test_a_trial_of_two_workers_trains_in_a_nested_run(
    make_study: MakeStudy, storage: Storage, display: Display
) -> None:
    spec = make_study(cases={"KD": {**PLAIN, "loss.kd": 1}}, resources={"workers": 2})
    run_study(spec, storage, display)
    for study in ("teachers", "tiny"):  # the teacher trains on as many
        trials = ResultsStore(storage, study).read("trials")
        assert trials["status"].tolist() == ["completed"]
        assert trials["workers"].tolist() == [2]


def test_the_winners_of_searched_cases_meet_on_fresh_seeds_until_it_is_clear(
    make_study: MakeStudy, storage: Storage, display: Display
) -> None:
    run: dict[str, Any] = dict(make_study().run)
    run |= {"method": "cross_entropy", "teacher": None, "protocol": "holdout"}
    rate = "optimization.learning_rate"
    spec = make_study(
        run={**run, "data": {**run["data"], "holdout_fraction": 0.25}},
        cases={"fast": {"views.flip": True}, "slow": {}},
        search={
            "trials": 2,
            "spaces": {
                "fast": {"parameters": {rate: {"low": 0.01, "high": 0.1}}},
                "slow": {
                    "parameters": {rate: {"low": 0.001, "high": 0.002}},
                    "first": {"slowest": {rate: 0.001}},
                },
            },
            "stop": {"scheduler": "asha", "reduction_factor": 2},
        },
        keep="none",
        confirm={
            "candidates": "fast",
            "against": ["slow", "slowest"],
            "smallest_difference": 0.5,
            "seeds": {"at_least": 2, "at_most": 2},
        },
    )
    run_study(spec, storage, display)
    store = ResultsStore(storage, "tiny-confirm")
    tried = ResultsStore(storage, "tiny").read("plan")
    assert tried.groupby("space")["trial"].nunique().to_dict() == {"fast": 2, "slow": 2}
    # The winner of slow may be its first point: then there is one comparison.
    verdict, *_ = store.read("verdicts").sort_values("reference").to_dict("records")
    assert verdict["name"] != "go on"
    top1 = store.read("trials").pivot(index="seed", columns="case", values="test_top1")
    assert top1.index.tolist() == [1, 2]
    assert list(verdict["differences"]) == (top1["fast"] - top1[verdict["reference"]]).tolist()
    before = store.read("trials")["updated"].tolist()
    assert len(run_study(spec, storage, display)) == 4 + len(before)
    assert store.read("trials")["updated"].tolist() == before


@pytest.mark.usefixtures("no_plugins")
def test_terms_networks_and_data_of_a_plugin_reach_the_workers(
    storage: Storage, display: Display, tmp_path: Path
) -> None:
    shutil.copy(Path(__file__).parents[1] / "plugin.py", tmp_path)
    (tmp_path / "tiny.yaml").write_text(
        """
        study: tiny
        plugins: [plugin.py]
        run:
          data: shades
          teacher: {model: thin, optimization: {epochs: 1}}
          student: thin
          method: cross_entropy
          loss: {gap: 0.5}
          views: {crop_padding: 1, flip: false}
          optimization: {epochs: 1, batch_size: 16}
        pictures: {examples: 2}
        probe: {data: shades}
        """
    )
    run_study(read_study(tmp_path / "tiny.yaml", {}), storage, display)
    (trial,) = _table(storage, "trials").to_dict("records")
    assert trial["status"] == "completed"
    (epoch,) = _table(storage, "epochs").to_dict("records")
    assert {each["term"] for each in epoch["terms"]} == {"cross_entropy", "gap"}
    assert sorted(_table(storage, "probes")["role"]) == ["student", "teacher"]
