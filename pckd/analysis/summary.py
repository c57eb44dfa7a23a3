"""The table of a study that goes into a paper: one row per case, the best two marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import pandas as pd

from pckd.analysis.describing import accuracy_words, basis, first_case, labelled, unadjusted
from pckd.analysis.loading import StudyResults
from pckd.analysis.numbers.comparison import NOT_HERE, compare_cases
from pckd.analysis.numbers.ranking import completed, configurations
from pckd.analysis.search_space import parameters
from pckd.analysis.sections.search import HELDOUT_ACCURACY
from pckd.analysis.statistics import Interval
from pckd.analysis.words import MISSING, number, numbers_range, plain, signed, without_repeats
from pckd.errors import InputError
from pckd.study.mixed_teachers import mixed_teachers

ACCURACY = "top-1 (%)"
"""The column in which the best two stand out."""

CONFIGURATION = "configuration"
"""The column of searched keys with their values, where each case has keys of its own."""

Setter = Callable[[str], str]
"""Sets the text of a cell, for example in bold."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A table of text, and what a typesetter must know of it."""

    caption: str
    cells: pd.DataFrame
    groups: Sequence[str]
    """Pair of networks of each row; rows of one pair stand together."""
    places: Sequence[int]
    """Place of each row in its group: 1 the best, 2 the second, 0 neither. Rows that show the same
    accuracy share a place; a group of one row has no best.
    """

    def marked(self, best: Setter, second: Setter) -> pd.DataFrame:
        """The cells, with the accuracies of the best and the second set apart."""
        setters: dict[int, Setter] = {1: best, 2: second}
        shown = zip(self.places, self.cells[ACCURACY], strict=True)
        return self.cells.assign(
            **{ACCURACY: [setters.get(place, str)(text) for place, text in shown]}
        )


def summarise(study: StudyResults) -> Summary:
    """The summary of a study: of a search its completed configurations, else all cases.

    Raises:
        InputError: There is nothing to show yet.
    """
    if study.completed.empty:
        raise InputError(f"study {study.name}: no trial is done, so there is no table yet")
    return _of_search(study) if study.spec.get("search") else _of_cases(study)


def _of_cases(study: StudyResults) -> Summary:
    table = compare_cases(study)
    is_there = ~table["verdict"].isin(NOT_HERE)
    lows, highs = table["difference_low"], table["difference_high"]
    cells = pd.DataFrame(
        {
            "networks": without_repeats([str(pair) for pair in table["pair"]]),
            "case": table["case"].map(str),
            "n": table["n"].map(str).where(is_there, MISSING),
            ACCURACY: list(map(_with_half, table["test_mean"], table["test_high"])),
            "difference": list(
                map(_with_bounds, table["difference"], lows, highs, table["difference_n"])
            ),
            "paper (%)": table["paper"].map(number),
        }
    )
    # What no row has, and an n that all rows share, take no column: the caption tells n.
    idle = [name for name in cells if cells[name].isin([MISSING, ""]).all()]
    idle += ["n"] if table.loc[is_there, "n"].nunique() == 1 else []
    difference = (
        f" Difference: from {first_case(study)}, paired by seed, with its 95% t-interval (none "
        f"where one seed, or equal ones, show no noise), {unadjusted(study, 'cases')}."
    )
    caption = _caption(study, table.loc[is_there, "n"], difference, accuracy_words(study))
    groups = [str(pair) for pair in table["pair"]]
    return Summary(caption, cells.drop(columns=idle), groups, _places(table["test_mean"], groups))


def _of_search(study: StudyResults) -> Summary:
    done = completed(configurations(study))
    if done.empty:
        raise InputError(f"study {study.name}: no configuration is done, so there is no table yet")
    keys = [parameter.key for parameter in parameters(study.spec["search"], study.labels)]
    cells = pd.DataFrame(
        {
            "rank": done["rank"].map(str),
            **(_of_spaces(done, keys) if study.spec.get("cases") else _by_key(done, keys)),
            ACCURACY: list(map(_with_half, done["heldout_mean"], done["heldout_high"])),
        }
    )
    picked = " The best was picked as the highest, so its accuracy flatters."
    caption = _caption(study, done["seeds"], picked, HELDOUT_ACCURACY)
    groups = [""] * len(done)
    return Summary(caption, cells, groups, _places(done["heldout_mean"], groups))


def _by_key(done: pd.DataFrame, keys: Sequence[str]) -> dict[str, object]:
    """A column for each searched key."""
    return {key: done[key].map(plain) for key in keys}


def _of_spaces(done: pd.DataFrame, keys: Sequence[str]) -> dict[str, object]:
    """The case of each configuration, and the keys that were searched in it as one text."""
    texts = [
        ", ".join(f"{key}={plain(value)}" for key, value in row.items() if pd.notna(value))
        for row in done[list(keys)].to_dict("records")
    ]
    return {"case": done["space"], CONFIGURATION: texts}


def _caption(study: StudyResults, counts: "pd.Series[int]", note: str, accuracy: str) -> str:
    said = [basis(study, accuracy), *mixed_teachers(study.trials.to_dict("records"))]
    return labelled(
        study,
        f"Top-1 accuracy in percent: mean and 95% t-interval, n = {numbers_range(counts)}."
        f"{note} {' '.join(said)}",
    )


def _with_half(mean: float, high: float) -> str:
    """`93.42 ± 0.31`; without an interval the mean alone."""
    half = f" ± {number(high - mean)}" if isfinite(high) else ""
    return f"{number(mean)}{half}"


def _with_bounds(mean: float, low: float, high: float, count: int) -> str:
    """`+0.42 [+0.10, +0.74]`; the mean alone where one seed, or equal ones, show no noise."""
    interval = (
        f" [{signed(low)}, {signed(high)}]" if Interval(mean, low, high, count).has_width else ""
    )
    return f"{signed(mean)}{interval}"


def _places(means: "pd.Series[float]", groups: Sequence[str]) -> list[int]:
    """Mark the best and the second of each group, to the digits that are shown."""
    by_group = means.round(2).groupby(list(groups), sort=False)
    ranks = by_group.rank("dense", ascending=False).where(by_group.transform("size") > 1)
    return [int(rank) if rank <= 2 else 0 for rank in ranks]
