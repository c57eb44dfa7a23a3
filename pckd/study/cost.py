"""Cost of a study: trials, hours, GPU-hours and money, and whether a budget holds them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.estimate import Estimate, estimate
from pckd.study.placement import Placement, this_device
from pckd.study.plan import FixedPlan, Plan
from pckd.study.planning import make_plan
from pckd.study.preparation_time import preparation_seconds
from pckd.study.preparations import missing_preparations
from pckd.study.resources import Resources
from pckd.study.search import SearchPlan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial
from pckd.training.preparations import PreparationTask


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
    """Seconds of the preparations before them, likewise."""
    resources: Resources

    @property
    def seconds_each(self) -> float:
        """Seconds of a trial, in the mean over the plan."""
        return self.planned.seconds / self.trials

    @property
    def trial_seconds(self) -> float:
        """Seconds of all trials, one after the other."""
        return (self.trials + self.confirming) * self.seconds_each

    @property
    def hours(self) -> float:
        """Hours of all preparations and trials, one after the other."""
        return (self.preparing + self.trial_seconds) / 3600

    @property
    def bill(self) -> str:
        """GPU-hours, or core-hours without GPUs, and their price where it is known."""
        each = self.resources.gpus or self.resources.cpus_per_worker
        seconds = self.preparing + self.trial_seconds * self.resources.workers
        used = seconds / 3600 * each
        unit = "GPU-hours" if self.resources.gpus else "core-hours"
        if self.resources.price is None:
            return f"{used:.2f} {unit} at most"
        return f"{used:.2f} {unit} at most, for {used * self.resources.price:.2f}"


def cost_of(spec: StudySpec, plan: Plan, preparations: Sequence[PreparationTask]) -> Cost:
    """The cost of what is left, from a few timed steps of each distinct run and preparation.

    Args:
        spec: The study.
        plan: Its plan, of which some trials are left.
        preparations: That are not done.

    Raises:
        InputError: The data set cannot be opened.
    """
    resources = spec.resources
    trials = _to_come(spec, plan)
    placement = Placement(this_device(), resources.cpus_per_worker)
    planned = estimate(trials, placement)
    preparing = preparation_seconds(preparations, placement)
    confirm = spec.confirm
    compared = 0 if confirm is None else confirm.cases * confirm.seeds.at_most
    confirming = compared * len(spec.pair_changes())
    return Cost(len(trials), confirming, planned, preparing, resources)


def _to_come(spec: StudySpec, plan: Plan) -> list[Trial]:
    """The trials that wait; what a search will propose is not known: its case stands in for it."""
    if isinstance(plan, FixedPlan):
        return plan.waiting[: plan.total - plan.done]
    if not isinstance(plan, SearchPlan):
        return []
    return [
        make_trial(spec, "dry run", search.searched.changes({}), spec.seeds[0])
        for search in plan.searches
        for _ in range(search.total - search.done)
    ]


def check_budget(spec: StudySpec, storage: Storage, hours: float) -> None:
    """Refuse a study that takes longer than a budget, one trial after the other.

    Raises:
        InputError: It does; how many of its trials would fit is said.
    """
    plan = make_plan(spec, storage, retry_failed=False)
    if plan.done == plan.total:
        return
    cost = cost_of(spec, plan, missing_preparations(spec, storage))
    if cost.hours > hours:
        fitting = max(0, int((hours * 3600 - cost.preparing) / cost.seconds_each))
        raise InputError(
            f"study {spec.study} takes about {cost.hours:.2f} hours, and --budget is {hours:g}: "
            f"{fitting} of its {cost.trials + cost.confirming} trials fit; plan fewer, or fewer "
            "seeds or epochs"
        )
