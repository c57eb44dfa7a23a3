"""Question and answer of a study: its verdicts."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from pckd.analysis.figures.differences import Differences, differences_plot
from pckd.analysis.loading import StudyResults
from pckd.analysis.parts import Paragraph, Picture, Section, Table
from pckd.analysis.words import bounds, listing, number, sentence, signed, unbroken
from pckd.study.mixed_teachers import mixed_teachers
from pckd.words import duration, plural

CAPTION = (
    "Differences of test top-1 between trials with the same seed and stream of views, candidate "
    "minus reference, in points. Estimate and interval are those of a design that looks after each "
    "seed; all comparisons together are false with probability of at most {level:.0%}, as far as "
    "simulation tells (docs/verdicts.md)."
)


def answer(study: StudyResults) -> Section | None:
    """The verdicts; None where the study compares nothing until it is clear."""
    rows = study.verdicts
    if rows.empty:
        return None
    said = [Paragraph(_question(rows)), *map(Paragraph, map(sentence, rows["sentence"]))]
    said += [Paragraph(text, is_warning=True) for text in _doubts(study)]
    cost = Paragraph(_cost(study))
    caption = CAPTION.format(level=rows["level"].max())
    table = Table("verdicts", caption, rows.drop(columns="differences"), _shown(rows))
    drawn = [_differences(row, rows) for row in rows.to_dict("records") if len(row["differences"])]
    if not drawn:
        return Section("The answer", [*said, cost, table])
    picture = Picture(
        "differences",
        "Each circle is a seed; the diamond with its interval is the estimate over all. The band "
        "holds differences that are smaller than the one that matters.",
        differences_plot(drawn, "difference (points)"),
        rows[["pair", "candidate", "reference", "first_seed", "differences"]].explode(
            "differences"
        ),
    )
    return Section("The answer", [*said, picture, cost, table])


def _doubts(study: StudyResults) -> list[str]:
    """Reasons to doubt the verdicts of another study, which confirms this one."""
    if study.confirming.empty:
        return []
    is_older = study.verdicts["updated"].max() < study.trials["updated"].max()
    outdated = (
        f"The verdicts are older than trials of this study, and may be on another winner: pckd "
        f"study confirm {study.name} compares the present one."
    )
    return [*([outdated] if is_older else []), *mixed_teachers(study.confirming.to_dict("records"))]


def _question(rows: pd.DataFrame) -> str:
    """The question that the verdicts answer."""
    who, others = (listing(list(rows[name].unique())) for name in ("candidate", "reference"))
    smallest = number(rows["smallest_difference"].max())
    return (
        f"Question: is {who} better than {others} on the test images, and would the difference "
        f"matter, which takes {smallest} points?"
    )


def _cost(study: StudyResults) -> str:
    """Trainings and their time, those of the confirmation apart."""
    own = _trainings(study.trials.drop_duplicates("trial"))
    if study.confirming.empty:
        return f"Cost: {own}."
    name = study.confirming["study"].iloc[0]
    return f"Cost: {own}, and to confirm (study {name}) {_trainings(study.confirming)}."


def _trainings(trials: pd.DataFrame) -> str:
    return f"{plural(len(trials), 'training')} of {duration(float(trials['seconds'].sum()))} in all"


def _has_pairs(rows: pd.DataFrame) -> bool:
    """Return whether cases are compared for several pairs, whose names then tell them apart."""
    return rows["pair"].nunique() > 1


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **({"pair": rows["pair"].map(unbroken)} if _has_pairs(rows) else {}),
            "candidate": rows["candidate"],
            "reference": rows["reference"],
            "students": rows["student_model"],
            "verdict": rows["name"],
            "points": rows["estimate"].map(signed),
            "interval": [
                bounds(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "SD": rows["deviation"].map(number),
            "seeds": rows["seeds"].map(str),
            "that matters": rows["smallest_difference"].map(number),
        }
    )


def _differences(row: dict[Hashable, Any], rows: pd.DataFrame) -> Differences:
    of_pair = f"{row['pair']}: " if _has_pairs(rows) else ""
    return Differences(
        title=f"{of_pair}{row['candidate']} minus {row['reference']}",
        first_seed=row["first_seed"],
        values=row["differences"],
        estimate=row["estimate"],
        low=row["low"],
        high=row["high"],
        smallest=row["smallest_difference"],
    )
