"""Cost of a study: trials, hours, GPU-hours and money, and whether a budget holds them."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pckd.errors import InputError
from pckd.machine import available_cpus
from pckd.storage import Storage
from pckd.study.confirm import confirmation_of
from pckd.study.estimate import Estimate, estimate, estimate_each
from pckd.study.placement import Placement, device_for
from pckd.study.plan import FixedPlan, Plan
from pckd.study.planning import plan_to_run
from pckd.study.preparation_time import preparation_seconds
from pckd.study.preparations import missing_preparations
from pckd.study.resources import Resources
from pckd.study.samplers import random_points
from pckd.study.search import SearchPlan
from pckd.study.search_config import EPOCHS
from pckd.study.searched import Searched
from pckd.study.spec import StudySpec
from pckd.study.teachers import missing_teachers
from pckd.study.trial import Trial, make_trial
from pckd.training.preparations import PreparationTask

DRAWN = 24
"""Random points of a search that are timed, as far as they differ in what takes time."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of what is left of a study."""

    trials: int
    """Trials of its plan, at most; 1 or more."""
    confirming: int
    """Trials of the study that confirms it, at most."""
    planned: Estimate
    """The trials of its plan, one after the other on one worker of this machine."""
    preparing: float
    """Seconds of the teachers and preparations beside them, likewise."""
    resources: Resources
    shortest: float | None = None
    """Seconds of the shortest trial that a search can propose; `planned` has the longest."""

    @property
    def seconds_each(self) -> float:
        """Seconds of a trial, in the mean over the plan; of a search, at most."""
        return self.planned.seconds / self.trials

    @property
    def trial_seconds(self) -> float:
        """Seconds of all trials, one after the other."""
        return (self.trials + self.confirming) * self.seconds_each

    @property
    def hours(self) -> float:
        """Hours of all teachers, preparations and trials, one after the other."""
        return (self.preparing + self.trial_seconds) / 3600

    @property
    def bill(self) -> str:
        """GPU-hours, or core-hours without GPUs, and their price where it is known.

        Workers share the images of a batch, and so the time of one; what they lose to each other is
        not known.
        """
        used = self.hours * (self.resources.gpus or self.resources.cpus_per_worker)
        unit = "GPU-hours" if self.resources.gpus else "core-hours"
        if self.resources.price is None:
            return f"{used:.2f} {unit} at most"
        return f"{used:.2f} {unit} at most, for {used * self.resources.price:.2f}"


def cost_of(
    spec: StudySpec,
    plan: Plan,
    teachers: Sequence[Trial],
    preparations: Sequence[PreparationTask],
) -> Cost:
    """The cost of what is left, from a few timed steps of each distinct run and preparation.

    What a search will propose is not known: its cost is that of the longest trial that it can.

    Args:
        spec: The study.
        plan: Its plan, of which some trials are left.
        teachers: That are not trained.
        preparations: That are not done.

    Raises:
        InputError: The data set cannot be opened.
    """
    resources = spec.resources
    threads = min(resources.cpus_per_worker, available_cpus())
    placement = Placement(device_for(resources.gpus), threads)
    waiting, shortest = plan.total - plan.done, None
    if isinstance(plan, SearchPlan):
        shortest, planned = _range(spec, plan, placement)
    else:
        planned = estimate(plan.to_come if isinstance(plan, FixedPlan) else [], placement)
    preparing = preparation_seconds(preparations, placement)
    if teachers:
        preparing += estimate(teachers, placement).seconds
    confirm = spec.confirm
    compared = 0 if confirm is None else confirm.cases * confirm.seeds.at_most
    confirming = compared * len(spec.pair_changes())
    return Cost(waiting, confirming, planned, preparing, resources, shortest)


def _range(spec: StudySpec, plan: SearchPlan, placement: Placement) -> tuple[float, Estimate]:
    """Seconds of the shortest trial, and the cost of all that is left if each is the longest."""
    total, shortest = Estimate(0.0, 0, 0, 0), math.inf
    for search in plan.searches:
        if left := search.total - search.done:
            short, longest = _range_of(spec, search.searched, placement)
            shortest, total = min(short, shortest), total.plus(left, longest)
    return shortest, total


def _range_of(spec: StudySpec, searched: Searched, placement: Placement) -> tuple[float, Estimate]:
    """Seconds of the shortest trial of one search, and the cost of the longest."""
    trials = []
    for point in random_points(searched.search, DRAWN):
        with suppress(InputError):  # values that are valid each but not together
            trials.append(make_trial(spec, "dry run", searched.changes(point), spec.seeds[0]))
    base = make_trial(spec, "dry run", searched.changes({}), spec.seeds[0])
    costs = estimate_each(trials or [base], placement)
    each = [cost.seconds / cost.epochs for cost in costs]
    epochs = [cost.epochs for cost in costs]
    if EPOCHS in searched.search.parameters:
        epochs += [int(value) for value in searched.search.parameters[EPOCHS].named]
    longest = Estimate(
        seconds=max(each) * max(epochs),
        epochs=max(epochs),
        student_bytes=max(cost.student_bytes for cost in costs),
        table_bytes=max(cost.table_bytes for cost in costs),
    )
    return min(each) * min(epochs), longest


def check_budget(
    spec: StudySpec,
    storage: Storage,
    hours: float,
    *,
    retry_failed: bool = False,
    fresh: bool = False,
) -> None:
    """Refuse a study that takes longer than a budget, one trial after the other.

    Of a study whose plan has ended, what is left of its confirmation counts.

    Args:
        spec: The study.
        storage: The results root.
        hours: The budget.
        retry_failed: Whether trials that failed run again.
        fresh: Whether it starts over.

    Raises:
        InputError: It does; how many of its trials would fit is said. Or the budget is no number.
    """
    if math.isnan(hours):
        raise InputError("--budget is nan; it must be a number of hours")
    plan = plan_to_run(spec, storage, retry_failed=retry_failed, fresh=fresh)
    if confirming := confirmation_of(spec, plan):
        check_budget(confirming, storage, hours, retry_failed=retry_failed)
    if plan.done == plan.total:
        return
    teachers = missing_teachers(spec, storage)
    cost = cost_of(spec, plan, teachers, missing_preparations(spec, storage))
    if cost.hours > hours:
        fitting = max(0, int((hours * 3600 - cost.preparing) / cost.seconds_each))
        raise InputError(
            f"study {spec.study} takes about {cost.hours:.2f} hours, and --budget is {hours:g}: "
            f"{fitting} of its {cost.trials + cost.confirming} trials fit; plan fewer, or fewer "
            "seeds or epochs"
        )
