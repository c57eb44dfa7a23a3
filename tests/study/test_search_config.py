"""Settings of a search: kinds of parameters, conditions, samplers, objectives."""

from typing import Any

import optuna
import pytest

from pckd.errors import InputError
from pckd.settings import validate
from pckd.study.parameter import Parameter
from pckd.study.samplers import SAMPLERS, check_sampler, create_sampler
from pckd.study.search_config import SearchConfig

MAXIMIZE, MINIMIZE = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE

WEIGHT = {"low": 0.01, "high": 10.0, "log": True}
PARAMETERS: dict[str, Any] = {
    "loss.kd": WEIGHT,
    "optimization.epochs": {"type": "int", "low": 2, "high": 10, "step": 2},
    "preview.strategy": {"choices": ["preview", "none"]},
    "preview.growth_rate": {"low": 1.0, "high": 1.02, "when": {"preview.strategy": "preview"}},
}


def _search(**changes: Any) -> SearchConfig:  # noqa: ANN401
    return validate(SearchConfig, {"trials": 1, "parameters": PARAMETERS, **changes}, "search")


def _points(search: SearchConfig, count: int) -> list[dict[str, Any]]:
    study = optuna.create_study(
        directions=[MAXIMIZE, *[MINIMIZE] * (len(search.objectives) - 1)],
        sampler=create_sampler(search, 0),
    )
    points = []
    for number in range(count):
        trial = study.ask()
        points.append(dict(search.suggest(trial)))
        study.tell(trial, [float(number)] * len(search.objectives))
    return points


def test_parameters_are_said_in_words() -> None:
    assert [parameter.words for parameter in _search().parameters.values()] == [
        "0.01 to 10, log scale",
        "2 to 10, whole numbers, in steps of 2",
        "preview or none",
        "1 to 1.02, where preview.strategy is preview",
    ]


def test_proposals_are_what_the_search_allows() -> None:
    search = _search()
    points = _points(search, 30)
    assert all(search.allows(point) for point in points)
    assert {type(point["optimization.epochs"]) for point in points} == {int}
    assert {point["optimization.epochs"] % 2 for point in points} == {0}


def test_optuna_knows_a_proposal_and_an_earlier_result_alike() -> None:
    search = _search()
    study = optuna.create_study()
    search.suggest(study.ask())
    for key, distribution in study.trials[0].distributions.items():
        assert search.parameters[key].distribution() == distribution


def test_a_condition_decides_whether_a_parameter_is_there() -> None:
    search = _search()
    points = _points(search, 30)
    kinds = {(point["preview.strategy"], "preview.growth_rate" in point) for point in points}
    assert kinds == {("preview", True), ("none", False)}
    assert not search.allows({**points[0], "preview.strategy": "none", "preview.growth_rate": 1.0})


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_proposes(name: str) -> None:
    parameters = {"loss.kd": WEIGHT, "loss.feature_alignment": WEIGHT}
    search = _search(sampler=name, parameters=parameters)
    assert len({point["loss.kd.weight"] for point in _points(search, 15)}) > 10


def test_a_sampler_takes_optunas_options() -> None:
    search = _search(sampler={"name": "tpe", "options": {"n_startup_trials": 3}})
    sampler = create_sampler(search, 0)
    assert isinstance(sampler, optuna.samplers.TPESampler)


def test_two_objectives_share_a_search() -> None:
    search = _search(sampler="nsga2", objectives=["accuracy", "flops"])
    assert len(_points(search, 5)) == 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sampler": "tep"}, "sampler 'tep' is not known; did you mean tpe"),
        ({"parameters": {"loss.kd": {"low": 2, "high": 1}}}, "low .2. must be below high .1."),
        ({"parameters": {"loss.kd": {"low": 0, "high": 1, "log": True}}}, "low must be positive"),
        (
            {
                "parameters": {
                    "optimization.epochs": {"type": "int", "low": 2, "high": 9, "step": 2.5}
                }
            },
            "step .2.5. of an int must be a whole number",
        ),
        (
            {"parameters": {"loss.kd": {"low": 0.1, "high": 1, "step": 2}}},
            r"high \(1\) must be low \(0.1\) and some steps of 2",
        ),
        (
            {"stop": {"scheduler": "median", "reduction_factor": 3}},
            "reduction_factor is for asha: median has none",
        ),
        ({"parameters": {"loss.kd": {"low": 1}}}, "either low and high, or choices"),
        ({"parameters": {"loss.kd": {**WEIGHT, "choices": [1, 2]}}}, "neither low nor high"),
        ({"parameters": {"loss.kd": {**WEIGHT, "type": "int"}}}, "must be whole numbers"),
        (
            {"parameters": {"loss.kd": {**WEIGHT, "when": {"preview.strategy": "none"}}}},
            "loss.kd.weight depends on preview.strategy, which is not a parameter above it",
        ),
        ({"first": [{"loss.kdd": 1.0}]}, "first sets loss.kdd, which is not searched; did you"),
        ({"first": [{"loss.kd": 11.0}]}, "outside of its range"),
        ({"objectives": ["accuracy", "seconds"], "stop": {}}, "early stopping needs one objective"),
        ({"first": [{"optimization.epochs": 3}]}, "outside of its range"),
        ({"sampler": {"name": "qmc", "options": {"scramble": False}}}, "needs scramble: true"),
        ({"objectives": ["seconds"]}, "the first objective must be accuracy"),
    ],
)
def test_a_search_that_makes_no_sense_is_one_sentence(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        _search(**changes)


def test_an_option_that_a_sampler_lacks_is_one_sentence() -> None:
    search = _search(sampler={"name": "tpe", "options": {"n_startup": 3}})
    with pytest.raises(InputError, match="tpe has no option 'n_startup'; did you mean n_startup_t"):
        check_sampler(search)


def test_choices_make_a_choice() -> None:
    assert Parameter.model_validate({"choices": [1, 2]}).type == "choice"
