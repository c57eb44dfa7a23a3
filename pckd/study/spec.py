"""`StudySpec`: a study file, validated."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pckd.addresses import SECRET, holds_secret
from pckd.settings import Settings, told_to_pydantic, validate
from pckd.study.confirm_config import ConfirmConfig
from pckd.study.consistency import check_consistent
from pckd.study.named_once import full_keys_of_lists
from pckd.study.names import NAME, RESERVED, SMOKE
from pckd.study.pair import Pair
from pckd.study.pictures.config import PictureStage
from pckd.study.resources import Resources
from pckd.study.search_config import SearchConfig
from pckd.study.until_clear import UntilClear, with_listed_seeds
from pckd.training.changes import changed_run, written_out
from pckd.training.config import RunConfig
from pckd.training.outline import check_outline
from pckd.training.scale import Scale
from pckd.transfer.stage import ProbeStage


class StudySpec(Settings):
    """A question with a plan of trials: cases, grid, vary_one or search, or none.

    Cases and a search stand together where each case has a space of its own to search.
    """

    study: Annotated[str, Field(pattern=NAME, description="name of the study")]
    source: str = Field("", description="the table or figure that this reproduces")
    plugins: tuple[str, ...] = Field(
        (), description="Python files with terms, networks and data sets, beside the study file"
    )
    run: dict[str, Any] = Field(description="the run that the plan starts from")
    cases: dict[str, dict[str, Any]] | None = Field(
        None, min_length=1, description="changes to the run, by the name of the case"
    )
    grid: dict[str, list[Any]] | None = Field(
        None, min_length=1, description="values of several keys, in every combination"
    )
    vary_one: dict[str, list[Any]] | None = Field(
        None, min_length=1, description="values of several keys, one key at a time"
    )
    search: SearchConfig | None = Field(None, description="configurations that Optuna proposes")
    pairs: tuple[Pair, ...] = Field(
        (), description="teacher-student pairs, each with the whole plan"
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,),
        min_length=1,
        description="seeds, each with the whole plan",
        json_schema_extra={"uniqueItems": True},
    )
    until_clear: UntilClear | None = Field(
        None, description="written as `seeds: {until: clear, ...}`: no more seeds than are needed"
    )
    resources: Resources = Field(
        default_factory=Resources, description="processes, CPUs and GPUs of one trial"
    )
    keep: Literal["last", "best", "none"] = Field(
        "last", description="the student that is kept: of the last or the best epoch, or none"
    )
    confirm: ConfirmConfig | None = Field(
        None, description="compares the best with references on fresh seeds, once the plan ended"
    )
    probe: ProbeStage | None = Field(None, description="linear probes, after training")
    pictures: PictureStage | None = Field(
        None, description="material of Figures 1, 7 and 8, after training"
    )
    smoke: dict[str, Any] = Field(
        default_factory=dict, exclude=True, description="what --scale smoke changes, by dotted key"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, values: Any) -> Any:  # noqa: ANN401
        """Refuse a secret wherever it stands, since the whole file is kept beside the results."""
        if holds_secret(json.dumps(values, default=str)):
            raise ValueError(SECRET.format(what="study file"))
        return values

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_studies(cls, values: Any) -> Any:  # noqa: ANN401
        """Studies default to `bank: true`, searches to `protocol: holdout`."""
        if not isinstance(values, dict) or not isinstance(values.get("run"), dict):
            return values
        values = with_listed_seeds(values)
        defaults = {"bank": True, **({"protocol": "holdout"} if values.get("search") else {})}
        return {**values, "run": {**defaults, **values["run"]}}

    @field_validator("cases")
    @classmethod
    def _full_keys_of_cases(cls, cases: dict[str, dict[str, Any]] | None) -> Any:  # noqa: ANN401
        if cases is None:
            return None
        with told_to_pydantic():
            return {name: written_out(changes) for name, changes in cases.items()}

    @field_validator("grid", "vary_one")
    @classmethod
    def _full_keys_of_lists(cls, lists: dict[str, list[Any]] | None) -> Any:  # noqa: ANN401
        if lists is None:
            return None
        with told_to_pydantic():
            return full_keys_of_lists(lists)

    @field_validator("study", mode="before")
    @classmethod
    def _plain_name(cls, name: Any) -> Any:  # noqa: ANN401
        if isinstance(name, str) and not re.fullmatch(NAME, name):
            raise ValueError(
                f"{name!r} cannot be a name: use small letters, digits, - and _, and begin with a "
                "letter or a digit"
            )
        return name

    @field_validator("study")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"{name!r} is reserved; choose another name")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "StudySpec":
        check_consistent(self)
        return self

    @model_validator(mode="after")
    def _scale_in_the_name(self) -> "StudySpec":
        if self.study.endswith(SMOKE) and self.scale == "full":
            raise ValueError(f"{self.study}: names that end with {SMOKE} are for --scale smoke")
        if self.scale == "smoke" and not self.study.endswith(SMOKE):
            raise ValueError("scale cannot be smoke by itself: use --scale smoke")
        return self

    @property
    def scale(self) -> Scale:
        """Scale of all trials."""
        return "smoke" if self.run.get("scale") == "smoke" else "full"

    def planned_keys(self) -> set[str]:
        """Keys of the run that the plan sets, pairs apart."""
        of_cases = {key for changes in (self.cases or {}).values() for key in changes}
        spaces = [self.search, *self.search.spaces.values()] if self.search else []
        searched = (space.parameters for space in spaces)
        return of_cases.union(self.grid or {}, self.vary_one or {}, *searched)

    def named_points(self) -> dict[str, dict[str, Any]]:
        """Cases, and the first points of searches, by name: what each changes in the run."""
        cases = self.cases or {}
        first = self.search.named_first() if self.search else {}
        for case, space in (self.search.spaces if self.search else {}).items():
            first |= {name: {**cases[case], **each} for name, each in space.named_first().items()}
        return {**first, **cases}

    def pair_changes(self, case: str = "") -> list[dict[str, Any]]:
        """Changes of each teacher-student pair, or of those that have a case, in that case.

        One pair without changes if none are listed.
        """
        having = [pair for pair in self.pairs if case not in pair.without]
        return [pair.run_changes(case) for pair in having] or [{}]

    def probe_stage(self) -> ProbeStage | None:
        """Settings of the transfer stage; a target without a root has the root of the run's images.

        Raises:
            InputError: The run that the plan starts from is no valid one.
        """
        if self.probe is None:
            return None
        root = self.base_run(f"study {self.study}, run").data.root
        rooted = [
            target if target.root else target.model_copy(update={"root": root})
            for target in self.probe.data
        ]
        return self.probe.model_copy(update={"data": tuple(rooted)})

    def base_run(self, source: str) -> RunConfig:
        """Build the run that the plan starts from, with the first pair.

        Raises:
            InputError: It is no valid run; the sentence begins with `source`.
        """
        changes = self.pair_changes()[0]
        check_outline(changed_run(self.run, changes), source)
        return self.run_config(changes, source)

    def run_config(self, changes: dict[str, Any], source: str) -> RunConfig:
        """Build the run with some keys changed.

        Raises:
            InputError: The result is no valid run; the sentence begins with `source`.
        """
        return validate(RunConfig, changed_run(self.run, changes), source)
