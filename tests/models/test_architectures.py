"""Every CIFAR network against the table of what RepDistiller's has, for 100 classes."""

import re
from typing import NamedTuple

import pytest
import torch

from pckd.models import Network, create_model, list_models

CONV_BN = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
RESNET = (
    rf"(conv1|bn1|layer[1-3]\.\d+\.(conv[12]|bn[12])|layer[1-3]\.0\.downsample\.[01])\.{CONV_BN}"
    r"|fc\.(weight|bias)"
)
BOTTLENECK = (
    rf"(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3])|layer[1-4]\.0\.shortcut\.[01])\.{CONV_BN}"
    r"|linear\.(weight|bias)"
)
WRN = (
    rf"(conv1|bn1|block[1-3]\.layer\.\d+\.(conv[12]|bn[12]))\.{CONV_BN}"
    r"|block[1-3]\.layer\.0\.convShortcut\.weight|fc\.(weight|bias)"
)
VGG = rf"block[0-4]\.\d+\.{CONV_BN}|classifier\.(weight|bias)"
MOBILENET = (
    rf"(conv[12]\.[01]|blocks\.[0-6]\.\d\.conv\.[013467])\.{CONV_BN}|classifier\.0\.(weight|bias)"
)
SHUFFLE_V1 = rf"(conv1|bn1|layer[1-3]\.\d\.(conv[1-3]|bn[1-3]))\.{CONV_BN}|linear\.(weight|bias)"
SHUFFLE_V2 = (
    rf"(conv[12]|bn[12]|layer[1-3]\.0\.(conv[1-5]|bn[1-5])|layer[1-3]\.[1-7]\.(conv[1-3]|bn[1-3]))"
    rf"\.{CONV_BN}|linear\.(weight|bias)"
)

Shape = tuple[int, int]


class Expected(NamedTuple):
    parameters: int
    entries: int
    stages: tuple[Shape, ...]  # channels, height and width
    features: int
    names: str


THIN = ((16, 32), (16, 32), (32, 16), (64, 8))
THICK = ((32, 32), (64, 32), (128, 16), (256, 8))
WRN_1 = ((16, 32), (16, 32), (32, 16), (64, 8))
WRN_2 = ((16, 32), (32, 32), (64, 16), (128, 8))
RESNET50 = ((64, 32), (256, 32), (512, 16), (1024, 8), (2048, 4))
VGGS = ((64, 32), (128, 16), (256, 8), (512, 4), (512, 4))
MOBILE = ((16, 16), (12, 16), (16, 8), (48, 4), (160, 2))
SHUFFLE1 = ((24, 32), (240, 16), (480, 8), (960, 4))
SHUFFLE2 = ((24, 32), (116, 16), (232, 8), (464, 4))

TABLE = {
    "resnet8": Expected(83_892, 56, THIN, 64, RESNET),
    "resnet14": Expected(181_108, 92, THIN, 64, RESNET),
    "resnet20": Expected(278_324, 128, THIN, 64, RESNET),
    "resnet32": Expected(472_756, 200, THIN, 64, RESNET),
    "resnet44": Expected(667_188, 272, THIN, 64, RESNET),
    "resnet56": Expected(861_620, 344, THIN, 64, RESNET),
    "resnet110": Expected(1_736_564, 668, THIN, 64, RESNET),
    "resnet8x4": Expected(1_233_540, 62, THICK, 256, RESNET),
    "resnet32x4": Expected(7_433_860, 206, THICK, 256, RESNET),
    "resnet50": Expected(23_705_252, 320, RESNET50, 2048, BOTTLENECK),
    "wrn_16_1": Expected(180_916, 82, WRN_1, 64, WRN),
    "wrn_16_2": Expected(703_284, 83, WRN_2, 128, WRN),
    "wrn_40_1": Expected(569_780, 226, WRN_1, 64, WRN),
    "wrn_40_2": Expected(2_255_156, 227, WRN_2, 128, WRN),
    "vgg8": Expected(3_965_028, 37, VGGS, 512, VGG),
    "vgg11": Expected(9_277_284, 58, VGGS, 512, VGG),
    "vgg13": Expected(9_462_180, 72, VGGS, 512, VGG),
    "vgg16": Expected(14_774_436, 93, VGGS, 512, VGG),
    "vgg19": Expected(20_086_692, 114, VGGS, 512, VGG),
    "mobilenetv2": Expected(812_836, 320, MOBILE, 1280, MOBILENET),
    "shufflenetv1": Expected(949_258, 296, SHUFFLE1, 960, SHUFFLE_V1),
    "shufflenetv2": Expected(1_355_528, 338, SHUFFLE2, 1024, SHUFFLE_V2),
}


@pytest.fixture(scope="module", params=TABLE)
def case(request: pytest.FixtureRequest) -> tuple[Network, Expected]:
    """Every network of the table, without numbers, which is enough for shapes and names."""
    with torch.device("meta"):
        return create_model(request.param, num_classes=100).eval(), TABLE[request.param]


def test_the_table_holds_every_registered_network() -> None:
    assert sorted(TABLE) == sorted(name for name in list_models() if "/" not in name)


def test_parameters_and_entries_are_counted_as_the_peers(case: tuple[Network, Expected]) -> None:
    network, expected = case
    assert sum(parameter.numel() for parameter in network.parameters()) == expected.parameters
    assert len(network.state_dict()) == expected.entries


def test_entries_are_named_as_the_peers(case: tuple[Network, Expected]) -> None:
    network, expected = case
    strangers = [name for name in network.state_dict() if not re.fullmatch(expected.names, name)]
    assert strangers == []


def test_stages_features_and_logits_have_their_shapes(case: tuple[Network, Expected]) -> None:
    network, expected = case
    outputs = network(torch.empty(2, 3, 32, 32, device="meta"))
    assert [tuple(stage.shape) for stage in outputs.stages] == [
        (2, channels, size, size) for channels, size in expected.stages
    ]
    assert outputs.features.shape == (2, expected.features)
    assert outputs.logits.shape == (2, 100)


def test_the_classifier_is_found_by_name(case: tuple[Network, Expected]) -> None:
    network, expected = case
    assert network.feature_width == expected.features
    assert network.num_classes == 100
    assert f"{network.classifier_name}.weight" == list(network.state_dict())[-2]
    assert network.classifier_layer.weight.shape == (100, expected.features)


def test_a_projection_stands_only_where_the_width_of_a_wide_resnet_changes() -> None:
    shortcuts = {
        name: [
            entry for entry in create_model(name, num_classes=2).state_dict() if "Short" in entry
        ]
        for name in ("wrn_16_1", "wrn_16_2")
    }
    assert [entry[:6] for entry in shortcuts["wrn_16_1"]] == ["block2", "block3"]
    assert [entry[:6] for entry in shortcuts["wrn_16_2"]] == ["block1", "block2", "block3"]
