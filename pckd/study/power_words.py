"""Power of a study's planned seeds, and their cost, in words."""

from collections.abc import Iterator

from pckd.storage import Storage
from pckd.study.comparisons import comparisons_of
from pckd.study.confirm_config import ConfirmConfig
from pckd.study.plan import cases
from pckd.study.power import (
    Deviation,
    difference_shown,
    difference_shown_until_clear,
    seeds_for,
    stored_deviation,
)
from pckd.study.spec import StudySpec
from pckd.study.until_clear import UntilClear
from pckd.training.run_data import prepare_data

LEVEL = 0.05


def power_lines(spec: StudySpec, storage: Storage) -> Iterator[str]:
    """Say what a study's seeds can show with a power of 80 %; nothing if nothing is compared.

    Raises:
        InputError: The data set cannot be opened.
    """
    compared = spec.until_clear is not None or spec.confirm is not None
    if not compared and (spec.search or len(list(cases(spec))) < 2):
        return
    config = spec.base_run(f"study {spec.study}")
    images = len(prepare_data(config.data, config.protocol).test)
    deviation = stored_deviation(config, storage, images)
    yield f"SD of paired differences: {deviation.points:.2f} points ({deviation.origin})"
    if spec.until_clear is not None:
        yield from _until_clear(spec.until_clear, len(comparisons_of(spec)), deviation)
    elif not spec.search:
        yield _listed(spec, deviation)
    if spec.confirm is not None:
        design, number = _design(spec.confirm)
        comparisons = number * len(spec.pair_changes())
        yield from (f"confirm: {line}" for line in _until_clear(design, comparisons, deviation))


def _listed(spec: StudySpec, deviation: Deviation) -> str:
    seeds = len(spec.seeds)
    if seeds < 2:
        return "one seed shows no difference between cases: noise stays unknown"
    shown = difference_shown(deviation.points, seeds, LEVEL)
    return f"{seeds} seeds show a difference of {shown:.2f} points between cases with 80 % power"


def _design(confirm: ConfirmConfig) -> tuple[UntilClear, int]:
    seeds = confirm.seeds
    design = UntilClear(
        against=tuple(confirm.against),
        smallest_difference=confirm.smallest_difference,
        at_least=seeds.at_least,
        at_most=seeds.at_most,
        level=confirm.level,
    )
    return design, confirm.number * len(confirm.against)


def _until_clear(design: UntilClear, comparisons: int, deviation: Deviation) -> Iterator[str]:
    level = design.level / comparisons
    shown, mean = difference_shown_until_clear(
        deviation.points, design.smallest_difference, level, design.at_least, design.at_most
    )
    shared = f"{comparisons} comparisons share " if comparisons > 1 else ""
    yield (
        f"{design.at_least} to {design.at_most} seeds show a difference of {shown:.2f} points with "
        f"80 % power, after {mean:.1f} on average ({shared}level {design.level:g})"
    )
    needed = seeds_for(deviation.points, design.smallest_difference, level)
    number = "more than 1000" if needed is None else str(needed)
    yield (
        f"smallest_difference {design.smallest_difference:g} takes {number} seeds of each case in "
        "a single look with 80 % power"
    )
