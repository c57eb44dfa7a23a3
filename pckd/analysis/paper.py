"""The paper's numbers, kept in the package as data."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import pandas as pd

Metric = Literal["top1", "top5"]


@dataclass(frozen=True, slots=True)
class PaperScale:
    """Training set of the paper."""

    epochs: int
    train_images: int
    classes: int


PAPER_SCALES = {
    "cifar100": PaperScale(240, 50_000, 100),
    "imagenet": PaperScale(100, 1_281_167, 1000),
}
"""By data set; the epochs on ImageNet are inferred, the paper's text lost them."""


UNPUBLISHED = "formula not public"
"""Note on numbers of a method that cannot be run."""


@cache
def _tables() -> pd.DataFrame:
    with (files("pckd.analysis") / "data" / "paper_tables.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False)


def paper_tables() -> pd.DataFrame:
    """Tables I to IX of the paper in long form.

    Returns:
        Columns table, dataset, method, teacher, student, metric, value (percent) and note.
    """
    return _tables().copy()


def tables_of(source: str) -> list[str]:
    """The tables that a study's source names: `Tables I and II` gives both."""
    if "table" not in source.lower():
        return []
    known = set(_tables()["table"])
    named = [f"Table {numeral}" for numeral in re.findall(r"\b[IVX]+\b", source)]
    return [name for name in named if name in known]


def paper_scale(source: str) -> tuple[str, PaperScale]:
    """The data set and the scale that a study's source was measured at.

    Args:
        source: The study's source: CIFAR-100 unless it names a table of another set.
    """
    named = _tables()[_tables()["table"].isin(tables_of(source))]["dataset"]
    trained = [str(dataset).partition("->")[0] for dataset in named]
    name = trained[0] if trained else "cifar100"
    return name, PAPER_SCALES[name]


def paper_accuracy(
    source: str,
    case: str,
    teacher: str | None,
    student: str | None,
    metric: Metric = "top1",
    target: str = "",
) -> float | None:
    """The paper's accuracy for a case of a study, in percent.

    Args:
        source: The study's source, which names the table.
        case: Its name is the method's, or the part of it in or before parentheses.
        teacher: Architecture; None matches any teacher if the paper's numbers agree.
        student: Architecture; None matches any likewise.
        metric: top1 or top5.
        target: The data set on which a linear probe was measured; empty for the one trained on.

    Returns:
        None where the tables have no such number, or more than one.
    """
    rows = _tables()
    rows = rows[rows["table"].isin(tables_of(source)) & (rows["metric"] == metric)]
    measured_on = rows["dataset"].map(lambda name: str(name).partition("->")[2])
    rows = rows[measured_on == target.replace("-", "")]
    if student is not None:
        rows = rows[rows["student"] == _plain(student)]
    if teacher is not None:
        rows = rows[rows["teacher"].isin([_plain(teacher), "none"])]
    matches = [_normalised(case) in _names(str(method)) for method in rows["method"]]
    values = set(rows.loc[matches, "value"])
    return float(values.pop()) if len(values) == 1 else None


def unpublished(source: str, teacher: str, student: str) -> dict[str, float]:
    """The methods of a table that cannot be run, because their formula is not public.

    Args:
        source: A study's source, which names the table.
        teacher: Architecture.
        student: Architecture.

    Returns:
        The paper's top-1 accuracy of each, in percent.
    """
    rows = _tables()
    rows = rows[rows["table"].isin(tables_of(source)) & (rows["note"] == UNPUBLISHED)]
    rows = rows[(rows["teacher"] == _plain(teacher)) & (rows["student"] == _plain(student))]
    return dict(zip(rows["method"], rows["value"], strict=True))


def _plain(model: str) -> str:
    """The model's name without the library that it comes from: torchvision/resnet18."""
    return model.rpartition("/")[2]


def _names(method: str) -> set[str]:
    before, _, inside = method.rstrip(")").partition("(")
    return {_normalised(name) for name in (method, before, inside) if name}


def _normalised(name: str) -> str:
    return " ".join(name.casefold().split())
