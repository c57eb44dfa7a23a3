import pickle
import re
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pckd.errors import InputError
from pckd.models import Network, create_model, load_checkpoint, load_weights

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    return create_model("resnet8", num_classes=5).state_dict()


def saved(folder: Path, content: object, *, zipped: bool = True) -> Path:
    path = folder / "teacher.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def same(one: State, other: State) -> bool:
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("key", ["model", "state_dict", "net", None])
def test_the_state_stands_bare_or_under_a_known_key(
    tmp_path: Path, state: State, key: str | None
) -> None:
    content = {key: state, "epoch": 240, "best_acc": torch.tensor(75.6)} if key else state
    assert same(load_checkpoint(saved(tmp_path, content)), state)


@pytest.mark.parametrize("zipped", [True, False])
def test_repdistillers_options_are_allowed_in_both_file_formats(
    tmp_path: Path, state: State, zipped: bool
) -> None:
    options = Namespace(lr_decay_epochs=[150, 180, 210], model="resnet8", learning_rate=0.05)
    content = {"opt": options, "model": OrderedDict(state), "accuracy": torch.tensor(70.0)}
    assert same(load_checkpoint(saved(tmp_path, content, zipped=zipped)), state)


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "module.student.", "module.backbone."])
def test_prefixes_are_stripped(tmp_path: Path, state: State, prefix: str) -> None:
    assert same(load_checkpoint(saved(tmp_path, prefixed(prefix, state))), state)


@pytest.mark.parametrize(
    ("prefix", "outside"),
    [
        ("backbone.", "proj_head.0.weight"),
        ("module.backbone.", "module.auxiliary_classifier.fc.weight"),
        ("module.student.", "module.teacher.fc.weight"),
    ],
)
def test_what_stands_outside_the_network_is_dropped(
    tmp_path: Path, state: State, prefix: str, outside: str
) -> None:
    content = {outside: torch.ones(2, 2), **prefixed(prefix, state)}
    assert same(load_checkpoint(saved(tmp_path, {"model": content})), state)


class Bomb:
    """Touches a file when it is unpickled by a reader that runs what a pickle asks for."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_bomb_does_not_go_off(tmp_path: Path, state: State, zipped: bool) -> None:
    target = tmp_path / "exploded"
    path = saved(tmp_path, {"model": state, "opt": Bomb(target)}, zipped=zipped)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_checkpoint(path)
    assert not target.exists()
    torch.load(path, weights_only=False)  # the bomb is a real one
    assert target.exists()


def test_a_bomb_in_a_bare_pickle_does_not_go_off(tmp_path: Path) -> None:
    target, path = tmp_path / "exploded", tmp_path / "teacher.pkl"
    path.write_bytes(pickle.dumps({"model": Bomb(target)}))
    with pytest.raises(InputError, match="more than tensors and plain values"):
        load_checkpoint(path)
    assert not target.exists()


def test_what_a_checkpoint_asks_for_is_named(tmp_path: Path, state: State) -> None:
    with pytest.raises(
        InputError, match=r"asks for .*pathlib\.Path, .* and is not loaded.* allowed are"
    ):
        load_checkpoint(saved(tmp_path, {"model": state, "opt": Bomb(tmp_path / "exploded")}))


def test_a_bomb_inside_the_allowed_namespace_does_not_go_off(tmp_path: Path) -> None:
    target = tmp_path / "exploded"
    with pytest.raises(InputError, match="not loaded"):
        load_checkpoint(saved(tmp_path, {"opt": Namespace(bomb=Bomb(target))}))
    assert not target.exists()


def test_the_exception_for_namespaces_ends_with_the_call(tmp_path: Path, state: State) -> None:
    path = saved(tmp_path, {"model": state, "opt": Namespace()})
    load_checkpoint(path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 not a zip", bytes(99)])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "teacher.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_refused(tmp_path: Path, state: State, zipped: bool) -> None:
    path = saved(tmp_path, state, zipped=zipped)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_checkpoint(tmp_path / "nothing.pth")
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [torch.ones(3), [torch.ones(3)], {}, {"model": {}}, 5])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(InputError, match="holds no state dict"):
        load_checkpoint(saved(tmp_path, content))


def test_the_first_entry_that_is_no_tensor_is_named(tmp_path: Path, state: State) -> None:
    with pytest.raises(InputError, match="entry 'epoch' is of type int, not a tensor"):
        load_checkpoint(saved(tmp_path, {**state, "epoch": 3}))


def fresh() -> Network:
    torch.manual_seed(1)
    return create_model("resnet8", num_classes=5)


def test_weights_are_loaded(state: State) -> None:
    network = fresh()
    load_weights(network, state, source="teacher.pth")
    assert same(network.state_dict(), state)


@pytest.mark.parametrize("name", ["classifier", "classifier.0"])
def test_both_names_of_mobilenets_classifier_are_taken(name: str) -> None:
    network = create_model("mobilenetv2", num_classes=5)
    expected = {entry: torch.full_like(value, 2) for entry, value in network.state_dict().items()}
    state = {entry.replace("classifier.0", name): value for entry, value in expected.items()}
    load_weights(network, state, source="teacher.pth")
    assert same(network.state_dict(), expected)


def problem(state: State) -> str:
    """What is said of a state that does not fit, after seeing that nothing was loaded."""
    network = fresh()
    with pytest.raises(InputError) as caught:
        load_weights(network, state, source="teacher.pth")
    assert same(network.state_dict(), fresh().state_dict())
    return str(caught.value).removeprefix("teacher.pth does not fit the network: ")


def test_the_first_missing_entry_is_named(state: State) -> None:
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("bn1.")}
    assert problem(kept) == "entry 'bn1.weight' is missing, expected with shape [16]"


def test_the_first_unexpected_entry_is_named(state: State) -> None:
    extra = {**state, "layer4.weight": torch.ones(1), "more": torch.ones(1)}
    assert problem(extra) == "entry 'layer4.weight' is not one of the network's"


def test_the_first_entry_of_another_shape_is_named(state: State) -> None:
    other = create_model("resnet8", num_classes=7).state_dict()
    assert problem(other) == "entry 'fc.weight' has shape [7, 64], expected is [5, 64]"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(state: State, value: float) -> None:
    broken = {**state, "fc.bias": torch.full_like(state["fc.bias"], value)}
    with pytest.raises(InputError, match=r"'fc\.bias' holds values that are infinite or not"):
        load_weights(create_model("resnet8", num_classes=5), broken, source="teacher.pth")
