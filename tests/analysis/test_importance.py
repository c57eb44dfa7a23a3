"""The accuracy of this toy depends on `weight` alone; a high `temperature` learns slowly and was
stopped early."""

import numpy as np
import pandas as pd
import pytest

from pckd.analysis.numbers.importance import FEWEST, importances, reason_against
from pckd.analysis.numbers.ranking import completed
from pckd.analysis.search_space import SearchedKey, parameters

WEIGHT = SearchedKey("weight", 0.01, 100.0, is_log=True)
TEMPERATURE = SearchedKey("temperature", 0.0, 1.0)
SPACE = [WEIGHT, TEMPERATURE]


def toy(count: int = 80) -> pd.DataFrame:
    draws = np.random.default_rng(0)
    weight = 10 ** draws.uniform(-2, 2, count)
    temperature = draws.uniform(0, 1, count)
    final = 60 + 10 * np.log10(weight)
    is_stopped = temperature > 0.5
    return pd.DataFrame(
        {
            "status": np.where(is_stopped, "stopped", "completed"),
            "heldout_mean": np.where(is_stopped, 10.0 + final / 60, final),
            "weight": weight,
            "temperature": temperature,
        }
    )


def by_method(found: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {
        str(method): dict(zip(rows["parameter"], rows["importance"], strict=True))
        for method, rows in found.groupby("method")
    }


def test_the_parameter_that_decides_is_found_and_the_other_is_not() -> None:
    for method, found in by_method(importances(completed(toy()), SPACE, resamples=2)).items():
        assert found["weight"] > 0.9, method
        assert found["temperature"] < 0.1, method
        assert sum(found.values()) == pytest.approx(1.0)


def test_stopped_trials_would_turn_the_answer_round() -> None:
    """Reason for the guard: with them, the parameter that decides nothing looks decisive."""
    all_alike = toy().assign(status="completed")
    found = by_method(importances(all_alike, SPACE, resamples=2))
    assert found["fANOVA"]["temperature"] > 0.5


def test_a_log_parameter_counts_each_decade_alike() -> None:
    """The same study with the logarithm as its parameter has the same importances."""
    rows = toy().assign(status="completed")
    plain = rows.assign(weight=np.log10(rows["weight"]))
    space = [SearchedKey("weight", -2.0, 2.0), TEMPERATURE]
    ours = importances(rows, SPACE, resamples=1)["importance"]
    expected = importances(plain, space, resamples=1)["importance"]
    assert ours.tolist() == pytest.approx(expected.tolist())


def test_the_bootstrap_is_seeded_and_brackets_a_clear_effect() -> None:
    done = completed(toy(60))
    one, other = (importances(done, SPACE, resamples=10) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    weight = one[one["parameter"] == "weight"]
    assert (weight["low"] <= weight["high"]).all()
    assert (weight["low"] > 0.5).all()
    assert (one["low"] <= one["importance"]).all() and (one["importance"] <= one["high"]).all()


def test_choices_and_conditional_parameters() -> None:
    draws = np.random.default_rng(0)
    kind = np.array(["a"] * 25 + ["b"] * 15)
    depth = np.where(kind == "a", draws.uniform(0, 1, 40), np.nan)
    top1 = np.where(kind == "a", 80.0, 60.0) + draws.normal(size=40) * 0.1
    rows = pd.DataFrame({"status": "completed", "heldout_mean": top1, "kind": kind, "depth": depth})
    rows["noise"] = draws.uniform(0, 1, 40)
    space = [SearchedKey("kind", choices=("a", "b")), SearchedKey("depth"), SearchedKey("noise")]
    found = by_method(importances(rows, space, resamples=2))
    assert found["fANOVA"]["kind"] > 0.9 and found["fANOVA"]["noise"] < 0.1
    assert np.isnan(found["fANOVA"]["depth"])
    assert not np.isnan(found["PED-ANOVA"]["depth"])
    fewer = importances(rows.iloc[1:], space, resamples=2)
    too_few = fewer[fewer["parameter"] == "depth"]
    assert too_few["count"].tolist() == [24, 24]
    assert too_few[["importance", "low", "high"]].isna().to_numpy().all()
    assert fewer.loc[fewer["parameter"] == "kind", "importance"].notna().all()


def test_reasons_against() -> None:
    rows = toy().query("status == 'completed'")
    assert reason_against(rows, SPACE) is None
    assert "only one parameter" in (reason_against(rows, [WEIGHT]) or "")
    assert "too few: 24 config" in (reason_against(rows.head(FEWEST - 1), SPACE) or "")
    assert reason_against(rows.head(FEWEST), SPACE) is None
    assert "same accuracy" in (reason_against(rows.assign(heldout_mean=50.0), SPACE) or "")


def test_the_study_file_s_parameters() -> None:
    search = {
        "parameters": {
            "a": {"type": "float", "low": 0.1, "high": 10.0, "log": True, "choices": None},
            "b": {"type": "choice", "low": None, "high": None, "choices": ["x", "y", "z"]},
            "constant": {"choices": ["only"]},
        }
    }
    logarithmic, choice = parameters(search, {})
    assert [logarithmic.coordinate(value) for value in (0.1, 1.0, 10.0)] == [0.0, 0.5, 1.0]
    assert [choice.coordinate(value) for value in "xyz"] == [0.0, 0.5, 1.0]
    assert np.isnan(choice.place(None)) and logarithmic.place(2) == 2.0
