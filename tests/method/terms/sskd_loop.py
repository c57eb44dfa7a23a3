"""Self-supervision in slow loops, written from the equations; row 4 i + k is copy k of image i."""

import math

from tests.method.terms.loops import Matrix, Vector, divergence, softmax


def cosine(one: Vector, other: Vector) -> float:
    lengths = (math.sqrt(sum(value**2 for value in each)) for each in (one, other))
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.prod(max(length, 1e-8) for length in lengths)


def similarities(heads: Matrix) -> Matrix:
    turned = [row for place, row in enumerate(heads) if place % 4]
    return [[cosine(row, upright) for upright in heads[::4]] for row in turned]


def kept(scores: Matrix, right: list[int], share: float) -> list[int]:
    ranks = [
        sum(value > row[column] for value in row) for row, column in zip(scores, right, strict=True)
    ]
    wrong = sorted((rank, place) for place, rank in enumerate(ranks) if rank)
    rest = [place for _, place in wrong[: int(len(wrong) * share)]]
    return [place for place, rank in enumerate(ranks) if not rank] + rest


def selected(
    student: Matrix, teacher: Matrix, right: list[int], temperature: float, share: float
) -> float:
    rows = kept(teacher, right, share)
    total = 0.0
    for row in rows:
        p, q = softmax(teacher[row], temperature), softmax(student[row], temperature)
        total += temperature**2 * divergence(p, q)
    return total / len(rows) if rows else 0.0


def transfer(
    student: Matrix, teacher: Matrix, labels: list[int], temperature: float, share: float
) -> float:
    """`labels` one an image, the others one a row."""
    turned = [place for place in range(len(student)) if place % 4]
    own, other = ([rows[place] for place in turned] for rows in (student, teacher))
    return selected(own, other, [labels[place // 4] for place in turned], temperature, share)


def similarity(student: Matrix, teacher: Matrix, temperature: float, share: float) -> float:
    """`student` and `teacher` are outputs of the heads."""
    own, other = similarities(student), similarities(teacher)
    return selected(own, other, [place // 3 for place in range(len(own))], temperature, share)


def preparation(heads: Matrix) -> float:
    rows = similarities(heads)
    return -sum(math.log(softmax(row)[place // 3]) for place, row in enumerate(rows)) / len(rows)
