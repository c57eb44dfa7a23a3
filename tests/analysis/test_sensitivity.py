import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from scipy import stats

from pckd.analysis.loading import load_study
from pckd.analysis.numbers.sensitivity import scale_of, sensitivities

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
VARY = {"loss.kd": [0.5, 1.0, 2.0], "preview.strategy": ["preview", "none"]}


@pytest.fixture
def builder(new_study: NewStudy) -> "StudyBuilder":
    """Accuracy rises by 4 a step of kd, and by 0.5 without a preview; seeds differ by 1."""
    builder = new_study(vary_one=VARY, seeds=[0, 1, 2])
    for seed in (0, 1, 2):
        noise = 0.01 * seed**2
        builder.trial("default", {}, seed, 80.0 + seed)
        builder.trial("kd=0.5", {"loss.kd": 0.5}, seed, 76.0 + seed + noise)
        builder.trial("kd=2", {"loss.kd": 2.0}, seed, 84.0 + seed - noise)
        builder.trial("none", {"preview.strategy": "none"}, seed, 80.5 + 2 * seed)
    return builder


def test_each_key_has_its_values_with_the_default_among_them(builder: "StudyBuilder") -> None:
    kd, strategy = sensitivities(load_study(builder.storage, "demo"))
    assert kd.key == "loss.kd" and strategy.key == "preview.strategy"
    assert kd.summary["value"].tolist() == [0.5, 1.0, 2.0]
    assert kd.summary["is_default"].tolist() == [False, True, False]
    assert strategy.summary["value"].tolist() == ["preview", "none"]
    assert (kd.scale, strategy.scale) == ("log", "category")


def test_the_summary_agrees_with_plain_pandas(builder: "StudyBuilder") -> None:
    kd = sensitivities(load_study(builder.storage, "demo"))[0]
    rows = builder.store.read("trials")
    rows = rows[rows["case"].isin(["default", "kd=0.5", "kd=2"])]
    kds = [json.loads(config)["loss"]["kd"]["weight"] for config in rows["config"]]
    wide = rows.assign(kd=kds).pivot(index="seed", columns="kd", values="test_top1")
    assert kd.summary["mean"].tolist() == pytest.approx(wide.mean().tolist())
    paired = stats.ttest_rel(wide[2.0], wide[1.0]).confidence_interval()
    last = kd.summary.iloc[2]
    assert last["difference"] == pytest.approx((wide[2.0] - wide[1.0]).mean())
    assert (last["difference_low"], last["difference_high"]) == pytest.approx(
        (paired.low, paired.high)
    )
    assert kd.summary["difference"].isna().tolist() == [False, True, False]


def test_the_spread_tells_an_effect_from_noise(builder: "StudyBuilder") -> None:
    kd, strategy = sensitivities(load_study(builder.storage, "demo"))
    assert kd.spread is not None and strategy.spread is not None
    assert (kd.spread.best, kd.spread.worst) == (2, 0)
    assert kd.spread.difference.mean == pytest.approx(8.0 - 2 * 0.05 / 3)
    assert kd.spread.difference.excludes_zero
    assert not strategy.spread.difference.excludes_zero


def test_the_default_may_have_been_trained_under_another_name(new_study: NewStudy) -> None:
    builder = new_study(vary_one=VARY)
    builder.trial("kd=2", {"loss.kd": 2.0}, 0, 84.0)
    builder.trial("strategy=preview", {"preview.strategy": "preview"}, 0, 80.0)
    kd, strategy = sensitivities(load_study(builder.storage, "demo"))
    assert kd.summary[["value", "is_default"]].values.tolist() == [[1.0, True], [2.0, False]]
    assert strategy.summary["is_default"].tolist() == [True]
    assert strategy.spread is None


def test_a_study_without_completed_trials_has_none(new_study: NewStudy) -> None:
    builder = new_study(vary_one=VARY)
    builder.trial("default", {}, 0, status="failed")
    assert sensitivities(load_study(builder.storage, "demo")) == []


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0.0125, 0.025, 0.05, 0.1, 0.2], "log"),
        ([5, 10, 20, 40, 80], "log"),
        ([1, 3, 10], "log"),
        ([0, 0.25, 0.5, 1, 2], "symlog"),
        ([1.0, 1.005, 1.01, 1.015, 1.02], "linear"),
        ([1, 2, 3, 4, 5], "linear"),
        ([0, 1], "linear"),
        ([-1, 1, 10, 100], "linear"),
        ([4.0], "linear"),
        (["none", "focal"], "category"),
        ([True, False], "category"),
        ([[0.5], [0.5, 0.75]], "category"),
    ],
)
def test_the_axis_suits_the_values(values: list[Any], scale: str) -> None:
    assert scale_of(values) == scale
