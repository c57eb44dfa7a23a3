"""Messages of a study before it starts: changes of its file, its cost, and starting afresh."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study import checks
from pckd.study.document import changes_since, write_spec
from pckd.study.dry_run import dry_run
from pckd.study.estimate import what_takes_time
from pckd.study.planning import check_plan, make_plan, optuna_journal, set_aside
from pckd.study.results import ResultsStore
from pckd.study.spec import StudySpec
from tests.study.plans import fixed_trials, row_of


def _spec(**changes: Any) -> StudySpec:  # noqa: ANN401
    values: dict[str, Any] = {
        "study": "tiny",
        "run": {
            "data": {"name": "digits", "classes": [0, 1, 2]},
            "student": "resnet8",
            "teacher": "resnet14",
            "optimization": {"epochs": 5},
        },
        "cases": {"KD": {"loss.kd": 1.0}, "strong": {"loss.kd": 4.0}},
        "seeds": [0, 1],
    }
    return validate(StudySpec, values | changes, "tiny")


@pytest.fixture(name="storage")
def _storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "results")


def test_a_changed_file_is_described_key_by_key(storage: Storage) -> None:
    assert changes_since(_spec(), storage) == []
    write_spec(_spec(), storage)
    assert changes_since(_spec(), storage) == []
    changed = _spec(cases={"KD": {"loss.kd": 2.0}}, seeds=[0])
    assert sorted(changes_since(changed, storage)) == [
        "cases.KD.loss.kd.weight: 1.0 -> 2.0",
        "cases.strong.loss.kd.weight: 4.0 -> not set",
        "seeds: [0, 1] -> [0]",
    ]


def test_students_of_the_last_and_of_the_best_epoch_are_not_mixed(storage: Storage) -> None:
    write_spec(_spec(), storage)
    best, none = _spec(keep="best"), _spec(keep="none")
    assert make_plan(best, storage, retry_failed=False).done == 0
    trial = fixed_trials(_spec())[0]
    row = row_of(trial, "completed", datetime.now(UTC))
    ResultsStore(storage, "tiny").write("trials", trial.identity, [row])
    assert make_plan(none, storage, retry_failed=False).done == 1
    with pytest.raises(InputError, match="study tiny: keep is best, and was last when its trials"):
        make_plan(best, storage, retry_failed=False)


def test_a_fresh_start_deletes_nothing(storage: Storage) -> None:
    said: list[str] = []
    set_aside("tiny", storage, said.append)
    assert said == []
    ResultsStore(storage, "tiny").write("trials", "a", [{"trial": "a"}])
    set_aside("tiny", storage, said.append)
    (aside,) = storage.folders()
    assert aside.startswith("tiny-before-")
    assert said == [f"tiny: earlier results are kept as {aside}"]
    assert ResultsStore(storage, aside).read("trials")["trial"].tolist() == ["a"]


def test_a_dry_run_names_the_trials_and_writes_nothing(storage: Storage) -> None:
    lines = list(dry_run(_spec(), storage, retry_failed=False))
    text = "\n".join(lines)
    assert "trials: 4, of which 0 are done" in lines
    assert "epochs in all: 20" in lines
    assert sum("to run  resnet14 -> resnet8" in line for line in lines) == 4
    assert "teacher to train first: resnet14, epochs: 240" in lines
    assert re.search(r"about \d+ (seconds|minutes) a trial on one worker", text)
    assert re.search(r"tables: about 0\.[1-9] MiB", text)
    assert any(line.startswith("    kd: {weight: 1.0") for line in lines)
    assert not Path(storage.base).exists()


def test_runs_of_one_term_that_look_at_images_twice_are_timed_apart() -> None:
    plain = {"method": "cross_entropy"}
    cases = {"CE": plain, "twice": {**plain, "loss.cross_entropy.strong_view": True}}
    configs = [trial.config for trial in fixed_trials(_spec(cases=cases, seeds=[0]))]
    assert len(set(map(what_takes_time, configs))) == 2


def test_a_dry_run_of_a_study_that_is_done_trains_nothing_first(storage: Storage) -> None:
    for trial in fixed_trials(_spec()):
        row = row_of(trial, "completed", datetime.now(UTC))
        ResultsStore(storage, "tiny").write("trials", trial.identity, [row])
    lines = list(dry_run(_spec(), storage, retry_failed=False))
    assert "trials: 4, of which 4 are done" in lines
    assert [line for line in lines if "first" in line] == []


def test_a_dry_run_names_the_stages_after_training(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "data_notices", lambda name, root: ["val is not used"])
    target = {"name": "digits", "classes": [3, 4]}
    spec = _spec(probe={"data": [target], "seeds": [0, 1]}, pictures={})
    text = "\n".join(dry_run(spec, storage, retry_failed=False))
    assert "then pictures of the students that the study file names" in text
    assert (
        "then linear probes of every student and teacher on digits: protocol exact, seeds 0, 1"
        in text
    )
    assert "probe on digits: val is not used" in text


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ({"probe": {"data": [{"name": "digits", "classes": [11]}]}}, "classes"),
        ({"pictures": {"example_class": "cat"}}, "example_class"),
    ],
    ids=["probe", "pictures"],
)
def test_a_dry_run_finds_what_is_wrong_with_the_stages(
    stages: dict[str, Any], sentence: str, storage: Storage
) -> None:
    with pytest.raises(InputError, match=sentence):
        list(dry_run(_spec(**stages), storage, retry_failed=False))


@pytest.mark.parametrize(
    "plan",
    [
        {"cases": {"wrong": {"loss.kd": -1}}},
        {"cases": None, "search": {"trials": 2, "parameters": {"student": {"choices": ["no"]}}}},
    ],
    ids=["cases", "search"],
)
def test_a_study_that_cannot_run_is_refused_without_its_results(plan: dict[str, Any]) -> None:
    check_plan(_spec())
    with pytest.raises(InputError):
        check_plan(_spec(**plan))


def test_the_journal_of_a_search_is_made_anew(storage: Storage) -> None:
    assert optuna_journal(_spec(), storage) is None
    parameters = {"loss.kd": {"low": 0.1, "high": 1.0}}
    search = _spec(cases=None, search={"trials": 2, "parameters": parameters})
    assert optuna_journal(search, storage) is not None
    path = Path(storage.full_path("tiny/optuna.journal"))
    path.write_text("old")
    optuna_journal(search, storage)
    assert not path.exists() or path.read_text() != "old"


def test_a_journal_s_lock_that_a_killed_search_left_is_cleared_away(storage: Storage) -> None:
    parameters = {"loss.kd": {"low": 0.1, "high": 1.0}}
    spec = _spec(cases=None, search={"trials": 2, "parameters": parameters})
    left = Path(storage.full_path("tiny/optuna.journal.lock"))
    left.parent.mkdir(parents=True)
    left.symlink_to("/where/it/was/optuna.journal")
    journal = optuna_journal(spec, storage)
    assert make_plan(spec, storage, retry_failed=False, journal=journal).next_trial()
    assert not left.is_symlink()


def test_a_dry_run_sums_over_trials_of_other_epochs_and_students(storage: Storage) -> None:
    """resnet14 has twice the weights of resnet8 and more."""
    small = {"method": "cross_entropy", "optimization.epochs": 3}
    cases = {"small": small, "longer": {**small, "optimization.epochs": 40}}
    lines = list(dry_run(_spec(cases=cases, seeds=[0]), storage, retry_failed=False))
    assert "epochs in all: 43" in lines
    larger = {**small, "student": "resnet14"}
    (kept,) = _kept(_spec(cases={"small": small}, seeds=[0]), storage)
    (both,) = _kept(_spec(cases={"small": small, "larger": larger}, seeds=[0]), storage)
    assert both > 2.5 * kept


def _kept(spec: StudySpec, storage: Storage) -> list[float]:
    text = "\n".join(dry_run(spec, storage, retry_failed=False))
    return [float(size) for size in re.findall(r"students kept .*: about ([\d.]+) MiB", text)]
