"""Importance of each searched parameter, by Optuna's own evaluators.

Accuracies must be those of an equal, full budget: a configuration that was stopped early has a
lower one for having trained less, and would make whatever the stopping looked at seem important.
`pckd.analysis.numbers.budget` says what it is expected to reach.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from math import nan
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)

from pckd.analysis.numbers.ranking import TOP_SHARE
from pckd.analysis.search_space import SearchedKey

FEWEST = 25
"""Configurations below which no importance is given: it would be noise."""
RESAMPLES = 50

Evaluator = Callable[[bool], BaseImportanceEvaluator]
"""An evaluator, given whether it is for a bootstrap sample."""


def _fanova(is_resample: bool) -> BaseImportanceEvaluator:
    return FanovaImportanceEvaluator(n_trees=16 if is_resample else 64, seed=0)


def _ped_anova(is_resample: bool) -> BaseImportanceEvaluator:
    return PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE)


METHODS: dict[str, Evaluator] = {"fANOVA": _fanova, "PED-ANOVA": _ped_anova}


def reason_against(done: pd.DataFrame, parameters: Sequence[SearchedKey]) -> str | None:
    """Return why importances cannot be computed; None if they can.

    Args:
        done: Configurations with their accuracies at equal budget.
        parameters: What was searched.
    """
    if len(parameters) < 2:
        return "only one parameter was searched, so that there is nothing to compare it with"
    if len(done) < FEWEST:
        return f"too few: {len(done)} configurations can be used, and it takes {FEWEST}"
    if done["heldout_mean"].nunique() < 2:
        return "all configurations reached the same accuracy"
    return None


def importances(
    done: pd.DataFrame, parameters: Sequence[SearchedKey], resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Importances with bootstrap intervals (configurations resampled, percentiles 2.5 and 97.5).

    An interval is widened to its own importance where that lies outside, as it can near 0 and 1.
    Parameters on a log scale enter as logarithms, so that each decade counts alike. The importances
    of one method add up to 1. One is NaN where the parameter is active in fewer than 25
    configurations, or in some only, for which fANOVA knows none. Seeded: the same rows give the
    same numbers.

    Args:
        done: Configurations with their accuracies at equal budget.
        parameters: What was searched, two or more.
        resamples: Bootstrap samples.

    Returns:
        Columns method, parameter, name, count (configurations in which it is active), importance,
        low, high; in the order of the study file.
    """
    frames = [_of_method(done, parameters, name, resamples) for name in METHODS]
    return pd.concat(frames, ignore_index=True)


def _of_method(
    done: pd.DataFrame, parameters: Sequence[SearchedKey], method: str, resamples: int
) -> pd.DataFrame:
    draws = np.random.default_rng(0)
    samples = [done.iloc[draws.integers(len(done), size=len(done))] for _ in range(resamples)]
    varied = [sample for sample in samples if sample["heldout_mean"].nunique() > 1]
    again = [_evaluate(sample, parameters, METHODS[method](True)) for sample in varied]
    low, high = np.quantile(np.array(again), [0.025, 0.975], axis=0)
    importance = np.array(_evaluate(done, parameters, METHODS[method](False)))
    counts = np.array([done[parameter.key].notna().sum() for parameter in parameters])
    unknown = np.where(counts < FEWEST, nan, 0.0)
    return pd.DataFrame(
        {
            "method": method,
            "parameter": [parameter.key for parameter in parameters],
            "name": [parameter.name or parameter.key for parameter in parameters],
            "count": counts,
            "importance": importance + unknown,
            "low": np.minimum(low, importance) + unknown,
            "high": np.maximum(high, importance) + unknown,
        }
    )


def _evaluate(
    rows: pd.DataFrame, parameters: Sequence[SearchedKey], evaluator: BaseImportanceEvaluator
) -> list[float]:
    study = _optuna_study(rows, parameters)
    with warnings.catch_warnings():
        # PED-ANOVA says so of very few configurations; the report says it in its own words.
        warnings.filterwarnings("ignore", message="Target and region quantiles select the same")
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        found = get_param_importances(study, evaluator=evaluator)
    return [float(found.get(parameter.key, nan)) for parameter in parameters]


def _optuna_study(rows: pd.DataFrame, parameters: Sequence[SearchedKey]) -> optuna.Study:
    """The configurations as a finished Optuna study on even scales."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
    finally:
        optuna.logging.set_verbosity(verbosity)
    distributions = {parameter.key: parameter.even_distribution() for parameter in parameters}
    study.add_trials(
        optuna.trial.create_trial(
            params={key: value for key, value in row.items() if key in distributions},
            distributions={key: kind for key, kind in distributions.items() if key in row},
            value=float(row["heldout_mean"]),
        )
        for row in _even_rows(rows, parameters)
    )
    return study


def _even_rows(rows: pd.DataFrame, parameters: Sequence[SearchedKey]) -> Iterator[dict[str, Any]]:
    """The accuracy and the active parameters of each configuration, on even scales."""
    for row in rows.to_dict("records"):
        active = [parameter for parameter in parameters if pd.notna(row[parameter.key])]
        values = {parameter.key: parameter.even(row[parameter.key]) for parameter in active}
        yield {"heldout_mean": row["heldout_mean"], **values}
