"""Figures 1, 7 and 8: from the files of students to numbers and to the report."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.metrics import silhouette_samples

from pckd.analysis import write_report
from pckd.analysis.figures.examples import ExampleRow, examples_plot
from pckd.analysis.figures.style import BLUE, VERMILLION
from pckd.analysis.loading import load_study
from pckd.analysis.numbers.centers import center_numbers, class_order, cosines
from pckd.analysis.numbers.features import embedding, feature_numbers, perplexity
from pckd.analysis.numbers.pictures import LookedAt, networks, shown_students, wanted_students
from pckd.study.pictures.file import Array, picture_path, write_pictures

if TYPE_CHECKING:
    from tests.analysis.conftest import StudyBuilder

NewStudy = Callable[..., "StudyBuilder"]
CASES = {"plain": {"loss.kd": 0.5, "preview.strategy": "none"}, "PCKD": {}}
SEARCH = {"trials": 9, "parameters": {"loss.kd": {"low": 0.1, "high": 10.0, "log": True}}}
CENTERS = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)


def looked_at(label: str, centers: Array, *, is_teacher: bool = False) -> LookedAt:
    """A network whose three classes lie apart by their centres."""
    labels = np.repeat(np.arange(3), 8)
    noise = np.random.default_rng(1).normal(size=(24, centers.shape[1]))
    features = 2 * centers[labels] + noise
    return LookedAt(label, is_teacher, 0, centers, features.astype(np.float32), labels)


def value(frame: pd.DataFrame, network: str, column: str) -> float:
    """Pictures of one network."""
    return float(frame.set_index("network")[column].to_dict()[network])


def arrays(builder: "StudyBuilder", strategy: str, *, has_teacher: bool = True) -> dict[str, Any]:
    """Pictures that the stage would keep of a student of three classes."""
    assert builder.spec.pictures is not None
    student, teacher = looked_at("", CENTERS + 0.1), looked_at("", CENTERS)
    gamma = np.linspace(0.1, 2, 8, dtype=np.float32)
    weighted = np.where(gamma <= 1.5, 1, np.exp(-(gamma**2)))
    of_teacher = {"teacher_centers": teacher.centers, "teacher_features": teacher.features}
    return {
        "settings": np.array(json.dumps(builder.spec.pictures.content())),
        "class_names": np.array(["ant", "<bee>", "cat"]),
        "student_network": np.array("a" * 64),
        "student_centers": student.centers,
        "feature_labels": student.labels,
        "student_features": student.features,
        "example_label": np.array(1),
        "example_positions": np.arange(8),
        "example_difficulty": gamma,
        "example_weight": np.ones(8) if strategy == "none" else weighted,
        "example_images": np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3),
        "strategy": np.array(strategy),
        "threshold": np.array(1.5),
        "mean_cross_entropy": np.array(0.7),
        "mean_images": np.array(1234),
        **(of_teacher if has_teacher else {}),
    }


def keep(builder: "StudyBuilder", trial: str, strategy: str = "preview", **changes: Any) -> str:  # noqa: ANN401
    path = picture_path(builder.spec.study, trial)
    write_pictures(builder.storage, path, {**arrays(builder, strategy), **changes})
    return path


def page_text(builder: "StudyBuilder", folder: Path) -> str:
    write_report(builder.storage, [builder.spec.study], folder)
    return (folder / "report.md").read_text(encoding="utf-8")


def test_cosines_agree_with_a_loop() -> None:
    found = cosines(CENTERS)
    for i, one in enumerate(CENTERS):
        for j, other in enumerate(CENTERS):
            expected = one @ other / np.sqrt((one @ one) * (other @ other))
            assert found[i, j] == pytest.approx(expected, abs=1e-6)
    assert cosines(np.zeros((2, 3))).tolist() == [[0, 0], [0, 0]]


def test_centres_are_as_alike_as_their_relations_are() -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))
    unlike = CENTERS * np.array([[1], [-1], [1]])
    wider = np.hstack([3 * CENTERS, np.zeros((3, 2))])
    items = [
        looked_at("teacher", CENTERS, is_teacher=True),
        looked_at("rotated", CENTERS @ rotation),
        looked_at("unlike", unlike),
        looked_at("wider", wider),
    ]
    frame = center_numbers(items)
    assert isnan(value(frame, "teacher", "correlation"))
    for name in ("rotated", "wider"):
        assert value(frame, name, "correlation") == pytest.approx(1)
    found, teacher = cosines(unlike), cosines(CENTERS)
    pairs = [[matrix[0, 1], matrix[0, 2], matrix[1, 2]] for matrix in (found, teacher)]
    assert value(frame, "unlike", "correlation") == pytest.approx(np.corrcoef(pairs)[0, 1])
    assert value(frame, "unlike", "same_class_cosine") == pytest.approx(1 / 3)
    assert abs(value(frame, "rotated", "same_class_cosine")) < 0.9
    assert isnan(value(frame, "wider", "same_class_cosine"))
    nearest = [max(teacher[i, j] for j in range(3) if j != i) for i in range(3)]
    assert value(frame, "teacher", "nearest_cosine") == pytest.approx(np.mean(nearest))


def test_like_classes_stand_side_by_side() -> None:
    one, other = np.eye(4)[:2]
    order = class_order(np.array([one, other, one + 0.1 * other, other + 0.1 * one]))
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}
    assert class_order(np.eye(2)).tolist() == [0, 1]


def test_features_are_measured_on_all_dimensions() -> None:
    item = looked_at("student", CENTERS)
    frame = feature_numbers([item])
    expected = silhouette_samples(item.features, item.labels).mean()
    assert (value(frame, "student", "images"), value(frame, "student", "width")) == (24, 6)
    assert value(frame, "student", "silhouette") == pytest.approx(expected)
    hits = 0
    for place, features in enumerate(item.features):
        near = np.argsort(np.linalg.norm(item.features - features, axis=1))[1:6]
        hits += int(np.bincount(item.labels[near]).argmax() == item.labels[place])
    assert value(frame, "student", "neighbours") == pytest.approx(100 * hits / 24)
    mixed = feature_numbers([replace(item, labels=np.tile(np.arange(3), 8))])
    assert value(mixed, "student", "silhouette") < expected - 0.2
    assert value(mixed, "student", "neighbours") < 100 * hits / 24 - 20


def test_the_plane_is_the_same_each_time_and_keeps_classes_apart() -> None:
    item = looked_at("student", CENTERS)
    places = embedding(item.features)
    assert np.array_equal(places, embedding(item.features))
    assert silhouette_samples(places, item.labels).mean() > 0.5
    assert perplexity(24) == pytest.approx(23 / 3) and perplexity(500) == 30
    assert embedding(np.ones((5, 4))).tolist() == [[0, 0]] * 5, "features that are all alike"
    assert np.isfinite(embedding(item.features[:2])).all()
    one_each = replace(item, features=item.features[::8], labels=item.labels[::8])
    assert isnan(value(feature_numbers([one_each]), "student", "silhouette"))


def test_frames_and_words_of_examples_follow_threshold_and_weight() -> None:
    images = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    row = ExampleRow("hardest", images, [-0.0, 1.5, 3.0], [1.0, 1.0, 0.0001], 1.5)
    panels = examples_plot([row]).axes
    assert [axes.get_xlabel().replace("\n", ", ") for axes in panels] == [
        "v = 1.00, \N{GREEK SMALL LETTER GAMMA} = 0.00",
        "v = 1.00, \N{GREEK SMALL LETTER GAMMA} = 1.50",
        "v < 0.01, \N{GREEK SMALL LETTER GAMMA} = 3.00",
    ]
    frames = [to_hex(axes.spines["left"].get_edgecolor()).upper() for axes in panels]
    assert frames == [BLUE, BLUE, VERMILLION]


def test_a_report_has_the_three_figures(new_study: NewStudy, tmp_path: Path) -> None:
    builder = new_study(cases=CASES, pictures={"examples": 2}, seeds=[0, 1])
    for case, changes in CASES.items():
        for seed in (0, 1):
            trial = builder.trial(case, changes, seed)
            keep(builder, trial, str(changes.get("preview.strategy", "preview")))
    text = page_text(builder, tmp_path)
    for name in ("centers", "examples", "features"):
        assert (tmp_path / "demo" / f"{name}.png").stat().st_size > 5000
        assert (tmp_path / "demo" / f"{name}.svg").exists()
    assert "the class '&lt;bee&gt;'" in text
    assert "2 of all 8 images of the class are above 1.50 (PCKD)" in text
    assert "over the mean of 1,234 training images" in text
    assert text.count("(seed 0, weights of the last epoch)") == 5
    assert "perplexity 7.667," in text
    assert "Left out" not in text and "Pictures of" not in text
    rows = pd.read_csv(tmp_path / "demo" / "examples.csv")
    assert set(rows["case"]) == {"PCKD"}, "only the student that weights its samples"
    assert rows["is_easy"].tolist() == [True] * 6 + [False] * 2
    points = pd.read_csv(tmp_path / "demo" / "features.csv")
    sizes = points.groupby("network").size().to_dict()
    assert sizes == {"teacher (resnet20)": 24, "plain": 24, "PCKD": 24}
    long = pd.read_csv(tmp_path / "demo" / "centers.csv")
    teacher = long[long["network"] == "teacher (resnet20)"].set_index(["class", "other"])
    assert teacher.loc[("ant", "cat"), "cosine"] == pytest.approx(cosines(CENTERS)[0, 2])


@pytest.mark.usefixtures("quick")
def test_what_is_not_there_is_said(new_study: NewStudy, tmp_path: Path) -> None:
    builder = new_study(cases={**CASES, "third": {"loss.kd": 3.0}}, pictures={})
    trials = {case: builder.trial(case, changes, 0) for case, changes in CASES.items()}
    builder.trial("third", {"loss.kd": 3.0}, 0, status="running")
    assert "Pictures of 0 of 3 students are shown" in page_text(builder, tmp_path)
    path = Path(builder.storage.full_path(keep(builder, trials["plain"])))
    keep(builder, trials["PCKD"])
    path.write_bytes(path.read_bytes()[:300])
    text = page_text(builder, tmp_path)
    assert f"Left out: demo/pictures/{path.name} is damaged: " in text
    assert "Pictures of 1 of 3 students are shown" in text
    builder.respecify(pictures={"examples": 7})
    text = page_text(builder, tmp_path)
    assert "1 picture file of earlier settings" in text and "Pictures of 0 of 3" in text
    builder.respecify(pictures={})
    keep(builder, builder.trial("PCKD", CASES["PCKD"], 0, network="b" * 64))
    text = page_text(builder, tmp_path)
    assert "1 picture file of earlier settings or students" in text
    builder.respecify(pictures=None)
    assert "Category centres" not in page_text(builder, tmp_path)


@pytest.mark.usefixtures("quick")
def test_students_without_weights_have_no_easy_and_hard_images(
    new_study: NewStudy, tmp_path: Path
) -> None:
    builder = new_study(pictures={})
    keep(builder, builder.trial("run", {}, 0), "none")
    text = page_text(builder, tmp_path)
    assert "No student that was looked at weights its samples" in text
    assert not (tmp_path / "demo" / "examples.png").exists()
    assert re.search("### Penultimate features\n", text)


def test_students_are_those_that_the_file_asks_for(new_study: NewStudy) -> None:
    cases = {f"kd={kd}": {"loss.kd": float(kd)} for kd in range(1, 7)}
    builder = new_study(cases=cases, pictures={}, seeds=[3, 4])
    for case, changes in cases.items():
        for seed in (3, 4):
            keep(builder, builder.trial(case, changes, seed))

    def shown() -> list[tuple[str, int]]:
        study = load_study(builder.storage, "demo")
        return [(item.case, item.seed) for item in shown_students(study)]

    assert shown() == [(f"kd={kd}", 3) for kd in range(1, 5)]
    assert wanted_students(load_study(builder.storage, "demo")) == 6
    builder.respecify(pictures={"cases": ["kd=6", "kd=2"], "seed": 4})
    assert shown() == [("kd=2", 4), ("kd=6", 4)]
    other = builder.trial("kd=6", cases["kd=6"], 4)
    keep(builder, other, class_names=np.array(["cat", "ant", "<bee>"]))
    assert shown() == [("kd=2", 4)], "classes of another order cannot be compared"


def test_only_the_first_pair_is_shown_and_a_shared_student_once(new_study: NewStudy) -> None:
    alone = {f"loss.{term}": 0 for term in ("kd", "center_contrast", "feature_alignment")}
    alone["loss.center_alignment"] = 0
    pairs = [{"teacher": name, "student": "resnet8"} for name in ("resnet20", "resnet14")]
    builder = new_study(cases={"alone": alone, "PCKD": {}}, pairs=pairs, pictures={})
    keep(builder, builder.trial("alone", {**alone, **changes(pairs[0])}, 0), "none")
    for pair in pairs:
        keep(builder, builder.trial("PCKD", changes(pair), 0))
    study = load_study(builder.storage, "demo")
    assert [(item.case, item.teacher) for item in study.pictures.students] == [
        ("alone", "resnet20"),
        ("PCKD", "resnet20"),
        ("PCKD", "resnet14"),
    ]
    assert [item.case for item in shown_students(study)] == ["alone", "PCKD"]
    assert {item.teacher for item in shown_students(study)} == {"resnet20"}


def changes(pair: dict[str, str]) -> dict[str, str]:
    return {"teacher.model": pair["teacher"], "student": pair["student"]}


def test_of_a_search_the_best_is_shown(new_study: NewStudy) -> None:
    builder = new_study(search=SEARCH, pictures={})
    for kd, top1 in ((0.5, 60.0), (1.0, 90.0), (2.0, 70.0)):
        keep(builder, builder.trial(f"kd={kd}", {"loss.kd": kd}, 0, top1))
    study = load_study(builder.storage, "demo")
    assert [item.case for item in shown_students(study)] == ["kd=1.0"]
    assert wanted_students(study) == 1


def test_a_teacher_of_several_students_is_one_network(new_study: NewStudy) -> None:
    builder = new_study(cases=CASES, pictures={})
    for case, changes in CASES.items():
        keep(builder, builder.trial(case, changes, 0))
    found = networks(load_study(builder.storage, "demo").pictures.students)
    assert [item.label for item in found] == ["teacher (resnet20)", "plain", "PCKD"]
    assert [item.is_teacher for item in found] == [True, False, False]
