"""Accuracy against a loop, and networks as files."""

import pickle
from dataclasses import replace

import pytest
import torch

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
    storage.write(f"teachers/store/{card.hash}.pt", other.to_bytes())
    with pytest.raises(InputError, match="not those that its name promises"):
        store.load(card)
