import pytest

from pckd.analysis import paper_tables
from pckd.analysis.paper import paper_accuracy, paper_scale, tables_of


def test_the_paper_s_tables_are_in_the_package() -> None:
    tables = paper_tables()
    assert list(tables.columns) == [
        *("table", "dataset", "method", "teacher", "student", "metric", "value", "note")
    ]
    assert len(tables) == 410
    assert tables["table"].nunique() == 9
    assert tables["value"].between(20, 100).all()


def test_a_caller_may_change_its_copy() -> None:
    copy = paper_tables()
    copy["value"] = 0.0
    assert (paper_tables()["value"] > 0).all()


@pytest.mark.parametrize(
    ("source", "tables"),
    [
        ("Table V", ["Table V"]),
        ("Tables I and II", ["Table I", "Table II"]),
        ("Table IX, the curriculum", ["Table IX"]),
        ("Figure 5", []),
        ("", []),
        ("Table XX", []),
    ],
)
def test_a_source_names_its_tables(source: str, tables: list[str]) -> None:
    assert tables_of(source) == tables


@pytest.mark.parametrize(
    ("source", "case", "teacher", "student", "value"),
    [
        ("Table I", "KD", "wrn_40_2", "wrn_16_2", 74.92),
        ("Table V", "KD + CKD + preview (PCKD)", "wrn_40_2", "wrn_16_2", 76.97),
        ("Table V", "pckd", "wrn_40_2", "wrn_16_2", 76.97),
        ("Table V", "KD  + CKD + preview", "wrn_40_2", "wrn_16_2", 76.97),
        ("Table VII", "CE + preview", None, "vgg8", 70.72),
        ("Table I", "Student", None, "resnet20", 69.06),  # the same beside both teachers
        ("Table I", "KD", None, "resnet20", None),  # differs between the teachers
        ("Table I", "KD", "resnet20", "resnet8", None),
        ("Table III", "PCKD", "torchvision/resnet34", "torchvision/resnet18", 72.01),
        ("Table I", "my case", "wrn_40_2", "wrn_16_2", None),
        ("Table IV", "KD", "resnet110", "resnet20", None),  # of another task: linear probes
        ("Figure 5", "KD", "wrn_40_2", "wrn_16_2", None),
    ],
)
def test_a_case_finds_its_number(
    source: str, case: str, teacher: str | None, student: str, value: float | None
) -> None:
    assert paper_accuracy(source, case, teacher, student) == value


def test_the_top_5_accuracy_is_a_number_of_its_own() -> None:
    models = ("torchvision/resnet34", "torchvision/resnet18")
    assert paper_accuracy("Table III", "KD", *models, "top5") == 89.88
    assert paper_accuracy("Table I", "KD", "wrn_40_2", "wrn_16_2", "top5") is None


@pytest.mark.parametrize(
    ("source", "data", "epochs"),
    [
        ("Table V", "cifar100", 240),
        ("Table III", "imagenet", 100),
        ("Table IV", "cifar100", 240),  # what the probed students learnt from
        ("Figure 5", "cifar100", 240),
    ],
)
def test_a_source_names_the_scale(source: str, data: str, epochs: int) -> None:
    name, scale = paper_scale(source)
    assert (name, scale.epochs) == (data, epochs)
