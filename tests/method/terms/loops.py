"""Terms as slow loops over plain floats, written from their equations: no torch, no vectors."""

import math

Vector = list[float]
Matrix = list[Vector]
Cube = list[Matrix]


def dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def norm(vector: Vector) -> float:
    return math.sqrt(dot(vector, vector))


def mean(values: Vector) -> float:
    return sum(values) / len(values)


def softmax(logits: Vector, temperature: float = 1.0) -> Vector:
    powers = [math.exp((value - max(logits)) / temperature) for value in logits]
    return [power / sum(powers) for power in powers]


def divergence(teacher: Vector, student: Vector) -> float:
    return sum(p * math.log(p / q) for p, q in zip(teacher, student, strict=True))


def but(values: Vector, place: int) -> Vector:
    return [value for at, value in enumerate(values) if at != place]


def standardised(logits: Vector) -> Vector:
    centre = mean(logits)
    squares = sum((value - centre) ** 2 for value in logits)
    deviation = math.sqrt(squares / (len(logits) - 1))
    return [(value - centre) / (1e-7 + deviation) for value in logits]


def kd_standardised(student: Matrix, teacher: Matrix, temperature: float) -> Vector:
    values = []
    for ours, theirs in zip(student, teacher, strict=True):
        p = softmax(standardised(theirs), temperature)
        q = softmax(standardised(ours), temperature)
        values.append(temperature**2 * divergence(p, q))
    return values


def dkd(
    student: Matrix,
    teacher: Matrix,
    labels: list[int],
    alpha: float,
    beta: float,
    temperature: float,
) -> Vector:
    values = []
    for ours, theirs, label in zip(student, teacher, labels, strict=True):
        p, q = softmax(theirs, temperature), softmax(ours, temperature)
        target = divergence([p[label], sum(but(p, label))], [q[label], sum(but(q, label))])
        others = divergence(
            softmax(but(theirs, label), temperature), softmax(but(ours, label), temperature)
        )
        values.append(temperature**2 * (alpha * target + beta * others))
    return values


def nkd(
    student: Matrix, teacher: Matrix, labels: list[int], gamma: float, temperature: float
) -> Vector:
    values = []
    for ours, theirs, label in zip(student, teacher, labels, strict=True):
        target = -softmax(theirs)[label] * math.log(softmax(ours)[label])
        p = softmax(but(theirs, label), temperature)
        q = softmax(but(ours, label), temperature)
        others = -sum(a * math.log(b) for a, b in zip(p, q, strict=True))
        values.append(target + gamma * temperature**2 * others)
    return values


def pearson(one: Vector, other: Vector) -> float:
    one = [value - mean(one) for value in one]
    other = [value - mean(other) for value in other]
    return dot(one, other) / (norm(one) * norm(other) + 1e-8)


def dist(student: Matrix, teacher: Matrix, beta: float, gamma: float, temperature: float) -> Vector:
    p = [softmax(row, temperature) for row in teacher]
    q = [softmax(row, temperature) for row in student]
    classes = range(len(p[0]))
    intra = mean([1 - pearson([r[j] for r in q], [r[j] for r in p]) for j in classes])
    inter = [1 - pearson(ours, theirs) for ours, theirs in zip(q, p, strict=True)]
    return [temperature**2 * (beta * each + gamma * intra) for each in inter]


def huber(one: float, other: float) -> float:
    distance = abs(one - other)
    return 0.5 * distance**2 if distance < 1 else distance - 0.5


def difference(one: Vector, other: Vector) -> Vector:
    return [a - b for a, b in zip(one, other, strict=True)]


def scaled_distances(features: Matrix) -> Matrix:
    every = [[norm(difference(one, other)) for other in features] for one in features]
    count = len(features)
    middle = sum(map(sum, every)) / (count * (count - 1))
    return [[each / middle for each in row] for row in every]


def angle(at: Vector, one: Vector, other: Vector) -> float:
    first, second = difference(one, at), difference(other, at)
    if norm(first) == 0 or norm(second) == 0:
        return 0.0
    return dot(first, second) / (norm(first) * norm(second))


def rkd(student: Matrix, teacher: Matrix, distance: float, bend: float) -> Vector:
    ours, theirs = scaled_distances(student), scaled_distances(teacher)
    places = range(len(student))
    values = []
    for i in places:
        far = mean([huber(ours[i][j], theirs[i][j]) for j in places])
        bent = []
        for j in places:
            for k in places:
                bent.append(
                    huber(
                        angle(student[i], student[j], student[k]),
                        angle(teacher[i], teacher[j], teacher[k]),
                    )
                )
        values.append(distance * far + bend * mean(bent))
    return values


def pkt(student: Matrix, teacher: Matrix) -> Vector:
    small = 1e-7

    def neighbours(features: Matrix) -> Matrix:
        unit = [[value / (norm(row) + small) for value in row] for row in features]
        kernel = [[(dot(one, other) + 1) / 2 for other in unit] for one in unit]
        return [[each / sum(row) for each in row] for row in kernel]

    values = []
    for ours, theirs in zip(neighbours(student), neighbours(teacher), strict=True):
        each = [p * math.log((p + small) / (q + small)) for p, q in zip(theirs, ours, strict=True)]
        values.append(mean(each))
    return values


def unit_rows(rows: Matrix) -> Matrix:
    return [[value / norm(row) for value in row] if norm(row) else row for row in rows]


def gram(rows: Matrix) -> Matrix:
    return [[dot(one, other) for other in rows] for one in rows]


def sp(student: Matrix, teacher: Matrix) -> Vector:
    ours, theirs = unit_rows(gram(student)), unit_rows(gram(teacher))
    return [mean([d**2 for d in difference(a, b)]) for a, b in zip(ours, theirs, strict=True)]


def linear(rows: Matrix, weight: Matrix, bias: Vector) -> Matrix:
    return [[dot(row, w) + b for w, b in zip(weight, bias, strict=True)] for row in rows]


def neighbour_congruence(student: Matrix, teacher: Matrix) -> float:
    apart = [
        [abs(each) for each in difference(ours, theirs)]
        for ours, theirs in zip(student, teacher, strict=True)
    ]
    return mean([dot(apart[i], apart[i + 1]) for i in range(len(apart) - 1)])


def kernel_congruence(student: Matrix, teacher: Matrix) -> float:
    def kernel(features: Matrix) -> Matrix:
        rows = gram(unit_rows(features))
        series = [[1 + 0.8 * x + 0.32 * x**2 for x in row] for row in rows]
        return [[math.exp(-0.8) * each for each in row] for row in series]

    pairs = zip(kernel(student), kernel(teacher), strict=True)
    return mean([mean([d**2 for d in difference(ours, theirs)]) for ours, theirs in pairs])


def ickd(student: Cube, teacher: Cube) -> Vector:
    """Embedded student maps and teacher maps, [B][C][H W]."""
    values = []
    for ours, theirs in zip(student, teacher, strict=True):
        first, second = unit_rows(gram(ours)), unit_rows(gram(theirs))
        squares = [sum(d**2 for d in difference(a, b)) for a, b in zip(first, second, strict=True)]
        values.append(sum(squares) / len(ours))
    return values


def median(values: Vector) -> float:
    ordered = sorted(values)
    half = len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def mld(
    student: Matrix,
    teacher: Matrix,
    strong_student: Matrix,
    strong_teacher: Matrix,
    temperature: float,
) -> float:
    certain = [softmax(row) for row in teacher]
    confidence = [max(row) for row in certain]
    popularity = [sum(row[j] for row in certain) for j in range(len(teacher[0]))]
    samples = mean([float(each <= median(confidence)) for each in confidence])
    classes = mean([float(each <= median(popularity)) for each in popularity])
    total = 0.0
    for place, each in enumerate((temperature, 3.0, 5.0, 2.0, 6.0)):
        p, q = [softmax(row, each) for row in teacher], [softmax(row, each) for row in student]
        total += samples * each**2 * mean(list(map(divergence, p, q)))
        if place < 3:
            strong_p = [softmax(row, each) for row in strong_teacher]
            strong_q = [softmax(row, each) for row in strong_student]
            total += each**2 * mean(list(map(divergence, strong_p, strong_q)))
        else:
            total += each**2 * mean(list(map(divergence, p, q)))
        by_class = [list(column) for column in zip(*p, strict=True)]
        ours_by_class = [list(column) for column in zip(*q, strict=True)]
        total += classes * apart(gram(by_class), gram(ours_by_class)) / len(by_class)
        total += samples * apart(gram(p), gram(q)) / len(p)
    return total


def apart(one: Matrix, other: Matrix) -> float:
    return sum(sum(d**2 for d in difference(a, b)) for a, b in zip(one, other, strict=True))


def crd(
    embedded: tuple[Matrix, Matrix],
    memories: tuple[Matrix, Matrix],
    drawn: list[list[int]],
    temperature: float,
    images: int,
) -> Vector:
    """First step: Z from this batch; both networks' embeddings meet the other's memory."""
    values = [0.0] * len(drawn)
    for rows, memory in ((embedded[0], memories[1]), (embedded[1], memories[0])):
        scores = [
            [math.exp(dot(memory[c], row) / temperature) for c in columns]
            for row, columns in zip(unit_rows(rows), drawn, strict=True)
        ]
        normaliser = images * mean([mean(row) for row in scores])
        noise = (len(drawn[0]) - 1) / images
        for place, row in enumerate(scores):
            ratio = [score / normaliser for score in row]
            values[place] -= math.log(ratio[0] / (ratio[0] + noise + 1e-7))
            values[place] -= sum(math.log(noise / (p + noise + 1e-7)) for p in ratio[1:])
    return values
