"""Accuracy against a loop, and networks as files."""

import io
import json
import pickle
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from pckd.data import ImageSet
from pckd.errors import InputError
from pckd.models import Network
from pckd.storage import Storage
from pckd.training.config import RunConfig
from pckd.training.evaluation import evaluate
from pckd.training.network_file import TrainedNetwork
from pckd.training.run import Run
from pckd.training.run_data import RunData
from pckd.training.teachers import TeacherStore


def test_accuracy_equals_a_loop_over_images(data: RunData, teacher: Network) -> None:
    teacher.train()
    accuracy = evaluate(teacher, data.test, data.mean, data.std)
    assert teacher.training
    teacher.eval()
    hits = 0
    assert isinstance(data.test, ImageSet)
    mean, std = torch.tensor(data.mean), torch.tensor(data.std)
    for image, label in zip(data.test.images, data.test.labels, strict=True):
        pixels = (image.float() / 255 - mean[:, None, None]) / std[:, None, None]
        hits += int(teacher(pixels.unsqueeze(0)).logits.argmax() == label)
    assert accuracy.top1 == pytest.approx(100 * hits / len(data.test))
    assert accuracy.top5 == 100


@pytest.fixture(name="trained")
def _trained(config: RunConfig, data: RunData, teacher: Network) -> TrainedNetwork:
    run = Run(config, data, teacher, torch.device("cpu"))
    return run.trained_network("0123456789ab", 50.0)


def test_a_network_file_gives_the_same_network(trained: TrainedNetwork) -> None:
    again = TrainedNetwork.from_bytes(trained.to_bytes(), "file")
    assert again.content_hash() == trained.content_hash()
    assert replace(again, state={}) == replace(trained, state={})
    network = again.network(torch.device("cpu"))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def earlier_file(trained: TrainedNetwork) -> bytes:
    """The file of the versions that kept networks by torch.save."""
    stream = io.BytesIO()
    values = {entry.name: getattr(trained, entry.name) for entry in fields(trained)}
    torch.save({"pckd_network": 1, **values}, stream)
    return stream.getvalue()


def test_a_file_of_an_earlier_version_is_read(trained: TrainedNetwork) -> None:
    again = TrainedNetwork.from_bytes(earlier_file(trained), "file")
    assert again.content_hash() == trained.content_hash()
    assert replace(again, state={}) == replace(trained, state={})


def test_a_teacher_of_an_earlier_version_is_found(trained: TrainedNetwork, tmp_path: str) -> None:
    storage = Storage(tmp_path)
    card = TeacherStore(storage).add(trained)
    storage.delete(f"teachers/store/{card.hash}.safetensors")
    storage.write(f"teachers/store/{card.hash}.pt", earlier_file(trained))
    assert TeacherStore(storage).load(card).content_hash() == card.hash


def test_other_programs_read_what_is_kept(trained: TrainedNetwork, tmp_path: Path) -> None:
    (tmp_path / "student.safetensors").write_bytes(trained.to_bytes())
    with safe_open(tmp_path / "student.safetensors", "pt") as file:
        assert set(file.keys()) == set(trained.state)
        metadata = file.metadata()
    assert json.loads(metadata["class_names"]) == trained.class_names
    assert json.loads(metadata["mean"]) == trained.mean
    assert json.loads(metadata["image_size"]) == trained.image_size


def test_the_layout_of_weights_in_memory_does_not_matter(trained: TrainedNetwork) -> None:
    strided = {
        name: value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
        for name, value in trained.state.items()
    }
    again = TrainedNetwork.from_bytes(replace(trained, state=strided).to_bytes(), "file")
    assert again.content_hash() == trained.content_hash()


def test_safetensors_that_are_no_network_of_pckds_are_refused(trained: TrainedNetwork) -> None:
    whole = trained.to_bytes()
    foreign = save({"weight": torch.ones(3)})
    for content in (foreign, whole[:-5], whole[:50], b"\xff" * 8 + b"{}"):
        with pytest.raises(InputError, match=r"^some\.safetensors: "):
            TrainedNetwork.from_bytes(content, "some.safetensors")


def test_a_changed_weight_changes_the_hash(trained: TrainedNetwork) -> None:
    state = dict(trained.state)
    name = next(iter(state))
    state[name] = state[name] + 1e-7
    assert replace(trained, state=state).content_hash() != trained.content_hash()


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle ran code')",))


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", pickle.dumps(_Bomb())], ids=["empty", "text", "bomb"]
)
def test_a_damaged_or_hostile_file_is_one_sentence(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^some\.pt: "):
        TrainedNetwork.from_bytes(content, "some.pt")


def test_the_store_finds_a_teacher_by_its_recipe(trained: TrainedNetwork, tmp_path: str) -> None:
    store = TeacherStore(Storage(tmp_path))
    assert store.find("0123456789ab") is None
    card = store.add(trained)
    assert store.find("0123456789ab") == card
    assert store.cards() == [card]
    assert store.load(card).content_hash() == card.hash


def test_swapped_teacher_weights_are_refused(trained: TrainedNetwork, tmp_path: str) -> None:
    storage = Storage(tmp_path)
    store = TeacherStore(storage)
    card = store.add(trained)
    other = replace(trained, state={k: v * 2 for k, v in trained.state.items()})
    storage.write(f"teachers/store/{card.hash}.safetensors", other.to_bytes())
    with pytest.raises(InputError, match="do not match the hash in its name"):
        store.load(card)
