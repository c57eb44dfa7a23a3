"""Early stopping must not invert what a search says of its parameters.

The toy's final score depends on `kd` alone, but configurations with a small `temperature` learn
faster, so successive halving keeps those. Told that stopped trials were complete, an importance
would credit the temperature; told the truth, it does not.
"""

import json
import math
from typing import Any

import optuna
import pandas as pd
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from pckd.settings import validate
from pckd.study.outcome import Outcome
from pckd.study.schema import SCHEMAS
from pckd.study.search import SearchPlan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial

EPOCHS = 9
RUNGS = (1, 3)
REDUCTION = 3


def _spec(trials: int) -> StudySpec:
    values: dict[str, Any] = {
        "study": "toy",
        "run": {
            "data": {"name": "digits", "classes": [0, 1]},
            "student": "resnet8",
            "teacher": "resnet8",
        },
        "search": {
            "trials": trials,
            "sampler": "random",
            "parameters": {
                "loss.kd": {"low": 0.0, "high": 1.0},
                "loss.kd.temperature": {"low": 1.0, "high": 10.0},
            },
        },
    }
    return validate(StudySpec, values, "toy")


def _score(trial: Trial, epoch: int) -> float:
    speed = 5.0 / trial.config.loss["kd"].model_dump()["temperature"]
    score: float = (
        100 * trial.config.loss["kd"].weight * (1 - math.exp(-speed * epoch))
        + 20 * speed / epoch**2
    )
    return score


def _no_rows() -> pd.DataFrame:
    frame: pd.DataFrame = SCHEMAS["trials"].empty_table().to_pandas()
    return frame


def _halved(plan: SearchPlan) -> list[TrialState]:
    """Run a plan under asynchronous successive halving; the final score is `kd` alone."""
    rungs: dict[int, list[float]] = {rung: [] for rung in RUNGS}
    while (trial := plan.next_trial()) is not None:
        history: list[float] = []
        status = "completed"
        for epoch in range(1, EPOCHS):
            history.append(_score(trial, epoch))
            if epoch in rungs:
                rungs[epoch].append(history[-1])
                best = sorted(rungs[epoch], reverse=True)
                if history[-1] < best[(len(best) - 1) // REDUCTION]:
                    status = "stopped"
                    break
        else:
            history.append(100 * trial.config.loss["kd"].weight)
        plan.tell(trial, Outcome(status, history[-1], history=tuple(history)))
    return [trial.state for trial in plan.searches[0].study.trials]


def _importance(study: optuna.Study) -> dict[str, float]:
    evaluator = FanovaImportanceEvaluator(seed=0)
    return get_param_importances(study, evaluator=evaluator)


def test_importance_stays_with_the_parameter_that_matters() -> None:
    plan = SearchPlan(_spec(120), _no_rows(), {}, {})
    states = _halved(plan)
    assert states.count(TrialState.PRUNED) > 60
    assert states.count(TrialState.COMPLETE) > 10
    assert _importance(plan.searches[0].study)["loss.kd.temperature"] < 0.1


def test_the_toy_would_mislead_a_searcher_that_is_not_told() -> None:
    plan = SearchPlan(_spec(120), _no_rows(), {}, {})
    _halved(plan)
    fooled = optuna.create_study(direction="maximize")
    for trial in plan.searches[0].study.trials:
        value = (
            trial.value if trial.value is not None else max(trial.intermediate_values.items())[1]
        )
        fooled.add_trial(
            optuna.trial.create_trial(
                params=trial.params, distributions=trial.distributions, value=value
            )
        )
    assert _importance(fooled)["loss.kd.temperature"] > 0.15


def test_a_stopped_trial_is_pruned_with_its_intermediate_values() -> None:
    plan = SearchPlan(_spec(2), _no_rows(), {}, {})
    first, second = plan.next_trial(), plan.next_trial()
    assert first is not None
    assert second is not None
    plan.tell(first, Outcome("stopped", 2.0, history=(1.0, 2.0)))
    plan.tell(second, Outcome("failed", None, "diverged"))
    pruned, failed = plan.searches[0].study.trials
    assert pruned.state == TrialState.PRUNED
    assert pruned.intermediate_values == {1: 1.0, 2: 2.0}
    assert failed.state == TrialState.FAIL
    assert json.dumps(failed.user_attrs["trials"]) == json.dumps([second.identity])
