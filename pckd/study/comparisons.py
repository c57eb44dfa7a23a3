"""Cases that are compared seed by seed: paired differences on the test images, and verdicts."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from statistics import stdev
from typing import Any

from pckd.study.outcome import Outcome
from pckd.study.plan import pair_names
from pckd.study.spec import StudySpec
from pckd.study.trial import Trial, make_trial
from pckd.study.until_clear import UntilClear
from pckd.study.verdicts import Verdict, decide


@dataclass(frozen=True, slots=True)
class Standing:
    """Standing of a comparison after the seeds so far."""

    verdict: Verdict
    differences: tuple[float, ...]
    """Candidate minus reference in points of test top-1, in the order of seeds."""
    reason: str = ""
    """Reason why no more seeds come although nothing is settled."""

    @property
    def is_open(self) -> bool:
        """Return whether more seeds are needed."""
        return self.verdict.name == "go on" and not self.reason


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate and its reference, trained with the same seeds and the same stream of views."""

    pair: str
    """Name of the teacher-student pair; empty where the study lists none."""
    candidate: Sequence[Trial]
    """Its trials, one per seed, in the order of looking."""
    reference: Sequence[Trial]
    """Likewise."""
    design: UntilClear
    comparisons: int
    """Number of comparisons of the study, which share its level."""

    @property
    def trials(self) -> list[Trial]:
        """Both trials of each seed, in the order of seeds."""
        return [
            trial for both in zip(self.candidate, self.reference, strict=True) for trial in both
        ]

    def standing(self, outcomes: Mapping[str, Outcome]) -> Standing:
        """Decide from the outcomes, by identity, up to the first seed that has none or failed."""
        differences: list[float] = []
        reason = ""
        for both in zip(self.candidate, self.reference, strict=True):
            known = [outcomes[trial.identity] for trial in both if trial.identity in outcomes]
            lost = [trial for trial in both if _is_lost(outcomes.get(trial.identity))]
            if lost:
                reason = f"{lost[0].case} failed at seed {lost[0].config.seed}"
            tests = [outcome.test for outcome in known if outcome.test is not None]
            if lost or len(tests) < 2:
                break
            differences.append(tests[0] - tests[1])
        verdict = decide(
            differences,
            smallest_difference=self.design.smallest_difference,
            level=self.design.level,
            at_least=self.design.at_least,
            at_most=self.design.at_most,
            comparisons=self.comparisons,
        )
        return Standing(verdict, tuple(differences), reason if verdict.name == "go on" else "")

    def wanted(self, standing: Standing) -> list[Trial]:
        """The trials up to the next look; none once no more seeds are needed."""
        if not standing.is_open:
            return []
        seeds = max(self.design.at_least, len(standing.differences) + 1)
        return self.trials[: 2 * seeds]

    def row(self, standing: Standing) -> dict[str, Any]:
        """The row of the table `verdicts`."""
        first = self.candidate[0]
        return {
            "study": first.study,
            "verdict": self._identity(),
            "candidate": first.case,
            "reference": self.reference[0].case,
            "pair": self.pair or None,
            "teacher_model": first.config.teacher.model if first.config.teacher else None,
            "student_model": first.config.student,
            **numbers_of(standing),
            "reason": standing.reason or None,
            "first_seed": first.config.seed,
            "smallest_difference": self.design.smallest_difference,
            "level": self.design.level,
            "comparisons": self.comparisons,
            "at_least": self.design.at_least,
            "at_most": self.design.at_most,
            "updated": datetime.now(UTC),
        }

    def _identity(self) -> str:
        both = f"{self.candidate[0].identity} {self.reference[0].identity}"
        return hashlib.sha256(both.encode()).hexdigest()[:16]


def numbers_of(standing: Standing) -> dict[str, Any]:
    """The columns of the table `verdicts` that follow from the differences."""
    verdict = standing.verdict
    used = standing.differences[: verdict.seeds]
    low, high = (end if isfinite(end) else None for end in verdict.interval)
    return {
        "differences": list(used),
        "seeds": verdict.seeds,
        "name": "not clear" if standing.reason else verdict.name,
        "estimate": verdict.estimate if used else None,
        "low": low,
        "high": high,
        "deviation": stdev(used) if len(used) > 1 else None,
    }


def comparisons_of(spec: StudySpec) -> list[Comparison]:
    """The comparisons of a study whose cases take seeds until it is clear, pair by pair.

    Two cases that come to the same run in a pair, as where one writes out a default, are none.

    Raises:
        InputError: Some case gives no valid run.
    """
    if spec.until_clear is None or spec.cases is None:
        raise ValueError(f"study {spec.study} compares no cases")
    cases, design = spec.cases, spec.until_clear
    named = design.compared(cases)
    pairs = pair_names(spec) or [""]

    def trials(case: str, pair: dict[str, Any]) -> list[Trial]:
        return [make_trial(spec, case, {**cases[case], **pair}, seed) for seed in spec.seeds]

    by_case = {
        (case, place): trials(case, pair)
        for case in dict.fromkeys(name for both in named for name in both)
        for place, pair in enumerate(spec.pair_changes(case))
    }
    compared = [
        (pair, by_case[candidate, place], by_case[reference, place])
        for place, pair in enumerate(pairs)
        for candidate, reference in named
    ]
    different = [each for each in compared if each[1][0].identity != each[2][0].identity]
    return [Comparison(*each, design, len(different)) for each in different]


def _is_lost(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status != "completed"
