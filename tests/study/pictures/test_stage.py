"""Which students are looked at, what is missing of them, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.storage import Storage
from pckd.study.paths import network_path
from pckd.study.pictures.stage import check_pictures, missing_pictures, picture_tasks
from pckd.study.results import ResultsStore
from pckd.study.rows import config_columns
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial

if TYPE_CHECKING:
    from tests.study.pictures.conftest import Finished

SEARCH = {"trials": 4, "parameters": {"loss.kd": {"low": 0.1, "high": 9.0}}}
RUN = {
    "data": {"name": "digits", "classes": [0, 1, 2]},
    "teacher": "resnet14",
    "student": "resnet8",
}


def names(study: "Finished", **changes: Any) -> list[str]:  # noqa: ANN401
    return [task.trial.case for task in study.tasks(**changes)]


def test_the_completed_students_of_the_first_seed_are_looked_at(study: "Finished") -> None:
    tasks = study.tasks()
    assert [task.trial.case for task in tasks] == ["KD", "plain"]
    assert {task.trial.config.seed for task in tasks} == {1}
    assert [task.teacher is None for task in tasks] == [False, True]
    assert len({task.path for task in tasks}) == 2


def test_the_file_chooses_cases_and_seed(study: "Finished") -> None:
    assert names(study, cases=["plain"]) == ["plain"]
    assert names(study, seed=0) == []  # not trained
    assert picture_tasks(study.spec.model_copy(update={"pictures": None}), study.storage) == []


def test_of_a_plan_without_named_cases_the_first_is_looked_at(study: "Finished") -> None:
    plan = {"study": "other", "run": RUN, "pictures": {}}
    spec = validate(StudySpec, {**plan, "vary_one": {"loss.kd": [0.5, 2.0]}}, "here")
    trial = make_trial(spec, "default", {}, 0)
    storage = Storage(study.file("varied"))
    keep(storage, trial, 50.0)
    keep(storage, make_trial(spec, "kd=2.0", {"loss.kd": 2.0}, 0), 60.0)
    assert [task.trial for task in picture_tasks(spec, storage)] == [trial]


def test_only_what_is_missing_damaged_or_of_other_settings_is_made(study: "Finished") -> None:
    tasks = study.tasks()
    assert missing_pictures(study.storage, tasks) == tasks
    for task in tasks:
        study.make(task)
    assert missing_pictures(study.storage, tasks) == []
    assert missing_pictures(study.storage, study.tasks(cases=["KD"], seed=1)) == []
    others = study.tasks(example_class=1)
    assert missing_pictures(study.storage, others) == others
    retrained = replace(tasks[0], network="another content hash")
    assert missing_pictures(study.storage, [retrained, *tasks]) == [retrained]
    file = study.file(tasks[0].path)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert missing_pictures(study.storage, tasks) == tasks[:1]


def keep(storage: Storage, trial: Trial, held_out: float, status: str = "completed") -> None:
    """The row of a trial, and something in the place of its student."""
    row = {
        "study": trial.study,
        "trial": trial.identity,
        "case": trial.case,
        "changes": "{}" if not trial.changes else str(trial.changes).replace("'", '"'),
        "seed": trial.config.seed,
        "status": status,
        "epochs_planned": trial.config.optimization.epochs,
        "last_top1": held_out,
        "config": trial.config.model_dump_json(),
        **config_columns(trial.config),
    }
    ResultsStore(storage, trial.study).write("trials", trial.identity, [row])
    storage.write(network_path(trial), b"a student")


def test_of_a_search_the_best_that_completed_is_looked_at(tmp_path: Path) -> None:
    values = {"study": "sought", "run": RUN, "seeds": [0, 1], "pictures": {"seed": 1}}
    spec = validate(StudySpec, {**values, "search": SEARCH}, "here")
    storage = Storage(tmp_path)
    assert picture_tasks(spec, storage) == []
    scores = {0.5: (70.0, 70.0), 1.0: (60.0, 90.0), 2.0: (99.0, None), 20.0: (99.0, 99.0)}
    for kd, tops in scores.items():
        for seed, top1 in enumerate(tops):
            trial = make_trial(spec, f"kd={kd}", {"loss.kd": kd}, seed)
            keep(storage, trial, top1 or 99.0, "completed" if top1 else "failed")
    (task,) = picture_tasks(spec, storage)  # of 2.0 a seed failed; 20.0 is not searched any more
    assert (task.trial.changes, task.trial.config.seed) == ({"loss.kd.weight": 1.0}, 1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"cases": ["PKD"]},
            r"pictures\.cases: 'PKD' is no case; did you mean KD\?; cases: KD, .*",
        ),
        ({"seed": 7}, r"pictures\.seed: 7 is no seed of the study; seeds: 1, 0"),
        ({"example_class": "7"}, r"pictures\.example_class: no class is named '7'; classes: 0, .*"),
        ({"feature_classes": ["0", "x"]}, r"pictures\.feature_classes: no class is named 'x'.*"),
    ],
)
def test_what_is_not_there_is_refused_before_training(
    study: "Finished", changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        check_pictures(study.asking(**changes))


def test_a_search_has_no_cases_to_choose(study: "Finished") -> None:
    values = {"study": "sought", "run": RUN, "search": SEARCH}
    check_pictures(validate(StudySpec, {**values, "pictures": {}}, "here"))
    with pytest.raises(InputError, match="a search has no named cases"):
        check_pictures(validate(StudySpec, {**values, "pictures": {"cases": ["best"]}}, "here"))


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        ({"cases": []}, "pictures.cases is "),
        ({"cases": ["a", "b", "a"]}, "pictures.cases: 'a' is given twice"),
        ({"feature_classes": ["0"]}, "pictures.feature_classes is "),
        ({"examples": 0}, "pictures.examples is 0: "),
        ({"exampels": 3}, "pictures.exampels is not a known key; .* did you mean examples"),
    ],
)
def test_a_bad_stage_is_refused_in_a_sentence(stage: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=f"^here: {sentence}"):
        validate(StudySpec, {"study": "a", "run": RUN, "pictures": stage}, "here")


def test_students_that_were_not_kept_are_missed_early(study: "Finished") -> None:
    with pytest.raises(InputError, match="pictures need the students: set keep to last or best"):
        validate(StudySpec, {"study": "a", "run": RUN, "pictures": {}, "keep": "none"}, "here")
    path = network_path(study.tasks()[0].trial)
    content = study.storage.read(path)
    try:
        study.storage.delete(path)
        with pytest.raises(InputError, match=rf"holds no {path}: set keep .* --fresh$"):
            study.tasks()
    finally:
        study.storage.write(path, content)
