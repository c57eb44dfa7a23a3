import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from pckd.data import open_data, select_classes
from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.transfer import crd
from pckd.transfer.frozen import FrozenTarget, frozen_target
from pckd.transfer.head import LinearHead
from pckd.transfer.probe import probe
from pckd.transfer.protocols import PROTOCOLS, ProbeProtocol

CPU = torch.device("cpu")
NEW_DIGITS = DataConfig(name="digits", classes=(6, 7, 8, 9), images_per_class=40)
Make = Callable[..., TrainedNetwork]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_probe_repeats_exactly_and_moves_nothing(make_network: Make, protocol: str) -> None:
    network = make_network()
    before = {name: value.clone() for name, value in network.state.items()}
    first, again = (probe(network, NEW_DIGITS, protocol, 3, CPU) for _ in range(2))
    assert replace(first, seconds=0) == replace(again, seconds=0)
    assert before.keys() == network.state.keys()
    assert all(torch.equal(before[name], network.state[name]) for name in before)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_classes_that_the_network_never_saw_are_learnt(make_network: Make, protocol: str) -> None:
    result = probe(make_network(), NEW_DIGITS, protocol, 0, CPU)
    digits = select_classes(open_data("digits"), (6, 7, 8, 9))
    assert (result.train_images, result.test_images) == (160, len(digits.test))
    assert result.top1 is not None
    assert result.top1 > 50  # chance is 25; the convolutions are random
    assert result.data_fingerprint not in ("", digits.fingerprint)
    assert result.seconds > 0


def test_an_unknown_protocol_is_found_before_anything_is_opened(make_network: Make) -> None:
    missing = DataConfig(name="stl10", root="/nowhere")
    with pytest.raises(InputError, match="protocol 'hsak' is not known"):
        probe(make_network(), missing, "hsak", 0, CPU)


def test_a_missing_target_is_named(make_network: Make) -> None:
    with pytest.raises(InputError, match="stl10"):
        probe(make_network(), DataConfig(name="stl10", root="/nowhere"), "exact", 0, CPU)


def test_one_more_protocol_is_one_more_entry(
    make_network: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[FrozenTarget, int]] = []

    def fit(target: FrozenTarget, seed: int) -> LinearHead:
        seen.append((target, seed))
        return crd.fit(target, seed)

    module = Namespace(fit=fit, SHOWING=crd.SHOWING)
    monkeypatch.setitem(sys.modules, "my_protocol", module)
    monkeypatch.setitem(PROTOCOLS, "mine", ProbeProtocol("mine", 4, "as crd", "my_protocol"))
    network = make_network()
    mine = probe(network, NEW_DIGITS, "mine", 5, CPU)
    assert mine.top1 == probe(network, NEW_DIGITS, "crd", 5, CPU).top1
    ((target, seed),) = seen
    assert (target.file, seed) == (frozen_target(network, NEW_DIGITS, CPU).file, 5)
