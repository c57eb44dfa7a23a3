"""`StudySpec`: a study file, validated."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pckd.errors import InputError
from pckd.settings import Settings, near_misses, read_yaml, validate, with_changes
from pckd.training.config import ModelName, RunConfig, changed_run
from pckd.transfer.protocols import ProbeStage

RESERVED = ("teachers", "runs")
"""Names below a results root that no study may take: trained teachers, and single runs."""


class FloatParameter(Settings):
    """A real-valued parameter of a search."""

    low: float
    high: float
    log: bool = Field(False, description="search on a log scale")

    @model_validator(mode="after")
    def _ordered(self) -> "FloatParameter":
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"low ({self.low}) must be positive on a log scale")
        return self


class ChoiceParameter(Settings):
    """A parameter of a search that takes one of some values."""

    choices: tuple[float | int | str | bool, ...] = Field(min_length=2)


class SearchConfig(Settings):
    """What Optuna searches: `parameters` are dotted keys of the run."""

    trials: int = Field(ge=1, description="configurations to try")
    parameters: dict[str, FloatParameter | ChoiceParameter] = Field(min_length=1)
    sampler: Literal["tpe", "random"] = Field("tpe", description="Optuna's sampler")
    startup_trials: int = Field(10, ge=0, description="random configurations before TPE models")
    seed: int = Field(0, ge=0, description="of the sampler")
    first: tuple[dict[str, float | int | str | bool], ...] = Field(
        (), description="configurations to try first"
    )

    @model_validator(mode="after")
    def _first_points_fit(self) -> "SearchConfig":
        for point in self.first:
            unknown = sorted(point.keys() - self.parameters.keys())
            if unknown:
                raise ValueError(
                    f"first sets {unknown[0]}, which is not searched"
                    f"{near_misses(unknown[0], sorted(self.parameters))}"
                )
        return self


class Pair(Settings):
    """A teacher and a student."""

    teacher: ModelName
    student: ModelName


class Resources(Settings):
    """What one trial takes of the machines; it does not change the numbers."""

    workers: int = Field(1, ge=1, description="processes that train one student together")
    cpus_per_worker: int = Field(1, ge=1, description="CPU cores, and threads, of each")
    gpus_per_worker: float = Field(0.0, ge=0, description="GPUs of each; a share packs trials")


class StudySpec(Settings):
    """A question with a plan of trials. Give one of cases, grid, vary_one and search, or none."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="name")]
    source: str = Field("", description="the table or figure that this reproduces")
    run: dict[str, Any] = Field(description="the RunConfig that the plan starts from")
    cases: dict[str, dict[str, Any]] | None = Field(None, description="named changes")
    grid: dict[str, list[Any]] | None = Field(None, description="every combination")
    vary_one: dict[str, list[Any]] | None = Field(None, description="one key at a time")
    search: SearchConfig | None = Field(None, description="Optuna proposes")
    pairs: tuple[Pair, ...] = Field((), description="teacher-student pairs, times the plan")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="seeds, times the plan")
    resources: Resources = Field(default_factory=Resources)
    probe: ProbeStage | None = Field(None, description="starts when training is done")

    @model_validator(mode="before")
    @classmethod
    def _holdout_for_searches(cls, values: Any) -> Any:  # noqa: ANN401
        if (
            isinstance(values, dict)
            and values.get("search")
            and isinstance(values.get("run"), dict)
        ):
            return {**values, "run": {"protocol": "holdout", **values["run"]}}
        return values

    @field_validator("study")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"{name!r} is reserved; choose another name")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "StudySpec":
        plans = [name for name in ("cases", "grid", "vary_one", "search") if getattr(self, name)]
        if len(plans) > 1:
            raise ValueError(f"a study has one plan, not {' and '.join(plans)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} repeat themselves")
        if self.search and len(self.pairs) > 1:
            raise ValueError("a search takes one teacher-student pair: write a study for each")
        if self.search and self.run.get("protocol") != "holdout":
            raise ValueError(
                "search needs run.protocol holdout: a searcher must not see the test images"
            )
        return self

    def run_config(self, changes: dict[str, Any], source: str) -> RunConfig:
        """The run with some keys changed.

        Raises:
            InputError: The result is no valid run; the sentence begins with `source`.
        """
        return validate(RunConfig, changed_run(self.run, changes), source)


def read_study(path: Path, changes: dict[str, Any]) -> StudySpec:
    """Read a study file, with the changes of `--set` applied to it.

    A key that the study itself does not have, such as loss.kd, means the run's.

    Raises:
        InputError: One sentence that names the file, the key, the value and what is allowed.
    """
    values = read_yaml(path)
    of_run = {key: value for key, value in changes.items() if _is_run_key(key)}
    of_study = {key: value for key, value in changes.items() if not _is_run_key(key)}
    values = with_changes(values, of_study)
    if isinstance(values.get("run"), dict):
        values["run"] = changed_run(values["run"], of_run)
    spec = validate(StudySpec, values, str(path))
    spec.run_config({}, f"{path}, run")
    return spec


def _is_run_key(key: str) -> bool:
    return key.partition(".")[0] in RunConfig.model_fields


def find_study_file(name: str) -> Path:
    """The study file that a command's FILE|NAME means: a path, or a name below ./studies.

    Raises:
        InputError: There is no such file.
    """
    given = Path(name)
    if given.suffix in (".yaml", ".yml") or "/" in name:
        if given.is_file():
            return given
        raise InputError(f"{name}: there is no such study file")
    path = Path("studies") / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(file.stem for file in Path("studies").glob("*.yaml"))
    listed = f"; studies here: {', '.join(known)}" if known else ""
    raise InputError(f"there is no study file {path}{near_misses(name, known)}{listed}")
