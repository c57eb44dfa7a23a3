"""Slow loops on single maps, [C][H][W] as nested lists, written from the equations."""

import math
from collections.abc import Callable
from itertools import product

from torch import Tensor

Map = list[list[list[float]]]


def convolved(maps: Map, weight: Tensor, bias: Tensor) -> Map:
    """A 3x3 convolution with padding 1; weight [out, in, 3, 3]."""
    height, width = len(maps[0]), len(maps[0][0])
    result = []
    for out, plane in enumerate(weight.tolist()):
        rows = [[float(bias[out])] * width for _ in range(height)]
        for (channel, kernel), y, x, v, h in product(
            enumerate(plane), range(height), range(width), range(3), range(3)
        ):
            if 0 <= y + v - 1 < height and 0 <= x + h - 1 < width:
                rows[y][x] += kernel[v][h] * maps[channel][y + v - 1][x + h - 1]
        result.append(rows)
    return result


def convolved_transposed(maps: Map, weight: Tensor, bias: Tensor) -> Map:
    """A transposed 3x3 convolution with padding 1; weight [in, out, 3, 3]."""
    height, width = len(maps[0]), len(maps[0][0])
    values = weight.tolist()
    result = [[[float(each)] * width for _ in range(height)] for each in bias]
    for channel, out, y, x, v, h in product(
        range(len(maps)), range(len(bias)), range(height), range(width), range(3), range(3)
    ):
        if 0 <= y + v - 1 < height and 0 <= x + h - 1 < width:
            spread = values[channel][out][v][h] * maps[channel][y][x]
            result[out][y + v - 1][x + h - 1] += spread
    return result


def each_value(maps: Map, change: Callable[[float], float]) -> Map:
    return [[[change(value) for value in row] for row in plane] for plane in maps]


def leaky(value: float) -> float:
    return value if value > 0 else 0.1 * value


def normalised(batch: list[Map], scale: Tensor, shift: Tensor) -> list[Map]:
    """BatchNorm in training."""
    result: list[Map] = [[] for _ in batch]
    for channel, (factor, added) in enumerate(zip(scale.tolist(), shift.tolist(), strict=True)):
        values = [value for maps in batch for row in maps[channel] for value in row]
        centre = sum(values) / len(values)
        spread = sum((value - centre) ** 2 for value in values) / len(values)
        for maps, done in zip(batch, result, strict=True):
            done.append(
                [
                    [(value - centre) / math.sqrt(spread + 1e-5) * factor + added for value in row]
                    for row in maps[channel]
                ]
            )
    return result


def pooled(maps: Map, height: int) -> Map:
    """Adaptive average pooling of a square map to height x height."""
    size = len(maps[0])
    cells = [
        range(cell * size // height, -(-(cell + 1) * size // height)) for cell in range(height)
    ]
    return [
        [
            [
                sum(plane[y][x] for y in rows for x in columns) / (len(rows) * len(columns))
                for columns in cells
            ]
            for rows in cells
        ]
        for plane in maps
    ]


def activity(maps: Map) -> list[float]:
    """Unit vector of the mean square over channels, one number a place."""
    places = product(range(len(maps[0])), range(len(maps[0][0])))
    squares = [sum(plane[y][x] ** 2 for plane in maps) / len(maps) for y, x in places]
    length = math.sqrt(sum(square**2 for square in squares))
    return [square / length for square in squares]


def factor_transfer(student: Map, teacher: Map) -> float:
    size = min(len(student[0]), len(teacher[0]))
    ours, theirs = activity(pooled(student, size)), activity(pooled(teacher, size))
    return sum(abs(a - b) for a, b in zip(ours, theirs, strict=True)) / size**2


def activation_boundaries(student: list[Map], teacher: list[Map], margin: float) -> float:
    """Loss of one image, from its maps before ReLU without the stem's."""
    total = 0.0
    for stage, (own, other) in enumerate(zip(student, teacher, strict=True)):
        size = 0.0
        for c, y, x in product(range(len(own)), range(len(own[0])), range(len(own[0][0]))):
            value = own[c][y][x]
            if other[c][y][x] <= 0 and value > -margin:
                size += (value + margin) ** 2
            if other[c][y][x] > 0 and value <= margin:
                size += (value - margin) ** 2
        total += 2 ** (stage - len(student) + 1) * 3 / 1000 * size
    return total


def flow_of_solution(student: list[Map], teacher: list[Map]) -> float:
    """Loss of one image, from its maps, the stem's first."""
    total = 0.0
    for place in range(len(student) - 1):
        own, other = (flow(maps[place], maps[place + 1]) for maps in (student, teacher))
        gaps = [
            (a - b) ** 2
            for ours, theirs in zip(own, other, strict=True)
            for a, b in zip(ours, theirs, strict=True)
        ]
        total += sum(gaps) / len(gaps)
    return total


def flow(first: Map, second: Map) -> list[list[float]]:
    size = min(len(first[0]), len(second[0]))
    a, b = pooled(first, size), pooled(second, size)
    places = list(product(range(size), repeat=2))
    return [[sum(out[y][x] * own[y][x] for y, x in places) / len(places) for own in a] for out in b]
