import io
import pickle
import re
from argparse import Namespace
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from pckd.errors import InputError
from pckd.models import checkpoints, create_model, outline
from tests.models.states import State, same

NAMES = list(outline("resnet8", num_classes=1).state_dict())


def load_checkpoint(path: Path, weights: str = "") -> State:
    return checkpoints.load_checkpoint(path, NAMES, weights=weights).state


def saved(folder: Path, content: object, *, zipped: bool = True) -> Path:
    path = folder / "teacher.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


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


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "backbone.",
        "module.student.",
        "module.backbone.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.",
        "net.",
        "any.other.wrapper.",
    ],
)
def test_prefixes_are_stripped(tmp_path: Path, state: State, prefix: str) -> None:
    assert same(load_checkpoint(saved(tmp_path, prefixed(prefix, state))), state)


@pytest.mark.parametrize(
    ("prefix", "outside"),
    [
        ("backbone.", "proj_head.0.weight"),
        ("module.backbone.", "module.auxiliary_classifier.fc.weight"),
        ("module.student.", "module.teacher.fc.weight"),
        ("model.", "criterion.weight"),
        ("module.", "n_averaged"),
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


@pytest.mark.parametrize("left", [0, 60, 5000, 20_000])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_refused(tmp_path: Path, state: State, zipped: bool, left: int) -> None:
    path = saved(tmp_path, state, zipped=zipped)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@settings(max_examples=40, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)
)
def test_flipped_bytes_are_read_or_refused(kind: str, flips: list[tuple[float, int]]) -> None:
    small = {name: torch.zeros(2) for name in NAMES[:4]}
    stream = io.BytesIO()
    torch.save({"model": small}, stream, _use_new_zipfile_serialization=kind == "zip")
    content = bytearray(save(small) if kind == "safetensors" else stream.getvalue())
    for place, value in flips:
        content[int(place * len(content))] = value
    with TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.pth"
        path.write_bytes(content)
        with suppress(InputError):
            load_checkpoint(path)


def test_an_archive_with_damaged_names_is_refused(tmp_path: Path, state: State) -> None:
    path = saved(tmp_path, state)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"data.pkl", b"data\xbb\xbb\xbbl"))
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


def test_the_keys_of_a_file_without_weights_are_named(tmp_path: Path) -> None:
    content = {"optimizer": {"param_groups": []}, "epoch": 3}
    with pytest.raises(InputError, match="of its 2 keys the first are 'optimizer', 'epoch'"):
        load_checkpoint(saved(tmp_path, content))


def test_entries_without_names_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its entry 1 has no name in text"):
        load_checkpoint(saved(tmp_path, {1: torch.ones(2), "x": torch.ones(1)}))


@pytest.mark.parametrize("key", ["model_state_dict", "network", "student", "a/b", "ema"])
def test_other_keys_and_nested_ones_are_found(tmp_path: Path, state: State, key: str) -> None:
    content: object = state
    for part in reversed(key.split("/")):
        content = {part: content, "epoch": 3}
    optimiser = {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    assert isinstance(content, dict)
    assert same(load_checkpoint(saved(tmp_path, {**content, "optimizer": optimiser})), state)


def test_modules_that_were_compiled_one_by_one_are_read(tmp_path: Path, state: State) -> None:
    compiled = {
        name.replace("layer1.", "layer1._orig_mod."): value for name, value in state.items()
    }
    assert same(load_checkpoint(saved(tmp_path, compiled)), state)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("number", [np.float64(72.5), np.float32(1), np.int64(3), np.bool_(True)])
def test_numbers_of_numpy_are_allowed(
    tmp_path: Path, state: State, number: np.generic, zipped: bool
) -> None:
    content = {"model": state, "best_acc": number}
    assert same(load_checkpoint(saved(tmp_path, content, zipped=zipped)), state)


@pytest.mark.parametrize("name", ["model.safetensors", "renamed.pth"])
def test_safetensors_are_read_whatever_the_name(tmp_path: Path, state: State, name: str) -> None:
    save_file(prefixed("model.", state), tmp_path / name)
    assert set(load_checkpoint(tmp_path / name)) == set(state)


def test_damaged_safetensors_are_refused(tmp_path: Path, state: State) -> None:
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="is a damaged safetensors file"):
        load_checkpoint(path)


def two(state: State) -> State:
    return {name: value + 1 for name, value in state.items()}


@pytest.mark.parametrize(
    ("last", "average"),
    [("state_dict", "state_dict_ema"), ("model", "model_ema"), ("net", "swa"), ("x", "averaged")],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_last_weights_are_taken_before_their_average(
    tmp_path: Path, state: State, last: str, average: str, turned: bool
) -> None:
    content = {last: state, average: two(state)}
    path = saved(tmp_path, dict(reversed(content.items())) if turned else content)
    found = checkpoints.load_checkpoint(path, NAMES)
    assert same(found.state, state)
    assert (found.place, found.others) == (last, [average])
    assert same(load_checkpoint(path, average), two(state))


def test_an_average_alone_is_taken(tmp_path: Path, state: State) -> None:
    path = saved(tmp_path, {"epoch": 3, "state_dict_ema": state})
    assert checkpoints.load_checkpoint(path, NAMES).others == []
    assert same(load_checkpoint(path), state)


def test_counters_do_not_decide_which_weights_are_taken(tmp_path: Path, state: State) -> None:
    bare = {name: value for name, value in state.items() if not name.endswith("tracked")}
    path = saved(tmp_path, {"model": bare, "model_ema": two(state)})
    assert same(load_checkpoint(path), bare)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("student.", "teacher."),
        ("model.", "ema_model."),
        ("net.", "module.net."),
        ("encoder_q.", "encoder_k."),
    ],
)
def test_one_of_two_networks_in_a_state_dict_is_taken(
    tmp_path: Path, state: State, one: str, other: str
) -> None:
    path = saved(tmp_path, {"state_dict": prefixed(other, two(state)) | prefixed(one, state)})
    found = checkpoints.load_checkpoint(path, NAMES)
    assert same(found.state, state)
    assert (found.place, found.others) == (f"state_dict/{one}", [f"state_dict/{other}"])
    for name in (other, f"state_dict/{other}"):
        assert same(load_checkpoint(path, name), two(state))


def test_weights_that_are_not_there_are_refused(tmp_path: Path, state: State) -> None:
    path = saved(tmp_path, {"model": state, "model_ema": state})
    with pytest.raises(InputError, match="no weights under 'ema'; there are model, model_ema"):
        load_checkpoint(path, "ema")


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html>", "web page"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b'{"metadata": {}, "weight_map": {}}', "JSON"),
    ],
)
def test_a_layout_that_is_not_read_is_named(tmp_path: Path, content: bytes, layout: str) -> None:
    path = tmp_path / "teacher.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=layout):
        load_checkpoint(path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_archives_that_are_no_checkpoint_are_named(tmp_path: Path, state: State) -> None:
    np.savez(tmp_path / "arrays.npz", weight=np.ones(3))
    with pytest.raises(InputError, match="archive of NumPy arrays"):
        load_checkpoint(tmp_path / "arrays.npz")
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "script.pt"))
    with pytest.raises(InputError, match="TorchScript"):
        load_checkpoint(tmp_path / "script.pt")


def test_a_whole_network_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"save network\.state_dict\(\) alone"):
        load_checkpoint(saved(tmp_path, create_model("resnet8", num_classes=5)))
