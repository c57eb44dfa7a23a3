from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.transforms.v2 import functional

from pckd.data import open_data
from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.transfer import frozen
from pckd.transfer.crops import cropped
from pckd.transfer.features import extract_features
from pckd.transfer.frozen import frozen_target
from pckd.transfer.showing import Showing
from pckd.transfer.target import open_target, target_content

CPU = torch.device("cpu")
NEW_DIGITS = DataConfig(name="digits", classes=(6, 7, 8, 9))


def test_classes_and_images_are_selected_as_in_a_run() -> None:
    few = NEW_DIGITS.model_copy(update={"images_per_class": 5})
    data = open_target(few, 8)
    assert data.class_names == ("6", "7", "8", "9")
    assert torch.bincount(data.train.labels).tolist() == [5, 5, 5, 5]
    assert len(data.test) == len(open_target(NEW_DIGITS, 8).test)


def test_images_are_resized_to_the_networks_own_size(
    make_network: Callable[..., TrainedNetwork],
) -> None:
    network = make_network(size=16)
    seen = frozen_target(network, DataConfig(name="digits"), CPU)
    data = open_data("digits", image_size=16)
    assert data.train.images.shape[-2:] == (16, 16)
    first = [data.train.images[:500]]
    expected = extract_features(network.network(CPU), first, network.mean, network.std)
    assert torch.equal(seen.train.features[:500], expected)
    assert torch.equal(seen.train.labels, data.train.labels)
    assert seen.data_fingerprint == data.fingerprint
    assert seen.num_classes == 10


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Features as they are computed, one entry a pass over a split."""
    computed = []

    def counted(*arguments: Any) -> torch.Tensor:  # noqa: ANN401
        computed.append(extract_features(*arguments))
        return computed[-1]

    monkeypatch.setattr(frozen, "extract_features", counted)
    return computed


def test_features_are_computed_once_for_equal_networks(
    make_network: Callable[..., TrainedNetwork], calls: list[torch.Tensor]
) -> None:
    first = frozen_target(make_network(seed=11), NEW_DIGITS, CPU)
    again = frozen_target(make_network(seed=11), NEW_DIGITS, CPU)
    assert len(calls) == 2  # training and test images
    assert again.file == first.file
    assert torch.equal(again.train.features, first.train.features)
    other_input = replace(make_network(seed=11), mean=[0.1, 0.1, 0.1])
    for network in (make_network(seed=12), other_input):
        other = frozen_target(network, NEW_DIGITS, CPU)
        assert not torch.equal(other.train.features, first.train.features)


def test_kept_features_are_read_with_torch_alone_and_made_anew_when_damaged(
    make_network: Callable[..., TrainedNetwork], calls: list[torch.Tensor], cache_folder: Path
) -> None:
    seen = frozen_target(make_network(seed=13), NEW_DIGITS, CPU)
    kept = torch.load(cache_folder / seen.file, weights_only=True)
    assert torch.equal(kept["train"], seen.train.features[None])
    assert torch.equal(kept["train_labels"], seen.train.labels)
    assert torch.equal(kept["test"], seen.test.features)
    assert torch.equal(kept["test_labels"], seen.test.labels)
    whole = (cache_folder / seen.file).read_bytes()
    start = whole.index(seen.train.features.numpy().tobytes()[:64])
    zeroed = whole[:start] + bytes(64) + whole[start + 64 :]  # as a power cut leaves a page
    without = {name: value for name, value in kept.items() if name != "test"}
    for damage in (b"no features", whole[:-1], zeroed, without):
        if isinstance(damage, bytes):
            (cache_folder / seen.file).write_bytes(damage)
        else:
            torch.save(damage, cache_folder / seen.file)
        calls.clear()
        again = frozen_target(make_network(seed=13), NEW_DIGITS, CPU)
        assert len(calls) == 2
        assert torch.equal(again.train.features, seen.train.features)


def test_crops_are_shown_in_several_draws_and_test_images_whole(
    make_network: Callable[..., TrainedNetwork],
) -> None:
    network = make_network()
    showing = Showing(crops=3, normalisation={"digits": ([0.5] * 3, [0.5] * 3)})
    seen = frozen_target(network, NEW_DIGITS, CPU, showing)
    data = open_target(NEW_DIGITS, 16)  # twice the size that the network sees
    assert len(seen.renderings) == 3
    for draw, rendering in enumerate(seen.renderings):
        crops = cropped([data.train.images], 8, draw)
        expected = extract_features(network.network(CPU), crops, [0.5] * 3, [0.5] * 3)
        torch.testing.assert_close(rendering.features, expected)
        assert torch.equal(rendering.labels, data.train.labels)
    own = frozen_target(network, NEW_DIGITS, CPU, Showing(crops=3))
    assert not torch.equal(own.train.features, seen.train.features)
    small = functional.resize(data.test.images.float(), [8, 8], antialias=True).round().byte()
    expected = extract_features(network.network(CPU), [small], [0.5] * 3, [0.5] * 3)
    torch.testing.assert_close(seen.test.features, expected)


def test_a_target_may_be_shown_at_another_size(
    make_network: Callable[..., TrainedNetwork],
) -> None:
    larger = NEW_DIGITS.model_copy(update={"image_size": 12})
    seen = frozen_target(make_network(), larger, CPU)
    assert seen.data_fingerprint == open_target(NEW_DIGITS, 12).fingerprint
    assert target_content(larger) != target_content(NEW_DIGITS)


def test_a_network_of_oblong_images_is_refused(
    make_network: Callable[..., TrainedNetwork],
) -> None:
    oblong = replace(make_network(), image_size=[8, 16])
    with pytest.raises(InputError, match=r"8x16 images .* set the target's image_size"):
        frozen_target(oblong, NEW_DIGITS, CPU)
    square = NEW_DIGITS.model_copy(update={"image_size": 8})
    assert len(frozen_target(oblong, square, CPU).test) > 0


def test_a_target_of_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="digits has one class"):
        open_target(DataConfig(name="digits", classes=(3,)), 8)


def test_a_root_tells_targets_apart_only_where_the_name_does_not() -> None:
    here, there = (DataConfig(name="stl10", root=root, download=True) for root in "ab")
    assert target_content(here) == target_content(there)
    here, there = (DataConfig(name="folder", root=root) for root in "ab")
    assert target_content(here) != target_content(there)
    assert target_content(NEW_DIGITS) != target_content(DataConfig(name="digits"))
