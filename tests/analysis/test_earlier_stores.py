"""Stores of earlier versions, as these versions wrote them, are read and drawn."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from pckd.analysis import write_report
from pckd.analysis.loading import StudyResults, load_study
from pckd.analysis.numbers.comparison import compare_cases
from pckd.analysis.numbers.ranking import configurations
from pckd.analysis.numbers.sensitivity import sensitivities
from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.earlier_plan import MISSING, ensure_plan
from pckd.study.plan_table import plan_files
from pckd.study.results import ResultsStore
from pckd.study.table_files import EARLIER_PLAN


@pytest.fixture(params=["version1", "version2"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A copy of a store without plans: version 1 had the loss in flat keys, a column a term."""
    shutil.copytree(Path(__file__).with_name("stores") / request.param, tmp_path / "results")
    return Storage(tmp_path / "results")


def loaded(store: Storage, study: str) -> StudyResults:
    ensure_plan(store, study)
    return load_study(store, study)


def test_cases_have_their_pairs_and_their_shared_student(store: Storage) -> None:
    study = loaded(store, "cases")
    assert (study.planned_trials, len(study.trials), study.unplanned_rows) == (10, 12, 0)
    table = compare_cases(study)
    assert table["pair"].unique().tolist() == ["resnet14 → resnet8", "resnet20 → resnet8"]
    assert table["case"].tolist() == ["Student", "KD", "PCKD"] * 2
    assert table["test_mean"].tolist() == [64.5, 63.5, 60.5, 64.5, 64.5, 61.5]


def test_varied_keys_have_todays_names(store: Storage) -> None:
    kd, temperature = sensitivities(loaded(store, "vary"))
    assert (kd.key, temperature.key) == ("loss.kd", "loss.kd.temperature")
    assert kd.summary["value"].tolist() == [0.5, 1.0, 2.0]
    assert kd.summary["is_default"].tolist() == [False, True, False]
    assert temperature.summary["value"].tolist() == [2.0, 4.0]


def test_a_search_has_its_configurations(store: Storage) -> None:
    ranked = configurations(loaded(store, "hunt"))
    assert ranked["status"].value_counts().to_dict() == {
        "completed": 6,
        "stopped": 1,
        "failed": 1,
    }
    assert ranked["loss.kd"].tolist()[:2] == [3.0, 2.5]


def test_rows_have_their_method_and_their_terms(store: Storage) -> None:
    trials = ResultsStore(store, "cases").read("trials").set_index("case")
    assert trials["method"].unique().tolist() == ["pckd"]
    assert [entry["label"] for entry in trials["terms"]["Student"].iloc[0]] == ["CE"]
    entries = trials["terms"]["KD"].iloc[0]
    values = {(entry["term"], entry["parameter"]): entry["value"] for entry in entries}
    assert (values["kd", "weight"], values["kd", "temperature"]) == (1.0, 4.0)


def test_every_term_has_its_losses(store: Storage) -> None:
    epochs = loaded(store, "vary").epochs
    last = epochs[epochs["epoch"] == 3]
    assert last[["loss_kd", "loss_center_contrast"]].mean().tolist() == pytest.approx([1 / 3] * 2)


@pytest.mark.usefixtures("quick")
def test_a_report_is_drawn(store: Storage, tmp_path: Path) -> None:
    ensure_plan(store, "cases")
    page = write_report(store, ["cases"], tmp_path / "report")
    for name in ("accuracy", "components", "losses", "weights", "probes"):
        assert (page.parent / "cases" / f"{name}.csv").exists(), name


def test_a_plan_is_made_once(store: Storage) -> None:
    loaded(store, "hunt")
    path = Path(store.full_path(f"hunt/plan/{EARLIER_PLAN}.parquet"))
    written = path.stat().st_mtime_ns
    loaded(store, "hunt")
    assert path.stat().st_mtime_ns == written


def test_a_plan_with_trials_that_have_not_started_is_made_again(store: Storage) -> None:
    document = json.loads(store.read("cases/study.json"))
    document["spec"]["seeds"] = [0, 1, 2]
    store.write("cases/study.json", json.dumps(document).encode())
    study = loaded(store, "cases")
    assert (study.planned_trials, len(study.trials)) == (15, 12)
    rows = ResultsStore(store, "cases").read("plan")
    assert rows["trial"].str.startswith(MISSING).sum() == 6
    document["spec"]["seeds"] = [0]
    store.write("cases/study.json", json.dumps(document).encode())
    study = loaded(store, "cases")
    assert (study.planned_trials, len(study.trials), study.unplanned_rows) == (5, 6, 5)


def test_rows_are_shown_as_they_are_where_the_file_is_not_valid_here(store: Storage) -> None:
    """As where a plug-in is not installed."""
    document = json.loads(store.read("vary/study.json"))
    document["spec"]["vary_one"]["loss.some_plugin"] = [0.1]
    store.write("vary/study.json", json.dumps(document).encode())
    study = loaded(store, "vary")
    assert plan_files(store, "vary") == []
    assert (study.kind, study.planned_trials, len(study.trials)) == ("single", None, 8)


def test_code_versions_that_no_plan_holds_apart_are_counted(store: Storage) -> None:
    results = ResultsStore(store, "cases")
    assert loaded(store, "cases").mixed_codes == 1
    trial = results.read("trials")["trial"].iloc[0]
    row = results.find("trials", trial) or {}
    results.write("trials", trial, [{**row, "code_version": "code2"}])
    assert loaded(store, "cases").mixed_codes == 2


def test_a_plan_that_cannot_be_written_is_one_sentence(
    store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, content: bytes) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(store, "write", refuse)
    with pytest.raises(InputError, match=r"cannot be added to .* \(Read-only file system\): copy"):
        ensure_plan(store, "cases")
