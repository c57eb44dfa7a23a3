import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint

import pytest
from torch import nn

from pckd.errors import InputError
from pckd.models import (
    Network,
    canonical_name,
    create_model,
    find_models,
    list_models,
    names,
    register_network,
)


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


def test_names_are_known_without_torch() -> None:
    script = (
        "import sys; sys.modules['torch'] = None; import pckd.models as models;"
        "assert models.canonical_name('WRN-40-2') == 'wrn_40_2';"
        "assert models.canonical_name('torchvision/resnet34') and models.find_models('vgg*')"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_family_is_imported_only_when_it_is_asked_for() -> None:
    script = (
        "import sys, pckd.models as models; models.create_model('resnet8', num_classes=2);"
        "assert 'pckd.models.vgg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("family", names.FAMILIES)
def test_each_family_builds_the_names_that_it_is_said_to_have(family: str) -> None:
    assert tuple(import_module(f"pckd.models.{family}").NETWORKS) == names.FAMILIES[family]


def test_every_alias_leads_to_a_name() -> None:
    assert {alias: canonical_name(alias) for alias in names.ALIASES} == names.ALIASES


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No network is registered, and what a test registers is forgotten after it."""
    monkeypatch.setattr(names, "_registered", {})
    yield
    names.offered.cache_clear()


def own(*, num_classes: int) -> Network:
    return create_model("resnet8", num_classes=num_classes)


@pytest.mark.usefixtures("no_plugins")
def test_a_plugin_registers_a_network() -> None:
    register_network("My-Net.v2", own)
    register_network("My-Net.v2", own)  # as when its module is imported again
    assert canonical_name("my_net.V2") == "My-Net.v2"
    assert list_models("My*") == ["My-Net.v2"]
    assert create_model("my-net.v2", num_classes=3).num_classes == 3
    with pytest.raises(InputError, match=r"did you mean My-Net\.v2"):
        canonical_name("mynet.v2")


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize("name", ["resnet8", "WRN-40-2", "vgg8_bn", "mine"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    register_network("Mine", own)
    with pytest.raises(InputError, match="is known already"):
        register_network(name, create_model)


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize("name", ["", "a/b", "two words"])
def test_a_name_that_no_study_could_write_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="letters, digits"):
        register_network(name, own)


@pytest.mark.usefixtures("no_plugins")
def test_a_constructor_that_gives_something_else_is_refused() -> None:
    register_network("wrong", lambda num_classes: nn.Linear(2, num_classes))  # type: ignore[arg-type,return-value]
    with pytest.raises(InputError, match="gives a Linear, not a pckd Network"):
        create_model("wrong", num_classes=3)


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize(
    ("path", "sentence"),
    [("fc.weight", "classifier_name 'fc.weight' is no linear layer"), ("fc", "has no bias")],
)
def test_a_network_without_a_classifier_that_terms_can_read_is_refused(
    path: str, sentence: str
) -> None:
    def faulty(*, num_classes: int) -> Network:
        network = own(num_classes=num_classes)
        network.fc = nn.Linear(64, num_classes, bias=False)
        network.__class__ = type("Faulty", (type(network),), {"classifier_name": path})
        return network

    register_network("faulty", faulty)
    with pytest.raises(InputError, match=sentence):
        create_model("faulty", num_classes=3)


@pytest.mark.usefixtures("no_plugins")
def test_an_installed_package_offers_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("offered_net", "pckd.models.resnet:ResNet50", names.GROUP),
        EntryPoint("broken_net", "no_such_module:Net", names.GROUP),
    ]
    monkeypatch.setattr(names, "entry_points", lambda group: points)
    names.offered.cache_clear()
    assert list_models("*_net") == ["broken_net", "offered_net"]
    assert create_model("Offered-Net", num_classes=3).feature_width == 2048
    with pytest.raises(InputError, match=r"'broken_net': no_such_module:Net cannot be imported"):
        create_model("broken_net", num_classes=3)
