import subprocess
import sys

import pytest

from pckd.errors import InputError
from pckd.models import canonical_name, create_model, find_models, list_models


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("resnet8x4", "resnet8x4"),
        ("ResNet50", "resnet50"),
        ("WRN-40-2", "wrn_40_2"),
        ("vgg13_bn", "vgg13"),
        ("MobileNetV2", "mobilenetv2"),
        ("ShuffleV1", "shufflenetv1"),
        ("shufflenetv1", "shufflenetv1"),
        ("shuffle_v1", "shufflenetv1"),
        ("ShuffleV2", "shufflenetv2"),
        ("Torchvision/ResNet34", "torchvision/resnet34"),
        ("torchvision/mobilenet_v2", "torchvision/mobilenet_v2"),
    ],
)
def test_spellings_have_one_canonical_name(spelling: str, name: str) -> None:
    assert canonical_name(spelling) == name


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(InputError) as caught:
        create_model("wrn_40_3", num_classes=10)
    assert str(caught.value) == "model 'wrn_40_3' is not known; did you mean wrn_40_2, wrn_40_1?"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("resnet18", "torchvision/resnet18"), ("torchvision/resnet35", "torchvision/resnet34")],
)
def test_torchvision_is_suggested_where_it_may_be_meant(name: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean.* {meant}"):
        canonical_name(name)


@pytest.mark.parametrize("num_classes", [0, -1])
def test_a_network_needs_a_class(num_classes: int) -> None:
    with pytest.raises(InputError, match="at least one class"):
        create_model("resnet8", num_classes=num_classes)


def test_names_are_listed_by_pattern() -> None:
    assert list_models("wrn_16_*") == ["wrn_16_1", "wrn_16_2"]
    assert list_models("torchvision/*") == ["torchvision/resnet18", "torchvision/resnet34"]
    assert list_models("nothing*") == []
    assert len(list_models()) == 24


def test_numbers_in_names_are_sorted_by_value() -> None:
    names = ["resnet8", "resnet8x4", "resnet14", "resnet20", "resnet32", "resnet32x4", "resnet44"]
    assert list_models("resnet*")[:7] == names


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("wrn_16_*", ["wrn_16_1", "wrn_16_2"]),
        ("ShuffleV1", ["shufflenetv1"]),
        ("torchvision/resnet50", ["torchvision/resnet50"]),
    ],
)
def test_networks_are_found_by_pattern_or_by_any_spelling(pattern: str, names: list[str]) -> None:
    assert find_models(pattern) == names


@pytest.mark.parametrize("pattern", ["nothing*", "resnet9"])
def test_a_pattern_that_nothing_matches_is_an_input_error(pattern: str) -> None:
    with pytest.raises(InputError, match="not known"):
        find_models(pattern)


def test_every_listed_name_is_canonical() -> None:
    assert [canonical_name(name) for name in list_models()] == list_models()


def test_torchvision_is_imported_only_when_it_is_asked_for() -> None:
    script = (
        "import sys, pckd.models as models; models.create_model('resnet8', num_classes=2);"
        "models.list_models(); assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
