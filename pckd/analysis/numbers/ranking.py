"""A search's configurations, ranked by what the searcher was told."""

import json
from typing import Any

import pandas as pd

from pckd.analysis.loading import StudyResults
from pckd.analysis.search_space import searched_entries
from pckd.analysis.settings import short_key
from pckd.analysis.statistics import mean_interval
from pckd.study.ranking import ran, standing

TOP_SHARE = 0.2
"""Share of the completed configurations that figures highlight."""


def configurations(study: StudyResults) -> pd.DataFrame:
    """One row per configuration, the best first, then those that did not complete.

    Only those whose `pckd.study.ranking.standing` is completed are ranked.

    Returns:
        Columns rank (from 1; 0 without), status, case, space (the case that was searched, if any
        was), trials (identities), seeds (completed), epochs_done (mean), heldout_mean,
        heldout_low, heldout_high (top-1 after the last epoch done, percent, 95% t-interval over
        seeds), and each searched key.
    """
    seeds = len(study.spec["seeds"])
    budget = max(study.trials["epochs_planned"], default=0)
    keys = [json.dumps(changed, sort_keys=True) for changed in study.trials["changed"]]
    rows = [_configuration(trials, seeds, budget) for _, trials in study.trials.groupby(keys)]
    searched = map(short_key, searched_entries(study.spec["search"]))
    frame = pd.DataFrame(rows, columns=[*_COLUMNS, *searched])
    frame["is_last"] = frame["status"] != "completed"
    frame = frame.sort_values(["is_last", "heldout_mean"], ascending=[True, False], kind="stable")
    ranks = [place if done else 0 for place, done in enumerate(~frame["is_last"], start=1)]
    return frame.assign(rank=ranks).drop(columns="is_last").reset_index(drop=True)


_COLUMNS = [
    *("rank", "status", "case", "space", "trials", "seeds", "epochs_done"),
    *("heldout_mean", "heldout_low", "heldout_high"),
]


def completed(ranked: pd.DataFrame) -> pd.DataFrame:
    """The configurations of equal, full budget, the best first."""
    return ranked[ranked["status"] == "completed"]


def top_count(count: int) -> int:
    """Number of completed configurations in the top share; at least one."""
    return max(1, round(TOP_SHARE * count))


def _configuration(trials: pd.DataFrame, seeds: int, budget: int) -> dict[str, Any]:
    measured = mean_interval(trials["last_top1"])
    return {
        "status": standing([ran(row) for row in trials.to_dict("records")], seeds, budget),
        "case": trials["case"].iloc[0],
        "space": trials["space"].iloc[0],
        "trials": trials["trial"].tolist(),
        "seeds": int((trials["status"] == "completed").sum()),
        "epochs_done": float(trials["epochs_done"].mean()),
        "heldout_mean": measured.mean,
        "heldout_low": measured.low,
        "heldout_high": measured.high,
        **{short_key(key): value for key, value in trials["changed"].iloc[0].items()},
    }
