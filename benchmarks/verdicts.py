"""Simulated studies through the verdicts: how often they are false, and the seeds they take.

python -m benchmarks.verdicts --seed 0 --studies 10000
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from pckd.study.repeated_intervals import CALIBRATED, Draw, critical_values
from pckd.study.verdicts import look_at

SMALLEST, LARGE = 0.3, 2.0
"""The smallest difference that matters, and a large one, in points."""
LEVEL, AT_LEAST, AT_MOST, LARGEST_FIXED = 0.05, 4, 20, 60
DEVIATIONS = (0.3, 0.6, 1.0, 2.0)
"""Standard deviations of the paired differences, in points."""

LEAST_POWER = 0.5
"""Below it, nearly all studies end at the last look, and there is nothing to save."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

WORLDS: dict[str, Draw] = {
    "normal": lambda random, size: random.standard_normal(size),
    "gamma, shape 4": lambda random, size: (random.gamma(4, size=size) - 4) / 2,
    "exponential": lambda random, size: random.exponential(size=size) - 1,
    "t, 3 degrees": lambda random, size: random.standard_t(3, size) / math.sqrt(3),
    "log-normal, sigma 1": lambda random, size: (
        (random.lognormal(size=size) - math.exp(0.5)) / math.sqrt(math.e * (math.e - 1))
    ),
}
"""Differences of mean 0 and standard deviation 1."""


@dataclass(frozen=True)
class Ends:
    """Counts of studies that ended, one entry a study."""

    better: Flags
    worse: Flags
    same: Flags
    seeds: npt.NDArray[np.int64]

    def right(self, truth: float) -> float:
        """The share of verdicts that say what is true."""
        return float((self.same if truth == 0 else self.better).mean())

    def false(self, truth: float) -> Flags:
        """The studies whose verdict says what is not true; the truth is 0 or `SMALLEST` or more."""
        return self.worse | (self.better if truth == 0 else self.same)


def ends(
    differences: Floats,
    at_least: int,
    at_most: int,
    comparisons: int = 1,
    calibrated: tuple[Draw, ...] = CALIBRATED,
) -> Ends:
    """The verdicts of many studies at once [studies, seeds]; the rules are those of `decide`."""
    critical = critical_values(LEVEL / comparisons, at_least, at_most, calibrated)
    looks = look_at(differences[:, :at_most], critical, at_least, SMALLEST)
    at = np.arange(len(differences)), looks.end
    return Ends(looks.better[at], looks.worse[at], looks.same[at], at_least + looks.end)


def fixed_seeds(differences: Floats, power: float, truth: float) -> int | None:
    """The fewest seeds with which a single look at the same level has that power."""
    sizes = range(2, LARGEST_FIXED + 1)
    return next((n for n in sizes if ends(differences, n, n).right(truth) >= power), None)


def print_row(name: str, deviation: float, truth: float, differences: Floats) -> float:
    """Print the line of one world; returns its seeds as a share of a fixed design's, or NaN."""
    found = ends(differences, AT_LEAST, AT_MOST)
    power, seeds = found.right(truth), float(found.seeds.mean())
    fixed = fixed_seeds(differences, power, truth) if power >= LEAST_POWER else None
    share = seeds / fixed if fixed else math.nan
    compared = f"{fixed} | {share:.0%}" if fixed else "- | -"
    false = found.false(truth).mean()
    print(
        f"| {name} | {deviation} | {truth} | {false:.2%} | {power:.1%} | {seeds:.1f} | {compared} |"
    )
    return share


def print_worlds(random: np.random.Generator, studies: int) -> None:
    """Print how studies of one comparison end in each world."""
    print("| differences | SD | true difference | false | right | mean seeds | fixed | share |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    shares: dict[str, list[float]] = {}
    for name, draw in WORLDS.items():
        noise = draw(random, (studies, LARGEST_FIXED))
        shares[name] = [
            print_row(name, deviation, truth, truth + deviation * noise)
            for deviation in DEVIATIONS
            for truth in (0.0, SMALLEST, LARGE)
        ]
    print(f"\n| share of the fixed seeds where the power is {LEAST_POWER:.0%} or more | mean |")
    print("| --- | --- |")
    for name, found in shares.items():
        print(f"| {name} | {np.nanmean(found):.0%} |")


def print_strict(random: np.random.Generator, studies: int) -> None:
    """Print what it costs to hold the level for log-normal differences too."""
    strict = (*CALIBRATED, WORLDS["log-normal, sigma 1"])
    print(
        "\n| differences | SD | true difference | false | right | false, strict | right, strict |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in ("normal", "log-normal, sigma 1"):
        noise = WORLDS[name](random, (studies, AT_MOST))
        for deviation, truth in ((0.3, 0.0), (0.3, SMALLEST), (0.6, SMALLEST), (1.0, 0.0)):
            print(f"| {name} | {deviation} | {truth} |", end="")
            for calibrated in (CALIBRATED, strict):
                found = ends(truth + deviation * noise, AT_LEAST, AT_MOST, 1, calibrated)
                print(f" {found.false(truth).mean():.2%} | {found.right(truth):.1%} |", end="")
            print()


def print_comparisons(random: np.random.Generator, studies: int, comparisons: int = 3) -> None:
    """Print how often any verdict on several references without a difference is false."""
    print(f"\n| {comparisons} comparisons, true difference 0 | any false |\n| --- | --- |")
    for name, draw in WORLDS.items():
        noise = draw(random, (studies * comparisons, AT_MOST))
        false = ends(noise, AT_LEAST, AT_MOST, comparisons).false(0)
        print(f"| {name} | {false.reshape(studies, comparisons).any(axis=1).mean():.2%} |")


def print_plain(random: np.random.Generator, studies: int) -> None:
    """Print what plain intervals at every look, and the plain mean of stopped studies, do."""
    print("\n| differences | plain 95 % intervals: false | plain mean at SD 2, true difference 2 |")
    print("| --- | --- | --- |")
    for name, draw in WORLDS.items():
        noise = draw(random, (studies, AT_MOST))
        looks = [
            stats.ttest_1samp(noise[:, :seeds], 0, axis=1).pvalue
            for seeds in range(AT_LEAST, AT_MOST + 1)
        ]
        false = (np.array(looks) < LEVEL).any(axis=0).mean()
        differences = LARGE + 2 * noise
        used = np.arange(AT_MOST) < ends(differences, AT_LEAST, AT_MOST).seeds[:, np.newaxis]
        plain = differences.mean(axis=1, where=used).mean()
        print(f"| {name} | {false:.1%} | {plain:.2f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--studies", type=int, default=10_000)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    print_worlds(random, given.studies)
    print_comparisons(random, given.studies)
    print_strict(random, given.studies)
    print_plain(random, given.studies)


if __name__ == "__main__":
    main()
