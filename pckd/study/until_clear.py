"""Seeds until it is clear: which cases are compared, and what would matter."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from pckd.near_misses import near_misses
from pckd.settings import Settings, told_to_pydantic, validate
from pckd.study.least_level import LEAST_LEVEL
from pckd.study.named_once import check_once
from pckd.study.pair import Pair


def _names(value: Any) -> Any:  # noqa: ANN401
    """One name or a list of them as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class UntilClear(Settings):
    """Rule that decides when the cases of a study need no more seeds."""

    against: Names = Field(min_length=1, description="references: names of cases")
    candidates: Names = Field((), description="names of cases; all others by default")
    smallest_difference: float = Field(gt=0, description="points of top-1 that would matter")
    at_least: int = Field(4, ge=2, description="seeds before the first look")
    at_most: int = Field(20, ge=2, le=1000, description="seeds at the last look")
    level: float = Field(
        0.05, gt=0, lt=0.5, description="probability of a false verdict over the whole study"
    )
    first: int = Field(0, ge=0, description="the first seed")

    @model_validator(mode="after")
    def _consistent(self) -> "UntilClear":
        if self.at_most < self.at_least:
            raise ValueError(f"at_most ({self.at_most}) is below at_least ({self.at_least})")
        check_once("against", self.against)
        check_once("candidates", self.candidates)
        both = set(self.against) & set(self.candidates)
        if both:
            raise ValueError(f"{sorted(both)[0]!r} is both in candidates and in against")
        return self

    @property
    def seeds(self) -> tuple[int, ...]:
        """All seeds that there can be, in the order of looking."""
        return tuple(range(self.first, self.first + self.at_most))

    def compared(self, cases: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Each candidate with each of its references, by name; each two different runs once."""
        twice = self.same_run(cases)
        return [both for both in self._named(cases) if both not in twice]

    def same_run(self, cases: Mapping[str, Any]) -> dict[tuple[str, str], str]:
        """Candidates and references that are not compared, and the name of what the latter is.

        A reference may be the candidate itself, or the same run as a reference before it.
        """
        found: dict[tuple[str, str], str] = {}
        for candidate, reference in self._named(cases):
            before = self.against[: self.against.index(reference)]
            for name in (candidate, *before):
                if cases[name] == cases[reference]:
                    found.setdefault((candidate, reference), name)
        return found

    def idle(self, cases: Mapping[str, Any]) -> list[str]:
        """Names of the cases that are neither candidates nor references."""
        taking_part = {name for both in self._named(cases) for name in both}
        return [name for name in cases if name not in taking_part]

    def _named(self, cases: Mapping[str, Any]) -> list[tuple[str, str]]:
        candidates = self.candidates or [name for name in cases if name not in self.against]
        return list(product(candidates, self.against))

    def check(self, cases: Mapping[str, Any] | None, pairs: Sequence[Pair]) -> None:
        """Refuse names that are no cases, and a level that so many comparisons cannot share.

        Args:
            cases: Of the study, by name.
            pairs: Its teacher-student pairs, each compared by itself.

        Raises:
            ValueError: One sentence.
        """
        if not cases:
            raise ValueError("seeds until clear compare cases: the study has none")
        for name in (*self.against, *self.candidates):
            if name not in cases:
                raise ValueError(f"seeds name the case {name!r}{near_misses(name, list(cases))}")
        compared = self.compared(cases)
        for name, pair in product({name for both in compared for name in both}, pairs):
            if name in pair.without:
                raise ValueError(f"seeds compare {name}, which pair {pair} is without")
        comparisons = len(compared) * max(len(pairs), 1)
        if not comparisons:
            raise ValueError(
                "seeds until clear need a case that is no reference, and does not come to the same "
                "run as one"
            )
        if self.level / comparisons < LEAST_LEVEL:
            raise ValueError(
                f"level {self.level} is too small for {comparisons} comparisons: each takes its "
                f"share, and shares below {LEAST_LEVEL} are not known"
            )


def with_listed_seeds(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a study file with `seeds: {until: clear, ...}` as a list and `until_clear`.

    Raises:
        ValueError: The seeds are not valid.
    """
    seeds = values.get("seeds")
    if not isinstance(seeds, Mapping):
        return values
    if seeds.get("until") != "clear":
        raise ValueError("seeds is a list of numbers, or {until: clear, against: ...}")
    if values.get("until_clear"):
        raise ValueError("until_clear is no key of study files: its keys stand below seeds")
    given = {key: value for key, value in seeds.items() if key != "until"}
    with told_to_pydantic():
        clear = validate(UntilClear, given, "seeds")
    return {**values, "seeds": list(clear.seeds), "until_clear": clear.model_dump()}
