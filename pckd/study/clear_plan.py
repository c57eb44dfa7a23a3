"""The plan of a study whose cases take seeds until it is clear."""

from collections.abc import Mapping
from itertools import zip_longest

from pckd.study.comparisons import Comparison, Standing, comparisons_of
from pckd.study.outcome import Outcome
from pckd.study.plan import FixedPlan, fixed_plan
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial


class UntilClearPlan(FixedPlan):
    """A plan that decides after each seed, and hands out the next only where it is needed.

    What is settled follows from the outcomes alone, so that a study that was interrupted between
    two looks goes on as an undisturbed one does.

    Args:
        spec: A study with `until_clear`.
        finished: The outcomes of trials that need not run again, by identity.
    """

    def __init__(self, spec: StudySpec, finished: Mapping[str, Outcome]) -> None:
        super().__init__(fixed_plan(spec), finished)
        self.same_run = spec.until_clear.same_run(spec.cases or {}) if spec.until_clear else {}
        self.idle = spec.until_clear.idle(spec.cases or {}) if spec.until_clear else []
        self.outcomes = dict(finished)
        self.running: set[str] = set()
        self.comparisons = comparisons_of(spec)
        self.standings: dict[int, Standing] = {}
        self._look()

    @property
    def verdicts(self) -> list[tuple[Comparison, Standing]]:
        """Each comparison with its present standing."""
        return [(each, self.standings[place]) for place, each in enumerate(self.comparisons)]

    @property
    def waits(self) -> bool:
        """Return whether the running trials decide if more are needed."""
        return bool(self.running)

    def notices(self) -> list[str]:
        """Say which cases are a run of another name, and which are not compared or trained."""
        not_compared = [
            f"{candidate} is not compared with {reference}, which is the same run as {name}"
            for (candidate, reference), name in self.same_run.items()
        ]
        idle = [f"{case} is neither candidate nor reference: not trained" for case in self.idle]
        return [*idle, *not_compared, *super().notices()]

    @property
    def to_come(self) -> list[Trial]:
        """The trials of open comparisons that are not handed out."""
        wanted = {
            trial.identity
            for comparison, standing in self.verdicts
            if standing.is_open
            for trial in comparison.trials
        }
        return [trial for trial in self.waiting if trial.identity in wanted]

    def next_trial(self) -> Trial | None:
        """A trial up to the next look of an open comparison, lowest seeds first."""
        waiting = {trial.identity: trial for trial in self.waiting}
        wanted = [each.wanted(standing) for each, standing in self.verdicts]
        for trial in (trial for step in zip_longest(*wanted) for trial in step if trial):
            if trial.identity in waiting:
                self.waiting.remove(waiting[trial.identity])
                self.running.add(trial.identity)
                return trial
        return None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Note how a trial ended, and look again at what it is compared with."""
        super().tell(trial, outcome)
        self.running.discard(trial.identity)
        self.outcomes[trial.identity] = outcome
        self._look(trial.identity)

    def _look(self, identity: str | None = None) -> None:
        """Look at the comparisons of a trial, or at all; count what there can be left to do."""
        for place, comparison in enumerate(self.comparisons):
            if identity is None or any(each.identity == identity for each in comparison.trials):
                self.standings[place] = comparison.standing(self.outcomes)
        self.total = len(self.trials) - len(self.waiting) + len(self.to_come)
