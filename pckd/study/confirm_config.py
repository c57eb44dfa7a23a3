"""The block `confirm` of a study file: what is confirmed on fresh seeds, against what."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pckd.near_misses import near_misses
from pckd.settings import Settings
from pckd.study.named_once import check_once
from pckd.study.until_clear import Names

WINNER = "winner"
"""Name of the best configuration of a search; numbered if there are several."""


def _named(value: Any) -> Any:  # noqa: ANN401
    """One name or several as the keys of a mapping to nothing."""
    names = [value] if isinstance(value, str) else value
    return dict.fromkeys(names) if isinstance(names, (list, tuple)) else names


def _counted_or_named(value: Any) -> Any:  # noqa: ANN401
    names = value if isinstance(value, (list, tuple)) else [value]
    counts = isinstance(value, int) and not isinstance(value, bool)
    if not counts and not all(isinstance(name, str) for name in names):
        raise ValueError(f"{value!r} is neither a whole number nor names of cases")
    return value


class SeedRange(Settings):
    """Number of seeds that a comparison takes."""

    at_least: int = Field(4, ge=2, description="seeds before the first look")
    at_most: int = Field(20, ge=2, description="seeds at the last look")


class ConfirmConfig(Settings):
    """Confirmation after the plan of a study has ended, on seeds that it never saw."""

    candidates: Annotated[int | Names, BeforeValidator(_counted_or_named)] = Field(
        1,
        description="of a search how many of the best; else names of cases: where they are "
        "searched, the best of each",
    )
    against: Annotated[dict[str, dict[str, Any] | None], BeforeValidator(_named)] = Field(
        min_length=1,
        description="names of cases (where they are searched, the best of each) or of `first` of a "
        "search; or names with what each changes in the run",
    )
    smallest_difference: float = Field(gt=0, description="points of top-1 that would matter")
    seeds: SeedRange = Field(default_factory=SeedRange, description="of each comparison")
    level: float = Field(0.05, gt=0, lt=0.5, description="of a false verdict, over all comparisons")

    @property
    def named_candidates(self) -> Names:
        """Names of the candidates; none where they are the best of one search."""
        return () if isinstance(self.candidates, int) else self.candidates

    @property
    def number(self) -> int:
        """The number of candidates."""
        return self.candidates if isinstance(self.candidates, int) else len(self.candidates)

    @property
    def cases(self) -> int:
        """The number of cases that are compared."""
        return self.number + len(self.against)

    def check(self, known: Mapping[str, Any], *, numbered: bool) -> None:
        """Refuse candidates and references that the study does not have.

        Args:
            known: What the study has by name.
            numbered: Whether its candidates are the best of one search, and have no names.

        Raises:
            ValueError: One sentence.
        """
        if numbered != isinstance(self.candidates, int):
            wanted = "a number, of the best" if numbered else "names of cases"
            raise ValueError(f"confirm.candidates is {self.candidates!r}; it must be {wanted}")
        if isinstance(self.candidates, int) and self.candidates < 1:
            raise ValueError(f"confirm.candidates is {self.candidates}; it must be 1 or more")
        named = [name for name, changes in self.against.items() if changes is None]
        own = self.named_candidates
        check_once("confirm.candidates", own)
        for name in (*named, *own):
            if name not in known:
                raise ValueError(
                    f"confirm names {name!r}, which the study does not have"
                    f"{near_misses(name, list(known))}; it has: {', '.join(known) or 'no names'}"
                )
        for name in self.against:
            if name in own or (numbered and name.startswith(WINNER)):
                raise ValueError(f"confirm.against: {name!r} is the name of a candidate")
