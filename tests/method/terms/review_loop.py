"""Knowledge review as slow loops over plain floats, written from its equation."""

import math
from collections.abc import Mapping
from typing import Any

Map = list[list[float]]
"""[H][W]"""
Maps = list[list[Map]]
"""[B][C][H][W]"""


def sizes(maps: Maps) -> tuple[int, int, int, int]:
    return len(maps), len(maps[0]), len(maps[0][0]), len(maps[0][0][0])


def convolution(maps: Maps, weight: Maps, bias: list[float], padding: int) -> Maps:
    images, channels, height, width = sizes(maps)
    side = len(weight[0][0])

    def at(b: int, o: int, y: int, x: int) -> float:
        total = bias[o]
        for c in range(channels):
            for i in range(side):
                for j in range(side):
                    row, column = y + i - padding, x + j - padding
                    if 0 <= row < height and 0 <= column < width:
                        total += weight[o][c][i][j] * maps[b][c][row][column]
        return total

    return [
        [
            [[at(b, o, y, x) for x in range(width)] for y in range(height)]
            for o in range(len(weight))
        ]
        for b in range(images)
    ]


def normalisation(maps: Maps, scale: list[float], shift: list[float]) -> Maps:
    images, channels, _, _ = sizes(maps)
    result: Maps = [[] for _ in range(images)]
    for c in range(channels):
        values = [value for image in maps for row in image[c] for value in row]
        middle = sum(values) / len(values)
        variance = sum((value - middle) ** 2 for value in values) / len(values)
        factor = scale[c] / math.sqrt(variance + 1e-5)
        for b in range(images):
            result[b].append([[factor * (v - middle) + shift[c] for v in r] for r in maps[b][c]])
    return result


def nearest(maps: Maps, height: int, width: int) -> Maps:
    _, _, own_height, own_width = sizes(maps)
    return [
        [
            [
                [channel[y * own_height // height][x * own_width // width] for x in range(width)]
                for y in range(height)
            ]
            for channel in image
        ]
        for image in maps
    ]


def pooled(channel: Map, size: int) -> Map:
    height, width = len(channel), len(channel[0])

    def cell(p: int, q: int) -> float:
        rows = range(p * height // size, -(-(p + 1) * height // size))
        columns = range(q * width // size, -(-(q + 1) * width // size))
        values = [channel[y][x] for y in rows for x in columns]
        return sum(values) / len(values)

    return [[cell(p, q) for q in range(size)] for p in range(size)]


def squares(one: list[Map], other: list[Map]) -> float:
    pairs = [
        (one[c][y][x] - other[c][y][x]) ** 2
        for c in range(len(one))
        for y in range(len(one[c]))
        for x in range(len(one[c][y]))
    ]
    return sum(pairs) / len(pairs)


def level_loss(fused: list[Map], target: list[Map]) -> float:
    total, weights, kept = squares(fused, target), 1.0, 0
    for size in (4, 2, 1):
        if size < len(fused[0]):
            kept += 1
            weight = 0.5**kept
            ours, theirs = ([pooled(each, size) for each in one] for one in (fused, target))
            total += weight * squares(ours, theirs)
            weights += weight
    return total / weights


def review(student: list[Maps], teacher: list[Maps], parts: list[Mapping[str, Any]]) -> list[float]:
    """The loss of each image; levels and the blocks' parts from the deepest on."""
    values = [0.0] * len(student[0])
    deeper: Maps = []
    for maps, target, part in zip(student, teacher, parts, strict=True):
        no_bias = [0.0] * len(part["conv1.weight"])
        x = convolution(maps, part["conv1.weight"], no_bias, 0)
        x = normalisation(x, part["bn1.weight"], part["bn1.bias"])
        images, channels, height, width = sizes(x)
        if deeper:
            residual = nearest(deeper, height, width)
            both = [ours + others for ours, others in zip(x, residual, strict=True)]
            shares = convolution(both, part["attention.weight"], part["attention.bias"], 0)
            for b in range(images):
                for c in range(channels):
                    for i in range(height):
                        for j in range(width):
                            a, r = (1 / (1 + math.exp(-shares[b][k][i][j])) for k in (0, 1))
                            x[b][c][i][j] = a * x[b][c][i][j] + r * residual[b][c][i][j]
        deeper = x = nearest(x, *sizes(target)[2:])
        out = convolution(x, part["conv2.weight"], [0.0] * len(part["conv2.weight"]), 1)
        out = normalisation(out, part["bn2.weight"], part["bn2.bias"])
        for b in range(images):
            values[b] += level_loss(out[b], target[b])
    return values
