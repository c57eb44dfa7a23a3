"""timm's networks as students and teachers."""

import subprocess
import sys

import pytest
import torch

from pckd.errors import InputError
from pckd.models import canonical_name, create_model, model_info
from pckd.testing import check_network

timm = pytest.importorskip("timm")


@pytest.mark.parametrize("name", ["timm/resnet18", "timm/mobilenetv3_small_050"])
def test_convolutional_networks_pass_the_kit(name: str) -> None:
    check_network(name, image_sizes=((64, 64),))


def test_timms_weights_fit_and_give_its_logits() -> None:
    original = timm.create_model("resnet18", num_classes=7).eval()
    ours = create_model("timm/resnet18", num_classes=7).eval()
    ours.load_state_dict(original.state_dict())
    images = torch.randn(2, 3, 64, 64)
    outputs = ours(images)
    assert list(ours.state_dict()) == list(original.state_dict())
    assert torch.equal(outputs.logits, original(images))
    shapes = [tuple(stage.shape[1:]) for stage in outputs.stages]
    assert shapes == [(64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]
    pooled = original.forward_head(original.forward_features(images), pre_logits=True)
    torch.testing.assert_close(outputs.features, pooled)


def test_a_vision_transformer_shows_features_and_no_maps() -> None:
    outputs = create_model("timm/vit_tiny_patch16_224", num_classes=7).eval()(
        torch.randn(1, 3, 224, 224)
    )
    assert outputs.stages == ()
    assert (outputs.features.shape, outputs.logits.shape) == ((1, 192), (1, 7))


def test_networks_are_measured_at_their_own_size() -> None:
    assert model_info("timm/inception_v3").image_size == 299


def test_a_near_miss_is_suggested() -> None:
    assert canonical_name("Timm/ResNet18") == "timm/resnet18"
    with pytest.raises(InputError, match=r"did you mean.* timm/resnet18"):
        canonical_name("timm/resnet18x")
    with pytest.raises(InputError, match=r"'timm/resnet18\.a1_in1k'.* did you mean timm/resnet18"):
        canonical_name("timm/resnet18.a1_in1k")


def test_a_miss_does_not_list_a_thousand_names() -> None:
    with pytest.raises(InputError, match=r", \.\.\.$") as caught:
        canonical_name("timm/zzzzzz")
    assert len(str(caught.value)) < 2000


def test_a_head_that_is_not_one_linear_layer_is_refused() -> None:
    with pytest.raises(InputError, match="does not end in a linear layer"):
        create_model("timm/levit_128s", num_classes=7)


def test_without_timm_the_way_to_get_it_is_told() -> None:
    script = (
        "import sys; sys.modules['timm'] = None; from pckd.models import canonical_name\n"
        "try: canonical_name('timm/resnet18')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "InputError models timm/... need timm: pip install 'pckd[timm]'\n"
