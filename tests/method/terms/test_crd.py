"""CRD's negatives, memories and normalisers."""

import math

import pytest
import torch

from pckd.method import NetworkShape, Refused, Step, Task
from pckd.method.terms.crd import CRD, CRDConfig, OtherClasses, updated
from pckd.testing.given import given_side, given_step

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 2, 2, 0, 1])


def task(labels: torch.Tensor = LABELS) -> Task:
    return Task(NetworkShape(5), NetworkShape(7), num_classes=4, labels=labels, epochs=1)


def batch(indices: list[int], seed: int = 0) -> Step:
    random = torch.Generator().manual_seed(seed)
    places = torch.tensor(indices)
    student, teacher = (
        given_side({"features": torch.randn(len(indices), width, generator=random)}, len(indices))
        for width in (5, 7)
    )
    return given_step(student, teacher, LABELS[places], indices=places, seed=seed)


def built(**settings: float) -> CRD:
    torch.manual_seed(0)
    return CRD(CRDConfig.model_validate({"negatives": 4, "width": 3, **settings}), task())


def draw(labels: list[int], count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return OtherClasses(LABELS, 4).draw(torch.tensor(labels), count, generator)


@pytest.mark.parametrize("count", [1, 5, 6, 7, 30])
def test_negatives_carry_other_labels(count: int) -> None:
    labels = [0, 1, 2, 3]
    drawn = draw(labels, count)
    assert drawn.shape == (4, count)
    assert (LABELS[drawn] != torch.tensor(labels)[:, None]).all()


@pytest.mark.parametrize(("label", "others"), [(0, 6), (1, 7), (2, 7)])
def test_negatives_are_drawn_once_where_there_are_enough(label: int, others: int) -> None:
    assert len(draw([label], others)[0].unique()) == others
    more = draw([label], others + 1)
    assert len(more[0].unique()) <= others and (LABELS[more] != label).all()


def test_every_other_image_is_drawn_equally_often() -> None:
    rounds, count = 4000, 2
    drawn = draw([0] * rounds, count)
    expected = rounds * count / 6
    sigma = math.sqrt(rounds * (count / 6) * (1 - count / 6))
    seen = torch.bincount(drawn.flatten(), minlength=10)[LABELS != 0]
    assert ((seen - expected).abs() < 4.5 * sigma).all()


def test_samples_draw_apart_from_each_other() -> None:
    rows = {frozenset(row) for row in draw([0] * 20, 3).tolist()}
    assert len(rows) > 1


def test_the_memory_keeps_rows_of_length_one_and_changes_those_of_the_batch_alone() -> None:
    term = built()
    before = term.student.memory.clone()
    term(batch([2, 7, 4]))
    changed = (term.student.memory != before).any(1).nonzero().flatten()
    assert changed.tolist() == [2, 4, 7]
    torch.testing.assert_close(term.student.memory[changed].norm(dim=1), torch.ones(3))


def test_of_a_repeated_index_the_last_row_counts() -> None:
    rows = torch.eye(3)
    memory = updated(torch.zeros(4, 3), torch.tensor([2, 1, 2]), rows, momentum=0.5)
    assert torch.equal(memory, torch.stack([torch.zeros(3), rows[1], rows[2], torch.zeros(3)]))


def test_the_normalisers_are_those_of_the_first_step() -> None:
    term = built()
    assert term.student.normaliser == 0
    term(batch([0, 1, 2]))
    first = term.student.normaliser.clone(), term.teacher.normaliser.clone()
    assert all(each > 0 for each in first)
    term(batch([3, 4, 5], seed=1))
    assert torch.equal(term.student.normaliser, first[0])
    assert torch.equal(term.teacher.normaliser, first[1])


def test_evaluation_leaves_the_memories_alone() -> None:
    term = built().eval()
    before = term.student.memory.clone()
    term(batch([2, 7, 4]))
    assert torch.equal(term.student.memory, before)


def test_a_resumed_run_goes_on_to_the_bit() -> None:
    whole, halves = built(), built()
    steps = [batch([(3 * n + k) % 10 for k in range(3)], seed=n) for n in range(6)]
    expected = [whole(step) for step in steps]
    for step in steps[:3]:
        halves(step)
    resumed = built()
    resumed.load_state_dict(halves.state_dict())
    assert all(map(torch.equal, [resumed(step) for step in steps[3:]], expected[3:]))


def test_the_first_loss_is_near_its_expectation_for_random_rows() -> None:
    """2 (ln(1 + K) + 1) + 1 / (d tau^2), within 5 per cent."""
    images, negatives = 20_000, 4096
    labels = torch.arange(images) % 100
    torch.manual_seed(0)
    term = CRD(CRDConfig(negatives=negatives), task(labels)._replace(num_classes=100))
    random = torch.Generator().manual_seed(0)
    student, teacher = (
        given_side({"features": torch.randn(64, width, generator=random)}, 64) for width in (5, 7)
    )
    step = given_step(student, teacher, labels[:64], indices=torch.arange(64))
    expected = 2 * (math.log(1 + negatives) + 1) + 1 / (128 * 0.07**2)
    assert term(step).mean().item() == pytest.approx(expected, rel=0.05)


def test_images_of_one_class_have_no_negatives() -> None:
    answer = CRD.unfit(CRDConfig(), task(torch.zeros(5, dtype=torch.long)))
    assert isinstance(answer, Refused)
