"""Rows of a study, joined with the places that its plan gives them."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd


def placed_trials(plan: pd.DataFrame, rows: pd.DataFrame, spec: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with the places that the plan gives them, in its order."""
    of_plan = [name for name in plan.columns if name != "trial"]
    own = rows.drop(columns=rows.columns.intersection(of_plan))
    placed = _joined(own, plan, of_plan, how="inner")
    pairs = plan["pair"].unique().tolist()
    placed = placed.assign(pair_order=[pairs.index(pair) for pair in placed["pair"]])
    placed = placed.sort_values(["pair_order", "position", "seed"], kind="stable")
    placed = placed.drop(columns="pair_order").reset_index(drop=True)
    if spec.get("vary_one"):  # a value that is the default is the default case
        placed = placed.drop_duplicates(["pair", "trial"], ignore_index=True)
    if spec.get("search"):  # configurations have no order of their own
        placed = placed.assign(position=0)
    changed = [
        {} if is_default else json.loads(changes)
        for changes, is_default in zip(placed["changes"], placed["is_default"], strict=True)
    ]
    settings = [json.loads(config) for config in placed["config"]]
    return placed.assign(changed=_objects(changed), settings=_objects(settings))


def _objects(values: list[Any]) -> "pd.Series[Any]":
    return pd.Series(values, dtype=object)


def plan_from_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Make a plan of rows that have none: each configuration is a case, the oldest first.

    Different configurations of one name are told apart by the identity of their first trial.
    """
    rows = rows.sort_values("started", kind="stable").reset_index(drop=True)
    own = pd.Series(
        [json.dumps({**json.loads(text), "seed": None}) for text in rows["config"]], dtype=object
    )
    several = own.groupby(rows["case"]).transform("nunique") > 1
    first = rows["trial"].groupby(own).transform("first")
    case = rows["case"].astype(object).mask(several, rows["case"] + " " + first)
    return pd.DataFrame(
        {
            "trial": rows["trial"],
            "pair": "",
            "teacher_model": rows["config.teacher.model"],
            "student_model": rows["config.student"],
            "case": case,
            "space": None,
            "position": pd.factorize(case)[0],
            "seed": rows["seed"],
            "changes": rows["changes"],
            "is_default": False,
        }
    )


def epochs_of(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The epochs of the placed trials, in their order."""
    columns = ["case", "pair", "position", "seed", "status", "order"]
    merged = _joined(_wide(rows), trials.assign(order=trials.index), columns, how="inner")
    ordered = merged.sort_values(["order", "epoch"])
    return ordered.drop(columns="order").reset_index(drop=True)


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with columns `loss_TERM` and `weight_TERM` for each term that some row has."""
    lists = [[] if entries is None else list(entries) for entries in rows["terms"]]
    wide = [
        {f"{what}_{entry['term']}": entry[what] for entry in entries for what in ("loss", "weight")}
        for entries in lists
    ]
    return rows.drop(columns="terms").join(pd.DataFrame(wide, index=rows.index, dtype=float))


def _joined(
    rows: pd.DataFrame, other: pd.DataFrame, columns: list[str], how: Literal["inner", "left"]
) -> pd.DataFrame:
    """Rows with columns of another table, by trial; as objects, pandas cannot join empty text."""
    right = other[["trial", *columns]].astype({"trial": object})
    return rows.astype({"trial": object}).merge(right, on="trial", how=how)


def probes_of(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Probes of given networks, of the students' present weights and of the teachers that they had.

    Rows of earlier versions do not say which weights they are of: those count by trial and model.
    """
    is_of = {role: rows["role"] == role for role in ("student", "teacher", "network")}
    says, present = rows["network"].notna(), rows["trial"].map(_networks(trials))
    replaced = says & present.notna() & (rows["network"] != present)
    wanted = is_of["student"] & rows["trial"].isin(trials["trial"]) & ~replaced
    taught = rows["network"].isin(trials["teacher"].dropna())
    taught |= ~says & rows["model"].isin(trials["teacher_model"].dropna())
    kept = rows[wanted | (is_of["teacher"] & taught) | is_of["network"]]
    named = kept["trial"].mask(is_of["network"], "")
    ordered = kept.assign(named=named).sort_values("updated", kind="stable")
    same = ["role", "named", "network", "data", "classes", "train_images", "protocol", "seed"]
    newest = ordered.drop_duplicates(same, keep="last").drop(columns=["named", "case"])
    placed = _joined(newest, trials, ["position", "pair", "case"], how="left")
    return placed.sort_values(["role", "position", "student_seed", "seed"], kind="stable")


def _networks(trials: pd.DataFrame) -> "pd.Series[str]":
    """Content hash of each student, by trial."""
    return trials.drop_duplicates("trial").set_index("trial")["network"]
