"""Teacher-student pairs of a study, and what differs for one of them."""

from collections.abc import Collection
from typing import Any

from pydantic import Field, field_validator

from pckd.near_misses import near_misses
from pckd.settings import Settings, told_to_pydantic
from pckd.training.changes import written_out
from pckd.training.config import ModelName


class Pair(Settings):
    """A teacher and a student."""

    teacher: ModelName | None = Field(
        None, description="architecture of the teacher; none where no case needs one"
    )
    student: ModelName = Field(description="architecture of the student")
    changes: dict[str, Any] = Field(
        default_factory=dict, description="keys of the run that differ for this pair alone"
    )
    cases: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="names of cases, each with the keys that differ in it"
    )
    without: tuple[str, ...] = Field((), description="names of cases that this pair leaves out")

    def __str__(self) -> str:
        """The architectures; a student that learns from no teacher stands alone."""
        return (
            f"{self.teacher} \N{RIGHTWARDS ARROW} {self.student}" if self.teacher else self.student
        )

    def run_changes(self, case: str = "") -> dict[str, Any]:
        """Changes that the pair makes in the run, or in a case of it, by dotted key."""
        teacher = {} if self.teacher is None else {"teacher.model": self.teacher}
        own = self.cases.get(case, {})
        return {**teacher, "student": self.student, **self.changes, **own}

    def in_study_of(self, cases: Collection[str]) -> "Pair":
        """The pair without what it says about other cases."""
        own = {name: changes for name, changes in self.cases.items() if name in cases}
        without = tuple(name for name in self.without if name in cases)
        return self.model_copy(update={"cases": own, "without": without})

    def check(self, cases: Collection[str]) -> None:
        """Refuse names that are no cases of the study.

        Raises:
            ValueError: One sentence.
        """
        for name in (*self.without, *self.cases):
            if name not in cases:
                raise ValueError(
                    f"pair {self} names {name!r}, which is no case of the study"
                    f"{near_misses(name, list(cases))}"
                )

    @field_validator("changes")
    @classmethod
    def _full_keys(cls, changes: dict[str, Any]) -> dict[str, Any]:
        with told_to_pydantic():
            return written_out(changes)

    @field_validator("cases")
    @classmethod
    def _full_keys_of_cases(cls, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        with told_to_pydantic():
            return {name: written_out(changes) for name, changes in cases.items()}
