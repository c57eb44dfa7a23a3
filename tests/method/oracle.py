"""The equations of PCKD as slow loops over plain floats, for the tests to compare with.

Written from the paper's formulas alone: no torch, one sample, copy and class at a time. Nested
lists have the shapes of `pckd.method.terms`: features [B][K][d], logits [B][K][M], centers
[M][d]. Parameters of a learned head come as its state dict in lists.
"""

import math
from typing import Any, NamedTuple

Vector = list[float]
Matrix = list[Vector]
Parameters = dict[str, Any]


class Network(NamedTuple):
    """Outputs of one network for a batch."""

    features: list[Matrix]
    logits: list[Matrix]
    centers: Matrix
    bias: Vector


class Setting(NamedTuple):
    """Everything that Eq. 8 leaves open."""

    weights: dict[str, float]
    temperature: float
    tau: float
    form: str
    strategy: str
    weighted_terms: tuple[str, ...]
    alignment: Parameters
    contrast: Parameters


def dot(left: Vector, right: Vector) -> float:
    """Inner product."""
    return sum(a * b for a, b in zip(left, right, strict=True))


def unit(vector: Vector) -> Vector:
    """The vector divided by its length."""
    length = math.sqrt(dot(vector, vector))
    return [value / length for value in vector]


def linear(vector: Vector, weight: Matrix, bias: Vector) -> Vector:
    """A linear layer."""
    return [dot(vector, row) + offset for row, offset in zip(weight, bias, strict=True)]


def log_softmax(values: Vector, temperature: float) -> Vector:
    """Logarithm of exp(x_j / T) / sum_k exp(x_k / T)."""
    largest = max(values)
    total = sum(math.exp((value - largest) / temperature) for value in values)
    return [(value - largest) / temperature - math.log(total) for value in values]


def cross_entropy(logits: Vector, label: int) -> float:
    """Cross entropy of one sample."""
    return -log_softmax(logits, 1.0)[label]


def distillation(student: Vector, teacher: Vector, temperature: float) -> float:
    """Eq. 1 for one sample."""
    log_student = log_softmax(student, temperature)
    log_teacher = log_softmax(teacher, temperature)
    divergence = 0.0
    for ours, theirs in zip(log_student, log_teacher, strict=True):
        divergence += math.exp(theirs) * (theirs - ours)
    return temperature * temperature * divergence


def feature_alignment(projected: Vector, teacher: Vector) -> float:
    """Eq. 2 for one sample and copy: squared distance of the two unit vectors."""
    return sum((a - b) ** 2 for a, b in zip(unit(projected), unit(teacher), strict=True))


def alignment_head(rows: Matrix, parameters: Parameters, epsilon: float = 1e-5) -> Matrix:
    """Linear, BatchNorm over the rows (biased variance), ReLU, Linear."""
    hidden = [linear(row, parameters["0.weight"], parameters["0.bias"]) for row in rows]
    for unit_index in range(len(hidden[0])):
        column = [row[unit_index] for row in hidden]
        mean = sum(column) / len(column)
        variance = sum((value - mean) ** 2 for value in column) / len(column)
        for row in hidden:
            normed = (row[unit_index] - mean) / math.sqrt(variance + epsilon)
            scaled = normed * parameters["1.weight"][unit_index] + parameters["1.bias"][unit_index]
            row[unit_index] = max(scaled, 0.0)
    return [linear(row, parameters["3.weight"], parameters["3.bias"]) for row in hidden]


def center_alignment(student: Matrix, bias: Vector, teacher: Matrix, teacher_bias: Vector) -> float:
    """Eq. 3: mean squared error over all entries of [W | b]."""
    ours = [[*row, offset] for row, offset in zip(student, bias, strict=True)]
    theirs = [[*row, offset] for row, offset in zip(teacher, teacher_bias, strict=True)]
    errors = []
    for row, other in zip(ours, theirs, strict=True):
        errors += [(a - b) ** 2 for a, b in zip(row, other, strict=True)]
    return sum(errors) / len(errors)


def center_contrast(feature: Vector, centers: Matrix, label: int, tau: float) -> float:
    """Eq. 4, one half of the paper's form, for one sample and copy."""
    cosines = [dot(unit(feature), unit(center)) for center in centers]
    return -log_softmax(cosines, tau)[label]


def supervised_contrast(position: int, pool: Matrix, labels: list[int], tau: float) -> float:
    """The supervised contrastive loss of one row of the pool, scaled by tau / 0.07."""
    others = [row for row in range(len(pool)) if row != position]
    similarities = {row: dot(pool[position], pool[row]) / tau for row in others}
    denominator = math.log(sum(math.exp(value) for value in similarities.values()))
    positives = [row for row in others if labels[row] == labels[position]]
    mean = sum(similarities[row] - denominator for row in positives) / len(positives)
    return -(tau / 0.07) * mean


def paper_contrast(
    student: Network, teacher: Network, labels: list[int], tau: float, parameters: Parameters
) -> Matrix:
    """CC_ik in the paper's form, [B][K]; without parameters there is no projection."""
    values: Matrix = []
    for copies, label in zip(student.features, labels, strict=True):
        values.append([])
        for feature in copies:
            projected = feature
            if parameters:
                projected = linear(
                    feature, parameters["to_teacher.weight"], parameters["to_teacher.bias"]
                )
            own = center_contrast(feature, student.centers, label, tau)
            other = center_contrast(projected, teacher.centers, label, tau)
            values[-1].append(own + other)
    return values


def release_contrast(
    student: Network, teacher: Network, labels: list[int], tau: float, parameters: Parameters
) -> Matrix:
    """CC_ik in the release's form, [B][K]: first all u_s, then all u_t, in one pool."""
    pool: Matrix = []
    for side, centers in (("to_student", student.centers), ("to_teacher", teacher.centers)):
        for copies in student.features:
            for feature in copies:
                mapped = linear(feature, parameters[f"{side}.weight"], parameters[f"{side}.bias"])
                pool.append([dot(unit(mapped), center) for center in centers])
    copies_per_image = len(student.features[0])
    half = len(labels) * copies_per_image
    pool_labels = [labels[row % half // copies_per_image] for row in range(2 * half)]
    each = [supervised_contrast(row, pool, pool_labels, tau) for row in range(2 * half)]
    added = [each[row] + each[row + half] for row in range(half)]
    return [added[start : start + copies_per_image] for start in range(0, half, copies_per_image)]


def difficulties(entropies: Vector) -> Vector:
    """Eq. 5."""
    mean = sum(entropies) / len(entropies)
    return [entropy / mean for entropy in entropies]


def sample_weight(strategy: str, gamma: float, threshold: float, label_probability: float) -> float:
    """Eq. 6 and the alternatives that the paper compares with."""
    easy = gamma <= threshold
    if strategy == "preview":
        return 1.0 if easy else math.exp(-(gamma**2))
    if strategy == "curriculum":
        return 1.0 if easy else 0.0
    if strategy == "focal":
        return (1 - label_probability) ** 2
    return 1.0


def weights_of_batch(
    logits: list[Matrix], labels: list[int], threshold: float, strategy: str
) -> tuple[Vector, Vector]:
    """Difficulty and weight of each sample, from the copy that is not rotated."""
    entropies = [
        cross_entropy(copies[0], label) for copies, label in zip(logits, labels, strict=True)
    ]
    gammas = difficulties(entropies)
    weights = []
    for gamma, entropy in zip(gammas, entropies, strict=True):
        weights.append(sample_weight(strategy, gamma, threshold, math.exp(-entropy)))
    return gammas, weights


def weighted_mean(values: Matrix, weights: Vector) -> float:
    """Mean over samples and copies of v_i times value_ik."""
    products = []
    for copies, weight in zip(values, weights, strict=True):
        products += [weight * value for value in copies]
    return sum(products) / len(products)


def per_sample_values(
    student: Network, teacher: Network, labels: list[int], setting: Setting
) -> dict[str, Matrix]:
    """The terms that exist per sample, [B][1] or [B][K]."""
    form = paper_contrast if setting.form == "paper" else release_contrast
    entropies, divergences = [], []
    for index, label in enumerate(labels):
        ours, theirs = student.logits[index][0], teacher.logits[index][0]
        entropies.append([cross_entropy(ours, label)])
        divergences.append([distillation(ours, theirs, setting.temperature)])
    return {
        "cross_entropy": entropies,
        "kd": divergences,
        "center_contrast": form(student, teacher, labels, setting.tau, setting.contrast),
    }


def objective_terms(
    student: Network, teacher: Network, labels: list[int], threshold: float, setting: Setting
) -> dict[str, float]:
    """Each term of Eq. 8 before its weight w, and their weighted sum as "total"."""
    _, weights = weights_of_batch(student.logits, labels, threshold, setting.strategy)
    terms = {}
    for name, values in per_sample_values(student, teacher, labels, setting).items():
        counts = name in setting.weighted_terms
        terms[name] = weighted_mean(values, weights if counts else [1.0] * len(labels))
    rows = [feature for copies in student.features for feature in copies]
    targets = [feature for copies in teacher.features for feature in copies]
    distances = [
        feature_alignment(ours, theirs)
        for ours, theirs in zip(alignment_head(rows, setting.alignment), targets, strict=True)
    ]
    terms["feature_alignment"] = sum(distances) / len(distances)
    if "center_alignment" in setting.weights:
        terms["center_alignment"] = center_alignment(
            student.centers, student.bias, teacher.centers, teacher.bias
        )
    terms["total"] = sum(weight * terms[name] for name, weight in setting.weights.items())
    return terms
