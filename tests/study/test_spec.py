"""Study files: what they mean, what `--set` changes, and what is refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pckd.errors import InputError
from pckd.study.plan import study_runs
from pckd.study.spec import StudySpec
from pckd.study.study_file import read_study

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))

RUN = {
    "data": {"name": "digits", "holdout_fraction": 0.2},
    "teacher": {"model": "resnet20", "optimization": {"epochs": 3}},
    "student": "resnet8",
}
SEARCH = {"trials": 4, "parameters": {"loss.kd": {"low": 0.1, "high": 10.0, "log": True}}}

Read = Callable[..., StudySpec]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a study file with some keys changed and read it with `--set` changes."""

    def write_and_read(assigned: dict[str, Any] | None = None, **changes: Any) -> StudySpec:  # noqa: ANN401
        values = {"study": "example", "run": RUN, **changes}
        file = tmp_path / "example.yaml"
        file.write_text(yaml.safe_dump(values))
        return read_study(file, assigned or {})

    return write_and_read


@pytest.fixture
def refusal(read: Read, tmp_path: Path) -> Callable[..., str]:
    """Message of a refused file: one sentence that begins with its name."""

    def refuse(assigned: dict[str, Any] | None = None, **changes: Any) -> str:  # noqa: ANN401
        with pytest.raises(InputError) as caught:
            read(assigned, **changes)
        text = str(caught.value)
        assert "\n" not in text
        assert text.startswith(f"{tmp_path / 'example.yaml'}")
        return text.removeprefix(f"{tmp_path / 'example.yaml'}").lstrip(":, ")

    return refuse


def test_there_are_studies() -> None:
    assert "demo" in {path.stem for path in STUDIES}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_repository_is_valid_in_all_its_cases(path: Path) -> None:
    spec = read_study(path, {})
    assert spec.study == path.stem
    assert study_runs(spec)


def test_a_study_file_becomes_a_spec(read: Read) -> None:
    spec = read(seeds=[1, 2], vary_one={"loss.kd": [0.5, 1.0]}, resources={"workers": 2})
    assert (spec.study, spec.seeds, spec.resources.workers) == ("example", (1, 2), 2)
    config = spec.run_config({"loss.kd": 0.5}, "example")
    assert (config.student, config.loss["kd"].weight, config.protocol) == ("resnet8", 0.5, "paper")
    assert config.teacher is not None
    assert config.teacher.optimization.epochs == 3


def test_set_changes_the_run_or_the_study_by_the_key(read: Read) -> None:
    assigned = {"loss.kd": 0.5, "teacher": "resnet14", "seeds": [4], "resources.workers": 2}
    spec = read({**assigned, "run.optimization.epochs": 5})
    config = spec.run_config({}, "example")
    assert config.teacher is not None
    assert (config.loss["kd"].weight, config.optimization.epochs) == (0.5, 5)
    assert (config.teacher.model, config.teacher.optimization.epochs) == ("resnet14", 3)
    assert (spec.seeds, spec.resources.workers) == ((4,), 2)
    assert read({"search.trials": 9}, search=SEARCH).search is not None


def test_a_key_of_the_run_has_two_names_and_the_last_of_them_counts(read: Read) -> None:
    for keys in (("run.loss.kd", "loss.kd"), ("loss.kd", "run.loss.kd")):
        assert read(dict(zip(keys, (0.5, 0.7), strict=True))).run["loss"]["kd"] == {"weight": 0.7}
    assert read({"run.method": "dkd"}).run == read({"method": "dkd"}).run
    with pytest.raises(InputError, match=r"^loss\.kd\.weight is set twice$"):
        read({"run.loss.kd": 0.5, "loss.kd.weight": 0.7})


def test_a_section_without_content_is_left_out_by_set(read: Read) -> None:
    assert read({"search": None}, search=SEARCH).search is None
    assert read({"cases.a.loss.kd": 0.5}, cases=None).cases == {"a": {"loss.kd.weight": 0.5}}
    assert read(pictures={}).pictures is not None


def test_a_search_holds_out(read: Read, refusal: Callable[..., str]) -> None:
    assert read(search=SEARCH).run_config({}, "example").protocol == "holdout"
    assert read({"protocol": "holdout"}, search=SEARCH).run["protocol"] == "holdout"
    needed = "search needs run.protocol holdout: a searcher must not see the test images"
    assert refusal(search=SEARCH, run={**RUN, "protocol": "paper"}) == needed
    assert refusal({"protocol": "paper"}, search=SEARCH) == needed


def test_pairs_may_bring_the_teacher_and_the_student(read: Read) -> None:
    pair = {"teacher": "resnet20", "student": "resnet8"}
    runs = study_runs(read(run={"data": "digits"}, pairs=[pair]))
    assert [config.student for config in runs] == ["resnet8"]


def searching(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"search": {**SEARCH, **changes}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no study name": ({"study": None}, r"study .*"),
    "name with a space": ({"study": "my study"}, r"study: 'my study' cannot be a name: use .*"),
    "name of a folder above": ({"study": ".."}, r"study: '\.\.' cannot be a name: .*"),
    "name of 201 letters": (
        {"study": "a" * 201},
        r"the name of the study has 201 letters, more than 200",
    ),
    "name of a confirmation": (
        {"study": "demo-confirm"},
        r"demo-confirm: names that end with -confirm are for studies that confirm another",
    ),
    "reserved name": ({"study": "teachers"}, r"study: 'teachers' is reserved; .*"),
    "other reserved name": ({"study": "runs"}, r"study: 'runs' is reserved; .*"),
    "two plans": (
        {"cases": {"a": {}}, "grid": {"loss.kd": [1]}},
        r"a study has one plan, not cases and grid",
    ),
    "seeds twice": ({"seeds": [0, 1, 0]}, r"seeds \[0, 1, 0\] list a seed twice"),
    "a value twice": ({"grid": {"loss.kd": [0.1, 0.10]}}, r"grid: loss\.kd lists 0\.1 twice"),
    "a number in two ways": ({"grid": {"loss.kd": [1, 1.0]}}, r"grid: loss\.kd lists 1 twice"),
    "no values": ({"vary_one": {"loss.kd": []}}, r"vary_one: loss\.kd has no values: .*"),
    "a key under two names": (
        {"grid": {"loss.kd": [1], "loss.kd.weight": [2]}},
        r"grid: loss\.kd\.weight is set twice",
    ),
    "a pair twice": (
        {"pairs": [{"teacher": "resnet20", "student": "resnet8"}] * 2},
        r"pairs list resnet20 . resnet8 twice: .*",
    ),
    "a search from itself": (
        searching(**{"from": "example"}),
        r"search\.from: example is the study itself: name another",
    ),
    "a choice twice": (
        searching(parameters={"student": {"choices": ["resnet8", "resnet8"]}}),
        r'search\.parameters\.student: choices lists "resnet8" twice',
    ),
    "a case without a name": ({"cases": {"": {}}}, r"case '': a name has a letter .*"),
    "names that look alike": ({"cases": {"KD": {}, "KD ": {}}}, r"case 'KD ': a name has .*"),
    "accents stored in two ways": (
        {"cases": {"caf\u00e9": {}, "cafe\u0301": {}}},
        r"cases 'caf.*' and 'caf.*' look the same: rename one",
    ),
    "a sign that nobody sees": ({"cases": {"KD": {}, "K\u200bD": {}}}, r"cases .* the same: .*"),
    "a name with a control sign": ({"cases": {"K\x1b[31mD": {}}}, r"case 'K.x1b.31mD': .*"),
    "a grid beyond all years": (
        {"grid": {key: list(range(50)) for key in ("loss.kd", "loss.sp", "loss.rkd")}},
        r"the plan has 125,000 trials; at most 100,000 are allowed",
    ),
    "no seeds": ({"seeds": []}, r"seeds is empty: write something below it, or leave it out"),
    "no cases": ({"cases": {}}, r"cases is empty: .*"),
    "a grid without keys": ({"grid": {}}, r"grid is empty: .*"),
    "nothing varied": ({"vary_one": {}}, r"vary_one is empty: .*"),
    "nothing searched": ({"search": {}}, r"search is empty: .*"),
    "no pairs": ({"pairs": []}, r"pairs is empty: .*"),
    "a key with nothing beside it": ({"probe": None}, r"probe is empty: .*"),
    "a seed of the run": ({"run": {**RUN, "seed": 3}}, r".*seed.*seeds.*"),
    "unknown key": ({"sead": [0]}, r"sead is not a known key; allowed: .*; did you mean seeds.*"),
    "misspelt needed key": (
        {"pairs": [{"teacher": "resnet20", "studnt": "resnet8"}]},
        r".*studnt.*",
    ),
    "unknown key of the run": ({"run": {**RUN, "los": {}}}, r"run: los is not a known key; .*"),
    "misspelt model": ({"run": {**RUN, "student": "resnt8"}}, r"run: student: .*resnet8.*"),
    "several pairs searched": (
        {
            **searching(),
            "pairs": [{"teacher": "resnet20", "student": f"resnet{n}"} for n in (8, 14)],
        },
        r"a search takes one teacher-student pair: .*",
    ),
    "a key of a pair and of the plan": (
        {
            "cases": {"fast": {"preview.growth_rate": 1.02}},
            "pairs": [{"student": "resnet8", "changes": {"preview.growth_rate": 1.015}}],
        },
        r"preview\.growth_rate is changed both by a pair and by the plan",
    ),
    "a pair of a case that is none": (
        {"cases": {"KD": {}}, "pairs": [{"student": "resnet8", "cases": {"KDD": {}}}]},
        r"pair resnet8 names 'KDD', which is no case of the study; did you mean KD\?",
    ),
    "a pair without a case that is none": (
        {"pairs": [{"student": "resnet8", "without": ["KD"]}]},
        r"pair resnet8 names 'KD', which is no case of the study",
    ),
    "a case that every pair leaves out": (
        {"cases": {"a": {}, "b": {}}, "pairs": [{"student": "resnet8", "without": ["b"]}]},
        r"b is left out of every pair: leave it out of the cases",
    ),
    "a case that is compared and left out": (
        {
            "cases": {"a": {}, "b": {"views.flip": False}},
            "pairs": [{"student": "resnet8", "without": ["b"]}, {"student": "resnet14"}],
            "seeds": {"until": "clear", "against": "a", "smallest_difference": 1.0},
        },
        r"seeds compare b, which pair resnet8 is without",
    ),
    "more than a GPU": (
        {"resources": {"gpus_per_worker": 2}},
        r"resources\.gpus_per_worker: 2 is neither a share of a GPU from 0 to 1 nor auto",
    ),
    "no share of a GPU": (
        {"resources": {"gpus_per_worker": float("nan")}},
        r"resources\.gpus_per_worker: nan is neither .*",
    ),
    "several workers measured": (
        {"resources": {"gpus_per_worker": "auto", "workers": 2}},
        r"resources: gpus_per_worker auto is for one worker: several take a GPU each",
    ),
    "bounds reversed": (
        searching(parameters={"loss.kd": {"low": 2.0, "high": 1.0}}),
        r"search\.parameters\.loss\.kd\.weight: low .* must be below high .*",
    ),
    "log scale to zero": (
        searching(parameters={"loss.kd": {"low": 0.0, "high": 1.0, "log": True}}),
        r"search\.parameters\.loss\.kd\.weight: .*positive.*",
    ),
    "misspelt bound": (
        searching(parameters={"loss.kd": {"low": 1.0, "hihg": 2.0}}),
        r"search\.parameters\.loss\.kd\.weight\.hihg is not a known key.*",
    ),
    "no choice": (
        searching(parameters={"student": {"choices": []}}),
        r"search\.parameters\.student\.choices is \[\]: .*",
    ),
    "first point elsewhere": (
        searching(first=[{"loss.kdd": 1.0}]),
        r"search: first sets loss\.kdd, which is not searched; did you mean loss\.kd\.weight\?",
    ),
    "first point out of range": (searching(first=[{"loss.kd": 20.0}]), r"search: .*20\.0.*"),
    "first point of another kind": (searching(first=[{"loss.kd": "big"}]), r"search: .*'big'.*"),
    "searched protocol": (
        searching(parameters={"protocol": {"choices": ["holdout", "paper"]}}),
        r".*protocol.*",
    ),
    "a protocol of one case": (
        {"cases": {"a": {"protocol": "holdout"}, "b": {}}},
        r"protocol is the same for all trials of a study: .*",
    ),
    "a scale of one pair": (
        {"pairs": [{"student": "resnet8", "changes": {"scale": "smoke"}}]},
        r"scale is the same for all trials of a study: see --scale",
    ),
    "a secret that every case changes": (
        {
            "run": {**RUN, "data": {"name": "digits", "root": "s3://KEY:ab/cd@bucket/x"}},
            "cases": {"a": {"data.root": "/images"}},
        },
        r"the study file holds a secret, which would be shown .*",
    ),
    "unknown protocol": ({"probe": {"data": ["digits"], "protocol": "exat"}}, r".*allowed: .*"),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_bad_study_is_refused_in_a_sentence(
    changes: dict[str, Any], sentence: str, refusal: Callable[..., str]
) -> None:
    assert re.fullmatch(sentence, refusal(**changes))


def test_a_key_of_set_that_nobody_knows_is_refused(refusal: Callable[..., str]) -> None:
    assert re.fullmatch(r"lss is not a known key; allowed: .*", refusal({"lss.kd": 1.0}))
    assert re.fullmatch(r"run: loss: kdd is not a known term; .*", refusal({"loss.kdd": 1.0}))
